"""The corpus of odd and broken files through the whole upload, judged as its SOURCE.txt says.

A dry run on an empty service with no district loaded, in a storage CRS that fits the file, with ``rows=good``.
"""

from collections.abc import Callable

import pytest

from app.db import make_engine, unit_of_work
from app.errors import LandbankError
from app.reference import service as reference
from app.settings import Settings
from app.uploads import queries, service
from app.uploads.options import UploadOptions
from tests.uploads.conftest import ACTOR
from tests.uploads_reader.test_hostile import (
    HOSTILE,
    OFF_THE_MAP,
    OLD_DATUM,
    OTHER_FORMAT,
    OVER_THE_EDGE,
    cases,
    place_of,
    uploads,
)

pytestmark = [
    pytest.mark.all,
    pytest.mark.skipif(not HOSTILE.exists(), reason="the corpus is not part of the repository"),
]
MAPPING = {"fields": {"code": "$row"}, "constants": {"programme": "consolidation", "land_category": "other"}}
COUNTRIES = "countries and seas of 100,000 km² and more are no parcels: those rows are refused"
LAKES = "its lakes overlap by some thousand square metres: kept, and told"
EXCEPTIONS = {
    "synthetic/061_prj_xian80/parcels.shp": ("refuse", OLD_DATUM),
    "synthetic/062_prj_bj54/parcels.shp": ("refuse", OLD_DATUM),
    "gdal/poly.shp": ("refuse", OFF_THE_MAP),
    "gdal/shp/poly.zip": ("refuse", OFF_THE_MAP),
    "gdal/shp/poly_golden/poly.shp": ("refuse", OFF_THE_MAP),
    "mapserver/misc/data/dateline_boxes.shp": ("refuse", OVER_THE_EDGE),
    "mapserver/wxs/data/lakes2.shp": ("accept-with-finding", LAKES),
    "pyogrio/naturalearth_lowres/naturalearth_lowres.shp": ("accept-with-finding", COUNTRIES),
    "shapefile_js/qgis.zip": ("accept-with-finding", COUNTRIES),
    "gdal/gpkg/poly.gpkg.zip": ("refuse", OTHER_FORMAT),
    "gdal/openfilegdb/geometry_testdata.gdb.zip": ("refuse", OTHER_FORMAT),
}


def dry_run(settings: Settings, path: str, crs: str | None) -> tuple[str, set[tuple[str, str]]]:
    """The state in which a file ends, and the codes of its findings with their severities."""
    assert settings.database_url is not None
    options = UploadOptions("parcels", mapping=MAPPING, dry_run=True, rows="good", crs=crs)
    engine = make_engine(settings.database_url.get_secret_value())
    try:
        with unit_of_work(engine) as session:
            reference.load(session, ACTOR.name)
            incoming = [(one.name, one.path) for one in uploads(HOSTILE / path)]
            done = service.run_upload(session, settings, ACTOR, incoming, options)
            counts = done.counts
            assert counts["read"] == sum(counts[name] for name in ("new", "changed", "unchanged", "refused"))
            return done.state, {(one.code, one.severity) for one in queries.findings_of(session, done.id)}
    except LandbankError as error:
        return "refused", {(error.code, "refuse")}
    finally:
        engine.dispose()


def decision(settings: Settings, path: str) -> tuple[str, set[tuple[str, str]]]:
    """How a file is decided; where its CRS is asked for, once the question is answered."""
    state, found = dry_run(settings, path, None)
    if any(code.startswith("crs_missing") for code, _ in found) and place_of(path).stated:
        assert state == "refused"
        state, found = dry_run(settings, path, place_of(path).stated)
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
