"""Reading the inventory: a parcel's versions and events, projects and their boundaries."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, aliased, defer

from app.errors import NotFound
from app.inventory.models import LineageLink, LineageOperation, Parcel, ParcelVersion, Portion


@dataclass(frozen=True)
class Retirement:
    """From when a parcel is no longer there, and the codes of those that stand for it."""

    retired_on: date
    children: tuple[str, ...]


@dataclass(frozen=True)
class Descent:
    """One step of a genealogy: an operation that made the child of the parent."""

    operation_id: int
    type: str
    effective_date: date
    parent: str
    child: str


def parcel_by_code(session: Session, code: str) -> Parcel:
    """The parcel of a code. Raises ``NotFound``."""
    parcel = session.scalars(select(Parcel).where(Parcel.code == code)).one_or_none()
    if parcel is None:
        raise NotFound("parcel_unknown", parameter="code", parcel=code)
    return parcel


def versions_of(session: Session, parcel: Parcel) -> list[ParcelVersion]:
    """Every version ever recorded, also those taken back, oldest first."""
    return list(
        session.scalars(
            select(ParcelVersion)
            .where(ParcelVersion.parcel_id == parcel.id, ParcelVersion.part_of_id.is_(None))
            .order_by(ParcelVersion.version)
        )
    )


def portions_of(session: Session, version_ids: list[int]) -> list[Portion]:
    """The current portions of parcel versions."""
    return list(
        session.scalars(
            select(Portion)
            # PostgreSQL's -infinity is no Python date.
            .options(defer(Portion.boundary_from), defer(Portion.boundary_to))
            .where(Portion.parcel_version_id.in_(version_ids), Portion.recorded_to.is_(None))
            .order_by(Portion.parcel_version_id, Portion.id)
        )
    )


def retirement(session: Session, parcel_id: int) -> Retirement | None:
    """When a parcel was split or merged, as now known; None while it is there."""
    steps = session.execute(_descents().where(LineageLink.parent_parcel_id == parcel_id)).all()
    found = [Descent(*row) for row in steps if row[1] != "boundary_change"]
    if not found:
        return None
    return Retirement(found[0].effective_date, tuple(sorted({step.child for step in found})))


def genealogy(session: Session, parcel: Parcel) -> list[Descent]:
    """Every step that leads to a parcel and on from it, as now known, the oldest first."""
    up, down = (_reached(session, parcel.id, towards_parents=towards) for towards in (True, False))
    steps = _descents().where(
        LineageLink.child_parcel_id.in_(up) & LineageLink.parent_parcel_id.in_(up)
        | LineageLink.child_parcel_id.in_(down) & LineageLink.parent_parcel_id.in_(down)
    )
    return [Descent(*row) for row in session.execute(steps)]


def ancestors(session: Session, parcel_id: int) -> set[int]:
    """The ids of a parcel and of all those that it came from."""
    return _reached(session, parcel_id, towards_parents=True)


def _reached(session: Session, parcel_id: int, *, towards_parents: bool) -> set[int]:
    columns = LineageLink.child_parcel_id, LineageLink.parent_parcel_id
    start, end = columns if towards_parents else columns[::-1]
    found, fresh = {parcel_id}, {parcel_id}
    while fresh:
        fresh = set(session.scalars(_live(select(end)).where(start.in_(fresh)))) - found
        found |= fresh
    return found


def _live(statement: Select[int]) -> Select[int]:
    """Links of operations that nobody took back."""
    reversal = aliased(LineageOperation)
    return (
        statement.select_from(LineageLink)
        .outerjoin(reversal, reversal.reverses_id == LineageLink.operation_id)
        .where(reversal.id.is_(None))
    )


def _descents() -> Select[int, str, date, str, str]:
    parent, child, reversal = aliased(Parcel), aliased(Parcel), aliased(LineageOperation)
    return (
        select(LineageOperation.id, LineageOperation.type, LineageOperation.effective_date, parent.code, child.code)
        .join(LineageLink, LineageLink.operation_id == LineageOperation.id)
        .join(parent, parent.id == LineageLink.parent_parcel_id)
        .join(child, child.id == LineageLink.child_parcel_id)
        .outerjoin(reversal, reversal.reverses_id == LineageOperation.id)
        .where(reversal.id.is_(None))
        .distinct()
        .order_by(LineageOperation.id, parent.code, child.code)
    )
