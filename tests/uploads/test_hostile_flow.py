"""The corpus of odd and broken files through the whole upload, judged as its SOURCE.txt says.

A dry run on an empty service with no district loaded, in a storage CRS that fits the file, with ``rows=good``.
"""

import csv
from collections.abc import Callable

import pytest

from app.db import make_engine, unit_of_work
from app.errors import LandbankError
from app.reference import service as reference
from app.settings import Settings
from app.uploads import queries, service
from app.uploads.incoming import incoming
from app.uploads.options import UploadOptions
from tests.uploads.conftest import ACTOR
from tests.uploads_reader.test_hostile import HOSTILE, OFF_THE_MAP, OLD_DATUM, OVER_THE_EDGE, PLACES, Place

pytestmark = [
    pytest.mark.all,
    pytest.mark.skipif(not HOSTILE.exists(), reason="the corpus is not part of the repository"),
]
MAPPING = {"fields": {"code": "$row"}, "constants": {"programme": "consolidation", "land_category": "other"}}
COUNTRIES = "countries and seas of 100,000 km² and more are no parcels: those rows are refused"
LAKES = "its lakes overlap by some thousand square metres: kept, and told"
CLOSED = "a line that ends where it began is an outline: taken, and told"
OPEN_RINGS = "its rings are open, which only shapely calls unreadable: closed, and told"
NOT_SEEN = "coordinates shifted by GCJ-02 cannot be told from the file, nor without a district"
NOWHERE = "no storage CRS holds a parcel on both sides of the date line"
NOT_DEGREES = "coordinates of 530, -462 in EPSG:4326 are no degrees: refused as not fitting"
EXCEPTIONS = {
    "synthetic/061_prj_xian80/parcels.shp": ("refuse", OLD_DATUM),
    "synthetic/062_prj_bj54/parcels.shp": ("refuse", OLD_DATUM),
    "synthetic/195_txt_bj54/地块.txt": ("refuse", OLD_DATUM),
    "synthetic/149_geojson_gcj02/parcels.geojson": ("accept", NOT_SEEN),
    "synthetic/165_geojson_antimeridian/p.geojson": ("refuse", NOWHERE),
    "gdal/poly.shp": ("refuse", OFF_THE_MAP),
    "gdal/shp/poly.zip": ("refuse", OFF_THE_MAP),
    "gdal/shp/poly_golden/poly.shp": ("refuse", OFF_THE_MAP),
    "gdal/gpkg/poly.gpkg.zip": ("refuse", OFF_THE_MAP),
    "gdal/gpkg/poly_golden.gpkg": ("refuse", OFF_THE_MAP),
    "gdal/gpkg/poly_golden_gpkg_1_4.gpkg": ("refuse", OFF_THE_MAP),
    "gdal/gpkg/poly_non_conformant.gpkg": ("refuse", OFF_THE_MAP),
    "gdal/gpkg/huge_feature_count.gpkg": ("refuse", NOT_DEGREES),
    "gdal/dxf/lwpolyline_smooth.dxf": ("accept-with-finding", CLOSED),
    "gdal/gml/inspire_cadastralparcel.xml": ("accept-with-finding", OPEN_RINGS),
    "gdal/gml/inspire_cadastralzoning.xml": ("accept-with-finding", OPEN_RINGS),
    "mapserver/misc/data/dateline_boxes.shp": ("refuse", OVER_THE_EDGE),
    "mapserver/sld/data/hexagon.json": ("accept-with-finding", CLOSED),
    "mapserver/wxs/data/lakes2.shp": ("accept-with-finding", LAKES),
    "pyogrio/naturalearth_lowres/naturalearth_lowres.shp": ("accept-with-finding", COUNTRIES),
    "shapefile_js/qgis.zip": ("accept-with-finding", COUNTRIES),
}
LAYERS = {
    "gdal/kml/samples.kml": "Google Campus",
    "gdal/topojson/topojson1.topojson": "TopoJSON",
}
"""The layer that holds polygons; elsewhere the first is chosen."""
OWN_PLACES = PLACES | {
    "gdal/dxf": Place(3857, "EPSG:3857"),
    "gdal/esrijson": Place(3857, "EPSG:3857"),
    "gdal/geojson": Place(3857),
    "gdal/gml/citygml": Place(3857, "EPSG:3857"),
    "gdal/gml": Place(3857),
    "gdal/gpkg": Place(27700),
    "gdal/kml": Place(3857),
    "gdal/mitab": Place(3857, "EPSG:3857"),
    "gdal/openfilegdb": Place(3857),
    "gdal/topojson": Place(3857, "EPSG:3857"),
    "mapserver/wxs/data/multipolygon.csv": Place(3857, "EPSG:3857"),
    "mapserver/wxs/data/polygon.csv": Place(3857, "EPSG:3857"),
    "synthetic/191": Place(4547, "EPSG:4547"),
    "synthetic/244": Place(4547, "EPSG:4547"),
    "synthetic/245": Place(4547, "EPSG:4547"),
    "synthetic/246": Place(4547, "EPSG:4547"),
    "synthetic/247": Place(4547, "EPSG:4547"),
    "synthetic/248": Place(4547, "EPSG:4547"),
    "synthetic/252": Place(4547, "EPSG:4547"),
    "synthetic/224": Place(4547, "EPSG:4547"),
    "synthetic/235": Place(3857),
}


def cases() -> list[tuple[str, str]]:
    if not HOSTILE.exists():
        return []
    with (HOSTILE / "index.csv").open() as file:
        return [(row["path"], row["expected"]) for row in csv.DictReader(file)]


def place_of(path: str) -> Place:
    return next((place for start, place in OWN_PLACES.items() if path.startswith(start)), Place(4547))


def dry_run(
    settings: Settings, path: str, crs: str | None, layer: str | None
) -> tuple[str, set[tuple[str, str]], list[str]]:
    """The state in which a file ends, the codes of its findings with their severities, and its layers."""
    assert settings.database_url is not None
    options = UploadOptions("parcels", mapping=MAPPING, dry_run=True, rows="good", crs=crs, layer=layer)
    engine = make_engine(settings.database_url.get_secret_value())
    try:
        with unit_of_work(engine) as session:
            reference.load(session, ACTOR.name)
            with incoming([HOSTILE / path]) as files:
                done = service.run_upload(session, settings, ACTOR, files, options)
            counts = done.counts
            assert counts["read"] == sum(counts[name] for name in ("new", "changed", "unchanged", "refused"))
            told = queries.findings_of(session, done.id)
            asked = [one.parameters["layers"].split(", ") for one in told if one.code == "layer_not_chosen"]
            return done.state, {(one.code, one.severity) for one in told}, asked[0] if asked else []
    except LandbankError as error:
        return "refused", {(error.code, "refuse")}, []
    finally:
        engine.dispose()


def decision(settings: Settings, path: str) -> tuple[str, set[tuple[str, str]]]:
    """How a file is decided; where its layer or its CRS is asked for, once the question is answered."""
    crs, layer = None, LAYERS.get(path)
    state, found, layers = dry_run(settings, path, crs, layer)
    if ("layer_not_chosen", "refuse") in found:
        layer = layers[0]
        state, found, _ = dry_run(settings, path, crs, layer)
    if any(code.startswith("crs_missing") for code, _ in found) and place_of(path).stated:
        assert state == "refused"
        state, found, _ = dry_run(settings, path, place_of(path).stated, layer)
    if state == "refused":
        return "refuse", found
    told = {severity for _, severity in found} & {"refuse", "warn"}
    return ("accept-with-finding" if told else "accept"), found


@pytest.fixture(scope="session")
def empty_service(clone: Callable[[str], Settings]) -> Callable[[int], Settings]:
    """An empty service for each storage CRS, shared: a dry run leaves no parcel behind."""
    made: dict[int, Settings] = {}

    def of(srid: int) -> Settings:
        if srid not in made:
            made[srid] = clone(f"EPSG:{srid}")
        return made[srid]

    return of


@pytest.mark.parametrize(("path", "expected"), cases())
def test_every_file_is_decided_as_expected(empty_service: Callable[[int], Settings], path: str, expected: str) -> None:
    decided, found = decision(empty_service(place_of(path).storage), path)
    assert decided == EXCEPTIONS.get(path, (expected, ""))[0], found


def test_every_exception_is_one() -> None:
    expected = dict(cases())
    assert all(expected[path] != decided for path, (decided, _) in EXCEPTIONS.items())
