"""Hectares by category within posted outlines, against the naive overlay in the same database, in turns.

    python -m bench.shapes --count 1000000

Parcels of the seeded generator (make_parcels.py) are put set-based into the real tables (fill_outlines.sql), ``landbank
db rebuild`` makes what is derived, ``landbank serve`` answers ``POST /hectares`` over an open connection. Both figures
of every category are compared: 0.001 m² for each parcel, or 1e-9 of the sum.
"""

import argparse
import http.client
import math
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import psycopg
import shapely
from sqlalchemy import make_url

from bench import make_parcels
from bench.hectares import PORT, connect
from bench.house import ADMIN_KEY, LANDBANK, Home, fresh_home, timed

HERE = Path(__file__).parent
NAIVE = (HERE / "naive.sql").read_text("utf-8").replace(":outline", "%(outline)s").replace(":srid", "%(srid)s")
KM2 = 1e6
LONG = 4.0
"""Seconds beyond which the naive overlay is asked once only."""


@dataclass(frozen=True)
class Case:
    """An outline to ask for; ``reach``: how many times faster it should be."""

    square_kilometres: float
    vertices: int
    reach: float | None = None

    @property
    def name(self) -> str:
        """As the table says it."""
        return f"{self.square_kilometres:g} km², {self.vertices} vertices"


CASES = (Case(1, 20, 2), Case(25, 20), Case(50, 20), Case(50, 5000, 30), Case(400, 20, 20), Case(400, 5000))


def owner(home: Home) -> psycopg.Connection[Any]:
    """A connection as the owner."""
    return psycopg.connect(make_url(home.owner_url).set(drivername="postgresql").render_as_string(hide_password=False))


def fill(home: Home, count: int) -> tuple[float, float, float, float]:
    """Parcels, portions and events, in one transaction; the rectangle that they cover."""
    geometry = make_parcels.make(count).geometry
    outlines, plane = shapely.to_wkb(geometry), shapely.area(geometry)
    statements = (HERE / "fill_outlines.sql").read_text("utf-8")
    statements = statements.replace(":count", str(count)).replace(":srid", str(home.settings.srid))
    with owner(home) as connection:
        connection.execute("CREATE TABLE outline (n bigint, geom bytea, plane double precision)")
        with connection.cursor().copy("COPY outline FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(("int8", "bytea", "float8"))
            for number, (outline, size) in enumerate(zip(outlines, plane.tolist(), strict=True)):
                copy.write_row((number, outline, size))
        connection.execute(statements.encode())
    west, south, east, north = shapely.total_bounds(geometry).tolist()
    return west, south, east, north


def star(case: Case, bounds: tuple[float, float, float, float], rng: np.random.Generator) -> shapely.Polygon | None:
    """An outline of about this land somewhere among the parcels, its edge wavy; None where there is no room."""
    radius = math.sqrt(case.square_kilometres * KM2 / math.pi)
    room = 1.15 * radius
    west, south, east, north = bounds
    if east - west < 2 * room or north - south < 2 * room:
        return None
    x, y = rng.uniform(west + room, east - room), rng.uniform(south + room, north - room)
    angles = np.linspace(0, 2 * math.pi, case.vertices, endpoint=False)
    radii = radius * (1 + 0.08 * np.sin(5 * angles + rng.uniform(0, 6)) + 0.02 * rng.uniform(-1, 1, case.vertices))
    return shapely.Polygon(np.column_stack([x + radii * np.cos(angles), y + radii * np.sin(angles)]))


def ours(connection: http.client.HTTPConnection, outline: shapely.Polygon) -> tuple[float, dict[str, float], int]:
    """Seconds until the last byte; square metres by category; parcels."""
    within = {"type": "Polygon", "coordinates": [shapely.get_coordinates(outline).tolist()]}
    body = orjson.dumps({"within": within, "crs": "EPSG:4547"})
    headers = {"X-API-Key": ADMIN_KEY, "Content-Type": "application/json"}
    started = time.perf_counter()
    connection.request("POST", "/hectares?measure=inventory&by=subcategory&basis=plane", body, headers)
    answer = connection.getresponse()
    raw = answer.read()
    elapsed = time.perf_counter() - started
    if answer.status != http.client.OK:
        raise SystemExit(raw[:2000].decode())
    document = orjson.loads(raw)
    rows = {row["subcategory"]: float(row["square_metres"]) for row in document["rows"]}
    return elapsed, rows, document["total"]["parcels"]


def naive(connection: psycopg.Connection[Any], outline: shapely.Polygon, srid: int) -> tuple[float, dict[str, float]]:
    """Seconds, and square metres by category."""
    started = time.perf_counter()
    rows = connection.execute(NAIVE, {"outline": shapely.to_wkb(outline), "srid": srid}).fetchall()
    return time.perf_counter() - started, {category: size for category, size, _ in rows}


def measure(home: Home, bounds: tuple[float, float, float, float], rounds: int) -> None:
    """Ask each outline of both, in turns, compare the figures, and print the table."""
    rng = np.random.default_rng(20240520)
    spent: dict[Case, tuple[list[float], list[float]]] = {case: ([], []) for case in CASES}
    with owner(home) as database:
        for _ in range(rounds):
            for case in CASES:
                outline = star(case, bounds, rng)
                if outline is not None:
                    _compared(database, outline, home.settings.srid, spent[case])
    print("\n| outline | ours ms | naive ms | ratio | reach |\n|---|---|---|---|---|")
    for case, (quick, slow) in spent.items():
        if quick:
            mine, theirs = statistics.median(quick), statistics.median(slow)
            reach = "–" if case.reach is None else f"{case.reach:g}"
            print(f"| {case.name} | {mine * 1000:.1f} | {theirs * 1000:.0f} | {theirs / mine:.1f} | {reach} |")
    least, most = (spent[case][0] for case in CASES if case.vertices == 20 and case.square_kilometres in {25, 400})
    if least and most:
        print(
            f"\n16 times the land: {statistics.median(most) / statistics.median(least):.1f} times the time (at most 5)"
        )


def _compared(
    database: psycopg.Connection[Any],
    outline: shapely.Polygon,
    srid: int,
    spent: tuple[list[float], list[float]],
) -> None:
    # A kept connection would be closed while the naive overlay takes its time.
    quick, found, parcels = ours(connect(), outline)
    spent[0].append(quick)
    if spent[1] and spent[1][0] > LONG:
        return
    slow, expected = naive(database, outline, srid)
    spent[1].append(slow)
    worst = max(abs(found.get(category, 0.0) - size) for category, size in expected.items())
    if worst > max(0.001 * parcels, 1e-9 * sum(expected.values())):
        raise SystemExit(f"{worst} m² apart over {parcels} parcels")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    chosen = parser.parse_args()
    with fresh_home() as home:
        started = time.perf_counter()
        bounds = fill(home, chosen.count)
        print(f"filled in {time.perf_counter() - started:.0f} s", flush=True)
        rebuilt = timed([LANDBANK, "db", "rebuild"], home.environment)
        print(f"rebuilt in {rebuilt.seconds:.0f} s, {rebuilt.megabytes:.0f} MB", flush=True)
        server = subprocess.Popen(
            [LANDBANK, "serve", "--port", str(PORT)],
            env=home.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            measure(home, bounds, chosen.rounds)
        finally:
            server.terminate()
            server.wait(30)


if __name__ == "__main__":
    main()
