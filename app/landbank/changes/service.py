"""The difference between two answers, explained: publication by publication, parcel by parcel, row by row.

Between two moments the answer changes with each publication, and the changes of all publications add up to the whole
difference. Publications that touch different parcels are looked at together, since the pieces of a parcel after its
own publication are those after the whole batch. Every square metre is one of the pieces that ``/parcels`` lists.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.errors import BadRequest
from app.landbank.changes import queries
from app.landbank.changes.causes import cause, concerned
from app.landbank.changes.queries import Facts, Happened, Published
from app.landbank.changes.rows import Row, Sums, rows_of_table, sums
from app.landbank.hectares.query import HectaresQuery
from app.landbank.hectares.rollup import touched_parcels
from app.landbank.hectares.service import HectaresTable, hectares
from app.settings import Settings

ZERO = Decimal(0)


@dataclass(frozen=True)
class Change:
    """What one publication changed of one parcel in one row of the answer.

    ``event`` is the event concerned, where one is. Square metres are those of the question's basis.
    """

    cause: str
    parcel: str
    row: Row
    event: Happened | None
    by: Published | None
    before: Decimal
    after: Decimal

    @property
    def difference(self) -> Decimal:
        """Square metres."""
        return self.after - self.before


@dataclass(frozen=True)
class Explanation:
    """Two answers to the same question, and every change that leads from the one to the other."""

    before: HectaresTable
    after: HectaresTable
    changes: tuple[Change, ...]


@dataclass
class _Batch:
    """Publications of which no two touch the same parcel, by parcel code. One that touches all stands ``alone``."""

    since: datetime
    until: datetime
    ids: dict[str, int]
    by: dict[str, Published]
    alone: Published | None = None

    def publication(self, parcel: str) -> Published:
        return self.by[parcel] if self.alone is None else self.alone


def explain(session: Session, settings: Settings, query: HectaresQuery, from_known: datetime) -> Explanation:
    """Why the answer as known at ``query.known_at`` differs from the one as known at ``from_known``.

    Raises ``BadRequest`` when ``from_known`` is the later of the two, and for features or zones that share land.
    """
    if from_known > query.known_at:
        raise BadRequest("known_reversed", parameter="from_known")
    first = query.narrowed(known_at=from_known)
    before, after = hectares(session, settings, first), hectares(session, settings, query)
    recorded = queries.facts(session, from_known, query.known_at)
    known_before = from_known.astimezone(ZoneInfo(settings.tz)).date()
    found: list[Change] = []
    for batch in _batches(session, query, from_known):
        parcels = None if batch.alone else list(batch.ids.values())
        one = sums(session, settings, query.narrowed(known_at=batch.since), parcels)
        other = sums(session, settings, query.narrowed(known_at=batch.until), parcels)
        found += _changes(batch, one, other, recorded, known_before)
    if not _explains(found, before, after):
        found += _rest(found, sums(session, settings, first, None), sums(session, settings, query, None))
    return Explanation(before, after, tuple(found))


def _batches(session: Session, query: HectaresQuery, from_known: datetime) -> Iterator[_Batch]:
    """The publications between two moments, in order, as few batches as can be."""
    batch = _Batch(from_known, from_known, {}, {})
    in_zones = bool(query.zones_within) or query.tells_zones
    for by in queries.published(session, from_known, query.known_at):
        if by.changed_rules or by.changed_categories or (by.changed_zones and in_zones):
            yield batch
            yield _Batch(batch.until, by.recorded_at, {}, {}, alone=by)
            batch = _Batch(by.recorded_at, by.recorded_at, {}, {})
            continue
        touched = queries.codes(session, touched_parcels(session, by.recorded_at))
        if batch.ids.keys() & touched.keys():
            yield batch
            batch = _Batch(batch.until, batch.until, {}, {})
        batch.until = by.recorded_at
        batch.ids |= touched
        batch.by |= dict.fromkeys(touched, by)
    yield batch


def _changes(
    batch: _Batch,
    before: Sums,
    after: Sums,
    recorded: Mapping[tuple[datetime, str], Facts],
    known_before: date,
) -> Iterator[Change]:
    """The changes of a batch, each under the event that brought it about."""
    told: dict[tuple[str, Happened | None, Row], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for side, found in enumerate((before, after)):
        for (parcel, event_id, row), size in found.items():
            facts = recorded.get((batch.publication(parcel).recorded_at, parcel), Facts())
            told[(parcel, concerned(facts.events, event_id), row)][side] += size
    for (parcel, event, row), (one, other) in sorted(told.items(), key=_order):
        if one != other:
            by = batch.publication(parcel)
            facts = recorded.get((by.recorded_at, parcel), Facts())
            yield Change(cause(by, facts, event, known_before), parcel, row, event, by, one, other)


def _order(item: tuple[tuple[str, Happened | None, Row], object]) -> tuple[str, int, tuple[str, ...]]:
    parcel, event, row = item[0]
    return parcel, 0 if event is None else event.id, tuple(code or "" for code in row.codes)


def _explains(found: list[Change], before: HectaresTable, after: HectaresTable) -> bool:
    """Whether the changes of each row, and those of the total, add up to the difference of the answers."""
    left: dict[tuple[str | None, ...], Decimal] = defaultdict(Decimal)
    for table, sign in ((after, 1), (before, -1)):
        for codes, size in rows_of_table(table).items():
            left[codes] += sign * size
    total = after.total.square_metres - before.total.square_metres
    for change in found:
        left[change.row.codes] -= change.difference
        total -= change.difference if change.row.in_total else ZERO
    # A question without dimensions has no rows beside its total, or one that is the total.
    return total == ZERO and not any(size for codes, size in left.items() if codes)


def _rest(found: list[Change], before: Sums, after: Sums) -> Iterator[Change]:
    """What no publication's parcels account for, parcel by parcel: nothing, unless something new bears on the count."""
    left: dict[tuple[str, Row], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for side, sizes in enumerate((before, after)):
        for (parcel, _, row), size in sizes.items():
            left[(parcel, row)][side] += size
    for change in found:
        left[(change.parcel, change.row)][1] -= change.difference
    for (parcel, row), (one, other) in left.items():
        if one != other:
            yield Change("other", parcel, row, None, None, one, other)
