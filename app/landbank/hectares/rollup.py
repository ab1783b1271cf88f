"""The roll-up: derived from ``counted_piece``, kept by every publication, rebuilt by command."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from app.db import Publication, last_publication, lock_publication
from app.landbank.hectares import queries
from app.landbank.hectares.facts import Facts
from app.landbank.hectares.levels import columns, keys_of, levels_of
from app.landbank.hectares.queries import Columns, Figure, tops
from app.landbank.hectares.query import HectaresQuery
from app.landbank.hectares.tree_keep import append_tree, rebuild_tree
from app.landbank.models import HectaresKey, HectaresRollup, RecognitionRule
from app.sql import Query, run

_DIMENSIONS = frozenset({"category", "subcategory", "sub_district", "programme", "year", "month"})


_BEGINNING = date(1, 1, 1)
Ids = NDArray[np.int64]
_NO_PARCELS: Ids = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class _Touched:
    """The row of ``touched_parcels.sql``: parcels with a first version, and those changed otherwise."""

    first: list[int]
    changed: list[int]


class Periods(NamedTuple):
    """Periods of one grain that begin on ``from_day`` or later and before ``before_day``."""

    grain: str
    from_day: date
    before_day: date


_TOUCHED = Query(queries.PACKAGE, "touched_parcels.sql", _Touched)
_MIXED = Query(queries.PACKAGE, "mixed_parcels.sql", queries.ParcelId)
_ROLLED_UP = Query(queries.PACKAGE, "rollup.sql", queries.SummedRow)


def append_rollup(session: Session, publication: Publication) -> None:
    """Add what a publication changed. Called last in it, under its lock; a changed rule changes every parcel."""
    at = publication.recorded_at
    rules = select(RecognitionRule.id).where(
        or_(RecognitionRule.recorded_from == at, RecognitionRule.recorded_to == at)
    )
    before = session.execute(select(func.max(Publication.recorded_at)).where(Publication.recorded_at < at)).scalar_one()
    if session.execute(rules.limit(1)).first() is not None:
        _append(session, after=at, before=before, parcels=None)
        rebuild_tree(session)
        return
    (touched,) = _TOUCHED.all(session, recorded_at=at)
    parcels = np.array(touched.changed, dtype=np.int64)
    new_parcels = np.setdiff1d(np.array(touched.first, dtype=np.int64), parcels)
    if len(parcels) or len(new_parcels):
        _append(session, after=at, before=before, parcels=parcels, new_parcels=new_parcels)
        append_tree(session, publication, parcels, new_parcels)


def _append(
    session: Session, *, after: datetime, before: datetime | None, parcels: Ids | None, new_parcels: Ids = _NO_PARCELS
) -> None:
    run(
        session,
        queries.PACKAGE,
        "rollup_append.sql",
        after=after,
        before=before,
        parcels=parcels,
        new_parcels=new_parcels,
    )


def touched_parcels(session: Session, recorded_at: datetime) -> list[int]:
    """The parcels of which a publication changed anything that is counted."""
    (touched,) = _TOUCHED.all(session, recorded_at=recorded_at)
    return sorted({*touched.first, *touched.changed})


def rebuild_rollup(session: Session) -> None:
    """Derive the whole roll-up anew, as now known."""
    lock_publication(session)
    session.execute(delete(HectaresRollup))
    session.execute(delete(HectaresKey))
    _append(session, after=last_publication(session), before=None, parcels=None)
    rebuild_tree(session)


def answers(session: Session, query: HectaresQuery, facts: Facts | None = None) -> bool:
    """Whether the roll-up can answer: newest knowledge, today's definitions, and nothing finer than it keeps."""
    facts = facts or Facts()
    return (
        set(query.by) <= _DIMENSIONS
        and not (query.community or query.project or query.filter or query.within or query.is_cut)
        and query.boundaries_on is None
        and len(query.sub_district) <= 1
        and query.known_at >= facts.once("newest", lambda: last_publication(session))
        and not facts.once("mixed", lambda: _MIXED.all(session, known_at=query.known_at))
        and not (query.measure == "bank_entries" and facts.once("by report", lambda: _category_of_the_report(session)))
    )


def _category_of_the_report(session: Session) -> bool:
    """Whether a rule tells entries by the category of the report's day, which no sum over earlier days can know."""
    told = select(RecognitionRule.id).where(
        RecognitionRule.recorded_to.is_(None), RecognitionRule.category_at == "report"
    )
    return session.execute(told.limit(1)).first() is not None


def plain_sums(session: Session, query: HectaresQuery) -> list[queries.SummedRow]:
    """The rows and the total of a question that the roll-up answers, without looking for overlaps (told as 0)."""
    by = {f"by_{name}": name in query.by for name in _DIMENSIONS}
    parameters = query.sql()
    first = _BEGINNING if query.is_stock else query.first_day
    grains, from_days, before_days = zip(
        *periods(first, query.last_day, whole_years="month" not in query.by), strict=True
    )
    return _ROLLED_UP.all(
        session,
        **{name: parameters[name] for name in _PARAMETERS},
        **by,
        grains=list(grains),
        from_days=list(from_days),
        before_days=list(before_days),
        is_stock=query.is_stock,
        step=query.step,
        in_one_sub_district=len(query.sub_district) == 1,
    )


def rolled_up(session: Session, query: HectaresQuery) -> list[queries.SummedRow]:
    """The rows and the total of a question that the roll-up answers; equal to ``queries.summed``."""
    rows = plain_sums(session, query)
    overlapping = _overlapping(session, query, Facts())
    if not overlapping:
        return rows
    overlaps = {queries.key_of(row): row.overlap_square_metres for row in overlapping}
    return [queries.with_overlap(row, overlaps.get(queries.key_of(row))) for row in rows]


def from_memory(session: Session, query: HectaresQuery, facts: Facts) -> tuple[Columns, Figure] | None:
    """The same from what a service keeps of the newest moment; None where the database had better make the sums."""
    keys = facts.once("keys", lambda: keys_of(session, facts.once("tops", lambda: tops(session, query.known_at))))
    levels = facts.once(("levels", query.measure), lambda: levels_of(session, query.measure, keys))
    if levels is None:
        return None
    rows, total = columns(keys, levels, query)
    overlapping = _overlapping(session, query, facts)
    if overlapping:
        few, of_all = queries.figures(query, overlapping)
        overlaps = {row.keys: row.overlap for row in few}
        overlap = np.array([overlaps.get(row.keys, 0) for row in rows.figures()], dtype=np.int64)
        return rows._replace(overlap=overlap), total._replace(overlap=of_all.overlap)
    return rows, total


def _overlapping(session: Session, query: HectaresQuery, facts: Facts) -> list[queries.SummedRow]:
    """The question's rows over those parcels alone that share land with another one; none where no parcel does."""
    found = facts.once("overlapping", lambda: queries.overlapping(session, query.known_at))
    return queries.summed(session, query, parcels=found) if found else []


def periods(first: date, last: date, *, whole_years: bool) -> Iterator[Periods]:
    """The days from ``first`` to ``last`` cut into whole years (where wanted), whole months and single days.

    Each day lies in exactly one of them. Parcels that stand by themselves do so day by day.
    """
    after = last + timedelta(days=1)
    month, last_month = _next(first, "month"), after.replace(day=1)
    year, last_year = last_month, month
    if whole_years:
        year, last_year = _next(first, "year"), after.replace(month=1, day=1)
        yield Periods("year", year, last_year)
    yield Periods("month", month, min(year, last_month))
    yield Periods("month", max(year, last_year), last_month)
    yield Periods("day", first, min(month, after))
    yield Periods("day", max(month, last_month), after)
    yield Periods("parcel", first, after)


def _next(day: date, grain: str) -> date:
    """The first day of a year or month that is not before ``day``."""
    begun = day.replace(day=1) if grain == "month" else day.replace(month=1, day=1)
    if begun == day:
        return day
    return (begun + timedelta(days=32 if grain == "month" else 366)).replace(day=1)


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
