"""Targets over HTTP: versions, preconditions, and how they lie within each other."""

from typing import Any

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from app.db import unit_of_work
from tests.spec.maps import Bank

WHOLE = {"programme": "consolidation", "measure": "bank_entries", "year": 2026, "status": "issued", "value": "300"}


@pytest.fixture
def known(database_engine: Engine) -> None:
    with unit_of_work(database_engine) as session:
        Bank(session).places("NS")


def post(client: TestClient, answered: int = 201, **values: Any) -> dict[str, Any]:
    response = client.post("/targets", json=WHOLE | values)
    assert response.status_code == answered, response.text
    body: dict[str, Any] = response.json()
    return body


def codes(body: dict[str, Any]) -> list[str]:
    return [finding["code"] for finding in body["findings"]]


@pytest.mark.usefixtures("known")
def test_children_by_category_fit_into_their_parent(client: TestClient) -> None:
    post(client)
    post(client, category="industrial", value="110")
    post(client, category="public_facility", value="50")
    assert post(client, 422, category="residential_potential", value="300.1")["code"] == "target_above_whole"
    body = post(client, 422, category="residential_potential", value="140.00000001")
    assert body["code"] == "targets_above_whole"
    assert body["parameter"] == "value"
    assert "300.00000001" in body["messages"]["en"]["what"]
    post(client, category="residential_potential", value="140")
    assert post(client, 422, value="299")["code"] == "targets_above_whole"
    assert post(client, 422, category="school", value="51")["code"] == "target_above_whole"
    post(client, category="school", value="50")  # within public_facility, so nothing more of the whole
    post(client, kind="district_stretch", category="industrial", value="500")  # another kind nests by itself
    post(client, year=2027, category="industrial", value="500")
    rows = client.get("/targets", params={"year": 2026}).json()["targets"]
    whole = next(row for row in rows if row["category"] is None)
    assert [(rest["by"], rest["value"], len(rest["targets"])) for rest in whole["remainders"]] == [("category", "0", 3)]
    assert whole["remainders"][0]["labels"]["zh"].startswith("其他")


@pytest.mark.usefixtures("known")
def test_sub_districts_may_be_asked_for_more_together_and_are_told(client: TestClient) -> None:
    post(client, sub_district="N", value="180")
    post(client, value="300")
    told = post(client, sub_district="S", value="130")
    assert codes(told) == ["targets_above_whole_told"]
    assert told["findings"][0]["severity"] == "warn"
    assert post(client, 422, sub_district="S", value="301")["code"] == "target_above_whole"
    post(client, sub_district="S", value="120")
    [whole] = [row for row in client.get("/targets").json()["targets"] if row["sub_district"] is None]
    assert [(rest["by"], rest["value"]) for rest in whole["remainders"]] == [("sub_district", "0")]


def test_supply_lies_within_total_supply(client: TestClient, known: None) -> None:  # noqa: ARG001  categories
    post(client, programme="renewal", measure="supply_total", value="75")
    post(client, programme="renewal", measure="supplied", value="50")
    refused = post(client, 422, programme="renewal", measure="supplied", category="residential_potential", value="51")
    assert refused["code"] == "target_above_whole"
    assert post(client, 422, programme="renewal", measure="supplied", value="76")["code"] == "target_above_whole"
    told = post(client, programme="renewal", measure="handed_over", value="26")
    assert codes(told) == ["targets_above_whole_told"]
    post(client, measure="supplied", value="500")  # consolidation's supply is part of nothing


def test_counts_nest_as_hectares_do(client: TestClient, known: None) -> None:  # noqa: ARG001  categories
    count: dict[str, Any] = {"measure": "facility_projects", "unit": "count"}
    post(client, **count, category="public_facility", value="12")
    post(client, **count, category="school", value="8")
    assert post(client, 422, **count, category="hospital", value="5")["code"] == "targets_above_whole"
    assert post(client, 422, measure="bank_entries", unit="count")["code"] == "target_unit_wrong"


def test_versions_are_kept_and_shown_as_of_a_moment(client: TestClient) -> None:
    first = post(client, status="provisional", value="320")
    known_at = first["recorded_from"]
    second = post(client, status="issued", value="300")
    third = post(client, status="adjusted", value="310")
    assert [row["version"] for row in (first, second, third)] == [1, 2, 3]
    assert codes(third) == []
    assert codes(post(client, status="provisional", value="310")) == ["target_status_back"]
    rows = client.get("/targets", params={"history": "true"}).json()["targets"]
    assert [(row["version"], row["status"], row["recorded_to"] is None) for row in rows] == [
        (4, "provisional", True),
        (3, "adjusted", False),
        (2, "issued", False),
        (1, "provisional", False),
    ]
    past = client.get("/targets", params={"known_at": known_at})
    assert [(row["version"], row["recorded_to"]) for row in past.json()["targets"]] == [(1, None)]
    versions = client.get(f"/targets/{first['id']}/versions", params={"known_at": second["recorded_from"]}).json()
    assert [(row["version"], row["recorded_to"] is None) for row in versions["targets"]] == [(2, True), (1, False)]
    assert client.get("/targets/999/versions").json()["code"] == "target_unknown"
    assert client.get("/targets/0/versions").status_code == 400
    assert client.get("/targets", params={"history": "perhaps"}).status_code == 400


def test_a_target_changed_meanwhile_is_not_overwritten(client: TestClient) -> None:
    missing = client.post("/targets", json=WHOLE, headers={"If-Match": '"x"'})
    assert (missing.status_code, missing.json()["code"]) == (412, "changed_meanwhile")
    made = client.post("/targets", json=WHOLE)
    etag = made.headers["ETag"]
    assert client.get(f"/targets/{made.json()['id']}/versions").headers["ETag"] == etag
    second = client.post("/targets", json=WHOLE | {"value": "310"}, headers={"If-Match": etag})
    assert second.status_code == 201
    assert client.post("/targets", json=WHOLE | {"value": "320"}, headers={"If-Match": etag}).status_code == 412
    anyone = client.post("/targets", json=WHOLE | {"value": "320"}, headers={"If-Match": "*"})
    assert anyone.json()["version"] == 3
