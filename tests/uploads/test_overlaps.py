"""However parcels come in, together or in turn, the same overlaps are kept."""

from collections.abc import Sequence
from decimal import Decimal

import pytest
from sqlalchemy import select
from sqlalchemy.orm import aliased

from app.inventory.models import OverlapFace, OverlapFaceMember, Parcel, ParcelOverlap, ParcelVersion
from app.uploads import overlaps
from tests.uploads.conftest import Desk, Row, square

A, B, C = (Row(code, square(at, 0)) for code, at in (("A", 0), ("B", 0.5), ("C", 0.75)))
D, E = Row("D", square(8, 0)), Row("E", square(8.25, 0))
PAIRS = {
    "AB": Decimal("5000.0000"), "AC": Decimal("2500.0000"), "BC": Decimal("7500.0000"), "DE": Decimal("7500.0000")
}  # fmt: skip
FACES = {
    "AB": Decimal("2500.0000"), "ABC": Decimal("2500.0000"), "BC": Decimal("5000.0000"), "DE": Decimal("7500.0000")
}  # fmt: skip


def pairs(desk: Desk) -> dict[str, Decimal]:
    """Square metres of the kept pairs by the codes of their parcels."""
    one, other, first, second = aliased(ParcelVersion), aliased(ParcelVersion), aliased(Parcel), aliased(Parcel)
    found = (
        select(first.code, second.code, ParcelOverlap.plane_square_metres)
        .join(one, one.id == ParcelOverlap.first_version_id)
        .join(other, other.id == ParcelOverlap.second_version_id)
        .join(first, first.id == one.parcel_id)
        .join(second, second.id == other.parcel_id)
    )
    return {"".join(sorted(row[:2])): row[2] for row in desk.rows(found)}


def faces(desk: Desk) -> dict[str, Decimal]:
    """Square metres of the faces held for true by the codes of their members."""
    found = (
        select(OverlapFace.id, Parcel.code, OverlapFace.plane_square_metres)
        .join(OverlapFaceMember, OverlapFaceMember.face_id == OverlapFace.id)
        .join(ParcelVersion, ParcelVersion.id == OverlapFaceMember.parcel_version_id)
        .join(Parcel, Parcel.id == ParcelVersion.parcel_id)
        .where(OverlapFace.recorded_to.is_(None))
        .order_by(OverlapFace.id, Parcel.code)
    )
    members: dict[int, str] = {}
    sizes: dict[int, Decimal] = {}
    for face, code, size in desk.rows(found):
        members[face] = members.get(face, "") + code
        sizes[face] = size
    return {members[face]: size for face, size in sizes.items()}


@pytest.mark.parametrize(
    "files",
    [
        pytest.param([[A, B, C, D, E]], id="together"),
        pytest.param([[A, D], [B, C, E]], id="new beside stored"),
        pytest.param([[A], [A, B, C, D, E]], id="beside an unchanged row of the same file"),
        pytest.param([[A, B], [D, E], [C]], id="in turn"),
    ],
)
def test_the_same_overlaps_are_kept(desk: Desk, files: Sequence[Sequence[Row]]) -> None:
    for number, rows in enumerate(files):
        upload = desk.upload(rows, f"{number}.zip")
        assert upload.state == "committed", desk.codes(upload)
    assert pairs(desk) == PAIRS
    assert faces(desk) == FACES


def test_a_cluster_that_loses_a_row_is_drawn_without_it(desk: Desk) -> None:
    desk.upload([Row("X", square(1.5, 0), banked_on="20260301")])
    banked = Row("C", C.shape, banked_on="20260302")  # on X, which is in the bank
    stored = desk.upload([A, B, banked, D, E], "more.zip", rows="good")
    assert stored.counts["new"] == 4, desk.codes(stored)
    assert pairs(desk) == {name: PAIRS[name] for name in ("AB", "DE")}
    assert faces(desk) == {"AB": PAIRS["AB"], "DE": PAIRS["DE"]}


def test_one_file_away_from_stored_land_is_overlaid_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlaps, "run_overlay", None)
    desk.upload([A, B, C])
    assert desk.upload([D, E], "more.zip").state == "committed"
    assert pairs(desk) == PAIRS


def test_an_overlap_names_the_parcel_that_holds_the_land(desk: Desk) -> None:
    desk.upload([A], "first.zip")
    upload = desk.upload([B, D, E], "second.zip")
    told = {one.feature: one for one in desk.findings(upload) if one.code == "overlap"}
    stored, beside = told["B"].parameters, told["E"].parameters
    assert (stored["other"], stored["other_row"], stored["layer"]) == ("A", "–", "surface")
    assert (stored["programme"], stored["other_programme"]) == ("consolidation", "consolidation")
    assert (beside["parcel"], beside["other"], beside["other_row"]) == ("E", "D", "2")
    assert told["B"].row == 1
    assert told["B"].geometry is not None
    assert Decimal(stored["square_metres"]) == pytest.approx(5000, abs=1)


def test_land_banked_twice_names_its_holder_programme_and_layer(desk: Desk) -> None:
    desk.upload([Row("A", square(0, 0), banked_on="20260301")], "first.zip")
    refused = desk.upload([Row("B", square(0.5, 0), banked_on="20260401")], "second.zip")
    [finding] = [one for one in desk.findings(refused) if one.code == "overlap_banked"]
    assert {name: finding.parameters[name] for name in ("programme", "layer")} == {
        "programme": "consolidation",
        "layer": "surface",
    }
    assert "A" in {finding.parameters["parcel"], finding.parameters["other"]}
