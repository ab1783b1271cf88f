"""What was answered for a moment stays so, however late it is asked again."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from app.db import lock_publication, unit_of_work
from app.settings import Settings
from tests.landbank.test_http import problem
from tests.spec.maps import Bank

DAY = {"as_of": "2026-12-31"}


@pytest.fixture(autouse=True)
def drawn(database_engine: Engine) -> None:
    with unit_of_work(database_engine) as session:
        bank = Bank(session)
        bank.places("NNSS")
        bank.parcels("AABB", category={"A": "industrial", "B": "road"})
        bank.event("bank_entry", "A", "2026-02-01")


def test_a_moment_before_a_publication_under_way_is_not_answered_yet(
    client: TestClient, database_engine: Engine
) -> None:
    now = {"known_at": datetime.now(UTC).isoformat()}
    with unit_of_work(database_engine) as session:
        lock_publication(session)
        told = problem(client.get("/hectares", params=DAY | now), 503, "publication_under_way")
        newest = {"known_at": told["messages"]["en"]["do"].split()[6]}
        assert client.get("/hectares", params=DAY | newest).status_code == 200
        assert client.get("/hectares", params=DAY).status_code == 200
    assert client.get("/hectares", params=DAY | now).status_code == 200


def test_boundaries_of_now_are_those_of_the_day_on_which_it_was_known(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = DAY | {"boundaries": "now", "by": "sub_district"}
    today = client.get("/hectares", params=asked).json()
    known = asked | {"known_at": today["known_at"]}
    before = client.get("/hectares", params=known).content
    monkeypatch.setattr(Settings, "today", lambda _: date(2031, 1, 1))
    assert client.get("/hectares", params=known).content == before
    assert client.get("/hectares", params=asked).json()["boundaries"] == "2031-01-01"


def test_links_name_the_day_of_the_boundaries(client: TestClient) -> None:
    body = client.get("/hectares", params=DAY | {"boundaries": "now"}).json()
    assert f"boundaries={body['boundaries']}" in body["total"]["links"][0]["href"]
    assert client.get(body["total"]["links"][0]["href"]).status_code == 200
    problem(client.get("/hectares", params={"boundaries": "soon"}), 400, "parameter_not_a_day")
