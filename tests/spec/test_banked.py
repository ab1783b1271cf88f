"""What is in the bank, drawn: one letter is one hectare."""

import pytest
from sqlalchemy.orm import Session

from app.errors import Refused
from tests.spec.maps import Bank, expected, table_of


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


def test_an_entry_with_its_confirmation_puts_a_parcel_into_the_bank(bank: Bank) -> None:
    bank.parcels("""
        AA..
        ....
        .B..
        ....
    """)
    bank.event("bank_entry", "A", "2026-03-01")
    assert table_of(bank.ask(by="category,sub_district")) == expected("""
        industrial/N   2
        total          2
    """)


def test_a_parcel_across_two_sub_districts_counts_in_each_with_its_portion(bank: Bank) -> None:
    bank.parcels(
        """
        ....
        AAA.
        A.B.
        ....
    """,
        category={"A": "school", "B": "road"},
    )
    bank.event("bank_entry", "A")
    bank.event("bank_entry", "B")
    answer = bank.ask(by="category,sub_district")
    assert table_of(answer) == expected("""
        public_facility/N   3
        public_facility/S   1
        road_rail/S         1
        total               5
    """)
    assert answer.total.parcels == 2
    assert [row.parcels for row in answer.rows] == [1, 1, 1]
    assert table_of(bank.ask(by="subcategory")) == expected("""
        school   4
        road     1
        total    5
    """)


def test_land_outside_every_sub_district_counts_without_one(bank: Bank) -> None:
    bank.parcels("""
        ...AAA
        ......
        ......
        ......
    """)
    bank.event("bank_entry", "A")
    assert table_of(bank.ask(by="sub_district")) == expected("""
        N       1
        none    2
        total   3
    """)


def test_an_exit_takes_the_parcel_out_and_a_supply_does_not(bank: Bank) -> None:
    bank.parcels("AB")
    bank.event("bank_entry", "A", "2026-02-01")
    bank.event("bank_entry", "B", "2026-02-01")
    bank.event("supply", "A", "2026-04-01", kind="grant")
    bank.event("bank_exit", "B", "2026-05-01")
    assert table_of(bank.ask(as_of="2026-04-30"))["total"] == 2
    assert table_of(bank.ask(as_of="2026-05-01"))["total"] == 1
    assert table_of(bank.ask(measure="supplied"))["total"] == 1
    assert table_of(bank.ask(measure="bank_entries"))["total"] == 2


def test_total_supply_is_what_was_supplied_and_what_renewal_handed_over(bank: Bank) -> None:
    bank.parcels("AA", programme="renewal")
    bank.parcels("..B", programme="consolidation")
    bank.parcels("...CCC", programme="renewal", role="handover")
    bank.event("supply", "A")
    bank.event("handover", "B")
    bank.event("handover", "C")
    assert table_of(bank.ask(measure="handed_over"))["total"] == 4
    assert table_of(bank.ask(measure="supply_total", by="programme")) == expected("""
        renewal   5
        total     5
    """)


def test_a_document_of_another_type_is_stored_and_not_counted(bank: Bank) -> None:
    bank.parcels("A")
    recorded = bank.event("bank_entry", "A", "2026-03-01", document="survey_report")
    assert [remark.code for remark in recorded.remarks if remark.severity == "warn"] == ["document_type_not_counted"]
    assert table_of(bank.ask())["total"] == 0
    bank.event("bank_entry", "A", "2026-06-01")
    assert table_of(bank.ask())["total"] == 1


def test_a_reversal_makes_it_never_have_been(bank: Bank) -> None:
    bank.parcels("A")
    entry = bank.event("bank_entry", "A", "2026-03-01").row.event
    known_at = bank.query().known_at.isoformat()
    bank.event("reversal", None, "2026-07-01", reverses=entry.id)
    assert table_of(bank.ask(as_of="2026-04-01"))["total"] == 0
    assert table_of(bank.ask(as_of="2026-04-01", known_at=known_at))["total"] == 1


def test_the_year_is_that_of_the_document(bank: Bank) -> None:
    bank.parcels("AB")
    bank.event("bank_entry", "A", "2025-12-20", effective_date="2026-01-15")
    bank.event("bank_entry", "B", "2026-02-01")
    assert table_of(bank.ask(measure="bank_entries", by="year", **{"from": "2025-01-01"})) == expected("""
        2025    1
        2026    1
        total   2
    """)


def test_a_stock_by_year_is_taken_at_the_end_of_each(bank: Bank) -> None:
    bank.parcels("ABC", effective="2024-01-01")
    bank.event("bank_entry", "A", "2024-05-01")
    bank.event("bank_entry", "B", "2025-05-01")
    bank.event("bank_exit", "A", "2026-02-01")
    bank.event("bank_entry", "C", "2026-05-01")
    assert table_of(bank.ask(by="year", as_of="2026-04-30")) == expected("""
        2024    1
        2025    2
        2026    1
        total   1
    """)


def test_the_inventory_follows_the_versions_of_a_parcel(bank: Bank) -> None:
    bank.parcels("AA.", effective="2025-01-01")
    bank.parcels("AAA", effective="2026-01-01", category="road")
    assert table_of(bank.ask(measure="inventory", by="category", as_of="2025-12-31")) == expected("""
        industrial   2
        total        2
    """)
    assert table_of(bank.ask(measure="inventory", by="category", as_of="2026-01-01")) == expected("""
        road_rail   3
        total       3
    """)


def test_retained_land_is_never_banked(bank: Bank) -> None:
    bank.parcels("A", role="retained")
    with pytest.raises(Refused) as refused:
        bank.event("bank_entry", "A")
    assert refused.value.code == "retained_banked"


def test_candidates_may_overlap_and_the_answer_says_by_how_much(bank: Bank) -> None:
    bank.parcels("AAA.")
    bank.parcels(".BBB")
    bank.parcels(".CC.")
    answer = bank.ask(measure="inventory", by="category")
    row = answer.rows[0]
    # Σ = 3 + 3 + 2, union = 4: subtracting the pairs (2 + 2 + 2) would leave 2.
    assert [round(figure) for figure in (row.square_metres, row.overlap_square_metres)] == [80_000, 40_000]
    assert round(answer.total.land_square_metres) == 40_000


def test_no_land_is_banked_twice(bank: Bank) -> None:
    bank.parcels("AA.")
    bank.parcels(".BB")
    bank.event("bank_entry", "A", "2026-03-01")
    with pytest.raises(Refused) as refused:
        bank.event("bank_entry", "B", "2026-06-01")
    assert refused.value.code == "overlap_banked"


def test_land_may_be_banked_again_after_it_has_left(bank: Bank) -> None:
    bank.parcels("AA.")
    bank.parcels(".BB")
    bank.event("bank_entry", "A", "2026-03-01")
    bank.event("bank_exit", "A", "2026-06-01")
    bank.event("bank_entry", "B", "2026-06-01")
    assert table_of(bank.ask())["total"] == 2


def test_above_and_below_ground_may_overlap(bank: Bank) -> None:
    bank.parcels("AA", layer="surface")
    bank.parcels("BB", layer="below")
    bank.event("bank_entry", "A")
    bank.event("bank_entry", "B")
    assert table_of(bank.ask())["total"] == 2
    assert table_of(bank.ask(layer="below,surface"))["total"] == 4
