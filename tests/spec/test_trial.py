"""Trying a rule, drawn: what it would have counted beside what counts, and nothing stored."""

from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db import Publication
from app.errors import NotFound
from app.landbank.models import RecognitionRule
from app.landbank.rules.schemas import RuleIn
from app.landbank.rules.trial import Trial, stored_rule, try_rule
from app.landbank.rules.trial_schemas import trial_document
from tests.spec.maps import Bank, table_of
from tests.spec.test_rules import DEFAULT, rule


@pytest.fixture
def bank(session: Session) -> Bank:
    made = Bank(session)
    made.parcels("""
        AABBC
        DDEEE
    """)
    made.event("bank_entry", "A", "2022-03-01")
    made.event("handover", "A", "2022-02-01")
    made.event("bank_entry", "B", "2022-04-01")
    made.event("bank_entry", "C", "2022-05-01", document="survey_report")
    made.event("bank_entry", "D", "2021-12-20", effective_date="2022-01-10")
    made.event("bank_entry", "E", "2023-05-01")
    return made


def tried(bank: Bank, year: int = 2022, **changes: Any) -> Trial:
    return try_rule(bank.session, RuleIn.model_validate(DEFAULT | changes), year)


def told(found: Trial) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(one.current.parcel, one.outcome, one.why) for one in found.entries]


def test_a_rule_that_requires_a_handover(bank: Bank) -> None:
    found = tried(bank, required_events=["handover"])
    assert told(found) == [("A", "both", ()), ("B", "only_current", ("event_missing",))]
    assert (round(found.current), round(found.tried)) == (40_000, 20_000)


def test_a_rule_of_other_documents_and_of_another_date(bank: Bank) -> None:
    found = tried(bank, document_types=["handover_confirmation", "survey_report"], date_field="effective_date")
    assert told(found) == [
        ("A", "both", ()),
        ("B", "both", ()),
        ("C", "only_tried", ("document_type",)),
        ("D", "only_tried", ("other_year",)),
    ]
    assert told(tried(bank, 2021, date_field="effective_date")) == [("D", "only_current", ("other_year",))]


def test_a_rule_of_other_square_metres(bank: Bank) -> None:
    found = tried(bank, basis="declared")
    assert told(found) == [("A", "both", ("square_metres",)), ("B", "both", ("square_metres",))]
    assert found.tried == 0


def test_a_rule_is_tried_in_every_year_whatever_its_own(bank: Bank) -> None:
    assert told(tried(bank, document_types=["approval"], from_year=2030)) == [
        ("A", "only_current", ("document_type",)),
        ("B", "only_current", ("document_type",)),
    ]


def test_what_would_be_banked_twice_is_told(bank: Bank) -> None:
    bank.event("bank_entry", "A", "2022-06-01", document="approval")
    found = tried(bank, document_types=["handover_confirmation", "approval"])
    assert [one.parcel for one in found.twice] == ["A"]


def test_nothing_is_stored(bank: Bank) -> None:
    counts = [select(func.count()).select_from(table) for table in (RecognitionRule, Publication)]
    before = [bank.session.execute(count).scalar_one() for count in counts], table_of(bank.ask())
    tried(bank, document_types=["approval"])
    assert ([bank.session.execute(count).scalar_one() for count in counts], table_of(bank.ask())) == before


def test_a_stored_rule_can_be_tried(bank: Bank) -> None:
    rule(bank, document_types=["survey_report"])
    old = stored_rule(bank.session, "handover_accepted", 1)
    document = trial_document(try_rule(bank.session, old, 2022))
    assert document["difference"]["hectares"] == "3.00000001"  # the last decimal is the ellipsoid's
    assert [(one["outcome"], one["entries"]) for one in document["outcomes"]] == [
        ("both", 0),
        ("only_current", 1),
        ("only_tried", 2),
    ]
    with pytest.raises(NotFound):
        stored_rule(bank.session, "handover_accepted", 9)
    with pytest.raises(NotFound):
        stored_rule(bank.session, "none", None)
