"""Splits, merges and boundary changes over HTTP: what they answer, what they refuse, and who may."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import shapely
import shapely.geometry
from sqlalchemy import Engine
from starlette.testclient import TestClient

from app.db import unit_of_work
from tests.conftest import Keys
from tests.landbank.test_http import problem
from tests.spec.maps import Bank, read_map

PAPER = {"type": "approval", "number": "分割〔2026〕1号", "date": "2026-06-01"}


@pytest.fixture(autouse=True)
def drawn(database_engine: Engine) -> None:
    with unit_of_work(database_engine) as session:
        bank = Bank(session)
        bank.places("NNNSSS")
        bank.parcels("AABBCC", category={"A": "industrial", "B": "industrial", "C": "road"})
        bank.parcels("......D", programme="renewal")
        bank.event("bank_entry", "A", "2026-02-01")
        bank.event("bank_entry", "B", "2026-03-01")


def shape(drawing: str) -> dict[str, Any]:
    [land] = read_map(drawing).values()
    found: dict[str, Any] = shapely.geometry.mapping(land)
    return found


def split_of(parent: str, *children: tuple[str, Any], **more: Any) -> dict[str, Any]:
    drawn = [{"code": code, "geometry": shape(it) if isinstance(it, str) else it} for code, it in children]
    return {"parent": parent, "children": drawn, "crs": "EPSG:4547", "document": PAPER} | more


HALVES = (("A1", "X"), ("A2", ".X"))


def test_a_split_answers_with_its_children_and_history_tells_both_ways(client: TestClient) -> None:
    asked = {"as_of": "2026-12-31", "by": "category,sub_district"}
    before = client.get("/hectares", params=asked).json()
    made = client.post("/parcels/split", json=split_of("A", *HALVES, reason="道路"), headers={"Idempotency-Key": "1"})
    assert made.status_code == 201, made.text
    again = client.post("/parcels/split", json=split_of("A", *HALVES, reason="道路"), headers={"Idempotency-Key": "1"})
    assert again.json() == made.json()
    body = made.json()
    assert (body["type"], body["effective_date"], body["reason"]) == ("split", "2026-06-01", "道路")
    assert [one["code"] for one in body["parents"]] == ["A"]
    held = {one["code"]: [credit["entered_as"] for credit in one["credits"]] for one in body["children"]}
    assert held == {"A1": ["A"], "A2": ["A"]}
    after = client.get("/hectares", params=asked).json()
    assert [row["square_metres"] for row in after["rows"]] == [row["square_metres"] for row in before["rows"]]
    client.post(
        "/parcels/merge",
        json={"parents": ["A1", "A2"], "child": {"code": "M"}, "document": PAPER | {"date": "2026-07-01"}},
    )
    for code, parents, children in (("A", [], ["A1", "A2"]), ("A1", ["A"], ["M"]), ("M", ["A1", "A2"], [])):
        history = client.get(f"/parcels/{code}/history").json()
        assert (history["parents"], history["children"]) == (parents, children)
    steps = [(step["parent"], step["child"]) for step in client.get("/parcels/M/history").json()["genealogy"]]
    assert steps == [("A", "A1"), ("A", "A2"), ("A1", "M"), ("A2", "M")]
    events = client.get("/parcels/M/events").json()
    assert events["events"] == []
    assert {(one["entered_as"], one["entered_on"]) for one in events["credits"]} == {("A", "2026-02-01")}
    supplied = {"type": "supply", "parcel": "M", "kind": "grant", "document": PAPER | {"date": "2026-08-01"}}
    told = client.post("/events", json=supplied).json()["findings"]
    assert "supply_without_entry" not in {one["code"] for one in told}
    pieces = client.get("/parcels", params={"as_of": "2026-12-31", "sub_district": "N"}).json()["parcels"]
    assert {piece["code"] for piece in pieces} == {"M", "B"}


def test_an_operation_is_shown_and_taken_back(client: TestClient) -> None:
    made = client.post("/parcels/split", json=split_of("A", *HALVES))
    address = made.headers["location"]
    shown = client.get(address)
    assert shown.status_code == 200
    assert shown.json()["children"] == made.json()["children"]
    assert client.get(address, headers={"If-None-Match": shown.headers["etag"]}).status_code == 304
    taken = client.post(f"{address}/undo", json={"reason": "录入有误"})
    assert (taken.status_code, taken.json()["type"]) == (201, "reversal")
    problem(client.post(f"{address}/undo"), 409, "lineage_reversed")
    assert client.get("/parcels/A/history").json()["children"] == []
    assert client.post("/parcels/split", json=split_of("A", *HALVES)).status_code == 201
    problem(client.get("/lineage/999999"), 404, "lineage_unknown")


def test_a_boundary_change_tells_the_difference(client: TestClient) -> None:
    smaller = shapely.geometry.mapping(shapely.box(500_000, 2_500_000, 500_190, 2_500_100))
    asked = {"geometry": smaller, "crs": "EPSG:4547", "document": PAPER, "cause": "survey"}
    made = client.post("/parcels/A/boundary", json=asked)
    assert made.status_code == 201, made.text
    body = made.json()
    assert (body["type"], body["cause"]) == ("boundary_change", "survey")
    assert round(float(body["difference_square_metres"])) == -1000
    assert [finding["code"] for finding in body["findings"]] == ["boundary_difference"]
    total = client.get("/hectares", params={"as_of": "2026-12-31"}).json()["total"]
    assert total["hectares"] == "4.00000000"
    history = client.get("/parcels/A/history").json()
    assert [version["version"] for version in history["versions"]] == [1, 2]
    assert [(step["parent"], step["child"]) for step in history["genealogy"]] == [("A", "A")]
    problem(client.post("/parcels/A/boundary", json=asked), 422, "boundary_unchanged")
    elsewhere = asked | {"geometry": shape("....X")}
    problem(client.post("/parcels/A/boundary", json=elsewhere), 422, "boundary_elsewhere")
    problem(client.post("/parcels/none/boundary", json=asked), 404, "parcel_unknown")
    problem(client.post("/parcels/A/boundary", json=asked | {"cause": "whim"}), 400, "parameter_invalid")


BOW_TIE = {"type": "Polygon", "coordinates": [[[500_000, 2_500_000], [500_100, 2_500_100], [500_100, 2_500_000],
                                               [500_000, 2_500_100], [500_000, 2_500_000]]]}  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        (split_of("none", *HALVES), 404, "parcel_unknown"),
        (split_of("A", ("B", "X"), ("A2", ".X")), 409, "lineage_code_exists"),
        (split_of("A", ("A", "X"), ("A2", ".X")), 409, "lineage_code_exists"),
        (split_of("A", ("A1", "X"), ("A1", ".X")), 422, "lineage_code_twice"),
        (split_of("A", ("A1", "XX"), ("A2", ".X")), 422, "lineage_overlap"),
        (split_of("A", ("A1", "X"), ("A2", ".XX")), 422, "lineage_excess"),
        (split_of("A", ("A1", "X"), ("A2", BOW_TIE)), 422, "lineage_geometry_invalid"),
        (split_of("A", ("A1", "X"), ("A2", {"type": "Point", "coordinates": [0, 0]})), 422,
         "lineage_geometry_no_polygon"),
        (split_of("A", ("A1", "X"), ("A2", {"type": "Polygon", "coordinates": "x"})), 422,
         "lineage_geometry_unreadable"),
        (split_of("A", ("A1", "X"), ("A2", None)), 422, "lineage_geometry_unreadable"),
        (split_of("A", *HALVES, crs="EPSG:4490"), 422, "crs_does_not_fit"),
        (split_of("A", *HALVES, crs="EPSG:999999"), 400, "crs_unknown"),
        (split_of("A", *HALVES, crs="EPSG:2383"), 422, "crs_old_datum"),
        (split_of("A", *HALVES, document=999_999), 422, "document_unknown"),
        (split_of("A", *HALVES, effective_date="2026-01-15"), 422, "lineage_before_event"),
        (split_of("A", *HALVES, effective_date="1500-01-15"), 422, "date_implausible"),
    ],
)  # fmt: skip
def test_what_a_split_refuses(client: TestClient, asked: dict[str, Any], status: int, code: str) -> None:
    body = problem(client.post("/parcels/split", json=asked), status, code)
    assert body["parameter"]
    if code in {"lineage_overlap", "lineage_excess"}:
        [finding] = body["findings"]
        middle = shapely.geometry.shape(finding["geometry"]).centroid
        assert 113.9 < middle.x < 114.1
        assert 22 < middle.y < 23
        assert finding["square_metres"].startswith(("9999", "10000"))
    assert client.get("/parcels/A1/history").status_code == 404


@pytest.mark.parametrize("left_out", ["parent", "children", "document"])
def test_a_split_needs_all_its_fields(client: TestClient, left_out: str) -> None:
    asked = split_of("A", *HALVES)
    del asked[left_out]
    assert client.post("/parcels/split", json=asked).status_code == 400
    assert client.post("/parcels/split", json=split_of("A", HALVES[0])).status_code == 400


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"parents": ["A", "D"], "child": {"code": "M"}}, 422, "lineage_parents_differ"),
        ({"parents": ["B", "C"], "child": {"code": "M"}}, 422, "lineage_parents_differ"),
        ({"parents": ["A", "A"], "child": {"code": "M"}}, 422, "lineage_code_twice"),
        ({"parents": ["A", "B"], "child": {"code": "C"}}, 409, "lineage_code_exists"),
        ({"parents": ["A", "B"], "child": {"code": "M", "land_category": "no-such"}}, 422, "category_not_known"),
        ({"parents": ["A", "B"], "child": {"code": "M", "role": "retained"}}, 422, "retained_banked"),
        ({"parents": ["A", "none"], "child": {"code": "M"}}, 404, "parcel_unknown"),
    ],
)
def test_what_a_merge_refuses(client: TestClient, asked: dict[str, Any], status: int, code: str) -> None:
    problem(client.post("/parcels/merge", json=asked | {"document": PAPER}), status, code)


def test_a_merge_takes_a_drawn_outline_too(client: TestClient) -> None:
    child = {"code": "M", "geometry": {"type": "Feature", "geometry": shape("XXXX")}, "name": "合并地块"}
    made = client.post(
        "/parcels/merge", json={"parents": ["A", "B"], "child": child, "crs": "EPSG:4547", "document": PAPER}
    )
    assert made.status_code == 201, made.text
    assert {credit["entered_as"] for credit in made.json()["children"][0]["credits"]} == {"A", "B"}


def test_a_retired_parcel_takes_no_more(client: TestClient) -> None:
    client.post("/parcels/split", json=split_of("A", *HALVES))
    body = problem(client.post("/parcels/split", json=split_of("A", ("A3", "X"), ("A4", ".X"))), 409, "parcel_retired")
    assert "A1, A2" in body["messages"]["en"]["what"]
    asked = {"parents": ["A", "B"], "child": {"code": "M"}, "document": PAPER}
    problem(client.post("/parcels/merge", json=asked), 409, "parcel_retired")
    event = {"type": "bank_exit", "parcel": "A", "document": PAPER}
    problem(client.post("/events", json=event), 422, "parcel_retired")


def test_viewers_may_look_and_not_touch(client: TestClient, keys: Keys) -> None:
    viewer = {"X-API-Key": keys.viewer}
    assert client.post("/parcels/split", json=split_of("A", *HALVES), headers=viewer).status_code == 403
    assert client.post("/parcels/merge", json={}, headers=viewer).status_code == 403
    assert client.post("/parcels/A/boundary", json={}, headers=viewer).status_code == 403
    assert client.post("/lineage/1/undo", headers=viewer).status_code == 403
    assert client.get("/parcels/A/history", headers=viewer).status_code == 200


def test_of_two_simultaneous_splits_one_wins(client: TestClient) -> None:
    bodies = [split_of("A", *HALVES), split_of("A", ("A3", "X"), ("A4", ".X"))]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda body: client.post("/parcels/split", json=body), bodies))
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert len(client.get("/parcels/A/history").json()["children"]) == 2
