"""From sums by month: what there is, what there was before the year, and the gain of each of its complete months."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True)
class Year:
    """The year asked for, up to its last day that counts, and the share of it that has passed."""

    year: int
    as_of: date
    share: Decimal


def levels(monthly: Mapping[str, Decimal], year: Year, *, stock: bool) -> tuple[Decimal, Decimal, list[Decimal]]:
    """What there is, what there was before the year (0 for a flow), and the gain of each complete month of it."""
    complete = [f"{year.year}-{month:02}" for month in range(1, _complete_months(year) + 1)]
    zero = Decimal(0)
    if not stock:
        return sum(monthly.values(), zero), zero, [monthly.get(month, zero) for month in complete]
    before = monthly.get(f"{year.year - 1}-12", zero)
    ends = [before, *(monthly.get(month, zero) for month in complete)]
    gains = [later - earlier for earlier, later in itertools.pairwise(ends)]
    return monthly.get(f"{year.as_of:%Y-%m}", zero), before, gains


def _complete_months(year: Year) -> int:
    if year.as_of.year < year.year:
        return 0
    last_of_month = date.fromordinal(year.as_of.toordinal() + 1).day == 1
    return year.as_of.month if last_of_month else year.as_of.month - 1
