"""The card of a target: green, yellow or red. The shares that decide are data: ``CardRule``."""

from decimal import Decimal

from app.landbank.models import CardRule


def card(actual: Decimal, expected: Decimal, value: Decimal, comparator: str, rule: CardRule) -> str:
    """``green`` on pace, ``yellow`` somewhat behind, ``red`` far behind; an exact target also warns when overshot."""
    if comparator == "=" and actual > value * rule.exact_yellow_to:
        return "red"
    behind = "green" if actual >= expected * rule.green_from else "yellow"
    if actual < expected * rule.yellow_from:
        return "red"
    return "yellow" if comparator == "=" and actual > value * rule.exact_green_to else behind
