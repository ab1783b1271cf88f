"""What must hold for any outline that is measured, and for any figure that is converted or rounded."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import shapely
import shapely.affinity
from hypothesis import given
from hypothesis import strategies as st

from app.geometry import (
    balanced,
    convert,
    decimal_to_e4,
    finite,
    from_e4,
    hectares,
    inside,
    largest_remainder,
    measure,
    round_half_up,
    to_e4,
    to_square_metres,
)

SRID = 4547
CENTRE = (550_000.0, 2_500_000.0)


@st.composite
def outlines(draw: st.DrawFn, radius: float = 900.0) -> shapely.Polygon:
    """A star-shaped outline around CENTRE, 3 to 12 vertices."""
    reaches = draw(st.lists(st.floats(0.1, 1.0), min_size=3, max_size=12))
    size = draw(st.floats(5.0, radius))
    angles = np.linspace(0, 2 * np.pi, len(reaches), endpoint=False)
    reach = np.array(reaches) * size
    return shapely.Polygon(np.column_stack([reach * np.cos(angles), reach * np.sin(angles)]) + CENTRE)


def sizes(*geometries: shapely.Geometry) -> list[float]:
    found: list[float] = measure(np.array(geometries, dtype=object), SRID).ellipsoidal.tolist()
    return found


@given(outlines())
def test_the_batch_does_not_matter(outline: shapely.Polygon) -> None:
    far = shapely.affinity.translate(outline, 120_000, -90_000)
    alone = sizes(outline)[0]
    assert sizes(far, outline, far)[1] == alone


@given(outlines())
def test_winding_start_and_wrapping_do_not_matter(outline: shapely.Polygon) -> None:
    around = shapely.Polygon(np.roll(shapely.get_coordinates(outline)[:-1], 1, axis=0))
    one, *others = sizes(outline, outline.reverse(), around, shapely.MultiPolygon([outline]))
    assert others == pytest.approx([one] * 3, rel=1e-13)


@given(outlines())
def test_a_hole_takes_off_exactly_what_it_holds(outline: shapely.Polygon) -> None:
    hole = shapely.affinity.scale(outline, 0.3, 0.3, origin=CENTRE)
    ring = shapely.Polygon(outline.exterior, [hole.exterior])
    assert sizes(ring)[0] == pytest.approx(sizes(outline)[0] - sizes(hole)[0], rel=1e-12)


@given(outlines(), st.floats(-0.5, 0.5))
def test_cutting_keeps_the_sum(outline: shapely.Polygon, turn: float) -> None:
    half = shapely.affinity.rotate(shapely.box(CENTRE[0], -1e7, 1e7, 1e7), 90 * turn, origin=CENTRE)
    parts = sizes(shapely.intersection(outline, half), shapely.difference(outline, half))
    assert sum(parts) == pytest.approx(sizes(outline)[0], abs=1e-6)


@given(outlines(), st.integers(-3, 3))
def test_east_and_west_of_the_meridian_are_mirrors(outline: shapely.Polygon, shift: int) -> None:
    """Transverse Mercator is symmetric about its meridian: the same outline mirrored measures the same."""
    there = shapely.affinity.translate(outline, shift * 10_000)
    mirrored = shapely.transform(there, lambda points: np.column_stack([1_000_000 - points[:, 0], points[:, 1]]))
    assert sizes(there)[0] == pytest.approx(sizes(mirrored)[0], rel=1e-11)


@given(outlines(), st.floats(0.5, 2.0), st.floats(0.5, 2.0), st.floats(-1, 1))
def test_the_plane_figure_scales_with_the_determinant(
    outline: shapely.Polygon, across: float, along: float, shear: float
) -> None:
    moved = shapely.affinity.affine_transform(outline, [across, shear, 0, along, -5e5 * across, -2.4e6 * along])
    one, other = measure(np.array([outline, moved]), SRID).plane
    assert other == pytest.approx(one * across * along, rel=1e-7)


@given(outlines(), st.sampled_from([float("nan"), float("inf"), float("-inf")]))
def test_what_is_no_number_is_seen(outline: shapely.Polygon, bad: float) -> None:
    points = shapely.get_coordinates(outline)
    points[1, 0] = bad
    with np.errstate(invalid="ignore"):
        broken = shapely.Polygon(points)
    assert finite(np.array([outline, broken])).tolist() == [True, False]
    assert inside(np.array([outline, broken, None]), (0, 0, 1e6, 1e7)).tolist() == [True, False, False]
    with pytest.raises(ValueError, match="not a number"):
        to_e4(np.array([1.0, float("nan")]))


amounts = st.decimals(0, Decimal(10) ** 9, places=4)


@given(amounts)
def test_units_go_there_and_back(amount: Decimal) -> None:
    assert hectares(amount) * 10_000 == amount
    assert convert(amount, "m2", 4) == amount
    assert convert(amount, "ha") == hectares(amount)
    assert abs(to_square_metres(convert(amount, "mu"), "mu") - amount) <= Decimal("0.0001")


def test_a_mu_is_exact() -> None:
    assert to_square_metres(Decimal(15), "mu") == Decimal("10000.0000")
    assert to_square_metres(Decimal(1), "mu") == Decimal("666.6667")
    assert convert(Decimal(2000), "mu") == 3


@given(st.decimals(-(10**6), 10**6, places=6), st.integers(0, 5))
def test_halves_go_away_from_zero(value: Decimal, places: int) -> None:
    rounded = Fraction(round_half_up(value, places))
    unit = Fraction(1, 10**places)
    distance = abs(abs(rounded) - abs(Fraction(value)))
    assert distance <= unit / 2
    assert abs(rounded) >= abs(Fraction(value)) or distance < unit / 2


@given(st.lists(amounts, min_size=1, max_size=12), st.integers(0, 10**12))
def test_shares_sum_to_the_total_and_stay_within_one(weights: list[Decimal], total: int) -> None:
    shares = largest_remainder(weights, total)
    assert sum(shares) == total
    everything = sum(map(Fraction, weights))
    if everything:
        assert all(abs(share - total * Fraction(w) / everything) < 1 for share, w in zip(shares, weights, strict=True))


@given(st.lists(amounts, min_size=1, max_size=12), st.integers(0, 4))
def test_a_balanced_table_adds_up(values: list[Decimal], places: int) -> None:
    printed = balanced(values, places)
    assert sum(printed) == round_half_up(sum(values, Decimal(0)), places)
    assert all(abs(p - value) < Decimal(1).scaleb(-places) for p, value in zip(printed, values, strict=True))


def test_the_report_that_did_not_add_up() -> None:
    """18.21 + 1.62 + 9.16 + 259.05 = 288.04 was printed beside a total of 288.05 (DESIGN §3.4)."""
    values = [Decimal(text) for text in ("18.214", "1.624", "9.163", "259.049")]
    assert sum(round_half_up(value, 2) for value in values) == Decimal("288.04")
    assert sum(balanced(values, 2)) == Decimal("288.05")


@given(amounts)
def test_stored_figures_survive_whole_numbers(amount: Decimal) -> None:
    assert from_e4(decimal_to_e4(amount)) == amount


def test_measured_figures_round_half_up() -> None:
    assert to_e4(np.array([0.00005, 1.00004, 2.0])).tolist() == [1, 10_000, 20_000]
