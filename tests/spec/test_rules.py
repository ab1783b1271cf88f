"""Recognition rules, drawn: the same land and events, counted as another rule says."""

from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.errors import Refused
from app.landbank.hectares import queries, rollup
from app.landbank.rules.schemas import RuleIn
from app.landbank.rules.service import set_rule
from tests.spec.maps import ACTOR, Bank, expected, table_of

DEFAULT: dict[str, Any] = {
    "code": "other",
    "name_zh": "另一口径",
    "name_en": "Another rule",
    "programmes": ["consolidation"],
    "document_types": ["handover_confirmation"],
}


@pytest.fixture
def bank(session: Session) -> Bank:
    made = Bank(session)
    made.places("""
        NNNN
        SSSS
    """)
    return made


def rule(bank: Bank, **changes: Any) -> None:
    """Put a rule into force, and see that the roll-up follows."""
    set_rule(bank.session, ACTOR, RuleIn.model_validate(DEFAULT | changes))
    for measure in ("banked", "inventory"):
        query = bank.query(measure=measure, by="category,sub_district,month")
        assert rollup.answers(bank.session, query)
        pieces, rolled = queries.summed(bank.session, query), rollup.rolled_up(bank.session, query)
        assert {queries.key_of(row): row.square_metres for row in pieces} == {
            queries.key_of(row): row.square_metres for row in rolled
        }


def banked(bank: Bank, day: str = "2026-12-31", **asked: str) -> Any:
    return table_of(bank.ask(as_of=day, **asked))


def test_documents_of_another_type_can_be_what_counts(bank: Bank) -> None:
    bank.parcels("AABB")
    bank.event("bank_entry", "A", document="survey_report")
    bank.event("bank_entry", "B")
    assert banked(bank)["total"] == 2
    rule(bank, document_types=["handover_confirmation", "survey_report"])
    assert banked(bank)["total"] == 4
    rule(bank, document_types=["approval"])
    assert banked(bank)["total"] == 0


def test_an_entry_counts_once_the_parcel_was_handed_over(bank: Bank) -> None:
    bank.parcels("AABC")
    for letter in "ABC":
        bank.event("bank_entry", letter, "2026-03-01")
    bank.event("handover", "A", "2026-02-01")
    bank.event("handover", "B", "2026-03-02")
    rule(bank, required_events=["handover"])
    # B was handed over a day too late, C never.
    assert banked(bank)["total"] == 2


def test_an_entry_counts_with_a_survey_beside_its_confirmation(bank: Bank) -> None:
    bank.parcels("AABC")
    survey = {"type": "survey_report", "number": "S-1", "date": "2026-02-20"}
    bank.event("bank_entry", "A", supporting=[survey])
    bank.event("bank_entry", "B")
    bank.event("handover", "C", "2026-01-01", document="survey_report")
    bank.event("bank_entry", "C")
    rule(bank, required_documents=["survey_report"])
    assert banked(bank)["total"] == 3


def test_what_is_required_may_come_late_and_may_be_reversed(bank: Bank) -> None:
    bank.parcels("AA")
    bank.event("bank_entry", "A", "2026-03-01")
    rule(bank, required_events=["handover"])
    assert banked(bank)["total"] == 0
    before = bank.query().known_at.isoformat()
    bank.event("handover", "A", "2026-02-01")
    assert banked(bank)["total"] == 2
    assert banked(bank, known_at=before)["total"] == 0


def test_the_effective_date_can_be_the_one_that_counts(bank: Bank) -> None:
    bank.parcels("AA")
    bank.event("bank_entry", "A", "2025-12-20", effective_date="2026-01-15")
    assert banked(bank, "2025-12-31")["total"] == 2
    rule(bank, date_field="effective_date")
    assert banked(bank, "2025-12-31")["total"] == 0
    assert banked(bank, "2026-01-15")["total"] == 2


def test_square_metres_are_those_of_the_basis(bank: Bank) -> None:
    bank.parcels("AA")
    bank.event("bank_entry", "A")
    rule(bank, basis="declared")
    # None are declared: nothing to count.
    assert banked(bank)["total"] == 0
    assert bank.ask().basis == "rule"
    assert bank.ask(programme="consolidation").basis == "declared"
    rule(bank, basis="plane")
    assert bank.ask().total.square_metres == 20_000


def test_the_category_can_be_the_one_on_the_day_of_the_report(bank: Bank) -> None:
    bank.parcels("AA", category="industrial", effective="2025-01-01")
    bank.event("bank_entry", "A", "2025-03-01")
    bank.parcels("AA", category="school", effective="2026-06-01")
    bank.parcels("..B", category="road", effective="2026-07-01")
    bank.event("bank_entry", "B", "2026-02-01")
    at_entry = expected("""
        industrial   2
        road_rail    1
        total        3
    """)
    assert banked(bank, by="category") == at_entry
    rule(bank, category_at="report")
    assert banked(bank, by="category") == expected("""
        public_facility   2
        road_rail         1
        total             3
    """)
    assert banked(bank, "2026-05-31", by="category") == at_entry
    assert banked(bank, by="category,month")["industrial/2026-05"] == 2
    assert "industrial/2026-06" not in banked(bank, by="category,month")
    flow = {"measure": "bank_entries", "from": "2025-01-01", "to": "2025-12-31", "by": "category"}
    assert banked(bank, "2025-12-31", **flow)["industrial"] == 2
    # The same year, reported later: as_of is the day of the report.
    assert banked(bank, "2026-12-31", **flow)["public_facility"] == 2
    assert banked(bank, "2026-12-31", **flow, subcategory="school")["total"] == 2


def test_a_rule_speaks_for_the_years_of_its_documents(bank: Bank) -> None:
    bank.parcels("ABCD", effective="2024-01-01")
    for letter, day in zip("ABC", ("2024-06-01", "2025-06-01", "2026-06-01"), strict=True):
        bank.event("bank_entry", letter, day, document="survey_report")
    rule(bank, document_types=["survey_report"], from_year=2025, to_year=2025)
    assert banked(bank)["total"] == 1
    assert banked(bank, "2024-12-31")["total"] == 0
    assert [(one.code, one.from_year, one.to_year) for one in bank.ask(programme="consolidation").rules] == [
        ("handover_accepted", None, 2024),
        ("other", 2025, 2025),
        ("handover_accepted", 2026, None),
    ]
    rule(bank, document_types=["survey_report"], from_year=2024)
    assert banked(bank)["total"] == 3
    assert [(one.version, one.from_year, one.to_year) for one in bank.ask(programme="consolidation").rules] == [
        (1, None, 2023),
        (2, 2024, None),
    ]


def test_a_rule_of_one_programme_leaves_the_other_alone(bank: Bank) -> None:
    bank.parcels("AA", programme="consolidation")
    bank.parcels("..B", programme="renewal")
    bank.event("bank_entry", "A")
    bank.event("bank_entry", "B")
    rule(bank, document_types=["approval"])
    assert banked(bank, by="programme") == expected("""
        renewal   1
        total     1
    """)


def test_what_was_known_under_the_old_rule_stays(bank: Bank) -> None:
    bank.parcels("AABB")
    bank.event("bank_entry", "A")
    bank.event("bank_entry", "B", document="survey_report")
    before = bank.query().known_at.isoformat()
    rule(bank, document_types=["survey_report"], category_at="report", basis="plane")
    answer = bank.ask(known_at=before)
    assert table_of(answer)["total"] == 2
    assert {one.code for one in answer.rules} == {"handover_accepted"}


def test_the_same_rule_again_changes_nothing(bank: Bank) -> None:
    first = set_rule(bank.session, ACTOR, RuleIn.model_validate(DEFAULT))
    again = set_rule(bank.session, ACTOR, RuleIn.model_validate(DEFAULT))
    assert [one.id for one in again] == [one.id for one in first]
    changed = set_rule(bank.session, ACTOR, RuleIn.model_validate(DEFAULT | {"name_en": "Renamed"}))
    assert (first[0].version, changed[0].version) == (1, 2)


def test_a_rule_that_would_bank_a_parcel_twice_is_refused(bank: Bank) -> None:
    bank.parcels("AABB")
    bank.event("bank_entry", "A", "2026-02-01", document="survey_report")
    bank.event("bank_entry", "A", "2026-03-01")
    with pytest.raises(Refused) as refused:
        rule(bank, document_types=["handover_confirmation", "survey_report"])
    assert refused.value.code == "rule_banks_twice"
    assert refused.value.extra == {"parcels": [{"parcel": "A", "other": None}]}


def test_a_rule_that_would_bank_land_of_two_parcels_is_refused(bank: Bank) -> None:
    bank.parcels("AA..")
    bank.parcels(".BB.")
    bank.event("bank_entry", "A", "2026-02-01")
    bank.event("bank_entry", "B", "2026-03-01", document="survey_report")
    with pytest.raises(Refused) as refused:
        rule(bank, document_types=["handover_confirmation", "survey_report"])
    assert refused.value.extra == {"parcels": [{"parcel": "A", "other": "B"}]}
