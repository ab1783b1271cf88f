"""Hectares of one million parcels, asked over HTTP by a client that keeps its connection.

    python -m bench.hectares --count 1000000

The parcels are put set-based into the real tables (fill_inventory.sql), ``landbank db rebuild`` makes what is derived,
``landbank serve`` answers. Every answer is read to its end; each question is asked in turns, as of another day each
time, so that none is answered from memory, and once more, so that it is. The peers, plain GROUP BYs in the same
database, take their turns among them. At the end 16 clients ask at once.
"""

import argparse
import http.client
import statistics
import subprocess
import threading
import time
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import urlencode

import orjson
import psycopg
from sqlalchemy import make_url, text
from sqlalchemy.orm import Session

from app.db import make_engine
from app.landbank.hectares.query import HectaresParams, resolve
from app.landbank.hectares.rollup import rolled_up
from bench import upkeep
from bench.house import ADMIN_KEY, LANDBANK, Home, fresh_home, timed

AFTER_ALL, AMID = date(2025, 2, 3), date(2022, 5, 20)
"""Days when everything is there, and days amid the history; each round asks as of the next one."""
TABLE, YEARS = "category,sub_district", "category,sub_district,year"
QUESTIONS: dict[str, tuple[date, dict[str, str]]] = {
    "banked, table": (AFTER_ALL, {"measure": "banked", "by": TABLE}),
    "inventory, table": (AFTER_ALL, {"measure": "inventory", "by": TABLE}),
    "inventory, table, amid": (AMID, {"measure": "inventory", "by": TABLE}),
    "inventory, table by year": (AFTER_ALL, {"measure": "inventory", "by": YEARS}),
    "banked, by category, amid": (AMID, {"measure": "banked", "by": "category"}),
    "bank_entries, table, amid": (AMID, {"measure": "bank_entries", "by": TABLE}),
    "inventory, total": (AFTER_ALL, {"measure": "inventory"}),
}
PEERS = {"inventory, table by year": "plain_by_year.sql", "inventory, table, amid": "plain_as_of.sql"}
CLIENTS, SECONDS = 16, 5
PORT = 8765
HERE = Path(__file__).parent
Times = defaultdict[tuple[str, str], list[float]]


def fill(home: Home, count: int) -> None:
    """Parcels, portions and events, as the owner and in one transaction."""
    statements = (HERE / "fill_inventory.sql").read_text("utf-8")
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


def measure(home: Home, rounds: int, count: int) -> None:
    """Ask each question and each peer in turns, and print the table."""
    connection = connect()
    times: Times = defaultdict(list)
    rows: dict[str, int] = {}
    with Session(make_engine(home.owner_url)) as session:
        for turn in range(rounds):
            for name, (first_day, asked) in QUESTIONS.items():
                day = first_day + timedelta(days=turn)
                path = "/hectares?" + urlencode(asked | {"as_of": str(day)})
                elapsed, body = ask(connection, path)
                times[name, "new"].append(elapsed)
                times[name, "again"].append(ask(connection, path)[0])
                answer = orjson.loads(body)
                rows[name] = len(answer["rows"])
                assert answer["total"]["parcels"] <= count
                _statement(session, home, asked | {"as_of": str(day)}, times[name, "statement"])
                if name in PEERS:
                    _peer(session, PEERS[name], day, times[name, "peer"])
                    connection = connect()  # a kept one may be closed while the peer takes its time
    _print(times, rows)
    _at_once("/hectares?" + urlencode(QUESTIONS["inventory, total"][1]))


def _statement(session: Session, home: Home, asked: dict[str, str], found: list[float]) -> None:
    """``rollup.sql`` alone, as commands use it: a service answers from what it keeps in memory."""
    query = resolve(session, home.settings, HectaresParams.model_validate(asked))
    started = time.perf_counter()
    rolled_up(session, query)
    found.append((time.perf_counter() - started) * 1000)


def _peer(session: Session, file: str, day: date, found: list[float]) -> None:
    statement = text((HERE / file).read_text("utf-8"))
    started = time.perf_counter()
    session.execute(statement, {"day": day} if ":day" in str(statement) else {}).all()
    found.append((time.perf_counter() - started) * 1000)


def _print(times: Times, rows: dict[str, int]) -> None:
    print(
        "\n| question | rows | new ms (p95) | again ms | statement ms | peer ms | peer ÷ new | ÷ statement | ÷ again |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name in QUESTIONS:
        of = {
            kind: statistics.median(times[name, kind])
            for kind in ("new", "again", "statement", "peer")
            if times[name, kind]
        }
        slow = sorted(times[name, "new"])[int(0.95 * len(times[name, "new"]))]
        cells = [f"{of['new']:.1f} ({slow:.1f})", f"{of['again']:.1f}", f"{of['statement']:.1f}"]
        ratios = [of.get("peer", 0) / of[kind] for kind in ("new", "statement", "again")]
        cells += [f"{of['peer']:.0f}", ", ".join(f"{ratio:.1f}" for ratio in ratios)] if "peer" in of else ["", ""]
        print(f"| {name} | {rows[name]} | " + " | ".join(cells) + " |")


def _at_once(path: str) -> None:
    """How many answers a second many clients get; this process's own work is in it."""
    counts = [0] * CLIENTS
    until = time.monotonic() + SECONDS

    def client(index: int) -> None:
        connection = connect()
        while time.monotonic() < until:
            ask(connection, path)
            counts[index] += 1

    clients = [threading.Thread(target=client, args=(index,)) for index in range(CLIENTS)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    print(f"\n{CLIENTS} clients asking {path}: {sum(counts) / SECONDS:.0f} answers a second")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=30)
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
            measure(home, chosen.rounds, chosen.count)
        finally:
            server.terminate()
            server.wait(30)
        upkeep.measure(home)


if __name__ == "__main__":
    main()
