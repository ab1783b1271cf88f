"""Recognition rules and explained changes over HTTP."""

import csv
import io
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.landbank.test_http import drawn, problem  # noqa: F401  a fixture
from tests.spec.test_rules import DEFAULT

SURVEY = DEFAULT | {"document_types": ["survey_report"]}


@pytest.mark.usefixtures("drawn")
def test_a_rule_is_set_listed_and_answers(client: TestClient, keys: Any) -> None:
    before = client.get("/hectares").json()
    assert [(rule["code"], rule["version"]) for rule in before["rule"]] == [("handover_accepted", 1)] * 2
    made = client.post("/rules", json=SURVEY)
    assert made.status_code == 201
    assert [(rule["version"], rule["programme"]) for rule in made.json()["rules"]] == [(1, "consolidation")]
    after = client.get("/hectares").json()
    assert after["total"]["hectares"] == "0.00000000"
    assert {rule["code"] for rule in after["rule"]} == {"other", "handover_accepted"}
    assert client.get("/hectares", params={"known_at": before["known_at"], "as_of": before["as_of"]}).json() == before
    listed = client.get("/rules", params={"programme": "consolidation"}).json()["rules"]
    assert [rule["labels"]["zh"] for rule in listed] == ["另一口径"]
    past = client.get("/rules", params={"known_at": before["known_at"]}).json()["rules"]
    assert {rule["code"] for rule in past} == {"handover_accepted"}
    assert len(client.get("/rules/handover_accepted").json()["rules"]) == 2
    problem(client.get("/rules/none"), 404, "rule_unknown")
    client.headers["X-API-Key"] = keys.approver
    assert client.post("/rules", json=SURVEY).status_code == 403


@pytest.mark.parametrize(
    ("change", "parameter"),
    [
        ({"code": "a b"}, "code"),
        ({"programmes": []}, "programmes"),
        ({"programmes": "renewal"}, "programmes"),
        ({"document_types": ["letter"]}, "document_types.0"),
        ({"document_types": []}, "document_types"),
        ({"required_events": ["bank_exit"]}, "required_events.0"),
        ({"name_zh": " "}, "name_zh"),
        ({"from_year": 2027, "to_year": 2026}, "body"),
        ({"from_year": "2026"}, "from_year"),
        ({"basis": "largest"}, "basis"),
        ({"category_at": None}, "category_at"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_rule_that_is_none_is_refused_by_its_field(client: TestClient, change: Any, parameter: str) -> None:
    assert client.post("/rules", json=SURVEY | change).json()["parameter"] == parameter


@pytest.mark.usefixtures("drawn")
def test_a_rule_is_tried_without_storing_anything(client: TestClient) -> None:
    before = client.get("/hectares").json()
    body = client.post("/rules/try", json={"rule": SURVEY, "year": 2026}).json()
    assert [(one["parcel"], one["outcome"]) for one in body["entries"]] == [
        ("A", "only_current"),
        ("B", "only_current"),
    ]
    assert (body["current"]["hectares"], body["difference"]["hectares"]) == ("4.00000000", "-4.00000000")
    assert client.get("/hectares").json() == before
    same = client.post("/rules/try", json={"code": "handover_accepted", "version": 1, "year": 2026}).json()
    assert same["difference"]["square_metres"] == "0.0000"
    problem(client.post("/rules/try", json={"code": "none", "year": 2026}), 404, "rule_unknown")
    problem(client.post("/rules/try", json={"year": 2026}), 400, "rule_or_code")
    problem(client.post("/rules/try", json={"code": "other"}), 400, "parameter_missing")


@pytest.mark.usefixtures("drawn")
def test_changes_add_up_and_name_their_cause(client: TestClient) -> None:
    since = client.get("/hectares").json()["known_at"]
    paper = {"type": "handover_confirmation", "number": "7", "date": "2026-02-02"}
    client.post("/events", json={"type": "bank_entry", "parcel": "C", "document": paper})
    asked = {"from_known": since, "by": "category", "as_of": "2026-12-31"}
    body = client.get("/hectares/changes", params=asked).json()
    assert body["total"]["difference"] == body["total"]["explained"]
    assert [(change["cause"], change["parcel"]) for change in body["changes"]] == [("late_document", "C")]
    change = body["changes"][0]
    assert change["event"]["document"]["number"] == "7"
    assert change["publication"]["action"] == "event.record"
    assert sum(float(row["difference"]["square_metres"]) for row in body["rows"]) == pytest.approx(
        float(body["total"]["difference"]["square_metres"])
    )
    assert [cause["cause"] for cause in body["causes"]] == ["late_document"]
    text = client.get("/hectares/changes", params=asked | {"f": "csv"}).content.decode("utf-8-sig")
    lines = list(csv.DictReader(io.StringIO(text)))
    assert [(line["cause"], line["document_number"]) for line in lines] == [("late_document", "7")]
    box = asked | {"bbox": "-20,-20,-19,-19"}
    assert client.get("/hectares/changes", params=box).json()["changes"] == []


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, "parameter_missing"),
        ({"from_known": "yesterday"}, "parameter_not_a_moment"),
        ({"from_known": "2200-01-01T00:00:00Z"}, "known_at_in_future"),
        ({"from_known": "{now}", "to_known": "2020-01-01T00:00:00Z"}, "known_reversed"),
        ({"from_known": "{now}", "known_at": "{now}"}, "parameter_unknown"),
        ({"from_known": "{now}", "f": "xlsx"}, "parameter_not_one_of"),
        ({"from_known": "{now}", "by": "zone", "zones": "river"}, "zone_unknown"),
    ],
)
def test_a_wrong_question_about_changes(client: TestClient, asked: dict[str, str], code: str) -> None:
    now = client.get("/hectares").json()["known_at"]
    sent = {name: value.replace("{now}", now) for name, value in asked.items()}
    problem(client.get("/hectares/changes", params=sent), 400, code)
