"""The card and the forecast of a target: arithmetic without a database."""

from datetime import date
from decimal import Decimal

import pytest

from app.landbank.models import CardRule
from app.landbank.progress.cards import card
from app.landbank.progress.forecast import elapsed, forecast, staged
from app.landbank.progress.pipeline import StageShare

TEN = Decimal(10)
RULE = CardRule(
    green_from=Decimal(1), yellow_from=Decimal("0.8"), exact_green_to=Decimal(1), exact_yellow_to=Decimal("1.05")
)


@pytest.mark.parametrize(
    ("actual", "expected", "comparator", "colour"),
    [
        ("5", "5", ">=", "green"),
        ("4.9", "5", ">=", "yellow"),
        ("3.9", "5", ">=", "red"),
        ("12", "10", ">=", "green"),
        ("10", "10", "=", "green"),
        ("10.2", "10", "=", "yellow"),
        ("11", "10", "=", "red"),
        ("3", "10", "=", "red"),
    ],
)
def test_cards(actual: str, expected: str, comparator: str, colour: str) -> None:
    assert card(Decimal(actual), Decimal(expected), TEN, comparator, RULE) == colour


def test_the_calendar_share() -> None:
    assert elapsed(2026, date(2025, 12, 31)) == 0
    assert elapsed(2026, date(2026, 12, 31)) == 1
    assert elapsed(2026, date(2027, 6, 1)) == 1
    assert elapsed(2026, date(2026, 3, 14)) == Decimal(73) / Decimal(365)


def test_a_forecast_is_the_pace_with_its_range() -> None:
    found = forecast(Decimal(0), Decimal(6), [Decimal(2), Decimal(1), Decimal(3)], Decimal("0.25"))
    assert found is not None
    assert found.mid == 24
    assert found.low == Decimal("21.5505")  # 24 - sqrt(2/3) * sqrt(9)
    assert found.high == Decimal("26.4495")


def test_a_forecast_never_falls_below_what_is_there() -> None:
    found = forecast(Decimal(0), TEN, [Decimal(10), Decimal(0)], Decimal("0.5"))
    assert found is not None
    assert found.low == TEN


def test_no_forecast_before_the_year_and_certainty_after_it() -> None:
    assert forecast(Decimal(0), Decimal(0), [], Decimal(0)) is None
    done = forecast(Decimal(0), TEN, [Decimal(1)] * 12, Decimal(1))
    assert done is not None
    assert (done.low, done.mid, done.high) == (TEN, TEN, TEN)


def test_a_shrinking_stock_may_go_on_shrinking() -> None:
    found = forecast(TEN, Decimal(8), [Decimal(-1), Decimal(-1)], Decimal("0.5"))
    assert found is not None
    assert {found.low, found.mid, found.high} == {Decimal(6)}


def test_stages_add_their_weighted_land_until_the_year_is_over() -> None:
    signed = StageShare("协议签订", Decimal(20), Decimal("0.2"), Decimal("0.45"), Decimal("0.7"))
    early = StageShare("立项", Decimal(10), Decimal(0), Decimal("0.05"), Decimal("0.1"))
    found = staged(TEN, [early, signed], Decimal("0.5"))
    assert found is not None
    assert (found.low, found.mid, found.high) == (Decimal(14), Decimal("19.5"), Decimal(25))
    assert found.method["code"] == "stage_weighted_1"
    done = staged(TEN, [early, signed], Decimal(1))
    assert done is not None
    assert (done.low, done.mid, done.high, done.stages) == (TEN, TEN, TEN, ())
    assert staged(TEN, [signed], Decimal(0)) is None
