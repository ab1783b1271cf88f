"""The card of a target: green, yellow or red. The rule is data, kept here and nowhere else."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class CardRule:
    """Shares of what the calendar expects by now; for targets to be met exactly, shares of the target itself."""

    name: str
    green_from: Decimal
    yellow_from: Decimal
    exact_green_to: Decimal
    exact_yellow_to: Decimal


CALENDAR_PACE = CardRule("calendar_pace_1", Decimal("1.00"), Decimal("0.80"), Decimal("1.00"), Decimal("1.05"))


def card(actual: Decimal, expected: Decimal, value: Decimal, comparator: str, rule: CardRule = CALENDAR_PACE) -> str:
    """``green`` on pace, ``yellow`` somewhat behind, ``red`` far behind; an exact target also warns when overshot."""
    if comparator == "=" and actual > value * rule.exact_yellow_to:
        return "red"
    behind = "green" if actual >= expected * rule.green_from else "yellow"
    if actual < expected * rule.yellow_from:
        return "red"
    return "yellow" if comparator == "=" and actual > value * rule.exact_green_to else behind
