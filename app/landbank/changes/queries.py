"""What a stretch of recorded time held: publications, events, parcel versions."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT
from sqlalchemy.orm import Session

from app.inventory.models import Parcel
from app.sql import Query

PACKAGE = "app.landbank.changes"


@dataclass(frozen=True)
class Published:
    """A publication: who changed what, when; and whether it bears on every parcel."""

    id: int
    recorded_at: datetime
    actor: str
    action: str
    subject: str
    changed_rules: bool
    changed_categories: bool
    changed_places: bool
    changed_zones: bool


@dataclass(frozen=True)
class Happened:
    """An event with its document. ``successor_id``: the event that took the place of the one reversed."""

    id: int
    recorded_at: datetime
    parcel: str
    type: str
    effective_date: date
    reverses_id: int | None
    reason: str | None
    document_id: int
    document_type: str
    document_number: str
    document_date: date
    document_issuer: str | None
    successor_id: int | None


@dataclass(frozen=True)
class Versioned:
    """A parcel version, and what it changed. ``is_first``: the parcel was not there, or no longer, before."""

    recorded_at: datetime
    parcel: str
    version: int
    retired: bool
    is_first: bool
    other_category: bool
    other_outline: bool


@dataclass(frozen=True)
class Facts:
    """What one publication recorded about one parcel."""

    events: list[Happened] = field(default_factory=list)
    versions: list[Versioned] = field(default_factory=list)


_PUBLISHED = Query(PACKAGE, "publications.sql", Published)
_HAPPENED = Query(PACKAGE, "recorded_events.sql", Happened)
_VERSIONED = Query(PACKAGE, "recorded_versions.sql", Versioned)


def published(session: Session, from_known: datetime, to_known: datetime) -> list[Published]:
    """The publications after the one moment, up to the other, in order."""
    return _PUBLISHED.all(session, from_known=from_known, to_known=to_known)


def facts(session: Session, from_known: datetime, to_known: datetime) -> dict[tuple[datetime, str], Facts]:
    """What was recorded, by publication and parcel."""
    found: dict[tuple[datetime, str], Facts] = defaultdict(Facts)
    stretch = {"from_known": from_known, "to_known": to_known}
    for event in _HAPPENED.all(session, **stretch):
        found[(event.recorded_at, event.parcel)].events.append(event)
    for version in _VERSIONED.all(session, **stretch):
        found[(version.recorded_at, version.parcel)].versions.append(version)
    return found


def codes(session: Session, parcels: Sequence[int]) -> dict[str, int]:
    """Parcels by their code."""
    found = session.execute(
        select(Parcel.code, Parcel.id).where(Parcel.id == func.any(cast(list(parcels), ARRAY(BIGINT))))
    )
    return {row[0]: row[1] for row in found}
