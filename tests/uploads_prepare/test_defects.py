"""Each defect of an outline has a code, a place, and its size before and after repair; what is kept stays as given."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import shapely

from app.uploads import outlines
from app.uploads.catalogue import Catalogue
from app.uploads.findings import Finding
from app.uploads.rows import Rows
from tests.uploads_prepare.drawn_files import CATEGORIES, X, Y, square

TURN = np.linspace(0.0, 2.0 * np.pi, 100_002)
CIRCLE = shapely.Polygon(np.column_stack([500 * np.cos(TURN), 500 * np.sin(TURN)]))
GOOD = {"code": ["A"], "category": ["industrial"]}


def checked(wkt_or_shape: Any) -> dict[str, Finding]:
    """The findings of one outline, by code, as if another format than shapefile had brought it."""
    shape = shapely.from_wkt(wkt_or_shape) if isinstance(wkt_or_shape, str) else wkt_or_shape
    moved = shapely.transform(shape, lambda points: points + np.array([X, Y]))
    rows = Rows("parcels", 4547, 1, {}, np.array([moved], dtype=object), Catalogue(CATEGORIES))
    outlines.check(rows)
    return {one.code: one for one in rows.findings.kept}


@pytest.mark.parametrize(
    ("wkt", "code", "kind"),
    [
        ("POLYGON((0 0,0 100,100 0,100 60,0 0))", "geometry_bow_tie", "Point"),
        (
            "POLYGON((0 0,100 0,100 100,60 100,60 150,40 150,40 80,60 80,60 100,0 100,0 0))",
            "geometry_self_intersection",
            "",
        ),
        (
            "POLYGON((0 0,100 0,100 100,0 100,0 0),(200 0,210 0,210 10,200 10,200 0))",
            "geometry_hole_outside",
            "Polygon",
        ),
        (
            "MULTIPOLYGON(((0 0,100 0,100 100,0 100,0 0)),((50 0,150 0,150 100,50 100,50 0)))",
            "geometry_parts_overlap",
            "Polygon",
        ),
        (
            "POLYGON((0 0,100 0,100 100,0 100,0 0),(10 10,90 10,90 90,10 90,10 10),(20 20,30 20,30 30,20 30,20 20))",
            "geometry_invalid",
            "Point",
        ),
    ],
)
def test_an_outline_that_is_not_valid_is_named_and_placed(wkt: str, code: str, kind: str) -> None:
    found = checked(wkt)
    defect = found[code]
    assert defect.geometry is not None
    assert kind.upper() in shapely.to_wkt(defect.geometry)
    repair = found.get("geometry_repaired_differs") or found["geometry_repaired"]
    sizes = (repair.square_metres_before, repair.square_metres_after)
    assert None not in sizes
    assert (defect.square_metres_before, defect.square_metres_after) == sizes


def test_overlapping_parts_show_what_they_share() -> None:
    found = checked("MULTIPOLYGON(((0 0,100 0,100 100,0 100,0 0)),((50 0,150 0,150 100,50 100,50 0)))")
    assert found["geometry_parts_overlap"].geometry is not None
    assert shapely.area(found["geometry_parts_overlap"].geometry) == pytest.approx(5000)
    assert found["geometry_repaired_differs"].square_metres_after == 15000


def test_a_spike_says_the_size_without_it() -> None:
    found = checked("POLYGON((0 0,100 0,100 50,300 50.5,100 51,100 100,0 100,0 0))")["geometry_spike"]
    assert found.geometry == shapely.Point(X + 300, Y + 50.5)
    assert found.square_metres_before is not None
    assert found.square_metres_after == 10000
    assert found.square_metres_before == 10100
    inward = checked("POLYGON((0 0,100 0,100 50,20 50.3,100 50.6,100 100,0 100,0 0))")["geometry_spike"]
    assert inward.square_metres_before == 9976
    assert inward.square_metres_after == 10000


def test_a_spike_of_a_hole_counts_the_other_way() -> None:
    found = checked(
        "POLYGON((0 0,200 0,200 200,0 200,0 0),(50 50,50 100,50.3 101,50.6 180,50.9 101,100 100,100 50,50 50))"
    )
    spike = found["geometry_spike"]
    assert spike.square_metres_before is not None
    assert spike.square_metres_after is not None
    assert spike.square_metres_before < spike.square_metres_after


@pytest.mark.parametrize(
    ("wkt", "before", "after"),
    [
        ("POLYGON((0 0,100 0,100 100,0 100,0 0),(10 10,10 10.5,10.5 10.5,10.5 10,10 10))", "9999.75", "10000"),
        (
            "MULTIPOLYGON(((0 0,100 0,100 100,0 100,0 0)),((200 0,200.5 0,200.5 0.5,200 0.5,200 0)))",
            "10000.25",
            "10000",
        ),
        ("POLYGON((0 0,0.5 0,0.5 0.5,0 0.5,0 0))", "0.25", "0"),
    ],
)
def test_a_tiny_ring_is_kept_and_shown(wkt: str, before: str, after: str) -> None:
    found = checked(wkt)["geometry_tiny_ring"]
    assert found.severity == "warn"
    assert found.geometry is not None
    assert shapely.area(found.geometry) == pytest.approx(0.25)
    assert (float(found.square_metres_before or -1), float(found.square_metres_after or 0)) == (
        float(before),
        float(after),
    )


def test_a_repeated_vertex_is_noted_where_it_is() -> None:
    found = checked("POLYGON((0 0,100 0,100 0,100 100,0 100,0 0))")["geometry_duplicate_vertex"]
    assert (found.severity, found.geometry, found.values["count"]) == ("note", shapely.Point(X + 100, Y), "1")
    assert found.square_metres_before == found.square_metres_after == 10000


def test_a_sound_outline_is_told_nothing_of() -> None:
    found = checked("POLYGON((0 0,100 0,100 100,0 100,0 0),(10 10,10 20,20 20,20 10,10 10))")
    assert set(found) == {"no_district_loaded"}


def test_a_strip_is_shown_whole() -> None:
    strip = checked("POLYGON((0 0,100 0,100 0.02,0 0.02,0 0))")["geometry_sliver"]
    assert strip.geometry is not None
    assert shapely.get_type_id(strip.geometry) == shapely.GeometryType.POLYGON
    assert strip.square_metres_before == strip.square_metres_after == 2


@pytest.mark.parametrize(
    ("wkt", "code"),
    [
        ("POLYGON((0 0,0 9e9,9e9 0,0 0))", "coordinates_outside"),
        (CIRCLE, "too_many_vertices"),
    ],
)
def test_what_cannot_be_an_outline_is_refused_where_it_begins(wkt: Any, code: str) -> None:
    found = checked(wkt)[code]
    assert (found.severity, found.geometry is not None) == ("refuse", True)


def test_an_open_ring_and_a_reversed_one_are_told_with_their_size(prepared: Callable[..., Any]) -> None:
    found = prepared([square(0)[:-1]], GOOD)
    [closed] = [one for one in found.findings if one.code == "ring_closed"]
    assert closed.geometry is not None
    assert closed.square_metres_before == closed.square_metres_after == 10000
