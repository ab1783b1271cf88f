"""Parcels split, merged and drawn anew: one letter is one hectare, and nothing enters the bank a second time."""

from decimal import Decimal

import pytest
from sqlalchemy.orm import Session

from app.errors import Conflict, LandbankError, Refused
from app.landbank.hectares.service import HectaresTable, pieces
from app.uploads.lineage import service as lineage
from tests.spec.maps import ACTOR, Bank, expected, table_of

BEFORE, AFTER = "2026-05-31", "2026-06-01"
FLOW = {"measure": "bank_entries", "from": "2024-01-01", "by": "category,year"}


@pytest.fixture
def bank(session: Session) -> Bank:
    made = Bank(session)
    made.places("""
        NNNN
        NNNN
        SSSS
        SSSS
    """)
    return made


def holders(bank: Bank, **parameters: str) -> dict[str, Decimal]:
    """Who holds how many hectares."""
    found: dict[str, Decimal] = {}
    for piece in pieces(bank.session, bank.settings, bank.query(**parameters), 1000, None).pieces:
        found[piece.code] = found.get(piece.code, Decimal(0)) + piece.square_metres
    return {code: (size / 10_000).quantize(Decimal("0.0001")) for code, size in sorted(found.items())}


def exact(table: HectaresTable) -> dict[object, Decimal]:
    return {row.keys: row.square_metres for row in (*table.rows, table.total)}


def test_after_a_split_the_children_hold_what_the_parent_held(bank: Bank) -> None:
    bank.parcels("""
        ....
        AAA.
        AAA.
        ....
    """)
    bank.event("bank_entry", "A", "2026-03-01")
    asked = [{"by": "category,sub_district", "as_of": day} for day in ("2026-03-01", BEFORE, AFTER)]
    asked += [{"measure": "inventory", "by": "category,sub_district", "as_of": AFTER}, FLOW]
    known_at = bank.query().known_at.isoformat()
    before = [exact(bank.ask(**one)) for one in asked]
    made = bank.split(
        "A",
        """
        ....
        BBC.
        BCC.
        ....
    """,
    )
    assert [exact(bank.ask(**one)) for one in asked] == before
    assert [exact(bank.ask(known_at=known_at, **one)) for one in asked] == before
    assert holders(bank, as_of=BEFORE) == expected("A 6")
    assert holders(bank, as_of=AFTER) == expected("""
        B   3
        C   3
    """)
    assert holders(bank, as_of=AFTER, known_at=known_at) == expected("A 6")
    assert holders(bank, measure="bank_entries") == expected("A 6")
    assert [(one.parcel, one.entered_as, str(one.entered_on)) for one in made.credits] == [
        ("B", "A", "2026-03-01"),
        ("C", "A", "2026-03-01"),
    ]
    assert made.operation.difference_square_metres < Decimal("0.001")


def test_each_child_goes_its_own_way(bank: Bank) -> None:
    bank.parcels("AAAA")
    bank.event("bank_entry", "A", "2026-03-01")
    bank.split("A", "BBCC")
    bank.event("supply", "B", "2026-07-01", kind="grant")
    assert bank.event("bank_exit", "B", "2026-08-01").row.event.id
    assert table_of(bank.ask(as_of="2026-07-31"))["total"] == 4
    assert holders(bank, as_of="2026-08-01") == expected("C 2")
    assert table_of(bank.ask(measure="supplied"))["total"] == 2
    with pytest.raises(Refused, match="exit_without_entry"):
        bank.event("bank_exit", "B", "2026-09-01")


def test_a_child_enters_again_only_after_it_left(bank: Bank) -> None:
    bank.parcels("AAAA")
    bank.event("bank_entry", "A", "2026-03-01")
    bank.split("A", "BBCC")
    with pytest.raises(Refused, match="already_banked"), bank.session.begin_nested():
        bank.event("bank_entry", "B", "2026-07-01")
    bank.event("bank_exit", "B", "2026-07-01")
    bank.event("bank_entry", "B", "2026-08-01")
    assert holders(bank, as_of="2026-08-01") == expected("""
        B   2
        C   2
    """)


def test_a_merged_parcel_carries_each_parents_date_and_category(bank: Bank) -> None:
    bank.parcels("AABB", category={"A": "industrial", "B": "industrial"})
    bank.event("bank_entry", "A", "2025-03-01")
    bank.event("bank_entry", "B", "2026-02-01")
    asked = [{"by": "category,sub_district", "as_of": day} for day in ("2025-12-31", BEFORE, AFTER)] + [FLOW]
    before = [exact(bank.ask(**one)) for one in asked]
    bank.merge("AB", "M")
    assert [exact(bank.ask(**one)) for one in asked] == before
    assert holders(bank, as_of=AFTER) == expected("M 4")
    assert holders(bank, measure="inventory", as_of=AFTER) == expected("M 4")
    assert bank.ask(as_of=AFTER).total.parcels == 1
    assert table_of(bank.ask(**FLOW)) == expected("""
        industrial/2025   2
        industrial/2026   2
        total             4
    """)
    bank.event("bank_exit", "M", "2026-09-01")
    assert table_of(bank.ask(as_of="2026-09-01"))["total"] == 0


def test_a_merged_parcel_of_two_categories_is_told_under_both(bank: Bank) -> None:
    bank.parcels("AABB", category={"A": "industrial", "B": "school"})
    bank.event("bank_entry", "A", "2025-03-01")
    bank.event("bank_entry", "B", "2026-02-01")
    with pytest.raises(Refused, match="lineage_parents_differ"), bank.session.begin_nested():
        bank.merge("AB", "M")
    bank.merge("AB", "M", land_category="school")
    answer = bank.ask(by="category", as_of=AFTER)
    assert table_of(answer) == expected("""
        industrial        2
        public_facility   2
        total             4
    """)
    assert [answer.total.parcels, *(row.parcels for row in answer.rows)] == [1, 1, 1]


def test_what_was_merged_can_be_split_along_other_lines(bank: Bank) -> None:
    bank.parcels("AABB")
    bank.event("bank_entry", "A", "2025-03-01")
    bank.event("bank_entry", "B", "2026-02-01")
    bank.merge("AB", "M", "2026-04-01")
    before = exact(bank.ask(by="category,sub_district"))
    made = bank.split("M", "CDDD")
    assert exact(bank.ask(by="category,sub_district")) == before
    assert [(one.parcel, one.entered_as, round(one.square_metres)) for one in made.credits] == [
        ("C", "A", 10_000),
        ("D", "A", 10_000),
        ("D", "B", 20_000),
    ]
    bank.event("bank_exit", "D", "2026-07-01")
    assert holders(bank, as_of="2026-07-01") == expected("C 1")


def test_land_that_was_split_or_merged_is_not_banked_twice(bank: Bank) -> None:
    bank.parcels("AABB")
    bank.event("bank_entry", "A", "2026-03-01")
    bank.event("bank_entry", "B", "2026-03-01")
    bank.merge("AB", "M")
    bank.parcels("...Z", effective="2026-07-01")
    with pytest.raises(Refused, match="overlap_banked"), bank.session.begin_nested():
        bank.event("bank_entry", "Z", "2026-07-01")
    bank.event("bank_exit", "M", "2026-08-01")
    bank.event("bank_entry", "Z", "2026-08-01")
    assert holders(bank) == expected("Z 1")


def test_a_boundary_change_moves_the_outline_and_keeps_the_credit(bank: Bank) -> None:
    bank.parcels("AA..")
    bank.event("bank_entry", "A", "2026-03-01")
    made = bank.boundary("AAA.", cause="change")
    assert round(made.operation.difference_square_metres) == 10_000
    assert [remark.code for remark in made.remarks] == ["boundary_difference"]
    assert holders(bank, measure="inventory", as_of=BEFORE) == expected("A 2")
    assert holders(bank, measure="inventory", as_of=AFTER) == expected("A 3")
    assert holders(bank, as_of=BEFORE) == holders(bank, as_of=AFTER) == expected("A 2")
    made = bank.split("A", "BCC.", "2026-07-01")
    assert [(one.parcel, round(one.square_metres)) for one in made.credits] == [("B", 10_000), ("C", 10_000)]


def test_parcels_without_events_are_split_and_merged_too(bank: Bank) -> None:
    bank.parcels("AAAA")
    bank.split("A", "BBCC")
    bank.merge("BC", "D", "2026-07-01")
    assert holders(bank, measure="inventory", as_of="2026-06-15") == expected("""
        B   2
        C   2
    """)
    assert holders(bank, measure="inventory") == expected("D 4")
    bank.event("bank_entry", "D", "2026-08-01")
    assert holders(bank) == expected("D 4")


def test_a_late_entry_of_the_parent_reaches_the_children(bank: Bank) -> None:
    bank.parcels("AAAA")
    bank.split("A", "BBCC")
    bank.event("bank_entry", "A", "2026-03-01")
    assert holders(bank, as_of=BEFORE) == expected("A 4")
    assert holders(bank, as_of=AFTER) == expected("""
        B   2
        C   2
    """)
    for day in (AFTER, "2026-09-01"):
        with pytest.raises(Refused, match="parcel_retired"), bank.session.begin_nested():
            bank.event("bank_exit", "A", day)


def test_a_split_is_taken_back_while_nothing_stands_on_it(bank: Bank) -> None:
    bank.parcels("AAAA")
    bank.event("bank_entry", "A", "2026-03-01")
    made = bank.split("A", "BBCC")
    known_at = bank.query().known_at.isoformat()
    exit_ = bank.event("bank_exit", "B", "2026-07-01").row.event
    with pytest.raises(Conflict, match="lineage_built_upon"), bank.session.begin_nested():
        lineage.undo(bank.session, ACTOR, made.operation.id)
    bank.event("reversal", None, "2026-07-01", reverses=exit_.id)
    lineage.undo(bank.session, ACTOR, made.operation.id)
    assert holders(bank) == expected("A 4")
    assert holders(bank, measure="inventory") == expected("A 4")
    assert set(holders(bank, known_at=known_at)) == {"B", "C"}
    with pytest.raises(Conflict, match="lineage_reversed"), bank.session.begin_nested():
        lineage.undo(bank.session, ACTOR, made.operation.id)
    bank.split("A", "BCCC", "2026-08-01")
    assert holders(bank) == expected("""
        B   1
        C   3
    """)


@pytest.mark.parametrize(
    ("drawing", "code"),
    [
        ("BBC.", "lineage_gap"),
        ("BBCCC", "lineage_excess"),
    ],
)
def test_children_that_are_not_their_parent_are_refused_with_the_land(bank: Bank, drawing: str, code: str) -> None:
    bank.parcels("AAAA")
    with pytest.raises(Refused, match=code) as refused:
        bank.split("A", drawing)
    [finding] = refused.value.extra["findings"]
    assert round(Decimal(finding["square_metres"])) == 10_000
    assert finding["geometry"]["type"] in {"Polygon", "MultiPolygon"}


def test_what_came_later_stands_against_an_earlier_split(bank: Bank) -> None:
    bank.parcels("AAAA")
    bank.event("bank_entry", "A", "2026-07-01")
    with pytest.raises(LandbankError, match="lineage_before_event"):
        bank.split("A", "BBCC")


def test_parents_that_share_land_are_not_merged(bank: Bank) -> None:
    bank.parcels("AAA.")
    bank.parcels("..BB")
    with pytest.raises(Refused, match="lineage_twice") as refused, bank.session.begin_nested():
        bank.merge("AB", "M")
    [finding] = refused.value.extra["findings"]
    assert (finding["one"], finding["other"], round(Decimal(finding["square_metres"]))) == ("A", "B", 10_000)


def test_what_was_split_or_merged_is_not_split_or_merged_again(bank: Bank) -> None:
    bank.parcels("AAAABB")
    bank.split("A", "CCDD..")
    with pytest.raises(Conflict, match="parcel_retired"), bank.session.begin_nested():
        bank.split("A", "EEEF..", "2026-07-01")
    with pytest.raises(Conflict, match="parcel_retired"), bank.session.begin_nested():
        bank.merge("AB", "M", "2026-07-01")
    assert set(holders(bank, measure="inventory")) == {"B", "C", "D"}


def test_a_child_leaves_the_bank_no_earlier_than_it_came_of_its_parent(bank: Bank) -> None:
    bank.parcels("AAAA")
    bank.event("bank_entry", "A", "2026-03-01")
    bank.split("A", "BBCC")
    with pytest.raises(Refused, match="exit_before_lineage"), bank.session.begin_nested():
        bank.event("bank_exit", "B", BEFORE)
    bank.event("bank_exit", "B", AFTER)
    assert holders(bank, as_of=AFTER) == expected("C 2")


def test_credit_stays_on_the_land_that_was_entered_when_the_boundary_moves(bank: Bank) -> None:
    bank.parcels("AA..")
    bank.event("bank_entry", "A", "2026-03-01")
    bank.boundary(".AA.", cause="change")
    bank.parcels("X..Y", effective="2026-07-01")
    with pytest.raises(Refused, match="overlap_banked"), bank.session.begin_nested():
        bank.event("bank_entry", "X", "2026-07-01")
    bank.parcels("..Z.", effective="2026-07-01")
    bank.event("bank_entry", "Z", "2026-07-01")
    assert holders(bank) == expected("""
        A   2
        Z   1
    """)
    bank.event("bank_exit", "A", "2026-08-01")
    bank.event("bank_entry", "X", "2026-08-01")
    assert holders(bank) == expected("""
        X   1
        Z   1
    """)


def test_a_boundary_change_enters_nothing_and_moves_no_date(bank: Bank) -> None:
    bank.parcels("AA..")
    bank.event("bank_entry", "A", "2025-03-01")
    before = [exact(bank.ask(**FLOW)), exact(bank.ask(by="category")), exact(bank.ask(by="category", as_of=BEFORE))]
    bank.boundary("A...", cause="change")
    after = [exact(bank.ask(**FLOW)), exact(bank.ask(by="category")), exact(bank.ask(by="category", as_of=BEFORE))]
    assert after == before
    with pytest.raises(Refused, match="already_banked"), bank.session.begin_nested():
        bank.event("bank_entry", "A", "2026-07-01")


def test_a_handover_that_children_carry_on_is_not_banked_for_consolidation(bank: Bank) -> None:
    bank.parcels("RRRR", programme="renewal", role="handover")
    bank.event("handover", "R", "2026-02-01")
    bank.split("R", "STTU", "2026-06-01")
    bank.merge("ST", "V", "2026-06-15")
    bank.parcels("AABB", programme="consolidation", effective="2026-07-01")
    bank.split("B", "..CD", "2026-07-02")
    for code in "ACD":
        with pytest.raises(Refused, match="land_credited_elsewhere"), bank.session.begin_nested():
            bank.event("bank_entry", code, "2026-07-05")
