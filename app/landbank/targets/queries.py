"""Reading targets: those known at a moment, their versions, and the tree of land categories that they nest by."""

from datetime import datetime

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session

from app.landbank.models import Document, Target
from app.landbank.targets.schemas import TargetIn
from app.reference.models import LandCategory

KEY = ("programme", "measure", "category", "sub_district", "year", "kind")
"""What tells targets apart; everything else is a version's."""


def _documented() -> Select[Target, Document | None]:
    return select(Target, Document).outerjoin(Document, Document.id == Target.document_id)


def targets(
    session: Session, known_at: datetime, *, year: int | None = None, programme: str | None = None
) -> list[tuple[Target, Document | None]]:
    """The targets known at a moment, each with its document."""
    statement = _of(_documented(), year, programme).where(
        Target.recorded_from <= known_at, or_(Target.recorded_to.is_(None), Target.recorded_to > known_at)
    )
    order = (Target.year, Target.programme, Target.kind, Target.measure, Target.category.nulls_first())
    return [(one, paper) for one, paper in session.execute(statement.order_by(*order, Target.id))]


def versions(
    session: Session,
    known_at: datetime,
    *,
    like: Target | None = None,
    year: int | None = None,
    programme: str | None = None,
) -> list[tuple[Target, Document | None]]:
    """Every version recorded by a moment, of one target or of all, the newest first."""
    statement = _of(_documented(), year, programme).where(Target.recorded_from <= known_at)
    if like is not None:
        statement = statement.where(*_same(like))
    return [(one, paper) for one, paper in session.execute(statement.order_by(Target.id.desc()))]


def _of(
    statement: Select[Target, Document | None], year: int | None, programme: str | None
) -> Select[Target, Document | None]:
    if year is not None:
        statement = statement.where(Target.year == year)
    return statement if programme is None else statement.where(Target.programme == programme)


def current_like(session: Session, asked: TargetIn) -> Target | None:
    """The current version of the target that ``asked`` would set."""
    return session.scalars(select(Target).where(*_same(asked), Target.recorded_to.is_(None))).one_or_none()


def _same(other: Target | TargetIn) -> list[ColumnElement[bool]]:
    return [getattr(Target, name).is_not_distinct_from(getattr(other, name)) for name in KEY]


def key_of(target: Target) -> tuple[object, ...]:
    """What tells a target from others, whatever its version."""
    return tuple(getattr(target, name) for name in KEY)


def recorded_at(session: Session, moment: datetime) -> list[Target]:
    """The versions that one publication set."""
    return list(session.scalars(select(Target).where(Target.recorded_from == moment).order_by(Target.id)))


def ended_at(session: Session, moment: datetime) -> list[Target]:
    """The versions that one publication ended."""
    return list(session.scalars(select(Target).where(Target.recorded_to == moment).order_by(Target.id)))


def category_parents(session: Session, known_at: datetime) -> dict[str, str | None]:
    """Each land category known at a moment, with its parent."""
    rows = session.execute(
        select(LandCategory.code, LandCategory.parent_code).where(
            LandCategory.recorded_from <= known_at,
            or_(LandCategory.recorded_to.is_(None), LandCategory.recorded_to > known_at),
        )
    )
    return {row[0]: row[1] for row in rows}
