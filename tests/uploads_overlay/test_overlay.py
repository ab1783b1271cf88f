"""Overlaps, clusters, faces and portions: drawn cases, properties, and data whose numbers are known."""

import json
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
import shapely.affinity
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import Refused
from app.geometry import Geometries, measure, to_e4
from app.uploads import overlay
from app.uploads.overlay import MISSING, Figures, Parcels, Place, clusters, faces, pairs, portions

SRID = 4547
EAST, NORTH = 520_000, 2_500_000
SHARED = Path(__file__).parents[2].parent / "shared" / "data"
NONE = Parcels(np.array([], dtype=object), np.array([], dtype=np.int64), np.array([], dtype=object))


def rectangle(west: float, south: float, east: float, north: float) -> shapely.Polygon:
    return shapely.box(EAST + west, NORTH + south, EAST + east, NORTH + north)


def parcels(*geometries: shapely.Geometry, first: int = 0, layer: str = "surface") -> Parcels:
    count = len(geometries)
    return Parcels(
        np.array(geometries, dtype=object), np.arange(first, first + count), np.full(count, layer, dtype=object)
    )


def figures(geometries: Geometries, declared: int = MISSING) -> Figures:
    measured = measure(geometries, SRID)
    stated = np.full(len(geometries), declared)
    return Figures(to_e4(measured.plane), to_e4(measured.ellipsoidal), stated, np.full(len(geometries), MISSING))


rectangles = st.builds(
    lambda x, y, w, h: rectangle(x, y, x + w, y + h),
    st.integers(0, 60), st.integers(0, 60), st.integers(1, 40), st.integers(1, 40),
)  # fmt: skip
triangles = st.builds(
    lambda x, y, w, h: shapely.Polygon([(x, y), (x + w, y + 3), (x + 5, y + h)]),
    st.floats(0, 60), st.floats(0, 60), st.floats(20, 40), st.floats(20, 40),
).map(lambda shape: shapely.affinity.translate(shape, EAST, NORTH))  # fmt: skip
shapes = st.lists(st.one_of(rectangles, triangles), min_size=2, max_size=7)


def test_neighbours_that_touch_are_no_pair() -> None:
    found = pairs(parcels(rectangle(0, 0, 10, 10), rectangle(10, 0, 20, 10), rectangle(20, 10, 30, 20)), NONE, SRID)
    assert len(found.a) == 0


def test_equal_contained_and_crossing_parcels_are_pairs() -> None:
    one = rectangle(0, 0, 10, 10)
    found = pairs(parcels(one, one, rectangle(2, 2, 4, 4)), parcels(rectangle(9, 0, 19, 10), first=7), SRID)
    assert list(zip(found.a.tolist(), found.b.tolist(), found.plane.tolist(), strict=True)) == [
        (0, 1, 100.0), (0, 2, 4.0), (0, 7, 10.0), (1, 2, 4.0), (1, 7, 10.0),
    ]  # fmt: skip
    assert found.ellipsoidal == pytest.approx(found.plane, rel=1e-4)


def test_stored_parcels_are_not_compared_with_each_other() -> None:
    stored = parcels(rectangle(0, 0, 10, 10), rectangle(0, 0, 10, 10), first=5)
    assert len(pairs(NONE, stored, SRID).a) == 0
    assert len(pairs(NONE, NONE, SRID).a) == 0


def test_a_parcel_does_not_overlap_its_own_stored_outline() -> None:
    assert len(pairs(parcels(rectangle(0, 0, 10, 10)), parcels(rectangle(1, 0, 10, 10)), SRID).a) == 0


def test_layers_are_apart() -> None:
    below = parcels(rectangle(0, 0, 10, 10), first=1, layer="below")
    assert len(pairs(parcels(rectangle(0, 0, 10, 10)), below, SRID).a) == 0


def test_common_points_and_lines_are_left_out() -> None:
    """The overlay of these two is a square and a line."""
    comb = shapely.union_all([rectangle(0, 0, 4, 10), rectangle(4, 0, 8, 2)])
    other = shapely.union_all([rectangle(2, 4, 8, 10), rectangle(6, 2, 8, 4)])
    found = pairs(parcels(comb, other), NONE, SRID)
    assert found.plane.tolist() == [12.0]
    assert found.geometries[0].geom_type in {"Polygon", "MultiPolygon"}


@given(shapes)
@settings(deadline=None)
def test_pairs_are_those_whose_intersection_has_a_size(geometries: list[shapely.Polygon]) -> None:
    found = pairs(parcels(*geometries), NONE, SRID)
    expected = {(i, j) for i, j in combinations(range(len(geometries)), 2)
                if shapely.intersection(geometries[i], geometries[j]).area > 1e-9}  # fmt: skip
    assert expected <= set(zip(found.a.tolist(), found.b.tolist(), strict=True))
    assert len(found.a) - len(expected) == (found.plane <= 1e-9).sum()


@given(shapes)
@settings(deadline=None)
def test_faces_are_what_is_counted_too_often(geometries: list[shapely.Polygon]) -> None:
    outlines = np.array(geometries, dtype=object)
    found = faces([(outlines, np.arange(len(outlines)))], SRID)
    twice = shapely.area(outlines).sum() - shapely.union_all(outlines).area
    assert sum((len(face.members) - 1) * face.plane for face in found) == pytest.approx(twice, abs=1e-6)
    total = measure(outlines, SRID).ellipsoidal.sum()
    land = measure(np.array([shapely.union_all(outlines)]), SRID).ellipsoidal[0]
    assert sum((len(face.members) - 1) * face.ellipsoidal for face in found) == pytest.approx(total - land, abs=1e-6)
    for one, other in combinations(found, 2):
        assert shapely.intersection(one.geometry, other.geometry).area == pytest.approx(0, abs=1e-9)


def test_three_on_one_place_are_counted_twice_too_often() -> None:
    outlines = np.array([rectangle(0, 0, 10, 10), rectangle(5, 0, 15, 10), rectangle(5, 5, 15, 15)])
    found = {face.members: face.plane for face in faces([(outlines, np.array([11, 12, 13]))], SRID)}
    assert found == {(11, 12): 25.0, (12, 13): 25.0, (11, 12, 13): 25.0}


def test_a_lost_face_is_looked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where noding in floating point loses a face, the second try on a grid of a micrometre is taken."""
    whole = overlay._arrangement

    def lossy(geometries: Geometries, grid: float) -> dict[tuple[int, ...], shapely.Geometry]:
        return whole(geometries, grid) if grid else {}

    monkeypatch.setattr(overlay, "_arrangement", lossy)
    outlines = np.array([rectangle(0, 0, 10, 10), rectangle(5, 0, 15, 10)])
    assert [face.plane for face in faces([(outlines, np.array([1, 2]))], SRID)] == pytest.approx([50.0])


def test_clusters_hold_together() -> None:
    found = clusters(np.array([9, 3, 1, 20, 3]), np.array([3, 1, 9, 21, 4]))
    assert found == [[1, 3, 4, 9], [20, 21]]


def places(*polygons: shapely.Polygon) -> list[Place]:
    return [Place("district", f"sub-district {n}", None, polygon) for n, polygon in enumerate(polygons)]


def test_a_parcel_in_one_place_is_one_portion() -> None:
    outlines = np.array([rectangle(1, 1, 9, 9), rectangle(0, 0, 10, 10)])
    found = portions(
        outlines, figures(outlines, 12_345), places(rectangle(0, 0, 10, 10), rectangle(10, 0, 20, 10)), SRID
    )
    assert found.parcel.tolist() == [0, 1]
    assert found.place.tolist() == [0, 0]
    assert found.figures.declared.tolist() == [12_345, 12_345]
    assert found.figures.document.tolist() == [MISSING, MISSING]
    assert found.figures.plane.tolist() == [640_000, 1_000_000]


def test_no_places_at_all() -> None:
    outlines = np.array([rectangle(0, 0, 10, 10)])
    found = portions(outlines, figures(outlines), [], SRID)
    assert found.place.tolist() == [MISSING]
    assert found.figures.plane.tolist() == [1_000_000]


def test_no_parcels_at_all() -> None:
    none = np.array([], dtype=object)
    assert len(portions(none, figures(none), places(rectangle(0, 0, 1, 1)), SRID).parcel) == 0


def test_a_crossing_parcel_is_cut_and_what_is_outside_kept() -> None:
    outlines = np.array([rectangle(5, 0, 25, 10)])
    found = portions(
        outlines, figures(outlines, 1_000), places(rectangle(10, 0, 20, 10), rectangle(0, 0, 10, 10)), SRID
    )
    assert found.place.tolist() == [0, 1, MISSING]
    assert found.figures.plane.tolist() == [1_000_000, 500_000, 500_000]
    assert found.figures.declared.tolist() == [500, 250, 250]
    assert shapely.area(found.geometries).tolist() == [100.0, 50.0, 50.0]


def test_what_two_places_claim_is_given_once() -> None:
    outlines = np.array([rectangle(0, 0, 10, 10)])
    found = portions(outlines, figures(outlines), places(rectangle(-5, -5, 6, 15), rectangle(5, -5, 15, 15)), SRID)
    assert found.figures.plane.tolist() == [600_000, 400_000]


def test_slivers_are_no_portions() -> None:
    outlines = np.array([rectangle(0, 0, 10, 10)])
    found = portions(
        outlines, figures(outlines), places(rectangle(-5, -5, 9.999999, 15), rectangle(9.999999, -5, 15, 15)), SRID
    )
    assert found.place.tolist() == [0]
    assert found.figures.plane.tolist() == [1_000_000]


def test_a_parcel_smaller_than_a_sliver_keeps_one_portion() -> None:
    outlines = np.array([rectangle(0, 0, 0.01, 0.006)])
    found = portions(outlines, figures(outlines), places(rectangle(-1, -1, 0.004, 1), rectangle(0.004, -1, 1, 1)), SRID)
    assert found.place.tolist() == [1]
    assert found.figures.plane.tolist() == [1]


@given(shapes, st.lists(st.integers(5, 95), min_size=1, max_size=4, unique=True), st.integers(0, 10**9))
@settings(deadline=None)
def test_portions_partition_their_parcel(geometries: list[shapely.Polygon], cuts: list[int], declared: int) -> None:
    outlines = np.array(geometries, dtype=object)
    edges = [10, *sorted(c for c in cuts if c > 10)]
    stripes = [rectangle(west, -10, east, 70) for west, east in pairwise(edges)]
    given_figures = figures(outlines, declared)
    found = portions(outlines, given_figures, places(*stripes), SRID)
    for name in ("plane", "ellipsoidal", "declared"):
        total = np.zeros(len(outlines), dtype=np.int64)
        np.add.at(total, found.parcel, getattr(found.figures, name))
        assert total.tolist() == getattr(given_figures, name).tolist()
    assert (found.figures.document == MISSING).all()
    for index, outline in enumerate(outlines):
        parts = found.geometries[found.parcel == index]
        assert shapely.area(parts).sum() == pytest.approx(outline.area, abs=0.0005)
    keys = list(zip(found.parcel.tolist(), found.place.tolist(), strict=True))
    assert len(keys) == len(set(keys))


def comb(teeth: int, *, upright: bool) -> shapely.Polygon:
    """A comb: with one lying and one upright, every tooth of the one crosses every tooth of the other."""
    tooth = np.array([[0, 1], [0.3, 1], [0.3, 0], [0.6, 0]])
    line = (tooth[None] * (1, 100) + np.arange(teeth)[:, None, None] * (100 / teeth, 0)).reshape(-1, 2)
    points = np.concatenate([[[0, -1]], line, [[100, -1]]])
    return shapely.Polygon((points if upright else points[:, ::-1]) + (EAST, NORTH))


def test_an_overlay_beyond_the_budget_is_refused_at_once() -> None:
    heavy = comb(10_000, upright=True), comb(10_000, upright=False)
    with pytest.raises(Refused) as refused:
        pairs(parcels(*heavy), NONE, SRID)
    assert refused.value.code == "overlay_too_heavy"
    assert refused.value.values["a"] == 0
    outlines = np.array(heavy[:1], dtype=object)
    stated = Figures(*(np.array([1]) for _ in range(4)))
    with pytest.raises(Refused):
        portions(outlines, stated, places(heavy[1]), SRID)


def test_many_vertices_alone_are_not_too_heavy() -> None:
    """Two circles of 20,000 vertices meet in few segments."""
    circles = [shapely.Point(EAST + x, NORTH).buffer(100, quad_segs=5_000) for x in (0, 199)]
    assert len(pairs(parcels(*circles), NONE, SRID).a) == 1
    found = portions(np.array(circles[:1]), figures(np.array(circles[:1])), places(circles[1]), SRID)
    assert found.place.tolist() == [0, MISSING]


def _double_counted(outlines: Geometries, srid: int) -> tuple[overlay.Pairs, list[list[int]], float]:
    found = pairs(parcels(*outlines), NONE, srid)
    groups = clusters(found.a, found.b)
    every = faces(((outlines[group], np.array(group)) for group in groups), srid)
    return found, groups, sum((len(face.members) - 1) * face.plane for face in every)


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data is not here")
def test_the_synthetic_city_gives_its_own_truth() -> None:
    truth = json.loads((SHARED / "city9k" / "truth.json").read_text())
    _, _, wkb, _ = pyogrio.raw.read(f"/vsizip/{SHARED}/city9k/city_gbk_nocpg.zip", encoding="gb18030", columns=[])
    outlines = shapely.make_valid(shapely.from_wkb(wkb), method="structure")
    outlines = outlines[shapely.area(outlines) > 0]
    found, groups, twice = _double_counted(outlines, SRID)
    assert (found.plane > 0.001).sum() == truth["overlap_pairs_gt_0_001"]
    assert (found.plane > 1).sum() == truth["overlap_pairs_gt_1"]
    assert len(groups) == truth["overlap_components"]
    assert twice == pytest.approx(truth["double_counted_m2"], abs=1e-5)
    assert shapely.area(outlines).sum() - twice == pytest.approx(truth["union_area_m2"], abs=1e-5)


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data is not here")
@pytest.mark.parametrize(
    ("path", "srid", "over", "number", "twice"),
    [
        ("seoul_gangnam/Parcels.shp", 5186, 0.01, 211, 10.884),
        ("at/inspire_schlaege_2025-1_polygon.gpkg.zip", 31287, 0.001, 13, 1.1),
    ],
)
def test_real_parcels_overlap_as_their_source_says(
    path: str, srid: int, over: float, number: int, twice: float
) -> None:
    source = SHARED / "real" / path
    _, _, wkb, _ = pyogrio.raw.read(f"/vsizip/{source}" if path.endswith(".zip") else source, columns=[])
    outlines = shapely.from_wkb(wkb)
    found, _, counted = _double_counted(outlines, srid)
    assert (found.plane > over).sum() == number
    assert counted == pytest.approx(twice, rel=0.05)
    assert counted == pytest.approx(shapely.area(outlines).sum() - shapely.union_all(outlines).area, abs=1e-4)
