"""Where a year ends, told with its range and its method.

Where projects have stages, candidates at each stage count with its weight on top of what there is. Elsewhere the pace
so far is carried on to 31 December, and the range is one standard deviation of the complete months so far, grown with
the square root of the months that remain.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from statistics import pstdev

from app.geometry import round_half_up
from app.landbank.progress.pipeline import StageShare

PLACES = 4
LINEAR = {
    "code": "linear_pace_1",
    "zh": "按年初以来的平均进度线性外推至年底；上下限为各完整月份的一个标准差，按剩余月数的平方根放大。",
    "en": "The year's average pace carried on to its end; the range is one standard deviation of the complete months,"
    " grown with the square root of the months that remain.",
}
STAGED = {
    "code": "stage_weighted_1",
    "zh": "已完成数，加上在途地块公顷数乘以其项目所处阶段的权重（年底前可完成的比例，分低、中、高）；"
    "权重为数据，见 /stage-weights；年度结束后不再加计。",
    "en": "What is done, plus the hectares of candidates weighted by their project's stage: the share expected to count"
    " by the year's end, low, mid and high. Weights are data, see /stage-weights; after the year nothing is added.",
}
_MONTHS = Decimal(12)
_FEWEST_MONTHS = 2


@dataclass(frozen=True)
class Forecast:
    """Hectares at the end of the year, how they were told, and the stages behind them where there are any."""

    low: Decimal
    mid: Decimal
    high: Decimal
    method: Mapping[str, str]
    stages: tuple[StageShare, ...] = ()


def elapsed(year: int, as_of: date) -> Decimal:
    """The share of the year's days that have passed by the end of ``as_of``: 0 before it, 1 after it."""
    first, after = date(year, 1, 1), date(year + 1, 1, 1)
    days = min(max((as_of - first).days + 1, 0), (after - first).days)
    return Decimal(days) / Decimal((after - first).days)


def forecast(before: Decimal, actual: Decimal, months: Sequence[Decimal], share: Decimal) -> Forecast | None:
    """From what there was ``before`` the year, ``actual`` by now and the gain of each complete month of the year.

    ``before`` is 0 for a flow. None before the year has begun.
    """
    if share == 0:
        return None
    gained = actual - before
    mid = before + gained / share
    left = _MONTHS * (1 - share)
    spread = abs(mid - actual)
    if len(months) >= _FEWEST_MONTHS:
        spread = pstdev(months) * left.sqrt()
    low, high = mid - spread, mid + spread
    if gained >= 0:
        low = max(low, actual)
    return _rounded([low, mid, max(high, mid)], LINEAR)


def staged(actual: Decimal, stages: Sequence[StageShare], share: Decimal) -> Forecast | None:
    """``actual`` by now and what the stages add to it. None before the year has begun; after it nothing is added."""
    if share == 0:
        return None
    to_come = tuple(stages) if share < 1 else ()
    sums = [
        actual + sum((one.hectares * getattr(one, name) for one in to_come), Decimal(0))
        for name in ("low", "mid", "high")
    ]
    return _rounded(sums, STAGED, to_come)


def _rounded(sums: Sequence[Decimal], method: Mapping[str, str], stages: tuple[StageShare, ...] = ()) -> Forecast:
    low, mid, high = (round_half_up(value, PLACES) for value in sums)
    return Forecast(low, mid, high, method, stages)
