"""Where a year stands, drawn: one letter is one hectare."""

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import insert
from sqlalchemy.orm import Session

from app.db import publish
from app.inventory.models import Project, ProjectVersion
from app.landbank.hectares.query import resolve_known_at
from app.landbank.progress import rules
from app.landbank.progress.schemas import progress_document
from app.landbank.progress.service import Progress, ProgressRow, named_of, progress
from app.landbank.targets.schemas import TargetIn
from app.landbank.targets.service import add_targets
from tests.spec.maps import ACTOR, Bank

JULY = date(2026, 7, 1)


def rounded(value: Decimal | None) -> Decimal | None:
    """Hectares as drawn: the ellipsoid takes a hundredth of a square metre from each."""
    return None if value is None else value.quantize(Decimal("0.0001"))


@pytest.fixture
def bank(session: Session) -> Bank:
    made = Bank(session)
    made.places("NNNNNNSSSSSS")
    return made


def stand(bank: Bank, code: str, stage: str | None, programme: str = "consolidation") -> None:
    publication = publish(bank.session, ACTOR.name, "project", code)
    project = Project(code=code, programme=programme)
    bank.session.add(project)
    bank.session.flush()
    bank.session.execute(
        insert(ProjectVersion).values(
            project_id=project.id, stage=stage, key=True, batch="第一批", recorded_from=publication.recorded_at
        )
    )


def ask(bank: Bank, day: date = JULY, **targets: str) -> dict[str, ProgressRow]:
    """Progress of one whole target of 12 ha and of those by category that are named."""
    base = {"programme": "consolidation", "measure": "bank_entries", "year": 2026, "status": "issued"}
    wanted = [base | {"value": "12"}, *(base | {"category": name, "value": size} for name, size in targets.items())]
    add_targets(bank.session, ACTOR, [TargetIn.model_validate(one) for one in wanted])
    return {row.target.category or "whole": row for row in look(bank, day).rows}


def look(bank: Bank, day: date = JULY, named: str | None = None, known_at: str | None = None) -> Progress:
    known = resolve_known_at(bank.session, known_at)
    return progress(bank.session, bank.settings, 2026, day, known, named_of(named))


def test_candidates_count_by_the_stage_of_their_project(bank: Bank) -> None:
    """A is banked, B is about to be (验收移交: 0.7 to 1), C was only signed for (协议签订: 0.2 to 0.7)."""
    stand(bank, "P1", "验收移交")
    stand(bank, "P2", "协议签订")
    bank.parcels("AABBB.......", project="P1")
    bank.parcels(".....CC.....", project="P2", category="school")
    bank.parcels(".......D....", project="P2", role="retained")
    bank.parcels("........EE..", category="school")
    bank.event("bank_entry", "A", "2026-03-01")
    rows = ask(bank, school="6")
    whole = rows["whole"].forecast
    assert whole is not None
    assert (whole.low, whole.mid, whole.high) == (Decimal("4.5"), Decimal("5.6"), Decimal("6.4"))
    assert [(one.stage, rounded(one.hectares)) for one in whole.stages] == [
        ("协议签订", Decimal(2)),
        ("验收移交", Decimal(3)),
    ]
    assert whole.method["code"] == "stage_weighted_1"
    school = rows["school"].forecast
    assert school is not None
    assert (school.low, school.mid, school.high) == (Decimal("0.4"), Decimal("0.9"), Decimal("1.4"))
    done = look(bank, date(2026, 12, 31)).rows[0].forecast
    assert done is not None
    assert (done.low, done.mid, done.high) == (Decimal(2), Decimal(2), Decimal(2))


def test_without_stages_the_pace_is_carried_on(bank: Bank) -> None:
    stand(bank, "P1", None)
    bank.parcels("AABBB.......", project="P1")
    bank.event("bank_entry", "A", "2026-03-01")
    forecast = ask(bank)["whole"].forecast
    assert forecast is not None
    assert forecast.method["code"] == "linear_pace_1"
    assert forecast.mid == Decimal("4.0110")  # 2 ha in 182 of 365 days


def test_a_weight_set_later_does_not_change_what_was_forecast_before(bank: Bank) -> None:
    stand(bank, "P1", "验收移交")
    bank.parcels("AAAA........", project="P1")
    ask(bank)
    before = look(bank)
    at = before.known_at.isoformat()
    asked = rules.StageWeightIn(programme="consolidation", stage="验收移交", low="0", mid="0.5", high="1")
    assert rules.set_stage_weight(bank.session, ACTOR, asked).version == 2
    assert rules.set_stage_weight(bank.session, ACTOR, asked).version == 2
    strict = rules.CardRuleIn(green_from="0", yellow_from="0")
    assert rules.set_card_rule(bank.session, ACTOR, strict).version == 2
    assert rules.set_card_rule(bank.session, ACTOR, strict).version == 2
    after = look(bank)
    assert [one.rows[0].forecast and one.rows[0].forecast.mid for one in (before, after)] == [
        Decimal("3.6"),
        Decimal(2),
    ]
    assert [one.rows[0].card for one in (before, after)] == ["red", "green"]
    assert progress_document(look(bank, known_at=at)) == progress_document(before)


def test_what_is_not_named_is_the_residual_and_no_category(bank: Bank) -> None:
    """The same total has another 其他 in another report: beside industry and schools, or beside industry alone."""
    bank.parcels("AABBBCDDDD..", category={"A": "industrial", "B": "school", "C": "road", "D": "public_facility"})
    for letter in "ABCD":
        bank.event("bank_entry", letter)
    rows = ask(bank, industrial="4", public_facility="5")
    [rest] = rows["whole"].residuals
    assert (rest.named, rest.target, rounded(rest.actual)) == (
        ("industrial", "public_facility"),
        Decimal(3),
        Decimal(1),
    )
    [other] = look(bank, named="school").rows[0].residuals
    assert (other.named, other.target, rounded(other.actual)) == (("school",), None, Decimal(7))
    assert other.href is not None
    assert "subcategory=industrial,public_facility,road" in other.href
    assert rows["industrial"].residuals == ()


def test_a_stock_has_its_residual_at_its_day(bank: Bank) -> None:
    bank.parcels("AABB........", category={"A": "industrial", "B": "road"})
    bank.event("bank_entry", "A", "2026-02-01")
    bank.event("bank_entry", "B", "2026-06-01")
    base = {"programme": "consolidation", "measure": "banked", "year": 2026, "status": "issued", "value": "4"}
    add_targets(bank.session, ACTOR, [TargetIn.model_validate(base)])
    assert [look(bank, day, "industrial").rows[0].residuals[0].actual for day in (date(2026, 4, 1), JULY)] == [0, 2]


def test_key_projects_are_counted_and_what_nobody_records_is_not_guessed(bank: Bank) -> None:
    stand(bank, "G1", "计划立项", "renewal")
    stand(bank, "Z1", "立项")
    base = {"programme": "renewal", "year": 2026, "status": "issued", "value": "2"}
    wanted = [{"measure": "key_projects", "unit": "count"}, {"measure": "housing_starts", "unit": "10k_m2"}]
    add_targets(bank.session, ACTOR, [TargetIn.model_validate(base | one) for one in wanted])
    starts, key = look(bank).rows
    assert (key.actual, key.rate, key.gap, key.forecast) == (Decimal(1), Decimal(50), Decimal(1), None)
    assert key.href == "/projects?programme=renewal&key=true&by=project"
    assert (starts.actual, starts.rate, starts.gap, starts.card) == (None, None, None, None)
    assert starts.reason is not None
    assert starts.reason.code == "target_without_data"
