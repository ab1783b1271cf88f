"""What the ledger refuses, drawn, and what each event says it counts."""

from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from app.errors import Refused
from app.landbank.events.schemas import event_document
from app.landbank.events.service import events_of
from tests.spec.maps import Bank, table_of
from tests.spec.test_rules import rule


@pytest.fixture
def bank(session: Session) -> Bank:
    return Bank(session)


def refused(bank: Bank, code: str, *event: Any, **more: Any) -> Refused:
    """The event is refused for this reason, and leaves nothing behind."""
    with pytest.raises(Refused) as told, bank.session.begin_nested():
        bank.event(*event, **more)
    assert told.value.code == code
    return told.value


def test_land_enters_again_only_after_it_left(bank: Bank) -> None:
    bank.parcels("AA")
    bank.event("bank_entry", "A", "2026-03-01")
    refused(bank, "already_banked", "bank_entry", "A", "2026-06-01")
    # A late document, dated before: the entry already there would be the second one.
    refused(bank, "already_banked", "bank_entry", "A", "2026-01-01")
    bank.event("bank_exit", "A", "2026-05-01")
    refused(bank, "already_banked", "bank_entry", "A", "2026-04-01")
    bank.event("bank_entry", "A", "2026-06-01")


def test_only_land_in_the_bank_can_leave(bank: Bank) -> None:
    bank.parcels("AABC")
    refused(bank, "exit_without_entry", "bank_exit", "A", "2026-03-01")
    bank.event("bank_entry", "A", "2026-03-01")
    refused(bank, "exit_without_entry", "bank_exit", "A", "2026-02-01")
    bank.event("bank_exit", "A", "2026-04-01")
    refused(bank, "exit_without_entry", "bank_exit", "A", "2026-05-01")
    # An entry that does not count puts nothing into the bank.
    bank.event("bank_entry", "B", "2026-03-01", document="approval")
    refused(bank, "exit_without_entry", "bank_exit", "B", "2026-04-01")


def test_an_exit_stays_when_a_rule_no_longer_counts_its_entry(bank: Bank) -> None:
    bank.parcels("AA")
    bank.event("bank_entry", "A", "2026-03-01")
    bank.event("bank_exit", "A", "2026-04-01")
    rule(bank, document_types=["approval"])
    bank.event("supply", "A", "2026-05-01")


def test_a_reversal_waits_for_what_stands_on_the_event(bank: Bank) -> None:
    bank.parcels("AA")
    entry = bank.event("bank_entry", "A", "2026-03-01").row.event
    out = bank.event("bank_exit", "A", "2026-04-01").row.event
    error = refused(bank, "reversal_built_upon", "reversal", None, "2026-07-01", reverses=entry.id)
    assert error.values["detail"] == f"bank_exit 2026-04-01 #{out.id}"
    again = bank.event("bank_entry", "A", "2026-05-01").row.event
    refused(bank, "reversal_built_upon", "reversal", None, "2026-07-01", reverses=out.id)
    back = bank.event("reversal", None, "2026-07-01", reverses=again.id).row.event
    bank.event("reversal", None, "2026-07-01", reverses=out.id)
    bank.event("reversal", None, "2026-07-01", reverses=entry.id)
    refused(bank, "reversal_of_reversal", "reversal", None, "2026-07-01", reverses=back.id)
    refused(bank, "event_already_reversed", "reversal", None, "2026-07-01", reverses=entry.id)


def test_what_a_counted_entry_requires_is_not_reversed_below_it(bank: Bank) -> None:
    bank.parcels("AA")
    rule(bank, required_events=["handover"])
    handover = bank.event("handover", "A", "2026-02-01").row.event
    bank.event("bank_entry", "A", "2026-03-01")
    refused(bank, "reversal_built_upon", "reversal", None, "2026-07-01", reverses=handover.id)


def test_an_entry_without_what_is_required_says_so(bank: Bank) -> None:
    bank.parcels("AA")
    rule(bank, required_events=["handover"])
    recorded = bank.event("bank_entry", "A", "2026-03-01")
    assert [one.code for one in recorded.remarks if one.severity == "warn"] == ["evidence_incomplete"]


def test_land_handed_over_by_renewal_is_not_banked_for_consolidation(bank: Bank) -> None:
    bank.parcels("AA..", programme="renewal", role="handover")
    bank.parcels(".BB.", programme="consolidation")
    bank.parcels("...C", programme="consolidation")
    bank.event("handover", "A", "2026-02-01")
    error = refused(bank, "land_credited_elsewhere", "bank_entry", "B", "2026-03-01")
    assert (error.values["parcel"], error.values["detail"]) == ("B", "A")
    bank.event("bank_entry", "C", "2026-03-01")


def test_land_banked_for_consolidation_is_not_handed_over_by_renewal(bank: Bank) -> None:
    bank.parcels("AA..", programme="renewal", role="handover")
    bank.parcels(".BB.", programme="consolidation")
    bank.event("bank_entry", "B", "2026-03-01")
    refused(bank, "land_credited_elsewhere", "handover", "A", "2026-02-01")


def test_an_event_keeps_its_square_metres_and_the_rule_that_counted_it(bank: Bank) -> None:
    bank.parcels("AA", category="school")
    survey = {"type": "survey_report", "number": "S-1", "date": "2026-02-20"}
    bank.event("bank_entry", "A", "2026-03-01", supporting=[survey])
    rule(bank, basis="plane")
    told = event_document(events_of(bank.session, "A")[0])
    assert told["land_category"] == "school"
    assert told["square_metres"] == {
        "declared": None,
        "document": None,
        "plane": "20000.0000",
        "ellipsoidal": told["counted_when_recorded"]["square_metres"],
    }
    assert told["counted"] == {
        "counts": True,
        "square_metres": "20000.0000",
        "basis": "plane",
        "on": told["document"]["date"],
        "rule": {"code": "other", "version": 1, "programme": "consolidation"},
    }
    assert told["counted_when_recorded"]["rule"]["code"] == "handover_accepted"
    assert told["document"]["file_sha256"] is None
    assert [paper["number"] for paper in told["supporting"]] == ["S-1"]


def test_what_is_reversed_counts_no_longer(bank: Bank) -> None:
    bank.parcels("AA")
    entry = bank.event("bank_entry", "A", "2026-03-01").row.event
    bank.event("reversal", None, "2026-07-01", reverses=entry.id)
    first, second = (event_document(row) for row in events_of(bank.session, "A"))
    assert first["counted"] is None
    assert first["counted_when_recorded"]["counts"] is True
    assert second["counted"] is second["counted_when_recorded"] is None


@pytest.mark.parametrize(
    "statement", ["UPDATE land_event SET actor = 'x'", "DELETE FROM land_event", "TRUNCATE document CASCADE"]
)
def test_the_ledger_is_append_only_for_the_app_and_for_the_owner(
    database_engine: Engine, owner_engine: Engine, statement: str
) -> None:
    for engine, said in ((database_engine, "permission denied"), (owner_engine, "is append-only")):
        with pytest.raises(ProgrammingError, match=said) as told, engine.begin() as connection:
            connection.execute(text(statement))
        assert getattr(told.value.orig, "sqlstate", None) == "42501"


def test_a_version_that_another_replaced_altogether_has_no_events(bank: Bank) -> None:
    bank.parcels("A...", category="industrial", effective="2025-06-01")
    bank.parcels("A...", category="school", effective="2025-01-01")
    bank.parcels("A...", category="road", effective="2026-05-01")
    bank.event("bank_entry", "A", "2026-03-01")
    assert table_of(bank.ask(by="subcategory", as_of="2026-03-01", measure="inventory")) == {"school": 1, "total": 1}
    assert table_of(bank.ask(by="subcategory")) == {"school": 1, "total": 1}
