"""Square metres against GeographicLib (pyproj.Geod) on edges densified in the storage CRS."""

from pathlib import Path

import numpy as np
import pyogrio
import pyproj
import pytest
import shapely

from app.geometry import Floats, Geometries, inside, measure, window

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "real"
PLACES = {
    "CGCS2000 3 degrees, on the meridian": (4547, 500_000, 2_500_000),
    "CGCS2000 3 degrees, 1.5 degrees off": (4547, 654_000, 2_500_000),
    "CGCS2000 3 degrees, zone prefix": (4526, 38_560_000, 2_500_000),
    "Austria Lambert": (31287, 400_000, 400_000),
    "Europe, equal in size": (3035, 4_300_000, 3_200_000),
    "Europe, its corner": (3035, 2_600_000, 2_000_000),
    "UTM 35 north": (32635, 300_000, 4_700_000),
    "UTM 33 north": (25833, 400_000, 5_800_000),
    "UTM with zone prefix": (4647, 32_500_000, 6_000_000),
    "Netherlands stereographic, another ellipsoid": (28992, 150_000, 450_000),
    "New Zealand, south": (2193, 1_600_000, 5_400_000),
    "Sweden": (3006, 550_000, 6_600_000),
    "Korea": (5186, 200_000, 550_000),
    "Poland, northing first in its definition": (2180, 500_000, 500_000),
    "Finland, far north": (3067, 300_000, 7_400_000),
    "UTM 1 north, beside the antimeridian": (32601, 220_000, 7_000_000),
    "UTM 60 south": (32760, 800_000, 2_000_000),
    "France": (2154, 650_000, 6_600_000),
    "Hong Kong": (2326, 830_000, 820_000),
    "polar, the pole itself inside": (3995, 100, 100),
}
RADII = (6, 30, 120, 600, 1_900, 4_000, 15_000, 60_000)


def reference(geometries: Geometries, srid: int, edge: float = 25.0) -> Floats:
    """GeographicLib on the CRS's own ellipsoid; written apart from the code under test."""
    project = pyproj.Proj(pyproj.CRS.from_epsg(srid))
    geod = pyproj.CRS.from_epsg(srid).get_geod()
    assert geod is not None
    found = []
    for geometry in geometries:
        total = 0.0
        for polygon in shapely.get_parts(geometry):
            for number, ring in enumerate(shapely.get_rings(polygon)):
                x, y = shapely.get_coordinates(shapely.segmentize(ring, edge)).T
                size = abs(geod.polygon_area_perimeter(*project(x, y, inverse=True))[0])
                total += -size if number else size
        found.append(total)
    return np.array(found)


def assert_agree(found: Floats, expected: Floats) -> None:
    assert (np.abs(found - expected) <= np.maximum(1e-9 * expected, 0.001)).all()


def star(rng: np.random.Generator, x: float, y: float, radius: float) -> shapely.Geometry:
    angles = np.sort(rng.uniform(0, 2 * np.pi, 14))
    reach = radius * rng.uniform(0.4, 1.0, 14)
    shell = np.column_stack([x + reach * np.cos(angles), y + reach * np.sin(angles)])
    hole = shapely.Point(x, y).buffer(radius / 10)
    return shapely.Polygon(shell).difference(hole)


@pytest.mark.parametrize(("srid", "x", "y"), PLACES.values(), ids=PLACES.keys())
def test_agrees_with_geographiclib(srid: int, x: float, y: float) -> None:
    rng = np.random.default_rng(srid)
    shapes = np.array([
        star(rng, x + rng.uniform(-5e3, 5e3), y + rng.uniform(-5e3, 5e3), radius) for radius in RADII for _ in range(3)
    ])  # fmt: skip
    assert_agree(measure(shapes, srid).ellipsoidal, reference(shapes, srid))


def test_long_roads_agree() -> None:
    rng = np.random.default_rng(7)
    steps = rng.uniform((100, -300), (700, 600), (10, 12, 2))
    lines = np.cumsum(steps, axis=1) + np.array([600_000, 2_500_000])
    roads = np.array([shapely.LineString(line).buffer(15) for line in lines])
    assert_agree(measure(roads, 4547).ellipsoidal, reference(roads, 4547))


def test_a_square_on_the_meridian_is_its_plane_self_over_the_scale() -> None:
    """On the central meridian the scale of EPSG:4547 is 1, so a hectare there is a hectare to 1e-9."""
    measured = measure(np.array([shapely.box(499_950, 2_499_950, 500_050, 2_500_050)]), 4547)
    assert measured.plane[0] == 10_000
    assert measured.ellipsoidal[0] == pytest.approx(10_000, rel=1e-9)


def test_missing_empty_and_flat_ones() -> None:
    flat = shapely.Polygon([(5e5, 25e5), (5e5 + 10, 25e5), (5e5 + 20, 25e5)])
    measured = measure(np.array([None, shapely.Polygon(), flat, shapely.MultiPolygon()], dtype=object), 4547)
    assert np.isnan(measured.plane[0])
    assert np.isnan(measured.ellipsoidal[0])
    assert measured.ellipsoidal[1:].tolist() == [0, 0, 0]


def test_land_that_the_projection_does_not_know_has_no_figure() -> None:
    nowhere = shapely.box(9e7, 9e7, 9e7 + 10, 9e7 + 10)
    assert np.isnan(measure(np.array([nowhere]), 4547).ellipsoidal[0])


def test_a_geographic_crs_measures_nothing() -> None:
    with pytest.raises(ValueError, match="EPSG:4490"):
        measure(np.array([shapely.box(114, 22, 114.1, 22.1)]), 4490)


def test_feet_measure_nothing() -> None:
    with pytest.raises(ValueError, match="EPSG:2263"):
        measure(np.array([shapely.box(0, 0, 1, 1)]), 2263)


def test_the_window_holds_the_zone_and_neither_degrees_nor_kilometres() -> None:
    west, south, east, north = window(4547)
    assert west < 340_000
    assert east > 660_000
    places = np.array(
        [shapely.box(5e5, 25e5, 5e5 + 9, 25e5 + 9), shapely.box(114, 22, 115, 23), shapely.box(500, 2500, 501, 2501)]
    )
    assert inside(places, (west, south, east, north)).tolist() == [True, False, False]


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data is not here")
@pytest.mark.parametrize(
    ("path", "srid"),
    [
        ("at/inspire_schlaege_2025-1_polygon.gpkg.zip", 31287),
        ("bg/bg_arable_land_2024.zip", None),
        ("de_bb/antrag.zip", None),
        ("se/se2023.zip", 3006),
        ("nz/irrigated-land-area-raw-2020-update.zip", 2193),
        ("nl/brpgewaspercelen_definitief_2023.gpkg", 28992),
        ("seoul_gangnam/Parcels.shp", 5186),
        ("../city9k/city_gbk_nocpg.zip", 4547),
    ],
)
def test_real_parcels_agree(path: str, srid: int | None) -> None:
    source = SHARED / path
    meta, _, wkb, _ = pyogrio.raw.read(f"/vsizip/{source}" if path.endswith(".zip") else source, columns=[])
    srid = srid or pyproj.CRS.from_user_input(meta["crs"]).to_epsg()
    assert srid is not None
    shapes = shapely.force_2d(shapely.from_wkb(wkb))
    shapes = shapes[shapely.is_valid(shapes)]
    assert len(shapes) > 5
    assert_agree(measure(shapes, srid).ellipsoidal, reference(shapes, srid, 50.0))
