"""An upload from file to ledger and back, against real PostGIS."""

from decimal import Decimal

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from app.errors import Conflict
from app.inventory.models import LineageOperation, OverlapFace, Parcel, ParcelOverlap, ParcelVersion, Portion
from app.landbank.models import LandEvent
from app.uploads import service
from app.uploads.models import StagedRow
from tests.uploads.conftest import MAPPING, Desk, Row, square

TWO = [Row("A", square(0, 0)), Row("B", square(2, 0), "public_facility")]
BANKED = [Row("A", square(0, 0), banked_on="20260301"), Row("B", square(2, 0), banked_on="20260302")]


def counts(**given: int) -> dict[str, int]:
    return dict.fromkeys(("read", "new", "changed", "unchanged", "refused", "missing"), 0) | given


def test_rows_are_stored_with_their_origin_and_their_portions(desk: Desk) -> None:
    upload = desk.upload(TWO)
    assert upload.state == "committed", desk.codes(upload)
    assert upload.counts == counts(read=2, new=2)
    assert desk.scalar(select(func.count()).select_from(Parcel)) == 2
    assert desk.scalar(select(ParcelVersion.upload_row).where(ParcelVersion.land_category == "public_facility")) == 2
    total = desk.scalar(select(func.sum(ParcelVersion.ellipsoidal_square_metres)))
    assert desk.scalar(select(func.sum(Portion.ellipsoidal_square_metres))) == total
    assert desk.scalar(select(func.sum(ParcelVersion.plane_square_metres))) == Decimal("20000.0000")
    assert desk.scalar(select(func.count()).select_from(StagedRow)) == 0


def test_the_same_file_again_changes_nothing(desk: Desk) -> None:
    desk.upload(TWO)
    again = desk.upload(TWO)
    assert (again.state, again.counts) == ("committed", counts(read=2, unchanged=2))
    assert again.publication_id is None
    assert desk.scalar(select(func.count()).select_from(ParcelVersion)) == 2


def test_a_changed_row_becomes_a_new_version(desk: Desk) -> None:
    desk.upload(TWO)
    changed = desk.upload([TWO[0], Row("B", square(2, 0, 50), "public_facility")])
    assert changed.counts == counts(read=2, changed=1, unchanged=1)
    assert desk.scalar(select(func.max(ParcelVersion.version))) == 2
    assert Decimal(changed.hectares_before["public_facility"]) > Decimal("0.999")
    assert Decimal(changed.hectares_after["public_facility"]) < Decimal("0.251")


def test_on_existing_add_refuses_a_changed_row(desk: Desk) -> None:
    desk.upload(TWO)
    refused = desk.upload([Row("A", square(0, 0, 50))], on_existing="add")
    assert refused.state == "refused"
    assert desk.codes(refused) >= {"code_exists"}


def test_missing_counts_what_the_last_file_of_this_name_had(desk: Desk) -> None:
    desk.upload(TWO)
    assert desk.upload(TWO[:1]).counts == counts(read=1, unchanged=1, missing=1)


def test_a_dry_run_says_all_and_stores_nothing(desk: Desk) -> None:
    tried = desk.upload(TWO, dry_run=True)
    assert (tried.state, tried.counts) == ("checked", counts(read=2, new=2))
    assert tried.hectares_after["industrial"].startswith(("0.99", "1.00"))
    assert desk.scalar(select(func.count()).select_from(Parcel)) == 0
    with pytest.raises(Conflict):
        desk.act(tried.id, service.commit)


def test_asking_waits_in_checked_until_the_commit(desk: Desk) -> None:
    waiting = desk.upload(TWO, commit="ask")
    assert waiting.state == "checked"
    assert desk.scalar(select(func.count()).select_from(Parcel)) == 0
    assert desk.act(waiting.id, service.commit).state == "committed"
    assert desk.scalar(select(func.count()).select_from(Parcel)) == 2


def test_one_refused_row_refuses_the_file_unless_the_good_ones_are_asked_for(desk: Desk) -> None:
    rows = [*TWO, Row("C", square(4, 0), "no such category")]
    refused = desk.upload(rows)
    assert (refused.state, refused.counts) == ("refused", counts(read=3, refused=3))
    good = desk.upload(rows, rows="good")
    assert (good.state, good.counts) == ("committed", counts(read=3, new=2, refused=1))


def test_events_come_with_their_rows_once(desk: Desk) -> None:
    first = desk.upload(BANKED)
    assert first.state == "committed", desk.codes(first)
    desk.upload(BANKED)
    assert desk.scalar(select(func.count()).select_from(LandEvent)) == 2


def test_an_entry_whose_document_does_not_count_is_stored_and_told(desk: Desk) -> None:
    other = MAPPING | {"values": {"document_type": {"*": "survey_report"}}}
    done = desk.upload(BANKED[:1], mapping=other)
    assert done.state == "committed", desk.codes(done)
    assert "document_type_not_counted" in desk.codes(done)
    assert desk.scalar(select(func.count()).select_from(LandEvent)) == 1


def test_land_is_not_banked_twice(desk: Desk) -> None:
    desk.upload(BANKED)
    refused = desk.upload([Row("C", square(0.5, 0), banked_on="20260401")], "more.zip")
    assert refused.state == "refused"
    [finding] = [one for one in desk.findings(refused) if one.code == "overlap_banked"]
    assert finding.geometry is not None
    assert desk.scalar(select(func.count()).select_from(LandEvent)) == 2
    assert desk.scalar(select(func.count()).select_from(Parcel)) == 2


def test_with_good_rows_only_the_conflicting_row_is_left_out(desk: Desk) -> None:
    desk.upload(BANKED)
    more = [Row("C", square(0.5, 0), banked_on="20260401"), Row("D", square(6, 0), banked_on="20260401")]
    stored = desk.upload(more, "more.zip", rows="good")
    assert (stored.state, stored.counts) == ("committed", counts(read=2, new=1, refused=1))


def test_overlaps_of_candidates_are_kept_per_pair_and_per_face(desk: Desk) -> None:
    desk.upload([Row("A", square(0, 0)), Row("B", square(0.5, 0))])
    later = desk.upload([Row("C", square(0.75, 0))], "more.zip")
    assert "overlap" in desk.codes(later)
    assert desk.scalar(select(func.count()).select_from(ParcelOverlap)) == 3
    faces = select(func.sum(OverlapFace.plane_square_metres)).where(OverlapFace.recorded_to.is_(None))
    assert desk.scalar(faces) == Decimal("10000.0000")


def test_a_banked_outline_moves_only_when_a_person_accepts_it(desk: Desk) -> None:
    desk.upload(BANKED)
    moved = desk.upload([Row("A", square(0, 0, 90), banked_on="20260301"), BANKED[1]])
    assert moved.state == "refused"
    [finding] = [one for one in desk.findings(moved) if one.code == "outline_in_ledger"]
    assert finding.feature == "A"


def test_undo_takes_everything_back_and_forgets_nothing(desk: Desk) -> None:
    desk.upload(TWO)
    changed = desk.upload([Row("A", square(0, 0), banked_on="20260301"), Row("E", square(8, 0))], "more.zip")
    assert changed.state == "committed", desk.codes(changed)
    assert desk.undo(changed.id).state == "undone"
    live = select(func.count()).select_from(ParcelVersion).where(ParcelVersion.recorded_to.is_(None))
    assert desk.scalar(live) == 2
    assert desk.scalar(select(func.count()).select_from(ParcelVersion)) == 4
    assert desk.scalar(select(func.count()).select_from(LandEvent)) == 2
    assert desk.upload(TWO).counts == counts(read=2, unchanged=2)


def test_what_later_data_builds_on_cannot_be_undone(desk: Desk) -> None:
    first = desk.upload(TWO)
    desk.upload([Row("A", square(0, 0, 50))], "more.zip")
    with pytest.raises(Conflict, match="upload_built_upon"):
        desk.undo(first.id)


def test_an_accepted_survey_correction_reverses_the_events_and_records_them_anew(desk: Desk) -> None:
    desk.upload(BANKED)
    moved = desk.upload([Row("A", square(0, 0, 90), banked_on="20260301"), BANKED[1]])
    [finding] = [one for one in desk.findings(moved) if one.code == "outline_in_ledger"]
    again = desk.act(moved.id, service.change, {"decisions": {str(finding.id): "accept"}})
    assert again.state == "checked", desk.codes(again)
    assert desk.act(moved.id, service.commit).state == "committed"
    assert desk.scalar(select(func.count()).select_from(LandEvent)) == 4
    newest = select(LandEvent.reason).where(LandEvent.type == "bank_entry").order_by(LandEvent.id.desc()).limit(1)
    assert desk.scalar(newest) == "survey_correction"


def test_a_parcel_tells_its_history(desk: Desk, client: TestClient) -> None:
    desk.upload(TWO)
    desk.upload([Row("A", square(0, 0, 50))], "more.zip")
    history = client.get("/parcels/A/history").json()
    assert [version["version"] for version in history["versions"]] == [1, 2]
    assert history["versions"][1]["plane_square_metres"] == "2500.0000"
    assert history["versions"][1]["portions"][0]["plane_square_metres"] == "2500.0000"
    assert client.get("/parcels/no-such/history").status_code == 404


def test_an_accepted_boundary_change_keeps_the_events_and_can_be_undone(desk: Desk) -> None:
    desk.upload(BANKED)
    banked = select(func.sum(ParcelVersion.plane_square_metres)).join(
        LandEvent, LandEvent.parcel_version_id == ParcelVersion.id
    )
    before = desk.scalar(banked)
    moved = desk.upload([Row("A", square(0, 0, 90), banked_on="20260301"), BANKED[1]], commit="ask")
    ways = {one.code: one for one in desk.findings(moved) if one.severity == "refuse"}
    assert set(ways) == {"outline_in_ledger", "outline_as_boundary_change"}
    both = {str(finding.id): "accept" for finding in ways.values()}
    assert desk.act(moved.id, service.change, {"decisions": both}).state == "refused"
    ways = {one.code: one for one in desk.findings(moved) if one.severity == "refuse"}
    decided = {
        str(ways["outline_as_boundary_change"].id): "accept",
        str(ways["outline_in_ledger"].id): "refuse",
    }
    again = desk.act(moved.id, service.change, {"decisions": decided})
    assert again.state == "checked", desk.codes(again)
    assert "boundary_change" in desk.codes(again)
    assert desk.act(moved.id, service.commit).state == "committed"
    assert desk.scalar(select(func.count()).select_from(LandEvent)) == 2
    assert desk.scalar(banked) == before
    [version] = desk.all(select(ParcelVersion).where(ParcelVersion.upload_id == moved.id))
    assert version.effective_date == desk.settings.today()
    [operation] = desk.all(select(LineageOperation))
    assert (operation.type, round(operation.difference_square_metres)) == ("boundary_change", -1900)
    assert desk.undo(moved.id).state == "undone"
    assert [one.type for one in desk.all(select(LineageOperation).order_by(LineageOperation.id))] == [
        "boundary_change",
        "reversal",
    ]


def test_an_exit_that_later_entries_stand_on_is_not_undone(desk: Desk, client: TestClient) -> None:
    desk.upload([Row("A", square(0, 0), banked_on="20260301")])
    left = desk.upload([Row("A", square(0, 0), banked_on="20260401", event="bank_exit")], "left.zip")
    desk.upload([Row("Z", square(0.5, 0))], "z.zip")
    for code in ("A", "Z"):
        paper = {"type": "handover_confirmation", "number": "1", "date": "2026-05-01"}
        entered = client.post("/events", json={"type": "bank_entry", "parcel": code, "document": paper}).json()
        with pytest.raises(Conflict, match="upload_built_upon") as refused:
            desk.undo(left.id)
        assert code in str(refused.value.values["codes"])
        taken_back = {"type": "reversal", "reverses": entered["id"], "document": paper}
        assert client.post("/events", json=taken_back).status_code == 201
    assert desk.undo(left.id).state == "undone"
