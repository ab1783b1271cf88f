"""Stage weights, card rules and projects over HTTP and at a terminal."""

import csv
import io
import json
from typing import Any

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient
from typer.testing import CliRunner

from app.cli import app
from app.db import unit_of_work
from app.settings import Settings
from tests.spec.maps import Bank
from tests.spec.test_progress import stand

WEIGHT = {"programme": "renewal", "stage": "土地供应", "low": "0.5", "mid": "0.6", "high": "0.7"}


@pytest.fixture
def drawn(database_engine: Engine) -> None:
    with unit_of_work(database_engine) as session:
        bank = Bank(session)
        stand(bank, "G1", "计划立项", "renewal")
        stand(bank, "Z1", "立项")


def test_stage_weights_have_versions(client: TestClient, keys: Any) -> None:
    before = client.get("/stage-weights").json()
    assert {row["programme"] for row in before["stage_weights"]} == {"renewal", "consolidation"}
    made = client.post("/stage-weights", json=WEIGHT)
    assert (made.status_code, made.json()["version"], made.json()["mid"]) == (201, 2, "0.6")
    assert client.post("/stage-weights", json=WEIGHT | {"stage": "自定"}).json()["version"] == 1
    assert client.get("/stage-weights", params={"known_at": before["known_at"]}).json() == before
    refused = client.post("/stage-weights", json=WEIGHT | {"low": "0.9"})
    assert (refused.status_code, refused.json()["code"]) == (422, "stage_weight_order")
    for wrong in ({"low": "-1"}, {"high": "1.1"}, {"mid": "NaN"}, {"programme": "other"}, {"stage": ""}):
        assert client.post("/stage-weights", json=WEIGHT | wrong).status_code == 400
    client.headers["X-API-Key"] = keys.editor
    assert client.post("/stage-weights", json=WEIGHT).status_code == 403


def test_card_rules_have_versions(client: TestClient) -> None:
    before = client.get("/card-rules").json()
    assert before["card_rule"]["yellow_from"] == "0.80"
    made = client.post("/card-rules", json={"green_from": "0.9", "yellow_from": "0.7"})
    assert (made.status_code, made.json()["name"]) == (201, "calendar_pace_2")
    assert client.get("/card-rules", params={"known_at": before["known_at"]}).json() == before
    for wrong in ({"yellow_from": "1.2"}, {"exact_green_to": "1.2"}):
        asked = {"green_from": "1", "yellow_from": "0.8"} | wrong
        assert client.post("/card-rules", json=asked).json()["code"] == "card_rule_order"
    assert client.post("/card-rules", json={"green_from": "1"}).status_code == 400


@pytest.mark.usefixtures("drawn")
def test_projects_are_counted_by_batch(client: TestClient) -> None:
    body = client.get("/projects", params={"by": "batch,programme", "key": "true"}).json()
    assert [(row["programme"], row["batch"], row["projects"]) for row in body["rows"]] == [
        ("consolidation", "第一批", 1),
        ("renewal", "第一批", 1),
    ]
    assert body["total"]["projects"] == 2
    for row in (*body["rows"], body["total"]):
        listed = client.get(row["links"][0]["href"]).json()
        assert len(listed["rows"]) == row["projects"]
    assert client.get("/projects", params={"key": "false"}).json()["total"]["projects"] == 0
    text = client.get("/projects", params={"by": "project", "f": "csv"}).content.decode("utf-8-sig")
    assert [row["project"] for row in csv.DictReader(io.StringIO(text))] == ["G1", "Z1", ""]
    for wrong in ("by=colour", "programme=other", "key=maybe", "f=pdf", "known_at=2200-01-01T00:00:00Z", "x=1"):
        assert client.get(f"/projects?{wrong}").status_code == 400


@pytest.mark.usefixtures("drawn")
def test_the_same_at_a_terminal(database: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert database.database_url is not None
    assert database.database_owner_url is not None
    monkeypatch.setenv("DATABASE_URL", database.database_url.get_secret_value())
    monkeypatch.setenv("DATABASE_OWNER_URL", database.database_owner_url.get_secret_value())
    monkeypatch.setenv("LANDBANK_HOME", str(database.home))

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
        return result.stdout

    shares = [f"--{name}={value}" for name, value in WEIGHT.items()]
    assert json.loads(run("stage-weights", "set", *shares, "--json"))["version"] == 2
    assert "ok" in run("stage-weights", "set", *shares)
    assert len(json.loads(run("stage-weights", "list", "--json"))["stage_weights"]) > 10
    assert "土地供应" in run("stage-weights", "list")
    assert json.loads(run("card-rules", "set", "--green-from=1", "--yellow-from=0.5", "--json"))["version"] == 2
    assert "ok" in run("card-rules", "set", "--green-from=1", "--yellow-from=0.5")
    assert json.loads(run("card-rules", "list", "--json"))["card_rule"]["yellow_from"] == "0.5"
    run("card-rules", "list")
    assert json.loads(run("projects", "--json", "--key"))["total"]["projects"] == 2
    assert len(run("projects", "--by", "project", "--csv").splitlines()) == 4
    run("projects")
