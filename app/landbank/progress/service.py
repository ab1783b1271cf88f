"""Progress: each target of a year with what there is, what was expected by now, and what to expect."""

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from app.geometry import hectares as to_hectares
from app.geometry import round_half_up
from app.landbank.hectares import queries, rollup
from app.landbank.hectares.query import MEASURES, STOCKS, HectaresQuery
from app.landbank.models import Target
from app.landbank.progress.cards import card
from app.landbank.progress.forecast import Forecast, elapsed, forecast
from app.landbank.targets import service as targets
from app.landbank.targets.schemas import TargetRow
from app.settings import Settings

_BY = ("category", "subcategory", "sub_district", "programme", "month")
RATE_PLACES = 4
_PERCENT = 100


@dataclass(frozen=True)
class ProgressRow:
    """One target. Figures are in the target's unit; None where the bank does not hold them.

    ``gap`` is what is still missing; negative when there is more than asked.
    """

    known: TargetRow
    actual: Decimal | None
    rate: Decimal | None
    gap: Decimal | None
    expected: Decimal
    forecast: Forecast | None
    card: str | None
    href: str | None

    @property
    def target(self) -> Target:
        """What was asked for."""
        return self.known.target


@dataclass(frozen=True)
class Progress:
    """The targets of a year as of a day, as known at a moment."""

    year: int
    as_of: date
    known_at: datetime
    rows: tuple[ProgressRow, ...]


@dataclass(frozen=True)
class _Year:
    """The year asked for, up to its last day that counts."""

    year: int
    as_of: date
    share: Decimal


def progress(session: Session, settings: Settings, year: int, as_of: date, known_at: datetime) -> Progress:
    """Every target of ``year``. After its end the year's last day is taken, before its beginning nothing is there."""
    counted = _Year(year, min(as_of, date(year, 12, 31)), elapsed(year, as_of))
    known = targets.targets(session, known_at, year=year)
    asked = [row.target for row in known]
    summed = {
        measure: _summed(session, settings, measure, counted, known_at)
        for measure in {target.measure for target in asked if target.unit == "ha"} & set(MEASURES)
    }
    rows = tuple(_row(row, counted, summed.get(row.target.measure)) for row in known)
    return Progress(year, as_of, known_at, rows)


@dataclass(frozen=True)
class _Summed:
    """A measure's square metres by month and key; for a stock the level at each month's end."""

    query: HectaresQuery
    rows: Sequence[queries.SummedRow]


def _summed(session: Session, settings: Settings, measure: str, year: _Year, known_at: datetime) -> _Summed:
    first = date(year.year, 1, 1)
    stock = measure in STOCKS
    query = HectaresQuery(
        measure=measure,
        as_of=year.as_of,
        first_day=year.as_of if stock else min(first, year.as_of),
        last_day=year.as_of,
        known_at=known_at,
        today=settings.today(),
        by=_BY,
    )
    if not stock and year.as_of < first:
        return _Summed(query, ())
    found = rollup.rolled_up(session, query) if rollup.answers(session, query) else queries.summed(session, query)
    return _Summed(query, [row for row in found if not row.is_total])


def _row(known: TargetRow, year: _Year, summed: _Summed | None) -> ProgressRow:
    target = known.target
    expected = round_half_up(target.value * year.share, RATE_PLACES)
    if summed is None or target.unit != "ha":
        return ProgressRow(known, None, None, None, expected, None, None, None)
    monthly = _monthly(target, summed)
    now, before, gains = _levels(monthly, year, stock=summed.query.is_stock)
    return ProgressRow(
        known=known,
        actual=now,
        rate=_rate(now, target.value),
        gap=target.value - now,
        expected=expected,
        forecast=forecast(before, now, gains, year.share),
        card=card(now, expected, target.value, target.comparator),
        href=_href(target, summed.query),
    )


def _monthly(target: Target, summed: _Summed) -> Mapping[str, Decimal]:
    found: dict[str, Decimal] = defaultdict(Decimal)
    for row in summed.rows:
        wanted = (
            row.programme == target.programme
            and target.category in {None, row.category, row.subcategory}
            and target.sub_district in {None, row.sub_district}
        )
        if wanted:
            found[str(row.month)] += to_hectares(row.square_metres)
    return found


def _levels(monthly: Mapping[str, Decimal], year: _Year, *, stock: bool) -> tuple[Decimal, Decimal, list[Decimal]]:
    """What there is, what there was before the year, and the gain of each complete month of it."""
    complete = [f"{year.year}-{month:02}" for month in range(1, _complete_months(year) + 1)]
    zero = Decimal(0)
    if not stock:
        return sum(monthly.values(), zero), zero, [monthly.get(month, zero) for month in complete]
    before = monthly.get(f"{year.year - 1}-12", zero)
    levels = [before, *(monthly.get(month, zero) for month in complete)]
    gains = [later - earlier for earlier, later in itertools.pairwise(levels)]
    return monthly.get(f"{year.as_of:%Y-%m}", zero), before, gains


def _complete_months(year: _Year) -> int:
    if year.as_of.year < year.year:
        return 0
    last_of_month = date.fromordinal(year.as_of.toordinal() + 1).day == 1
    return year.as_of.month if last_of_month else year.as_of.month - 1


def _rate(actual: Decimal, value: Decimal) -> Decimal:
    if value == 0:
        return round_half_up(Decimal(_PERCENT), RATE_PLACES)
    return round_half_up(actual * _PERCENT / value, RATE_PLACES)


def _href(target: Target, query: HectaresQuery) -> str:
    asked = query.narrowed(
        by=(),
        programme=(target.programme,),
        category=() if target.category is None else (target.category,),
        sub_district=() if target.sub_district is None else (target.sub_district,),
    )
    return asked.parcels_href()
