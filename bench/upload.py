"""An upload of 100,000 parcels against ogr2ogr merely loading the same file.

    python -m bench.upload --rounds 5

Both take one GBK zip into one private cluster, in turns, and the order changes with every round. Ours validates,
measures both square metres, makes portions in 100 sub-districts, finds overlaps, writes staging and versions, and
commits. ogr2ogr (``PG_USE_COPY=YES``) copies rows and builds its index. The figure is the ratio of the medians, of wall
time and of processor time (client and server together), which other work on the machine disturbs less. ``--more`` tells
beside them what a second file of as many parcels and the first file once more take.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import shapely
from sqlalchemy import make_url

from bench import make_parcels
from bench.house import LANDBANK, Home, Run, fresh_home, timed

MAPPING = {
    "fields": {
        "code": "地块编号",
        "name": "地块名称",
        "land_category": "用地类别",
        "declared_square_metres": "面积",
    },
    "values": {
        "land_category": {
            "产业": "industrial",
            "居住潜力": "residential_potential",
            "民生": "public_facility",
            "道路": "road_rail",
            "其他": "other",
        }
    },
    "constants": {"programme": "consolidation"},
}


def ours(home: Home, parcels: Path, mapping: Path) -> Run:
    """The command, from its first instruction to its last."""
    return timed(
        [LANDBANK, "upload", parcels, "--collection", "parcels", "--crs", "EPSG:4547", "--mapping", mapping, "--json"],
        home.environment,
    )


def peer(home: Home, parcels: Path) -> Run:
    """ogr2ogr into the same database, its own table."""
    url = make_url(home.owner_url)
    host = url.query.get("host", url.host)
    target = f"PG:dbname={url.database} host={host} user={url.username} password={url.password}"
    return timed(
        ["ogr2ogr", "-f", "PostgreSQL", target, f"/vsizip/{parcels}", "-nln", "peer", "-overwrite",
         "-lco", "GEOMETRY_NAME=geom", "-nlt", "PROMOTE_TO_MULTI", "-a_srs", "EPSG:4547", "-oo", "ENCODING=GBK",
         "--config", "PG_USE_COPY", "YES"],
        home.environment,
    )  # fmt: skip


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--across", type=int, default=10, help="sub-districts on a side")
    parser.add_argument("--more", action="store_true", help="also a second file, and the first one once more")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder)
        parcels = make_parcels.make(chosen.count)
        make_parcels.write(parcels, files / "parcels.zip")
        make_parcels.write_places(make_parcels.sub_districts(parcels, chosen.across), files / "places.zip")
        (files / "mapping.json").write_text(json.dumps(MAPPING), "utf-8")
        del parcels
        if chosen.more:
            make_parcels.write(_elsewhere(chosen.count), files / "more.zip")
        _rounds(files, chosen.rounds, more=chosen.more)


def _elsewhere(count: int) -> make_parcels.Parcels:
    """As many other parcels, beside the first ones, under codes of their own."""
    made = make_parcels.make(count, seed=7)
    west, _, east, _ = shapely.total_bounds(made.geometry)
    moved = shapely.transform(made.geometry, lambda points: np.column_stack([points[:, 0] + east - west, points[:, 1]]))
    codes = np.array([f"N{code}" for code in made.columns["地块编号"]], dtype=object)
    return make_parcels.Parcels(moved, made.columns | {"地块编号": codes})


def _rounds(files: Path, rounds: int, *, more: bool) -> None:
    found: dict[str, list[Run]] = {}
    for number in range(rounds):
        with fresh_home() as home:
            timed([LANDBANK, "reference", "load"], home.environment)
            places = [files / "places.zip", "--collection", "sub-districts", "--encoding", "GB18030"]
            timed([LANDBANK, "upload", *places], home.environment)

            def upload(name: str, home: Home = home) -> Run:
                return ours(home, files / name, files / "mapping.json")

            turns: list[tuple[str, Callable[[], Run]]] = [
                ("landbank upload", lambda: upload("parcels.zip")),
                ("ogr2ogr", lambda home=home: peer(home, files / "parcels.zip")),  # type: ignore[misc]  # a default
            ]
            turns = turns if number % 2 == 0 else turns[::-1]
            if more:
                turns += [
                    ("a second file", lambda: upload("more.zip")),
                    ("the first again", lambda: upload("parcels.zip")),
                ]
            for name, turn in turns:
                run = turn()
                found.setdefault(name, []).append(run)
                print(f"round {number + 1}  {name:16} {run.seconds:7.2f} s  {run.megabytes:6.0f} MB"
                      f"  {run.processor:6.2f} + {run.server:6.2f} s of processor", flush=True)  # fmt: skip
    _table(found)


def _table(found: dict[str, list[Run]]) -> None:
    print("\n| | median s | min s | peak MB | processor s, client + server |\n|---|---|---|---|---|")
    for name, runs in found.items():
        wall = [run.seconds for run in runs]
        most = max(run.megabytes for run in runs)
        client = statistics.median(run.processor for run in runs)
        server = statistics.median(run.server for run in runs)
        print(
            f"| {name} | {statistics.median(wall):.2f} | {min(wall):.2f} | {most:.0f} | {client:.2f} + {server:.2f} |"
        )
    for what, of in (("wall", lambda run: run.seconds), ("processor", lambda run: run.processor + run.server)):
        both = [statistics.median(of(run) for run in found[name]) for name in ("landbank upload", "ogr2ogr")]
        print(f"\nratio of medians, {what} time: {both[0] / both[1]:.2f}")


if __name__ == "__main__":
    main()
