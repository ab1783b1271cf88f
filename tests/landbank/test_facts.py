"""What a service keeps of the newest moment: found once, let go by the next publication, and never needed."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Engine, text
from starlette.testclient import TestClient

from app.db import unit_of_work
from app.landbank.hectares import levels
from app.landbank.hectares.facts import Newest
from tests.spec.maps import Bank

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
ASKED = {"measure": "inventory", "as_of": "2026-12-31", "by": "category,sub_district,year"}


def test_facts_are_found_once_and_only_of_the_newest_moment() -> None:
    newest = Newest()
    assert newest.at(NOON).once("tops", lambda: 1) == 1
    assert newest.at(NOON).once("tops", lambda: 2) == 1
    assert newest.at(NOON - timedelta(days=1)).once("tops", lambda: 3) == 3
    assert newest.at(NOON).once("tops", lambda: 4) == 1
    assert newest.at(NOON + timedelta(days=1)).once("tops", lambda: 5) == 5
    assert newest.at(NOON).once("tops", lambda: 6) == 6


def test_the_next_question_after_a_publication_sees_it(client: TestClient, database_engine: Engine) -> None:
    with unit_of_work(database_engine) as session:
        Bank(session).places("NNSS")
    assert client.get("/hectares", params=ASKED).json()["rows"] == []
    for count in (1, 2):
        with unit_of_work(database_engine) as session:
            Bank(session).parcels(
                "A..B"[: 2 * count], category={"A": "road", "B": "school"}, effective=f"202{count}-01-01"
            )
        rows = client.get("/hectares", params=ASKED).json()["rows"]
        assert len({row["category"] for row in rows}) == count


def test_sums_that_do_not_fit_are_left_to_the_database(
    client: TestClient, database_engine: Engine, owner_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with unit_of_work(database_engine) as session:
        bank = Bank(session)
        bank.places("NNSS")
        bank.parcels("AABB", category={"A": "road", "B": "school"})
    expected = client.get("/hectares", params=ASKED).json()["rows"]
    monkeypatch.setattr(levels, "MOST_RECORDS", 1)
    client.app.state.newest = Newest()  # type: ignore[attr-defined]  # the application's own
    assert (
        client.get("/hectares", params=ASKED | {"unit": "m2"}).json()["rows"][0]["hectares"] == expected[0]["hectares"]
    )
    monkeypatch.undo()
    client.app.state.newest = Newest()  # type: ignore[attr-defined]
    with owner_engine.begin() as connection:
        connection.execute(text("UPDATE hectares_rollup SET declared_square_metres = 99999999999999"))
        connection.execute(
            text(
                "INSERT INTO hectares_rollup (measure, grain, first_day, key_id, counted_square_metres,"
                " declared_square_metres, document_square_metres, plane_square_metres, ellipsoidal_square_metres,"
                " parcels, parcels_once) SELECT measure, grain, first_day - n, key_id, 0, 99999999999999, 0, 0, 0, 0, 0"
                " FROM hectares_rollup, generate_series(1, 9) AS n"
            )
        )
    declared = client.get("/hectares", params=ASKED | {"basis": "declared", "by": "category"}).json()
    assert Decimal(declared["total"]["square_metres"]) > 10 * Decimal(99999999999999)
