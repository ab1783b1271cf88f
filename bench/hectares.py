"""Hectares of one million parcels, asked over HTTP by a client that keeps its connection.

    python -m bench.hectares --count 1000000

The parcels are put set-based into the real tables (fill_inventory.sql), ``landbank db rebuild`` makes what is derived,
``landbank serve`` answers. Every answer is read to its end; a hundred of each question, in turns.
"""

import argparse
import http.client
import statistics
import subprocess
import time
from pathlib import Path

import orjson
import psycopg
from sqlalchemy import make_url

from bench.house import ADMIN_KEY, LANDBANK, Home, fresh_home, timed

QUESTIONS = (
    "/hectares?by=category,sub_district",
    "/hectares?measure=inventory&by=category,sub_district",
    "/hectares?measure=banked&by=category&as_of=2023-06-30",
    "/hectares?measure=bank_entries&by=category,sub_district&as_of=2023-12-31",
    "/hectares?measure=banked&by=year",
)
PORT = 8765


def fill(home: Home, count: int) -> None:
    """Parcels, portions and events, as the owner and in one transaction."""
    statements = (Path(__file__).parent / "fill_inventory.sql").read_text("utf-8")
    statements = statements.replace(":count", str(count)).replace(":srid", str(home.settings.srid))
    url = make_url(home.owner_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url) as connection:
        connection.execute(statements.encode())


def ask(connection: http.client.HTTPConnection, path: str) -> tuple[float, bytes]:
    """Milliseconds until the last byte, and the answer."""
    started = time.perf_counter()
    connection.request("GET", path, headers={"X-API-Key": ADMIN_KEY})
    answer = connection.getresponse()
    body = answer.read()
    elapsed = (time.perf_counter() - started) * 1000
    if answer.status != http.client.OK:
        raise SystemExit(f"{path}: {answer.status} {body[:2000].decode()}")
    return elapsed, body


def connect() -> http.client.HTTPConnection:
    """A connection, once the service answers."""
    for _ in range(300):
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        try:
            connection.request("GET", "/readyz")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.1)
        else:
            return connection
    raise SystemExit("the service did not start")


def measure(rounds: int, count: int) -> None:
    """Ask each question in turns and print the table."""
    connection = connect()
    times: dict[str, list[float]] = {path: [] for path in QUESTIONS}
    for path in QUESTIONS:
        answer = orjson.loads(ask(connection, path)[1])
        total = answer["total"]
        print(f"{path}: {len(answer['rows'])} rows, {total['hectares']} ha, {total['parcels']} parcels")
        assert total["parcels"] <= count
    for _ in range(rounds):
        for path, found in times.items():
            found.append(ask(connection, path)[0])
    print("\n| question | median ms | p95 ms |\n|---|---|---|")
    for path, found in times.items():
        print(f"| `{path}` | {statistics.median(found):.1f} | {sorted(found)[int(0.95 * len(found))]:.1f} |")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=100)
    chosen = parser.parse_args()
    with fresh_home() as home:
        started = time.perf_counter()
        fill(home, chosen.count)
        print(f"filled in {time.perf_counter() - started:.0f} s")
        rebuilt = timed([LANDBANK, "db", "rebuild"], home.environment)
        print(f"rebuilt in {rebuilt.seconds:.0f} s, {rebuilt.megabytes:.0f} MB")
        server = subprocess.Popen(
            [LANDBANK, "serve", "--port", str(PORT)],
            env=home.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            measure(chosen.rounds, chosen.count)
        finally:
            server.terminate()
            server.wait(30)


if __name__ == "__main__":
    main()
