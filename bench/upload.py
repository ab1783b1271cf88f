"""An upload of 100,000 parcels against ogr2ogr merely loading the same file.

    python -m bench.upload --rounds 5

Both take one GBK zip into one private cluster, in turns, and the order changes with every round. Ours validates,
measures both square metres, makes portions in 100 sub-districts, finds overlaps, writes staging and versions, and
commits. ogr2ogr (``PG_USE_COPY=YES``) copies rows and builds its index. The figure is the ratio of the medians.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path

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
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder)
        parcels = make_parcels.make(chosen.count)
        make_parcels.write(parcels, files / "parcels.zip")
        make_parcels.write_places(make_parcels.sub_districts(parcels, chosen.across), files / "places.zip")
        (files / "mapping.json").write_text(json.dumps(MAPPING), "utf-8")
        del parcels
        _rounds(files, chosen.rounds)


def _rounds(files: Path, rounds: int) -> None:
    found: dict[str, list[Run]] = {"landbank upload": [], "ogr2ogr": []}
    for number in range(rounds):
        with fresh_home() as home:
            timed([LANDBANK, "reference", "load"], home.environment)
            places = [files / "places.zip", "--collection", "sub-districts", "--encoding", "GB18030"]
            timed([LANDBANK, "upload", *places], home.environment)
            turns = [("landbank upload", lambda home=home: ours(home, files / "parcels.zip", files / "mapping.json")),
                     ("ogr2ogr", lambda home=home: peer(home, files / "parcels.zip"))]  # fmt: skip
            for name, turn in turns if number % 2 == 0 else reversed(turns):
                run = turn()
                found[name].append(run)
                print(f"round {number + 1}  {name:16} {run.seconds:7.2f} s  {run.megabytes:6.0f} MB", flush=True)
    medians = {name: statistics.median(run.seconds for run in runs) for name, runs in found.items()}
    print("\n| | median s | min s | peak MB |\n|---|---|---|---|")
    for name, runs in found.items():
        least, most = min(run.seconds for run in runs), max(run.megabytes for run in runs)
        print(f"| {name} | {medians[name]:.2f} | {least:.2f} | {most:.0f} |")
    print(f"\nratio of medians {medians['landbank upload'] / medians['ogr2ogr']:.2f}")


if __name__ == "__main__":
    main()
