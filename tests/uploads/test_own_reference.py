"""A bureau puts categories, crosswalks and places of its own in place of ours, by command; parcels stay counted."""

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from shapely.geometry import Polygon, box
from starlette.testclient import TestClient
from typer.testing import CliRunner

from app import demo
from app.cli import app
from app.console import Command
from app.reference import sources
from sample_parcels.writer import Field, Layer, parts, write_zip
from tests.uploads.conftest import ACTOR, Desk, Row, square

PLACE_FIELDS = (Field("code", "C", 20), Field("name", "C", 40), Field("valid_from", "C", 10))
PARCELS = [Row("A", square(0, 0)), Row("B", square(2, 0), "other"), Row("C", square(4, 0), "rail")]


@pytest.fixture
def run(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    assert desk.settings.database_url is not None
    monkeypatch.setenv("DATABASE_URL", desk.settings.database_url.get_secret_value())
    monkeypatch.setenv("LANDBANK_HOME", str(desk.settings.home))
    return CliRunner()


def rows_by(client: TestClient, dimension: str, **asked: str) -> dict[str | None, tuple[Decimal, str]]:
    answer = client.get("/hectares", params={"measure": "inventory", "by": dimension, **asked}).json()
    return {row[dimension]: (Decimal(row["square_metres"]), row["labels"]["zh"]) for row in answer["rows"]}


def own_files(folder: Path) -> list[str]:
    """Ours without ``other``, which becomes ``green``, and with ``rail`` on the first level."""
    entries: list[dict[str, Any]] = orjson.loads(sources.CATEGORIES.read_bytes())
    kept = [entry | ({"parent": None} if entry["code"] == "rail" else {}) for entry in entries]
    kept = [entry for entry in kept if entry["code"] != "other"]
    green = {"code": "green", "parent": None, "name_zh": "绿地", "name_en": "Green land", "colour": "#00AA00"}
    categories = folder / "own.json"
    categories.write_bytes(orjson.dumps([*kept, green]))
    arguments = ["--categories", str(categories)]
    for ours in sources.CROSSWALKS:
        with ours.open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.reader(file))
        with (folder / ours.name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([["green" if cell == "other" else cell for cell in line] for line in lines])
        arguments += ["--crosswalk", str(folder / ours.name)]
    return arguments


def test_parcels_of_a_category_that_ended_stay_counted_under_its_name(
    run: CliRunner, desk: Desk, client: TestClient
) -> None:
    assert desk.upload(PARCELS).state == "committed"
    before = client.get("/hectares", params={"measure": "inventory", "by": "category"})
    known_at = before.json()["known_at"]
    assert set(rows_by(client, "category")) == {"industrial", "other", "road_rail"}
    half = run.invoke(app, ["reference", "load", *own_files(desk.folder)[:2]])
    assert getattr(half.exception, "code", None) == "reference_category_unknown"
    loaded = run.invoke(app, ["reference", "load", *own_files(desk.folder), "--json"])
    counts = orjson.loads(loaded.stdout)["own.json"]
    assert (loaded.exit_code, counts) == (0, {"new": 1, "changed": 1, "unchanged": 10, "ended": 1})
    now = rows_by(client, "category")
    assert {code: name for code, (_, name) in now.items()} == {
        "industrial": "产业用地",
        "other": "其他用地",
        "rail": "轨道用地",
    }
    assert str(sum(size for size, _ in now.values())) == before.json()["total"]["square_metres"]
    then = client.get("/hectares", params={"measure": "inventory", "by": "category", "known_at": known_at})
    assert then.json()["rows"] == before.json()["rows"]
    assert run.invoke(app, ["check"]).exit_code == 0
    # What comes in from now on goes by the new list, and no start brings ours back.
    again = desk.upload(PARCELS, rows="good")
    assert (again.counts["unchanged"], again.counts["refused"]) == (2, 1)
    assert "unknown_category" in desk.codes(again)
    assert desk.upload([Row("B", square(2, 0), "green")]).counts["changed"] == 1
    assert not demo.load_demo(Command(desk.settings, desk.engine, ACTOR))
    assert set(rows_by(client, "category")) == {"industrial", "green", "rail"}


def places(folder: Path, name: str, rows: list[tuple[str, str, str, Polygon]]) -> str:
    layer = Layer("places", PLACE_FIELDS, [row[3] for row in rows], [list(row[:3]) for row in rows])
    write_zip(folder / name, "places", parts(layer))
    return str(folder / name)


def whole(west: float, east: float) -> Polygon:
    return box(500_000 + west, 2_499_900, 500_000 + east, 2_500_200)


def test_places_of_the_bureau_cut_the_parcels_that_are_there(run: CliRunner, desk: Desk, client: TestClient) -> None:
    assert desk.upload([Row("A", square(0, 0))]).state == "committed"
    assert set(rows_by(client, "sub_district")) == {None}

    def bring(name: str, rows: list[tuple[str, str, str, Polygon]]) -> None:
        command = ["upload", places(desk.folder, name, rows), "--collection", "sub-districts", "--json"]
        done = run.invoke(app, command)
        assert done.exit_code == 0, done.stdout

    bring("first.zip", [("S1", "甲街道", "", whole(-100, 50)), ("S2", "乙街道", "", whole(50, 500))])
    first = rows_by(client, "sub_district")
    assert {code: name for code, (_, name) in first.items()} == {"S1": "甲街道", "S2": "乙街道"}
    assert abs(first["S1"][0] - first["S2"][0]) < 1
    known_at = client.get("/hectares").json()["known_at"]
    # A correction, without a date: the boundary was always there. S2 has another name too.
    bring("second.zip", [("S1", "甲街道", "", whole(-100, 25)), ("S2", "丙街道", "", whole(25, 500))])
    second = rows_by(client, "sub_district")
    assert second["S2"][1] == "丙街道"
    assert abs(second["S2"][0] - 3 * second["S1"][0]) < 1
    assert sum(size for size, _ in first.values()) == sum(size for size, _ in second.values())
    assert rows_by(client, "sub_district", known_at=known_at) == first
    assert run.invoke(app, ["check"]).exit_code == 0


def test_a_file_replaces_what_a_sub_district_has(run: CliRunner, desk: Desk, client: TestClient) -> None:
    drawn = places(
        desk.folder, "s.zip", [("S1", "甲街道", "", whole(-100, 250)), ("S2", "乙街道", "", whole(250, 900))]
    )
    assert run.invoke(app, ["upload", drawn, "--collection", "sub-districts"]).exit_code == 0
    # B crosses the border with its larger part in S1, and so belongs to it.
    three = [Row("A", square(0, 0)), Row("B", square(1.7, 0)), Row("C", square(4, 0))]
    assert desk.upload(three).state == "committed"
    replacing = {"on_existing": "replace", "scope": "sub_district:S1"}
    outside = desk.upload(three, "all.zip", **replacing)
    assert (outside.state, desk.codes(outside) & {"row_outside_scope"}) == ("refused", {"row_outside_scope"})
    done = desk.upload([Row("A", square(0, 0)), Row("D", square(0, 1))], "new.zip", **replacing)
    assert (done.state, done.counts["new"], done.counts["unchanged"], done.counts["missing"]) == ("committed", 1, 1, 1)
    pieces = client.get("/parcels", params={"measure": "inventory"}).json()["parcels"]
    assert {(piece["code"], piece["sub_district"]) for piece in pieces} == {("A", "S1"), ("D", "S1"), ("C", "S2")}
    assert client.get("/parcels/B/history").json()["versions"][-1]["retired"]
    assert desk.undo(done.id).state == "undone"
    assert "B" in {one["code"] for one in client.get("/parcels", params={"measure": "inventory"}).json()["parcels"]}
