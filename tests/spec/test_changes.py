"""Why an answer changed, drawn: each cause once, and square metres that add up exactly."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.landbank.changes.service import Explanation, explain
from app.landbank.hectares.query import HectaresQuery
from app.landbank.rules.schemas import RuleIn
from app.landbank.rules.service import set_rule
from tests.spec.maps import ACTOR, Bank
from tests.spec.test_rules import DEFAULT


@pytest.fixture
def bank(session: Session) -> Bank:
    made = Bank(session)
    made.places("""
        NNNN
        SSSS
    """)
    return made


def adds_up(found: Explanation) -> None:
    """The changes of every row and of the total are exactly the difference between the answers."""
    left: dict[Any, Decimal] = defaultdict(Decimal)
    for table, sign in ((found.after, 1), (found.before, -1)):
        left["total"] += sign * table.total.square_metres
        for row in table.rows:
            left[tuple(code for _, code in row.keys)] += sign * row.square_metres
    for change in found.changes:
        left[change.row.codes] -= change.difference
        left["total"] -= change.difference if change.row.in_total else 0
    left.pop((), None)
    assert {key: size for key, size in left.items() if size} == {}


def told(bank: Bank, since: HectaresQuery, **asked: str) -> list[tuple[str, str, str, int]]:
    """Cause, parcel, row and hectares of each change since a moment."""
    query = bank.query(**({"by": "category"} | asked))
    found = explain(bank.session, bank.settings, query, since.known_at)
    adds_up(found)
    return [
        (one.cause, one.parcel, "/".join(map(str, one.row.codes)), round(one.difference / 10_000))
        for one in found.changes
    ]


def test_new_events_and_late_documents(bank: Bank) -> None:
    bank.parcels("AABCC")
    since = bank.query()
    bank.event("bank_entry", "A", "2020-03-01")
    bank.event("bank_entry", "B", "2100-12-30")
    bank.event("bank_entry", "C", "2020-04-01")
    bank.event("bank_exit", "C", "2020-05-01")
    assert told(bank, since, as_of="2100-12-31") == [
        ("late_document", "A", "industrial", 2),
        ("new_event", "B", "industrial", 1),
        ("late_document", "C", "industrial", 2),
        ("late_document", "C", "industrial", -2),
    ]


def test_a_change_names_its_event_its_document_and_who_published_it(bank: Bank) -> None:
    bank.parcels("AA")
    since = bank.query()
    entry = bank.event("bank_entry", "A", "2026-03-01").row.event
    change = explain(bank.session, bank.settings, bank.query(), since.known_at).changes[0]
    assert change.event is not None
    assert change.by is not None
    assert (change.event.id, change.event.document_number) == (entry.id, "bank_entry-A-2026-03-01")
    assert (change.by.actor, change.by.action) == (ACTOR.name, "event.record")
    assert change.by.recorded_at == entry.recorded_at


def test_a_reversal(bank: Bank) -> None:
    bank.parcels("AA")
    entry = bank.event("bank_entry", "A").row.event
    since = bank.query()
    bank.event("reversal", None, "2026-07-01", reverses=entry.id)
    assert told(bank, since) == [("reversal", "A", "industrial", -2)]


def test_a_rule_change_by_parcel(bank: Bank) -> None:
    bank.parcels("AAB")
    bank.event("bank_entry", "A", document="survey_report")
    bank.event("bank_entry", "B")
    since = bank.query()
    set_rule(bank.session, ACTOR, RuleIn.model_validate(DEFAULT | {"document_types": ["survey_report"]}))
    assert told(bank, since) == [("rule_change", "A", "industrial", 2), ("rule_change", "B", "industrial", -1)]


def test_parcels_new_and_changed(bank: Bank) -> None:
    bank.parcels("AA.B", category="industrial")
    since = bank.query()
    bank.parcels("..C.", category="road")
    bank.parcels("AA..", category="school")
    bank.parcels("...B\n...B", category="industrial")
    bank.parcels("...B\n...B", category="industrial", project="P-1")
    assert told(bank, since, measure="inventory") == [
        ("category_change", "A", "industrial", -2),
        ("category_change", "A", "public_facility", 2),
        ("boundary_change", "B", "industrial", 1),
        ("parcel_new", "C", "road_rail", 1),
    ]
    assert ("parcel_replaced", "B", "P-1", 2) in told(bank, since, measure="inventory", by="project")


def test_the_category_at_report_follows_the_parcel(bank: Bank) -> None:
    set_rule(bank.session, ACTOR, RuleIn.model_validate(DEFAULT | {"category_at": "report"}))
    bank.parcels("AA", category="industrial", effective="2025-01-01")
    bank.event("bank_entry", "A", "2025-03-01")
    since = bank.query()
    bank.parcels("AA", category="school", effective="2026-06-01")
    assert told(bank, since) == [
        ("category_change", "A", "industrial", -2),
        ("category_change", "A", "public_facility", 2),
    ]


def test_nothing_changed_by_what_does_not_count(bank: Bank) -> None:
    bank.parcels("AAB")
    bank.event("bank_entry", "A")
    since = bank.query()
    bank.event("supply", "A", "2026-05-01")
    bank.event("bank_entry", "B", document="approval")
    assert told(bank, since) == []
    assert told(bank, since, measure="supplied") == [("late_document", "A", "industrial", 2)]


def test_what_came_and_went_is_told_twice(bank: Bank) -> None:
    bank.parcels("AA")
    since = bank.query()
    entry = bank.event("bank_entry", "A").row.event
    bank.event("reversal", None, "2026-07-01", reverses=entry.id)
    assert told(bank, since) == [("late_document", "A", "industrial", 2), ("reversal", "A", "industrial", -2)]
