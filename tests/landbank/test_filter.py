"""``filter=``: hectares of the parcels whose own properties pass a CQL2 condition."""

import json
from typing import Any

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from app.db import unit_of_work
from tests.landbank.test_http import problem
from tests.spec.maps import Bank

DAY = {"as_of": "2026-12-31", "basis": "plane"}


@pytest.fixture(autouse=True)
def drawn(database_engine: Engine) -> None:
    with unit_of_work(database_engine) as session:
        bank = Bank(session)
        bank.places("NNNSSS")
        bank.parcels("AABBBC", category={"A": "industrial", "B": "school", "C": "road"})
        for letter in "ABC":
            bank.event("bank_entry", letter, "2026-02-01")


def asked(client: TestClient, text: str, **query: str) -> Any:
    response = client.get("/hectares", params=DAY | {"filter": text} | query)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.parametrize(
    ("text", "hectares"),
    [
        ("land_category = 'industrial'", "2.00000000"),
        ("land_category IN ('industrial','road')", "3.00000000"),
        ("NOT land_category = 'industrial'", "4.00000000"),
        ("ellipsoidal_square_metres > 15000", "5.00000000"),
        ("code LIKE 'A%' OR code = 'C'", "3.00000000"),
        ("T_BEFORE(effective_date, DATE('1990-01-01'))", "0.00000000"),
        ("cadastral_code IS NOT NULL", "0.00000000"),
        ('{"op":"=","args":[{"property":"land_category"},"road"]}', "1.00000000"),
    ],
)
def test_what_passes_is_counted(client: TestClient, text: str, hectares: str) -> None:
    body = asked(client, text)
    assert body["total"]["hectares"] == hectares
    links = client.get(body["total"]["links"][0]["href"]).json()
    assert f"{sum(float(piece['hectares']) for piece in links['parcels']):.8f}" == hectares


def test_rows_and_their_links_keep_the_filter(client: TestClient) -> None:
    body = asked(client, "ellipsoidal_square_metres > 15000", by="category,sub_district")
    for row in body["rows"]:
        pieces = client.get(row["links"][0]["href"]).json()["parcels"]
        assert [piece["hectares"] for piece in pieces] == [row["hectares"]]
    assert [row["hectares"] for row in body["rows"]] == ["2.00000000", "1.00000000", "2.00000000"]


def test_outlines_are_in_degrees(client: TestClient) -> None:
    piece = client.get("/parcels", params=DAY | {"category": "industrial"}).json()
    assert piece["parcels"][0]["code"].startswith("A")
    everywhere, nowhere = "S_INTERSECTS(geometry, BBOX(113,22,115,23.5))", "S_INTERSECTS(geometry, BBOX(100,22,101,23))"
    assert asked(client, everywhere)["total"]["hectares"] == "6.00000000"
    assert asked(client, nowhere)["total"]["hectares"] == "0.00000000"


def test_a_filter_goes_with_a_posted_outline_and_with_changes(client: TestClient) -> None:
    world = {"type": "Polygon", "coordinates": [[[113, 22], [115, 22], [115, 23.5], [113, 23.5], [113, 22]]]}
    query = DAY | {"filter": "land_category = 'road'"}
    found = client.post("/hectares", json={"within": world}, params=query).json()
    assert found["total"]["hectares"] == "1.00000000"
    changes = client.get("/hectares/changes", params=query | {"from_known": "2020-01-01T00:00:00Z"}).json()
    assert "/parcels/C/events" in json.dumps(changes)
    assert "/parcels/A/events" not in json.dumps(changes)


@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ({"filter": "land_category ="}, "filter_malformed", "filter"),
        ({"filter": "nosuch = 1"}, "filter_property_unknown", "filter"),
        ({"filter": "land_category = 1"}, "filter_makes_no_sense", "filter"),
        ({"filter": "(" * 5_000}, "filter_too_heavy", "filter"),
        ({"filter": "ellipsoidal_square_metres ^ 1000 > 1"}, "filter_beyond_numbers", "filter"),
        ({"filter": "code = 'x'", "filter-lang": "ecql"}, "parameter_not_one_of", "filter-lang"),
        ({"filter-lang": "cql2-text"}, "parameter_missing", "filter"),
    ],
)
def test_a_bad_filter_is_told(client: TestClient, query: dict[str, str], code: str, parameter: str) -> None:
    assert problem(client.get("/hectares", params=query), 400, code)["parameter"] == parameter
