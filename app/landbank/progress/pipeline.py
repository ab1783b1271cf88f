"""The pipeline: candidates by the stage of their project, weighted, added to what there is already."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.geometry import hectares as to_hectares
from app.inventory.models import ProjectVersion
from app.landbank.models import Target
from app.sql import Query, hashed_joins


@dataclass(frozen=True)
class StagedLand:
    """Square metres of parcels alike in programme, category, place, role, stage and what happened to them.

    ``low``, ``mid`` and ``high`` are the shares expected to count by the year's end.
    """

    programme: str
    category: str
    subcategory: str
    sub_district: str | None
    role: str
    stage: str
    low: Decimal
    mid: Decimal
    high: Decimal
    entered: bool
    supplied: bool
    handed_over: bool
    square_metres: Decimal

    def is_to_come(self, measure: str) -> bool:
        """Whether a measure has not counted this land yet and may."""
        supply = self.role == "development" and not self.supplied
        handover = self.role == "handover" and not self.handed_over
        return {
            "bank_entries": not self.entered,
            "banked": not self.entered,
            "supplied": supply,
            "handed_over": handover,
            "supply_total": supply or (handover and self.programme == "renewal"),
        }.get(measure, False)


@dataclass(frozen=True)
class StageShare:
    """Hectares at one stage, and the shares of them that are expected."""

    stage: str
    hectares: Decimal
    low: Decimal
    mid: Decimal
    high: Decimal


_STAGED = Query("app.landbank.progress", "pipeline.sql", StagedLand)


def pipeline(session: Session, as_of: date, known_at: datetime) -> list[StagedLand]:
    """All land of staged projects on a day; nothing is looked through where no project has a stage."""
    staged = select(ProjectVersion.id).where(ProjectVersion.stage.is_not(None)).limit(1)
    if session.execute(staged).first() is None:
        return []
    with hashed_joins(session):
        return _STAGED.all(session, as_of=as_of, known_at=known_at)


def stages_of(target: Target, land: Iterable[StagedLand]) -> Sequence[StageShare] | None:
    """What may still come for a target, by stage. None where its programme has no land at any stage for its measure."""
    measured = [one for one in land if one.programme == target.programme and one.is_to_come(target.measure)]
    if not measured:
        return None
    found: dict[str, StageShare] = {}
    for one in measured:
        if target.category in {None, one.category, one.subcategory} and target.sub_district in {None, one.sub_district}:
            before = found.get(one.stage)
            hectares = to_hectares(one.square_metres) + (Decimal(0) if before is None else before.hectares)
            found[one.stage] = StageShare(one.stage, hectares, one.low, one.mid, one.high)
    return sorted(found.values(), key=lambda share: (share.mid, share.stage))
