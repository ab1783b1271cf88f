"""Where a year ends if it goes on like this: the simple method, told with its range.

The pace so far is carried on to 31 December. The range is one standard deviation of the complete months so far, grown
with the square root of the months that remain. Weighting by project stages is another method and not this one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from statistics import pstdev

from app.geometry import round_half_up

PLACES = 4
METHOD = {
    "code": "linear_pace_1",
    "zh": "按年初以来的平均进度线性外推至年底；上下限为各完整月份的一个标准差，按剩余月数的平方根放大。",
    "en": "The year's average pace carried on to its end; the range is one standard deviation of the complete months,"
    " grown with the square root of the months that remain.",
}
_MONTHS = Decimal(12)
_FEWEST_MONTHS = 2


@dataclass(frozen=True)
class Forecast:
    """Hectares at the end of the year."""

    low: Decimal
    mid: Decimal
    high: Decimal


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
    return Forecast(*(round_half_up(value, PLACES) for value in (low, mid, max(high, mid))))
