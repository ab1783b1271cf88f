"""Every deviation is found: the bank is drawn, then corrupted by its owner behind the service's back."""

from typing import Any

import pytest
from sqlalchemy import Engine, text
from starlette.testclient import TestClient

from app.db import unit_of_work
from tests.landbank.test_http import problem
from tests.spec.maps import Bank


@pytest.fixture
def drawn(database_engine: Engine) -> None:
    with unit_of_work(database_engine) as session:
        bank = Bank(session)
        bank.places("NNNSSSS")
        bank.parcels("AABBC..", category={"A": "industrial", "B": "school", "C": "road"})
        bank.parcels(".....DD", programme="renewal")
        bank.event("bank_entry", "A", "2026-02-01")
        bank.event("bank_entry", "B", "2026-03-01")
        bank.event("bank_exit", "B", "2026-04-01")
        bank.event("bank_entry", "B", "2026-05-01")
        bank.event("supply", "C", "2026-05-01")
        bank.event("bank_entry", "D", "2026-03-01")


def found(client: TestClient) -> list[tuple[str, str | None]]:
    body = client.get("/check").json()
    return sorted({(one["properties"]["code"], one["properties"]["parcel"]) for one in body["features"]}, key=str)


def corrupt(owner: Engine, *statements: str) -> None:
    with owner.begin() as connection:
        for ledger in ("land_event", "publication"):
            connection.execute(text(f"ALTER TABLE {ledger} DISABLE TRIGGER append_only"))
        for statement in statements:
            connection.execute(text(statement))


@pytest.mark.usefixtures("drawn")
def test_a_sound_bank_has_no_deviations(client: TestClient, keys: Any) -> None:
    body = client.get("/check").json()
    assert body["features"] == []
    assert body["counts"] == {"versions": 4, "banked": 4, "events": 6}
    client.headers["X-API-Key"] = keys.approver
    problem(client.get("/check"), 403, "role_not_sufficient")


@pytest.mark.usefixtures("drawn")
@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            (
                "UPDATE parcel_version SET ellipsoidal_square_metres = ellipsoidal_square_metres + 0.01"
                " WHERE parcel_id = (SELECT id FROM parcel WHERE code = 'C')"
            ),
            [("check_portions", "C"), ("check_square_metres", "C")],
        ),
        (
            (
                "UPDATE portion SET plane_square_metres = plane_square_metres - 0.0001 WHERE parcel_version_id ="
                " (SELECT v.id FROM parcel_version AS v JOIN parcel AS p ON v.parcel_id = p.id WHERE p.code = 'C')"
            ),
            [("check_portions", "C")],
        ),
        (
            (
                "DELETE FROM portion WHERE parcel_version_id ="
                " (SELECT v.id FROM parcel_version AS v JOIN parcel AS p ON v.parcel_id = p.id WHERE p.code = 'D')"
            ),
            [("check_portions", "D"), ("check_roll_up", None)],
        ),
        (
            "UPDATE land_event SET recorded_at = recorded_at - interval '1 day' WHERE type = 'supply'",
            [("check_event_order", "C")],
        ),
        ("DELETE FROM land_event WHERE type = 'bank_exit'", [("check_banked_again", "B"), ("check_entries", "B")]),
        (
            "UPDATE land_event SET parcel_id = (SELECT id FROM parcel WHERE code = 'A') WHERE type = 'supply'",
            [("check_event_version", "A")],
        ),
        ("UPDATE recognition_rule SET from_year = 2030 WHERE programme = 'renewal'", [("check_rule_years", "renewal")]),
    ],
)
def test_each_corruption_is_found(
    client: TestClient, owner_engine: Engine, statement: str, expected: list[tuple[str, str | None]]
) -> None:
    corrupt(owner_engine, statement)
    assert set(expected) <= set(found(client))


@pytest.mark.usefixtures("drawn")
def test_land_twice_is_found_from_the_outlines_with_its_place(client: TestClient, owner_engine: Engine) -> None:
    # B's outline moves half onto A; no overlap pair is on record.
    corrupt(
        owner_engine,
        "UPDATE parcel_version SET geom = ST_Translate(geom, -100, 0)"
        " WHERE parcel_id = (SELECT id FROM parcel WHERE code = 'B')",
    )
    body = client.get("/check").json()
    twice = [one for one in body["features"] if one["properties"]["code"] == "check_land_twice"]
    assert [(one["properties"]["parcel"], one["properties"]["other"]) for one in twice] == [("A", "B")]
    assert float(twice[0]["properties"]["square_metres"]) == pytest.approx(10_000, abs=0.01)
    assert twice[0]["properties"]["since"] == "2026-03-01"
    assert twice[0]["geometry"]["type"] in {"Polygon", "MultiPolygon"}


@pytest.mark.usefixtures("drawn")
def test_land_of_two_programmes_or_of_other_days_may_be_shared(client: TestClient, owner_engine: Engine) -> None:
    corrupt(
        owner_engine,
        "UPDATE parcel_version SET geom = (SELECT v.geom FROM parcel_version AS v JOIN parcel AS p"
        " ON v.parcel_id = p.id WHERE p.code = 'A') WHERE parcel_id = (SELECT id FROM parcel WHERE code = 'D')",
    )
    assert "check_land_twice" not in {code for code, _ in found(client)}


@pytest.mark.usefixtures("drawn")
@pytest.mark.parametrize("grain", ["day", "month", "year"])
def test_the_roll_up_is_compared_with_the_pieces(client: TestClient, owner_engine: Engine, grain: str) -> None:
    corrupt(
        owner_engine,
        "UPDATE hectares_rollup SET ellipsoidal_square_metres = ellipsoidal_square_metres + 1,"
        " counted_square_metres = counted_square_metres + 1 WHERE id = (SELECT min(id) FROM hectares_rollup"
        " WHERE grain = 'any')".replace("any", grain),
    )
    assert ("check_roll_up", None) in found(client)
