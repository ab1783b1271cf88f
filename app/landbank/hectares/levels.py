"""The roll-up in memory, as sums up to each day: a stock is one number for each key, a flow the difference of two.

Equal to ``rollup.sql``, which answers wherever nothing is kept. All sums are whole numbers, so nothing is rounded.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.landbank.hectares import queries
from app.landbank.hectares.queries import Columns, Figure, Integers, Told
from app.landbank.hectares.query import NONE, HectaresQuery
from app.landbank.models import HectaresKey, HectaresRollup
from app.sql import Query

MOST_RECORDS = 500_000
"""Of more than these the database itself makes sums: they would take long to read after each publication."""
_DIMENSIONS = ("category", "subcategory", "sub_district", "programme", "layer")
_AMOUNTS = ("counted", "declared", "document", "plane", "ellipsoidal", "parcels", "parcels_once")
_RECORD = np.dtype([(name, ">i8") for name in ("key", "day", "parcel", *_AMOUNTS)])
_SPAN = 1 << 22
"""More than any day number."""
_SUMMABLE = 2.0**62


@dataclass(frozen=True)
class _Records:
    records: bytes | None


_DAYS = Query(queries.PACKAGE, "rollup_days.sql", _Records)


@dataclass(frozen=True)
class Keys:
    """The roll-up's keys. ``codes``: of each dimension in the order of answers; ``places``: each key's code there."""

    ids: Integers
    codes: Mapping[str, Sequence[str | None]]
    places: Mapping[str, Integers]


@dataclass(frozen=True)
class Levels:
    """One measure: ``sums`` of every record up to each one, by key and day; ``at`` is key × _SPAN + day.

    ``alone``: the records of parcels that a flow counts more than once, in no sum. ``first_day``: before which there is
    nothing.
    """

    at: Integers
    sums: Integers
    alone: NDArray[Any]
    first_day: date

    def between(self, keys: Integers, before: Integers | None, upto: Integers) -> Integers:
        """Amounts (key, day, amount) after the day of ``before``, or since ever, until that of ``upto``."""
        start = self._sums(keys, np.zeros(1, dtype=np.int64) if before is None else before)
        return self._sums(keys, upto) - start

    def _sums(self, keys: Integers, days: Integers) -> Integers:
        found: Integers = self.sums[np.searchsorted(self.at, keys[:, None] * _SPAN + days, side="right")]
        return found


def keys_of(session: Session, tops: Mapping[str, str]) -> Keys:
    """The keys as they are; ``tops``: the top of each land category."""
    key = HectaresKey
    columns = select(key.id, key.land_category, key.sub_district, key.programme, key.layer).order_by(key.id)
    rows = session.execute(columns).all()
    values: dict[str, list[str | None]] = {
        "category": [tops.get(row.land_category, row.land_category) for row in rows],
        "subcategory": [row.land_category for row in rows],
        "sub_district": [row.sub_district for row in rows],
        "programme": [row.programme for row in rows],
        "layer": [row.layer for row in rows],
    }
    codes = {name: sorted(set(column), key=lambda code: (code is None, code or "")) for name, column in values.items()}
    number = {name: {code: place for place, code in enumerate(found)} for name, found in codes.items()}
    return Keys(
        ids=np.array([row.id for row in rows], dtype=np.int64),
        codes=codes,
        places={
            name: np.array([number[name][code] for code in column], dtype=np.int64) for name, column in values.items()
        },
    )


def levels_of(session: Session, measure: str, keys: Keys) -> Levels | None:
    """A measure's sums; None where there are too many records, or too much land for whole numbers of 64 bits."""
    rows = HectaresRollup.measure == measure, HectaresRollup.grain == "day"
    if session.execute(select(func.count()).where(*rows)).scalar_one() > MOST_RECORDS:
        return None
    found = np.frombuffer(_DAYS.all(session, measure=measure)[0].records or b"", dtype=_RECORD)
    amounts = np.column_stack([found[name] for name in _AMOUNTS]).astype(np.int64)
    if (np.abs(amounts.astype(np.float64)).sum(axis=0) > _SUMMABLE).any():
        return None
    at = np.searchsorted(keys.ids, found["key"]) * _SPAN + found["day"]
    summed = np.flatnonzero(found["parcel"] == 0)
    summed = summed[np.argsort(at[summed], kind="stable")]
    sums = np.zeros((len(summed) + 1, len(_AMOUNTS)), dtype=np.int64)
    np.cumsum(amounts[summed], axis=0, out=sums[1:])
    first = date.fromordinal(int(found["day"].min())) if len(found) else date.max
    return Levels(at[summed], sums, found[found["parcel"] != 0], first)


def columns(keys: Keys, levels: Levels, query: HectaresQuery) -> tuple[Columns, Figure]:
    """The rows of a question in their order and its total, without overlap; equal to those of ``rollup.sql``."""
    periods = list(_periods(query, levels.first_day))
    by = [name for name in _DIMENSIONS if name in query.by]
    wanted = np.flatnonzero(_asked_for(keys, query)) if periods else np.empty(0, dtype=np.int64)
    lines, line_of = np.unique(_lines(keys, by, wanted), return_inverse=True)
    before, upto = (np.array([getattr(period, name) for period in periods], np.int64) for name in ("before", "upto"))
    amounts = levels.between(wanted, None if query.is_stock else before, upto)[:, :, _amounts(query)]
    order = np.argsort(line_of, kind="stable")
    rows = np.add.reduceat(amounts[order], np.searchsorted(line_of[order], np.arange(len(lines))), axis=0)
    total = (amounts[:, -1:] if query.is_stock else amounts).sum(axis=(0, 1))
    if len(levels.alone) and periods:
        line_of_key = dict(zip(keys.ids[wanted].tolist(), line_of.tolist(), strict=True))
        _add_alone(levels, query.basis or "counted", line_of_key, np.append(before[:1], upto), rows, total)
    some = np.flatnonzero(rows[:, :, 1] > 0)
    line, period = np.divmod(some, max(1, len(periods)))
    size, parcels = (rows[:, :, column].ravel()[some] for column in (0, 1))
    told = [*_codes(keys, by, lines[line]), *_steps(query, periods, period)]
    return Columns(told, size, parcels, np.zeros_like(size)), Figure((), int(total[0]), int(total[2]))


class _Period(NamedTuple):
    """Days after ``before`` until ``upto``, by number, and what they are called."""

    year: str
    month: str
    before: int
    upto: int


def _periods(query: HectaresQuery, first: date) -> Iterator[_Period]:
    """The years or months of a question, where it asks for them; else all its days. Nothing lies before ``first``."""
    if query.step is None:
        yield _Period("", "", query.first_day.toordinal() - 1, query.last_day.toordinal())
        return
    begin = first if query.is_stock else max(first, query.first_day)
    while begin <= query.last_day:
        months = 12 if query.step == "year" else begin.month
        after = date(begin.year + months // 12, months % 12 + 1, 1)
        upto = min(after - timedelta(days=1), query.last_day)
        yield _Period(f"{begin:%Y}", f"{begin:%Y-%m}", begin.toordinal() - 1, upto.toordinal())
        begin = after


def _amounts(query: HectaresQuery) -> list[int]:
    """Which amounts a question adds: square metres, parcels of a row, parcels of the total.

    Within one sub-district a parcel counts there; over several of them, once.
    """
    in_one = len(query.sub_district) == 1
    of_row = "parcels" if in_one or "sub_district" in query.by else "parcels_once"
    of_total = "parcels" if in_one else "parcels_once"
    return [_AMOUNTS.index(name) for name in (query.basis or "counted", of_row, of_total)]


def _asked_for(keys: Keys, query: HectaresQuery) -> NDArray[np.bool_]:
    """Which keys the question's filters let through."""

    def among(name: str, asked: Sequence[str]) -> NDArray[np.bool_]:
        passes = np.array([not asked or (NONE if code is None else code) in asked for code in keys.codes[name]], bool)
        found: NDArray[np.bool_] = passes[keys.places[name]]
        return found

    return (
        (among("category", query.category) | among("subcategory", query.category))
        & among("subcategory", query.subcategory)
        & among("sub_district", query.sub_district)
        & among("programme", query.programme)
        & among("layer", query.layer)
    )


def _lines(keys: Keys, by: Sequence[str], wanted: Integers) -> Integers:
    """The row that each key adds to, as a number that grows in the order of rows."""
    line = np.zeros(len(wanted), dtype=np.int64)
    for name in by:
        line = line * len(keys.codes[name]) + keys.places[name][wanted]
    return line


def _codes(keys: Keys, by: Sequence[str], lines: Integers) -> list[Told]:
    """The codes of rows from their numbers, dimension by dimension."""
    found = []
    for name in reversed(by):
        lines, place = np.divmod(lines, len(keys.codes[name]))
        found.append(Told([(name, code) for code in keys.codes[name]], place))
    return found[::-1]


def _steps(query: HectaresQuery, periods: Sequence[_Period], place: Integers) -> list[Told]:
    steps = [name for name in ("year", "month") if name in query.by]
    return [Told([(name, getattr(period, name)) for period in periods], place) for name in steps]


def _add_alone(
    levels: Levels, basis: str, line_of: Mapping[int, int], edges: Integers, rows: Integers, total: Integers
) -> None:
    """Add what parcels that stand by themselves have. ``edges``: the day before the first period, the last of each.

    Each is one parcel in a row and period, and one in the total.
    """
    days = levels.alone["day"]
    found = levels.alone[(days > edges[0]) & (days <= edges[-1]) & np.isin(levels.alone["key"], list(line_of))]
    line = np.array([line_of[key] for key in found["key"].tolist()], dtype=np.int64)
    period = np.searchsorted(edges[1:], found["day"])
    size, parcel = found[basis].astype(np.int64), found["parcel"].astype(np.int64)
    np.add.at(rows[:, :, 0], (line, period), size)
    line, period, _ = np.unique(np.column_stack([line, period, parcel]), axis=0).T
    np.add.at(rows[:, :, 1], (line, period), 1)
    total[0] += size.sum()
    total[2] += len(np.unique(parcel))
