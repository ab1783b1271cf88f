"""The roll-up of the stocks: derived from ``counted_piece``, kept by every publication, rebuilt by command.

Only stocks are rolled up. In a flow a parcel can appear twice within the days asked for, so that distinct parcels
cannot be had from sums; flows of a year are few.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from app.db import Publication, last_publication, lock_publication
from app.landbank.hectares import queries
from app.landbank.hectares.query import HectaresQuery
from app.landbank.models import HectaresRollup, RecognitionRule
from app.sql import Query, run

_DIMENSIONS = frozenset({"category", "subcategory", "sub_district", "programme", "year", "month"})


@dataclass(frozen=True)
class _ParcelId:
    parcel_id: int


_TOUCHED = Query(queries.PACKAGE, "touched_parcels.sql", _ParcelId)
_MIXED = Query(queries.PACKAGE, "mixed_parcels.sql", _ParcelId)
_OVERLAPPING = Query(queries.PACKAGE, "overlapping_parcels.sql", _ParcelId)
_ROLLED_UP = Query(queries.PACKAGE, "rollup.sql", queries.SummedRow)


def append_rollup(session: Session, publication: Publication) -> None:
    """Add what a publication changed. Called last in it, under its lock; a changed rule changes every parcel."""
    at = publication.recorded_at
    rules = select(RecognitionRule.id).where(
        or_(RecognitionRule.recorded_from == at, RecognitionRule.recorded_to == at)
    )
    parcels = None
    if session.execute(rules.limit(1)).first() is None:
        parcels = touched_parcels(session, at)
        if not parcels:
            return
    before = session.execute(select(func.max(Publication.recorded_at)).where(Publication.recorded_at < at)).scalar_one()
    run(session, queries.PACKAGE, "rollup_append.sql", after=at, before=before, parcels=parcels)


def touched_parcels(session: Session, recorded_at: datetime) -> list[int]:
    """The parcels of which a publication changed anything that is counted."""
    return [row.parcel_id for row in _TOUCHED.all(session, recorded_at=recorded_at)]


def rebuild_rollup(session: Session) -> None:
    """Derive the whole roll-up anew, as now known."""
    lock_publication(session)
    session.execute(delete(HectaresRollup))
    run(session, queries.PACKAGE, "rollup_append.sql", after=last_publication(session), before=None, parcels=None)


def answers(session: Session, query: HectaresQuery) -> bool:
    """Whether the roll-up can answer: newest knowledge, today's definitions, and nothing finer than it keeps."""
    return (
        query.is_stock
        and set(query.by) <= _DIMENSIONS
        and not (query.community or query.project or query.within or query.is_cut)
        and query.boundaries == "then"
        and len(query.sub_district) <= 1
        and query.known_at >= last_publication(session)
        and not _MIXED.all(session, known_at=query.known_at)
    )


def rolled_up(session: Session, query: HectaresQuery) -> list[queries.SummedRow]:
    """The rows and the total of a question that the roll-up answers; equal to ``queries.summed``."""
    by = {f"by_{name}": name in query.by for name in _DIMENSIONS}
    parameters = query.sql()
    rows = _ROLLED_UP.all(
        session,
        **{name: parameters[name] for name in _PARAMETERS},
        **by,
        step=query.step,
        in_one_sub_district=len(query.sub_district) == 1,
    )
    overlapping = [row.parcel_id for row in _OVERLAPPING.all(session, known_at=query.known_at)]
    if not overlapping:
        return rows
    overlaps = {
        queries.key_of(row): row.overlap_square_metres for row in queries.summed(session, query, parcels=overlapping)
    }
    return [queries.with_overlap(row, overlaps.get(queries.key_of(row))) for row in rows]


_PARAMETERS = (
    "measure",
    "last_day",
    "known_at",
    "basis",
    "programme",
    "category",
    "subcategory",
    "sub_district",
    "layer",
)
