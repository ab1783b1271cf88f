"""A file that replaces what a project or a sub-district has: what it does not name is retired, never deleted."""

from decimal import Decimal
from typing import Any

import orjson
import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from app.inventory.models import Parcel, ParcelVersion
from app.uploads.models import Upload
from tests.uploads.conftest import MAPPING, Desk, Row, square, write

THREE = [Row("A", square(0, 0)), Row("B", square(2, 0), "public_facility"), Row("C", square(4, 0))]
IN_P1 = MAPPING | {"constants": {"programme": "consolidation", "project_code": "P1"}}
IN_P2 = MAPPING | {"constants": {"programme": "consolidation", "project_code": "P2"}}
REPLACE: dict[str, Any] = {"on_existing": "replace", "scope": "project:P1", "mapping": IN_P1}


def hectares(client: TestClient, **asked: str) -> Decimal:
    answer = client.get("/hectares", params={"measure": "inventory", "by": "category", **asked}).json()
    return Decimal(answer["total"]["hectares"])


def newest(desk: Desk, code: str) -> ParcelVersion:
    statement = (
        select(ParcelVersion)
        .join(Parcel, Parcel.id == ParcelVersion.parcel_id)
        .where(Parcel.code == code, ParcelVersion.recorded_to.is_(None))
        .order_by(ParcelVersion.version.desc())
        .limit(1)
    )
    version: ParcelVersion = desk.scalar(statement)
    return version


def counts(upload: Upload) -> tuple[int, ...]:
    return tuple(upload.counts[name] for name in ("read", "new", "changed", "unchanged", "missing", "refused"))


@pytest.fixture
def known(desk: Desk) -> Upload:
    """A, B and C of project P1, and D of project P2."""
    desk.upload([Row("D", square(6, 0))], "other.zip", mapping=IN_P2)
    return desk.upload(THREE, mapping=IN_P1)


@pytest.mark.usefixtures("known")
def test_what_the_file_does_not_name_is_retired_and_nothing_is_deleted(desk: Desk, client: TestClient) -> None:
    before = client.get("/hectares", params={"measure": "inventory"}).json()
    replaced = desk.upload([*THREE[:1], Row("E", square(8, 0))], "new.zip", **REPLACE)
    assert (replaced.state, counts(replaced)) == ("committed", (2, 1, 0, 1, 2, 0)), desk.codes(replaced)
    assert [newest(desk, code).retired for code in "ABCDE"] == [False, True, True, False, False]
    assert desk.scalar(select(func.count()).select_from(Parcel)) == 5
    assert Decimal("2.99") < hectares(client) < Decimal("3.01")
    assert replaced.hectares_after["industrial"].startswith(("2.99", "3.00"))
    then = client.get("/hectares", params={"measure": "inventory", "known_at": before["known_at"]}).json()
    if "code" not in then:
        assert then["total"] == before["total"]
    history = client.get("/parcels/B/history").json()["versions"]
    assert [(one["version"], one["retired"], len(one["portions"])) for one in history] == [(1, False, 1), (2, True, 0)]


def test_yesterday_a_retired_parcel_is_still_there(desk: Desk, client: TestClient) -> None:
    dated = [Row(row.code, row.shape, row.category, "") for row in THREE]
    mapping = IN_P1 | {"constants": IN_P1["constants"] | {"effective_date": "2026-01-01"}}
    desk.upload(dated, mapping=mapping)
    desk.upload(dated[:1], "new.zip", **(REPLACE | {"mapping": mapping}))
    assert Decimal("0.99") < hectares(client) < Decimal("1.01")
    assert Decimal("2.99") < hectares(client, as_of="2026-06-30") < Decimal("3.01")


@pytest.mark.usefixtures("known")
def test_the_same_replacement_again_changes_nothing(desk: Desk) -> None:
    desk.upload(THREE[:1], "new.zip", **REPLACE)
    again = desk.upload(THREE[:1], "new.zip", **REPLACE)
    assert (again.state, counts(again), again.publication_id) == ("committed", (1, 0, 0, 1, 0, 0), None)


@pytest.mark.usefixtures("known")
def test_a_parcel_that_comes_back_is_there_again(desk: Desk, client: TestClient) -> None:
    desk.upload(THREE[:1], "new.zip", **REPLACE)
    back = desk.upload(THREE, "back.zip", mapping=IN_P1)
    assert counts(back) == (3, 0, 2, 1, 0, 0)
    assert not newest(desk, "B").retired
    assert Decimal("3.99") < hectares(client) < Decimal("4.01")


@pytest.mark.usefixtures("known")
def test_undo_brings_back_what_was_retired(desk: Desk, client: TestClient) -> None:
    replaced = desk.upload(THREE[:1], "new.zip", **REPLACE)
    assert counts(replaced) == (1, 0, 0, 1, 2, 0)
    assert desk.undo(replaced.id).state == "undone"
    assert not newest(desk, "B").retired
    assert Decimal("3.99") < hectares(client) < Decimal("4.01")
    assert desk.upload(THREE, mapping=IN_P1).counts["unchanged"] == 3


@pytest.mark.usefixtures("known")
def test_a_successor_on_the_same_land_overlaps_nothing(desk: Desk) -> None:
    replaced = desk.upload([*THREE[1:], Row("A2", square(0, 0))], "new.zip", **REPLACE)
    assert replaced.state == "committed"
    assert "overlap" not in desk.codes(replaced)


@pytest.mark.parametrize("how", [{}, {"commit": "ask"}])
def test_land_in_the_bank_does_not_vanish(desk: Desk, client: TestClient, how: dict[str, Any]) -> None:
    desk.upload([THREE[0], Row("B", square(2, 0), banked_on="20260301")], mapping=IN_P1)
    refused = desk.upload(THREE[:1], "new.zip", **(REPLACE | how))
    assert refused.state == "refused"
    [finding] = [one for one in desk.findings(refused) if one.code == "retires_banked"]
    assert (finding.feature, finding.row) == ("B", None)
    assert not newest(desk, "B").retired
    left = {"type": "bank_exit", "parcel": "B", "document": {"type": "approval", "number": "1", "date": "2026-04-01"}}
    assert client.post("/events", json=left).status_code == 201
    assert desk.upload(THREE[:1], "new.zip", **REPLACE).state == "committed"
    banked = client.get("/hectares", params={"measure": "banked", "as_of": "2026-03-15"}).json()
    assert Decimal(banked["total"]["hectares"]) > Decimal("0.99")


@pytest.mark.usefixtures("known")
def test_nothing_is_recorded_on_a_retired_parcel(desk: Desk, client: TestClient) -> None:
    desk.upload(THREE[:1], "new.zip", **REPLACE)
    today = desk.settings.today().isoformat()
    document = {"type": "handover_confirmation", "number": "1", "date": today}
    answer = client.post("/events", json={"type": "bank_entry", "parcel": "B", "document": document})
    assert (answer.status_code, answer.json()["code"]) == (422, "parcel_gone")


@pytest.mark.usefixtures("known")
def test_rows_of_elsewhere_refuse_the_file(desk: Desk) -> None:
    refused = desk.upload(THREE[:1], "new.zip", **(REPLACE | {"mapping": IN_P2}))
    assert refused.state == "refused"
    assert "row_outside_scope" in desk.codes(refused)
    assert not newest(desk, "B").retired


@pytest.mark.usefixtures("known")
def test_another_programme_is_not_touched(desk: Desk) -> None:
    renewal = IN_P1 | {"constants": {"programme": "renewal", "project_code": "P1"}}
    replaced = desk.upload(
        [Row("R", square(10, 0))], "r.zip", **(REPLACE | {"collection": "renewal-parcels", "mapping": renewal})
    )
    assert (replaced.state, replaced.counts["missing"]) == ("committed", 0), desk.codes(replaced)


WRONG = [
    ({"scope": ""}, "scope_missing", "scope"),
    ({"scope": "project:none"}, "scope_unknown", "scope"),
    ({"scope": "sub_district:none"}, "scope_unknown", "scope"),
    ({"scope": "P1"}, "scope_invalid", "scope"),
    ({"scope": "project:"}, "scope_invalid", "scope"),
    ({"on_existing": "update"}, "scope_without_replace", "scope"),
    ({"rows": "good"}, "replace_needs_all_rows", "rows"),
    ({"collection": "districts"}, "replace_only_parcels", "on_existing"),
    ({"on_existing": "other"}, "choice_unknown", "on_existing"),
]


def test_a_wrong_scope_is_a_bad_request(desk: Desk, client: TestClient) -> None:
    desk.upload(THREE[:1], mapping=IN_P1)
    path = write(desk.folder / "posted.zip", THREE)
    for wrong, code, parameter in WRONG:
        asked = {"collection": "parcels", "on_existing": "replace", "scope": "project:P1"} | wrong
        data = asked | {"mapping": orjson.dumps(IN_P1).decode()}
        answer = client.post("/uploads", data=data, files={"file": ("parcels.zip", path.read_bytes())})
        problem = answer.json()
        assert (answer.status_code, problem["code"], problem["parameter"]) == (400, code, parameter)
        assert problem["messages"]["zh"]["do"]


@pytest.mark.usefixtures("known")
def test_a_change_away_from_replace_forgets_the_scope(desk: Desk, client: TestClient) -> None:
    waiting = desk.upload(THREE[:1], "new.zip", **(REPLACE | {"commit": "ask"}))
    assert (waiting.state, waiting.counts["missing"]) == ("checked", 2)
    assert not newest(desk, "B").retired
    changed = client.patch(f"/uploads/{waiting.id}", json={"on_existing": "update"}).json()
    assert (changed["state"], changed["scope"]) == ("checked", None)
    assert client.post(f"/uploads/{waiting.id}/commit", json={"rows": "good"}).json()["state"] == "committed"
    assert not newest(desk, "B").retired


def test_land_of_a_retired_parcel_is_not_banked_twice(desk: Desk, client: TestClient) -> None:
    dated = IN_P1 | {"constants": IN_P1["constants"] | {"effective_date": "2026-01-01"}}
    desk.upload(THREE[:1], mapping=dated)
    assert desk.upload([Row("A2", square(0, 0))], "new.zip", **REPLACE).state == "committed"
    paper = {"type": "handover_confirmation", "number": "1", "date": "2026-03-01"}
    for code, status in (("A", 201), ("A2", 422)):
        answer = client.post("/events", json={"type": "bank_entry", "parcel": code, "document": paper})
        assert answer.status_code == status, answer.json()
    assert answer.json()["code"] == "overlap_banked"


@pytest.mark.usefixtures("known")
def test_undo_tells_land_that_a_parcel_shares_once_it_is_there_again(desk: Desk, client: TestClient) -> None:
    replaced = desk.upload(THREE[1:], "new.zip", **REPLACE)
    desk.upload([Row("Z", square(0.5, 0))], "z.zip", mapping=IN_P2)
    asked = {"measure": "inventory"}
    assert Decimal(client.get("/hectares", params=asked).json()["total"]["overlap_square_metres"]) == 0
    assert desk.undo(replaced.id).state == "undone"
    shared = client.get("/hectares", params=asked).json()["total"]["overlap_square_metres"]
    assert round(Decimal(shared)) == 5_000
