"""What forecasts and cards go by: stage weights and the card rule. Versioned data; setting one ends the one before."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.auth import Actor, audit
from app.db import Publication, publish
from app.errors import Refused
from app.landbank.events.schemas import MAX_TEXT
from app.landbank.hectares.query import moment
from app.landbank.models import CardRule, StageWeight

Rule = TypeVar("Rule", StageWeight, CardRule)
_STAGE = ("programme", "stage")
_SHARES = ("low", "mid", "high")
_LIMITS = ("green_from", "yellow_from", "exact_green_to", "exact_yellow_to")


class StageWeightIn(BaseModel):
    """``POST /stage-weights``: the share of the land at a stage that is expected to count by the year's end."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    programme: Literal["renewal", "consolidation"]
    stage: str = Field(min_length=1, max_length=MAX_TEXT)
    low: Decimal = Field(ge=0, le=1, decimal_places=6, allow_inf_nan=False)
    mid: Decimal = Field(ge=0, le=1, decimal_places=6, allow_inf_nan=False)
    high: Decimal = Field(ge=0, le=1, decimal_places=6, allow_inf_nan=False)


class CardRuleIn(BaseModel):
    """``POST /card-rules``: shares of what the calendar expects; ``exact_*`` of the target, where it is exact."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    green_from: Decimal = Field(ge=0, le=10, decimal_places=6, allow_inf_nan=False)
    yellow_from: Decimal = Field(ge=0, le=10, decimal_places=6, allow_inf_nan=False)
    exact_green_to: Decimal = Field(Decimal("1.00"), ge=1, le=10, decimal_places=6, allow_inf_nan=False)
    exact_yellow_to: Decimal = Field(Decimal("1.05"), ge=1, le=10, decimal_places=6, allow_inf_nan=False)


def stage_weights(session: Session, known_at: datetime) -> list[StageWeight]:
    """The weights known at a moment, the earliest stages first."""
    known = (
        select(StageWeight)
        .where(
            StageWeight.recorded_from <= known_at,
            or_(StageWeight.recorded_to.is_(None), StageWeight.recorded_to > known_at),
        )
        .order_by(StageWeight.programme, StageWeight.mid, StageWeight.high, StageWeight.stage)
    )
    return list(session.scalars(known))


def card_rule(session: Session, known_at: datetime) -> CardRule:
    """The card rule known at a moment; the migration wrote the first."""
    before = select(CardRule).where(CardRule.recorded_from <= known_at).order_by(CardRule.version.desc()).limit(1)
    found = session.scalars(before).one_or_none()
    return found or session.scalars(select(CardRule).order_by(CardRule.version).limit(1)).one()


def set_stage_weight(session: Session, actor: Actor, asked: StageWeightIn) -> StageWeight:
    """Set the weight of a stage, new or known. Saying what holds already changes nothing. Raises ``Refused``."""
    if not asked.low <= asked.mid <= asked.high:
        raise Refused("stage_weight_order", parameter="mid")
    publication = publish(session, actor.name, "stage_weight.set", asked.stage)
    same = [getattr(StageWeight, name) == getattr(asked, name) for name in _STAGE]
    before = session.scalars(select(StageWeight).where(*same, StageWeight.recorded_to.is_(None))).one_or_none()
    if before is not None and all(getattr(before, name) == getattr(asked, name) for name in _SHARES):
        return before
    newest = session.execute(select(func.max(StageWeight.version)).where(*same)).scalar()
    return _next(session, actor, publication, before, StageWeight(**asked.model_dump(), version=(newest or 0) + 1))


def set_card_rule(session: Session, actor: Actor, asked: CardRuleIn) -> CardRule:
    """Set the card rule. Saying what holds already changes nothing. Raises ``Refused``."""
    if asked.yellow_from > asked.green_from:
        raise Refused("card_rule_order", parameter="yellow_from")
    if asked.exact_green_to > asked.exact_yellow_to:
        raise Refused("card_rule_order", parameter="exact_green_to")
    publication = publish(session, actor.name, "card_rule.set", "card_rule")
    before = card_rule(session, publication.recorded_at)
    if all(getattr(before, name) == getattr(asked, name) for name in _LIMITS):
        return before
    return _next(session, actor, publication, before, CardRule(**asked.model_dump(), version=before.version + 1))


def _next(session: Session, actor: Actor, publication: Publication, before: Rule | None, made: Rule) -> Rule:
    """Put a version in place of the one before."""
    if before is not None:
        before.recorded_to = publication.recorded_at
        session.flush()
    made.actor, made.recorded_from = actor.name, publication.recorded_at
    session.add(made)
    session.flush()
    audit(session, actor, publication.action, publication.subject, {"version": made.version})
    return made


def stage_weight_document(row: StageWeight) -> dict[str, Any]:
    """A stage's weight as answered."""
    shares = {name: format(getattr(row, name), "f") for name in _SHARES}
    return {name: getattr(row, name) for name in (*_STAGE, "version", "actor", "recorded_from")} | shares


def card_rule_document(row: CardRule) -> dict[str, Any]:
    """The card rule as answered."""
    limits = {name: format(getattr(row, name), "f") for name in _LIMITS}
    return {"name": f"calendar_pace_{row.version}", "version": row.version} | limits


def weights_document(rows: list[StageWeight], known_at: datetime) -> dict[str, Any]:
    """``GET /stage-weights``."""
    return {"known_at": moment(known_at), "stage_weights": [stage_weight_document(row) for row in rows]}
