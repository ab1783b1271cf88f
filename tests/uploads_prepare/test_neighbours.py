"""Gaps and slivers between the parcels of a file: told where asked for, cut only by choice, never filled."""

from collections.abc import Callable
from typing import Any

import pytest
import shapely

from app.errors import BadRequest
from app.uploads.options import UploadOptions
from tests.uploads_prepare.drawn_files import X, Y, codes, table

Ring = list[tuple[float, float]]
Prepare = Callable[..., Any]


def box(left: float, right: float, low: float = 0.0, high: float = 100.0) -> Ring:
    return [(X + left, Y + low), (X + left, Y + high), (X + right, Y + high), (X + right, Y + low), (X + left, Y + low)]


def columns(count: int, **more: list[str]) -> dict[str, list[str]]:
    return {"code": list("ABCDEFGH"[:count]), "category": ["industrial"] * count} | more


def test_a_gap_is_told_with_its_polygon_and_not_filled(prepared: Prepare) -> None:
    found = prepared([box(0, 100), box(100.04, 200)], columns(2), gap_width=0.05)
    [gap] = [one for one in found.findings if one.code == "gap"]
    assert (gap.severity, gap.row, gap.values["parcels"]) == ("warn", 1, "A (1), B (2)")
    assert shapely.equals_exact(
        shapely.normalize(gap.geometry), shapely.normalize(shapely.Polygon(box(100, 100.04))), 1e-6
    )
    assert float(gap.square_metres_before) == pytest.approx(4.0, abs=1e-3)
    assert gap.square_metres_before == gap.square_metres_after
    sizes = table(found.rows)["plane_e4"].to_pylist()
    assert sizes == [100_000_000, 99_960_000]


@pytest.mark.parametrize(
    ("rings", "width"),
    [
        ([box(0, 100), box(100.04, 200)], None),
        ([box(0, 100), box(100.06, 200)], 0.05),
        ([box(0, 100), box(100, 200)], 1.0),
        ([box(0, 100), box(100, 200, high=50)], 1.0),
        ([box(0, 100), box(99.9, 200)], 1.0),
        ([box(0, 100), box(100.04, 200), box(99, 101)], 0.05),
    ],
    ids=["not asked", "wider", "touching", "a step", "overlapping", "held by another"],
)
def test_what_is_no_gap_is_not_told(prepared: Prepare, rings: list[Ring], width: float | None) -> None:
    found = prepared(rings, columns(len(rings)), gap_width=width)
    assert "gap" not in {one.code for one in found.findings}


def test_a_gap_between_three_is_told_once(prepared: Prepare) -> None:
    rings = [box(0, 100), box(100.04, 200, high=50), box(100.04, 200, low=50)]
    [gap] = [one for one in prepared(rings, columns(3), gap_width=0.1).findings if one.code == "gap"]
    assert gap.values["parcels"] == "A (1), B (2), C (3)"
    assert float(gap.values["square_metres"]) == pytest.approx(4.0, abs=0.01)


def test_layers_have_no_gap_between_them(prepared: Prepare) -> None:
    found = prepared([box(0, 100), box(100.04, 200)], columns(2, layer=["surface", "below"]), gap_width=0.05)
    assert "gap" not in {one.code for one in found.findings}


def test_slivers_stay_unless_clipping_is_chosen(prepared: Prepare) -> None:
    found = prepared([box(0, 100), box(99.995, 200)], columns(2))
    assert table(found.rows)["plane_e4"].to_pylist() == [100_000_000, 100_005_000]
    assert "sliver_clipped" not in {one.code for one in found.findings}


def test_a_sliver_is_clipped_off_the_later_row_by_choice(prepared: Prepare) -> None:
    found = prepared([box(0, 100), box(99.995, 200)], columns(2), slivers="clip")
    [clipped] = [one for one in found.findings if one.code == "sliver_clipped"]
    assert (clipped.row, clipped.feature, clipped.values["other"]) == (2, "B", "A")
    assert float(clipped.square_metres_before - clipped.square_metres_after) == pytest.approx(0.5, abs=1e-3)
    assert shapely.area(clipped.geometry) == pytest.approx(0.5, abs=1e-3)
    assert table(found.rows)["plane_e4"].to_pylist() == [100_000_000, 100_000_000]


def test_more_than_a_sliver_is_never_clipped(prepared: Prepare) -> None:
    found = prepared([box(0, 100), box(99.9, 200)], columns(2), slivers="clip")
    assert "sliver_clipped" not in {one.code for one in found.findings}
    assert codes(found) == []


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"collection": "parcels", "gap_width": 0.0}, "gap_width_invalid"),
        ({"collection": "parcels", "gap_width": 1.5}, "gap_width_invalid"),
        ({"collection": "parcels", "gap_width": float("nan")}, "gap_width_invalid"),
        ({"collection": "districts", "gap_width": 0.5}, "option_only_parcels"),
        ({"collection": "districts", "slivers": "clip"}, "option_only_parcels"),
        ({"collection": "parcels", "slivers": "fill"}, "choice_unknown"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, Any], code: str) -> None:
    with pytest.raises(BadRequest, match=code):
        UploadOptions(**options)
