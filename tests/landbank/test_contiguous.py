"""``/contiguous`` over HTTP and at a terminal."""

import json

import pytest
import typer
from sqlalchemy import Engine
from starlette.testclient import TestClient
from typer.testing import CliRunner

from app.db import unit_of_work
from app.landbank.contiguous import cli
from app.settings import Settings
from tests.spec.maps import Bank

QUERY = {"as_of": "2026-12-31", "min_hectares": "1"}


@pytest.fixture
def drawn(database_engine: Engine) -> None:
    with unit_of_work(database_engine) as session:
        bank = Bank(session)
        bank.places("NNNSSS")
        bank.parcels("AAB..C")
        bank.event("bank_entry", "A", "2026-02-01")


@pytest.mark.usefixtures("drawn")
def test_blocks_tell_what_they_are_made_of(client: TestClient) -> None:
    body = client.get("/contiguous", params=QUERY).json()
    assert {name: body[name] for name in ("category", "max_gap", "min_hectares", "across_roads", "as_of")} == {
        "category": ["industrial"],
        "max_gap": 20.0,
        "min_hectares": "1",
        "across_roads": True,
        "as_of": "2026-12-31",
    }
    [block] = body["blocks"]  # C is a trifle less than a hectare on the ellipsoid
    assert (block["id"], block["parcels"], block["banked"]["parcels"], block["candidate"]["parcels"]) == ("A", 2, 1, 1)
    assert [(member["code"], member["status"]) for member in block["members"]] == [("A", "banked"), ("B", "candidate")]
    for member in block["members"]:
        listed = client.get(member["links"][1]["href"])
        assert listed.status_code == 200, listed.text
    assert body["total"]["blocks"] == 1
    again = client.get("/contiguous", params=QUERY | {"known_at": body["known_at"]})
    assert again.json() == body
    feature = client.get("/contiguous", params=QUERY | {"f": "geojson"}).json()["features"][0]
    assert feature["geometry"]["type"] == "MultiPolygon"
    longitude, latitude = feature["geometry"]["coordinates"][0][0][0]
    assert (113.9 < longitude < 114.1, 22 < latitude < 23) == (True, True)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("max_gap=wide", "parameter_not_a_number"),
        ("max_gap=10001", "parameter_not_a_number"),
        ("min_hectares=-1", "parameter_not_a_number"),
        ("across_roads=sometimes", "parameter_invalid"),
        ("as_of=soon", "parameter_not_a_day"),
        ("known_at=2200-01-01T00:00:00Z", "known_at_in_future"),
        ("category=", "parameter_empty"),
        ("f=xml", "parameter_not_one_of"),
        ("gap=3", "parameter_unknown"),
    ],
)
def test_a_wrong_question_is_told_by_its_parameter(client: TestClient, query: str, code: str) -> None:
    response = client.get(f"/contiguous?{query}")
    assert (response.status_code, response.json()["code"]) == (400, code)


def test_nothing_is_no_block(client: TestClient) -> None:
    body = client.get("/contiguous").json()
    assert (body["blocks"], body["total"]["hectares"]) == ([], "0.00000000")


@pytest.mark.usefixtures("drawn")
def test_the_same_at_a_terminal(database: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert database.database_url is not None
    assert database.database_owner_url is not None
    monkeypatch.setenv("DATABASE_URL", database.database_url.get_secret_value())
    monkeypatch.setenv("DATABASE_OWNER_URL", database.database_owner_url.get_secret_value())
    monkeypatch.setenv("LANDBANK_HOME", str(database.home))
    app = typer.Typer()
    app.command("contiguous")(cli.contiguous)

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["--as-of=2026-12-31", "--min-hectares=0", *arguments])
        assert result.exit_code == 0, result.output
        return result.stdout

    assert json.loads(run("--json"))["total"]["blocks"] == 2
    assert json.loads(run("--f=geojson", "--no-across-roads"))["type"] == "FeatureCollection"
    assert "A, B" in run()
