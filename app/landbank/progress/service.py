"""Progress: each target of a year with what there is, what was expected by now, and what to expect."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from app.errors import BadRequest
from app.geometry import hectares as to_hectares
from app.geometry import round_half_up
from app.landbank.events.schemas import Remark
from app.landbank.hectares import queries, rollup
from app.landbank.hectares.query import MEASURES, STOCKS, HectaresQuery
from app.landbank.models import CardRule, Target
from app.landbank.progress.cards import card
from app.landbank.progress.forecast import Forecast, elapsed, forecast, staged
from app.landbank.progress.levels import Year, levels
from app.landbank.progress.pipeline import StagedLand, pipeline, stages_of
from app.landbank.progress.residuals import Residual, Summed, residuals
from app.landbank.progress.rules import card_rule
from app.landbank.scope.service import ProjectScope, projects
from app.landbank.targets import service as targets
from app.landbank.targets.queries import category_parents
from app.landbank.targets.schemas import TargetRow
from app.settings import Settings

_BY = ("category", "subcategory", "sub_district", "programme", "month")
RATE_PLACES = 4
_PERCENT = 100


@dataclass(frozen=True)
class ProgressRow:
    """One target. Figures are in the target's unit; None where the bank does not hold them, and ``reason`` says why.

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
    residuals: tuple[Residual, ...] = ()
    reason: Remark | None = None

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
    card_rule: CardRule
    rows: tuple[ProgressRow, ...]


@dataclass(frozen=True)
class _Known:
    """Everything that rows are made of."""

    year: Year
    card_rule: CardRule
    summed: Mapping[str, Summed]
    land: Sequence[StagedLand]
    projects: Sequence[ProjectScope]
    targets: Sequence[Target]
    parents: Mapping[str, str | None]
    named: frozenset[str] | None


def progress(
    session: Session,
    settings: Settings,
    year: int,
    as_of: date,
    known_at: datetime,
    named: frozenset[str] | None = None,
) -> Progress:
    """Every target of ``year``. After its end the year's last day is taken, before its beginning nothing is there.

    ``named`` are the categories that a report names beside each total; the rest of the total is its residual. Left
    out: the categories that have targets of their own.
    """
    counted = Year(year, min(as_of, date(year, 12, 31)), elapsed(year, as_of))
    rows = targets.targets(session, known_at, year=year)
    asked = [row.target for row in rows]
    measures = {target.measure for target in asked if target.unit == "ha"} & set(MEASURES)
    known = _Known(
        year=counted,
        card_rule=card_rule(session, known_at),
        summed={measure: _summed(session, settings, measure, counted, known_at) for measure in measures},
        land=pipeline(session, counted.as_of, known_at) if measures and 0 < counted.share < 1 else (),
        projects=projects(session, known_at) if {target.measure for target in asked} & set(SCOPE) else (),
        targets=asked,
        parents=category_parents(session, known_at),
        named=named,
    )
    return Progress(year, counted.as_of, known_at, known.card_rule, tuple(_row(row, known) for row in rows))


def named_of(value: str | None) -> frozenset[str] | None:
    """The categories of a parameter, separated by commas. Raises ``BadRequest`` for an empty one."""
    if value is None:
        return None
    codes = frozenset(value.split(","))
    if "" in codes:
        raise BadRequest("parameter_empty", parameter="named", name="named")
    return codes


def _summed(session: Session, settings: Settings, measure: str, year: Year, known_at: datetime) -> Summed:
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
        return Summed(query, ())
    found = rollup.rolled_up(session, query) if rollup.answers(session, query) else queries.summed(session, query)
    return Summed(query, [row for row in found if not row.is_total])


def _row(row: TargetRow, known: _Known) -> ProgressRow:
    target, year = row.target, known.year
    expected = round_half_up(target.value * year.share, RATE_PLACES)
    if target.measure in SCOPE:
        return _of_projects(row, known, expected)
    summed = known.summed.get(target.measure)
    if summed is None or target.unit != "ha":
        reason = Remark("note", "target_without_data", (("measure", target.measure),))
        return ProgressRow(row, None, None, None, expected, None, None, None, reason=reason)
    now, before, gains = levels(_monthly(target, summed), year, stock=summed.query.is_stock)
    to_come = stages_of(target, known.land)
    ahead = forecast(before, now, gains, year.share) if to_come is None else staged(now, to_come, year.share)
    return ProgressRow(
        known=row,
        actual=now,
        rate=_rate(now, target.value),
        gap=target.value - now,
        expected=expected,
        forecast=ahead,
        card=card(now, expected, target.value, target.comparator, known.card_rule),
        href=summed.query_of(target).parcels_href(),
        residuals=residuals(target, now, summed, known.targets, known.parents, known.named),
    )


SCOPE = {
    "key_projects": (),
    "study_scope": ("study",),
    "demolition_scope": ("demolition", "implementation"),
}
"""Measures of key projects: their number, and hectares of their boundaries of these roles."""


def _of_projects(row: TargetRow, known: _Known, expected: Decimal) -> ProgressRow:
    """Key projects as known: they have no dates of their own, so nothing is forecast."""
    target = row.target
    chosen = [
        one
        for one in known.projects
        if one.key and one.programme == target.programme and target.category in {None, one.category}
    ]
    roles = SCOPE[target.measure]
    sizes = (getattr(one, role) for one in chosen for role in roles)
    now = to_hectares(sum(sizes, Decimal(0))) if roles else Decimal(len(chosen))
    coloured = card(now, expected, target.value, target.comparator, known.card_rule)
    href = f"/projects?programme={target.programme}&key=true&by=project"
    href += "" if target.category is None else f"&category={target.category}"
    return ProgressRow(row, now, _rate(now, target.value), target.value - now, expected, None, coloured, href)


def _monthly(target: Target, summed: Summed) -> Mapping[str, Decimal]:
    found: dict[str, Decimal] = defaultdict(Decimal)
    for row in summed.of(target):
        found[str(row.month)] += to_hectares(row.square_metres)
    return found


def _rate(actual: Decimal, value: Decimal) -> Decimal:
    if value == 0:
        return round_half_up(Decimal(_PERCENT), RATE_PLACES)
    return round_half_up(actual * _PERCENT / value, RATE_PLACES)
