"""Zones: uploaded under a name, counted within and told apart, versioned, undone; warned of where restrictive."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.db import last_publication, unit_of_work
from app.errors import BadRequest
from app.landbank.changes.service import explain
from app.landbank.hectares.query import HectaresParams, resolve
from app.landbank.hectares.service import HectaresTable, hectares, pieces
from app.reference.zones import zone_sets
from app.uploads import service
from app.uploads.models import Upload
from app.uploads.options import UploadOptions
from tests.spec.test_changes import adds_up
from tests.uploads.conftest import ACTOR, Desk, Row, square, write

NAME = "生态保护红线"
PARCELS = [Row("A", square(0, 0)), Row("B", square(1, 0), "road"), Row("C", square(2, 0), "road")]
ZONE_MAPPING = {"fields": {"code": "code"}}


def bring(desk: Desk, zones: list[Row], **options: Any) -> Upload:
    chosen = {"collection": "zones", "name": NAME, "mapping": ZONE_MAPPING}
    path = write(desk.folder / "zones.zip", zones)
    asked = UploadOptions(**({"commit": "auto"} | chosen | options))
    with unit_of_work(desk.engine) as session:
        made = service.run_upload(session, desk.settings, ACTOR, [("zones.zip", path)], asked)
    assert made.state == "committed", desk.codes(made)
    return made


def ask(desk: Desk, **parameters: str) -> HectaresTable:
    params = HectaresParams.model_validate({"measure": "inventory", "basis": "plane"} | parameters)
    with Session(desk.engine) as session:
        table = hectares(session, desk.settings, resolve(session, desk.settings, params))
        for row in (*table.rows, table.total):
            told = dict(part.split("=", 1) for part in row.href.partition("?")[2].split("&"))
            told = {name: _decoded(value) for name, value in told.items()}
            query = resolve(session, desk.settings, HectaresParams.model_validate(told))
            behind = pieces(session, desk.settings, query, 1000, None).pieces
            assert sum(piece.square_metres for piece in behind) == row.square_metres
        return table


def _decoded(text: str) -> str:
    from urllib.parse import unquote  # noqa: PLC0415  only here

    return unquote(text)


def rows(table: HectaresTable) -> dict[Any, float]:
    return {row.keys[-1][1]: round(float(row.square_metres), 3) for row in table.rows}


def test_rows_by_zone_and_outside_add_to_the_total(desk: Desk) -> None:
    desk.upload(PARCELS)
    bring(desk, [Row("west", square(0.5, 0)), Row("east", square(2.5, -0.5, 200))])
    table = ask(desk, by="zone", zones=NAME)
    assert rows(table) == {"east": 5_000, "west": 10_000, None: 15_000}
    assert (table.total.square_metres, table.repeated) == (Decimal(30_000), Decimal(0))
    assert rows(ask(desk, by="category,zone", zones=NAME, category="road"))["west"] == 5_000
    both = ask(desk, by="category,zone", zones=NAME)
    assert next((row.keys, float(row.square_metres)) for row in both.rows) == (
        (("category", "industrial"), ("zone", "west")),
        5_000,
    )


def test_rows_by_zone_have_the_names_of_their_zones(desk: Desk) -> None:
    desk.upload(PARCELS)
    titled: dict[str, Any] = {"mapping": {"fields": {"code": "code", "name": "category"}}, "encoding": "GBK"}
    bring(desk, [Row("west", square(0, 0), "西片区"), Row("east", square(1, 0), "")], **titled)
    bring(desk, [Row("west", square(2, 0), "别处")], **titled, name="法定图则")
    table = ask(desk, by="zone", zones=NAME)
    assert {row.keys[0][1]: row.label.zh for row in table.rows} == {
        "west": "西片区",
        "east": "east",
        None: "片区范围外",
    }


def test_zones_that_share_land_repeat_it_and_say_so(desk: Desk) -> None:
    desk.upload(PARCELS)
    bring(desk, [Row("a", square(0, 0, 200)), Row("b", square(1, 0, 200))])
    table = ask(desk, by="zone", zones=NAME)
    assert rows(table) == {"a": 20_000, "b": 20_000}
    assert (table.total.square_metres, table.repeated) == (Decimal(30_000), Decimal(10_000))


def test_within_takes_zones_and_places_together(desk: Desk) -> None:
    desk.upload(PARCELS)
    bring(desk, [Row("a", square(0.5, 0)), Row("b", square(1, 0, 50))])
    within = {f"zone:{NAME}": 10_000, f"zone:{NAME}/b": 2_500, f"zone:{NAME}/b,zone:{NAME}/a": 10_000}
    for asked, expected in within.items():
        assert float(ask(desk, within=asked).total.square_metres) == pytest.approx(expected, abs=0.001), asked
    with pytest.raises(BadRequest) as unknown:
        ask(desk, within=f"zone:{NAME},S")
    assert unknown.value.code == "code_unknown"
    assert rows(ask(desk, by="zone", zones=NAME, within=f"zone:{NAME}/a")) == {"a": 10_000, "b": 2_500}
    for parameters in (
        {"within": "zone:none"}, {"within": f"zone:{NAME}/x"}, {"by": "zone", "zones": "x"},
        {"zones": NAME, "zone": "x"}, {"zones": NAME}, {"by": "zone"}, {"within": "zone:"},
    ):  # fmt: skip
        with pytest.raises(BadRequest):
            ask(desk, **parameters)


def changes(desk: Desk, since: datetime, **parameters: str) -> set[tuple[str, str, tuple[str | None, ...], int]]:
    """Cause, parcel, row and square metres of each change since a moment; they add up."""
    params = HectaresParams.model_validate({"measure": "inventory", "basis": "plane"} | parameters)
    with Session(desk.engine) as session:
        found = explain(session, desk.settings, resolve(session, desk.settings, params), since)
    adds_up(found)
    return {(one.cause, one.parcel, one.row.codes, round(one.difference)) for one in found.changes}


def test_changes_are_told_by_zone_and_within_zones(desk: Desk) -> None:
    bring(desk, [Row("west", square(0.5, 0)), Row("east", square(2.5, 0))])
    with Session(desk.engine) as session:
        since = last_publication(session)
    desk.upload(PARCELS)
    by_zone = {"by": "zone", "zones": NAME}
    new = {("A", "west", 5_000), ("B", "west", 5_000), ("C", "east", 5_000), ("A", None, 5_000), ("B", None, 5_000)}
    new |= {("C", None, 5_000)}
    assert changes(desk, since, **by_zone) == {("parcel_new", code, (zone,), size) for code, zone, size in new}
    within = changes(desk, since, within=f"zone:{NAME}")
    assert within == {("parcel_new", code, (), 5_000) for code in "ABC"}
    with Session(desk.engine) as session:
        since = last_publication(session)
    bring(desk, [Row("west", square(0.5, 0)), Row("east", square(3, 0))])
    moved = {("zones_changed", "C", ("east",), -5_000), ("zones_changed", "C", (None,), 5_000)}
    assert changes(desk, since, **by_zone) == moved
    assert changes(desk, since, within=f"zone:{NAME}") == {("zones_changed", "C", (), -5_000)}


def test_changes_are_not_told_by_zones_that_share_land(desk: Desk) -> None:
    bring(desk, [Row("a", square(0, 0, 200)), Row("b", square(1, 0, 200))])
    with Session(desk.engine) as session:
        since = last_publication(session)
    desk.upload(PARCELS)
    with pytest.raises(BadRequest, match="changes_by_outline"):
        changes(desk, since, by="zone", zones=NAME)
    both = changes(desk, since, by="zone", zones=NAME, zone="a")
    assert both == {("parcel_new", "A", ("a",), 10_000), ("parcel_new", "B", ("a",), 10_000)}


def test_a_new_file_is_the_new_version_and_the_past_stays(desk: Desk) -> None:
    desk.upload(PARCELS)
    bring(desk, [Row("a", square(0, 0)), Row("b", square(1, 0))])
    with Session(desk.engine) as session:
        before = last_publication(session).astimezone(UTC).isoformat()
    again = bring(desk, [Row("a", square(0, 0)), Row("c", square(2, 0))])
    assert {name: again.counts[name] for name in ("new", "changed", "unchanged")} == {
        "new": 1,
        "changed": 0,
        "unchanged": 1,
    }
    assert rows(ask(desk, by="zone", zones=NAME)) == {"a": 10_000, "c": 10_000, None: 10_000}
    assert rows(ask(desk, by="zone", zones=NAME, known_at=before)) == {"a": 10_000, "b": 10_000, None: 10_000}
    assert desk.undo(again.id).state == "undone"
    assert rows(ask(desk, by="zone", zones=NAME)) == {"a": 10_000, "b": 10_000, None: 10_000}
    added = bring(desk, [Row("c", square(2, 0))], on_existing="add")
    assert added.counts["new"] == 1
    assert rows(ask(desk, by="zone", zones=NAME)) == {"a": 10_000, "b": 10_000, "c": 10_000}


def test_a_later_version_holds_from_its_day(desk: Desk) -> None:
    desk.upload(PARCELS)
    bring(desk, [Row("a", square(0, 0)), Row("b", square(1, 0))])
    later = {"fields": {"code": "code"}, "constants": {"valid_from": "2020-01-01"}}
    bring(desk, [Row("a", square(0, 0, 50))], mapping=later)
    assert rows(ask(desk, by="zone", zones=NAME)) == {"a": 2_500, None: 27_500}
    with Session(desk.engine) as session:
        old = zone_sets(session, datetime(2019, 1, 1, tzinfo=UTC).date())
        new = zone_sets(session, datetime(2021, 1, 1, tzinfo=UTC).date())
    assert ([one.zones for one in old], [one.zones for one in new]) == ([2], [1])


def test_a_parcel_in_a_restrictive_zone_is_told_with_the_land(desk: Desk) -> None:
    bring(desk, [Row("r1", square(0.5, 0))], restrictive=True)
    bring(desk, [Row("p1", square(0, 0, 300))], name="法定图则")
    upload = desk.upload([*PARCELS, Row("D", square(5, 0))])
    found = [one for one in desk.findings(upload) if one.code == "zone_restrictive"]
    assert [(one.severity, one.feature) for one in found] == [("warn", "A"), ("warn", "B")]
    assert all(one.parameters["zone"] == NAME for one in found)
    assert all(abs(float(one.parameters["square_metres"]) - 5_000) < 1 for one in found)
    assert all(one.geometry is not None for one in found)


def test_zones_without_codes_go_by_row(desk: Desk) -> None:
    made = bring(desk, [Row("", square(0, 0)), Row("", square(1, 0))], mapping={"fields": {"code": None}})
    assert "zones_numbered" in desk.codes(made)
    desk.upload(PARCELS)
    assert rows(ask(desk, by="zone", zones=NAME)) == {"1": 10_000, "2": 10_000, None: 10_000}


@pytest.mark.parametrize("name", [None, "", "a,b", "a/b", "a:b", " a", "a" * 61])
def test_a_set_of_zones_needs_a_name_that_can_be_said(desk: Desk, name: str | None) -> None:
    with pytest.raises(BadRequest, match="zone_name_invalid"):
        bring(desk, [Row("a", square(0, 0))], name=name)
    with pytest.raises(BadRequest, match="zone_option_elsewhere"):
        bring(desk, PARCELS, collection="parcels", name="x")


def test_zones_are_listed_and_asked_for_over_http(desk: Desk, client: TestClient) -> None:
    desk.upload(PARCELS)
    bring(desk, [Row("a", square(0, 0))], restrictive=True)
    listed = client.get("/zones").json()["zones"]
    assert [(one["name"], one["zones"], one["restrictive"]) for one in listed] == [(NAME, 1, True)]
    assert client.get("/zones", params={"name": NAME}).json()["zones"][0]["code"] == "a"
    features = client.get("/zones", params={"name": NAME, "f": "geojson"}).json()["features"]
    assert features[0]["geometry"]["type"] == "MultiPolygon"
    assert client.get("/zones", params={"name": "x"}).json()["code"] == "zone_unknown"
    asked = {"measure": "inventory", "by": "zone", "zones": NAME}
    rows_found = client.get("/hectares", params=asked).json()["rows"]
    assert [(row["zone"], row["labels"]["zh"]) for row in rows_found] == [("a", "a"), (None, "片区范围外")]
    for row in rows_found:
        behind = client.get(row["links"][0]["href"]).json()["parcels"]
        assert sum(float(piece["square_metres"]) for piece in behind) == pytest.approx(float(row["square_metres"]))
    answer = client.post("/uploads", params={"collection": "zones", "filename": "a.zip"}, content=b"x")
    assert (answer.status_code, answer.json()["code"]) == (400, "zone_name_invalid")
