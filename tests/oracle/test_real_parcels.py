"""Real parcels through the whole upload, against square metres that GDAL, pyproj and GeographicLib give."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyogrio
import pytest
import shapely
from pyproj import CRS, Geod, Transformer
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from app.auth import Actor, Role
from app.db import make_engine, unit_of_work
from app.inventory.models import OverlapFace, ParcelOverlap, ParcelVersion
from app.reference import service as reference
from app.settings import Settings
from app.uploads import queries, service
from app.uploads.models import Upload
from app.uploads.options import UploadOptions
from tests.conftest import MakeDatabase

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.parent.exists(), reason="the shared data is not beside this checkout")

ACTOR = Actor(None, "cli:test", Role.ADMIN)
FILES = (
    ("bg", "bg/bg_arable_land_2024.zip", "EPSG:32635"),
    ("de_bb", "de_bb/antrag.zip", "EPSG:25833"),
    ("dk", "dk/Marker_2026.zip", "EPSG:25832"),
    ("ec_ro", "ec_ro/RO_ny.zip", "EPSG:32635"),
    ("india_10k", "india_10k/india_10k.zip", "EPSG:7755"),
    ("jecam", "jecam/BD_JECAM_CIRAD_2023_feb.shp", "EPSG:32630"),
    ("nz", "nz/irrigated-land-area-raw-2020-update.zip", "EPSG:2193"),
    ("se", "se/se2023.zip", "EPSG:3006"),
    ("seoul_gangnam", "seoul_gangnam/Parcels.shp", "EPSG:5186"),
)
EDGE = 50.0
"""Metres between the points that a straight edge of the storage CRS is cut into for GeographicLib."""


@contextmanager
def opened(settings: Settings) -> Iterator[Engine]:
    """The database as the app's role; every connection closed afterwards."""
    assert settings.database_url is not None
    engine = make_engine(settings.database_url.get_secret_value())
    try:
        yield engine
    finally:
        engine.dispose()


def upload(settings: Settings, path: Path, mapping: str, rows: str) -> Upload:
    files = [path] if path.suffix == ".zip" else sorted(path.parent.glob(f"{path.stem}.*"))
    incoming = [(file.name, file) for file in files if file.suffix in {".zip", ".shp", ".shx", ".dbf", ".prj", ".cpg"}]
    chosen = orjson.loads((ROOT / "tests" / "mappings" / f"{mapping}.json").read_bytes())
    options = UploadOptions("parcels", mapping=chosen, commit="auto", rows=rows)
    with opened(settings) as engine, unit_of_work(engine) as session:
        reference.load(session, ACTOR.name)
        return service.run_upload(session, settings, ACTOR, incoming, options)


def stored(settings: Settings) -> list[Any]:
    with opened(settings) as engine, Session(engine) as session:
        columns = (ParcelVersion.upload_row, ParcelVersion.land_category, ParcelVersion.ellipsoidal_square_metres)
        return list(session.execute(select(*columns, ParcelVersion.plane_square_metres)))


def outlines(path: Path, crs: str, encoding: str | None = None) -> list[shapely.Geometry]:
    """The file's polygons as GDAL reads them, moved to the storage CRS by pyproj, vertex by vertex."""
    source = f"/vsizip/{path}" if path.suffix == ".zip" else str(path)
    if path.name == "RO_ny.zip":
        source += "/RO/RO_ny.shp" if "RO/RO_ny.shp" in _names(path) else "/" + _names(path)[0]
    meta, _, geometries, _ = pyogrio.raw.read(source, columns=[], encoding=encoding)
    found = shapely.force_2d(shapely.from_wkb(geometries))
    if CRS(meta["crs"]).equals(CRS(crs), ignore_axis_order=True):
        return list(found)
    transformer = Transformer.from_crs(meta["crs"], crs, always_xy=True)
    return list(shapely.transform(found, lambda p: np.column_stack(transformer.transform(p[:, 0], p[:, 1]))))


def _names(path: Path) -> Sequence[str]:
    import zipfile  # noqa: PLC0415  one file of the corpus keeps its layer in a folder

    with zipfile.ZipFile(path) as archive:
        return [name for name in archive.namelist() if name.endswith(".shp")]


@lru_cache
def _ellipsoid(crs: str) -> tuple[Geod, Transformer]:
    """The ellipsoid of a CRS, and the way to its degrees."""
    base = CRS(crs).geodetic_crs
    assert base is not None
    assert base.ellipsoid is not None
    geod = Geod(a=base.ellipsoid.semi_major_metre, rf=base.ellipsoid.inverse_flattening)
    return geod, Transformer.from_crs(crs, base, always_xy=True)


def geodesic(geometry: shapely.Geometry, crs: str) -> float:
    """Square metres on the ellipsoid of the storage CRS; edges straight in the storage CRS, cut every 50 m."""
    if not shapely.is_valid(geometry):
        geometry = shapely.make_valid(geometry, method="structure", keep_collapsed=False)
    geod, unproject = _ellipsoid(crs)
    total = 0.0
    for part in shapely.get_parts(geometry):
        if shapely.get_type_id(part) != shapely.GeometryType.POLYGON:
            continue
        rings = shapely.get_rings(shapely.segmentize(part, EDGE))
        sizes = [
            abs(geod.polygon_area_perimeter(*unproject.transform(*shapely.get_coordinates(r).T))[0]) for r in rings
        ]
        total += sizes[0] - sum(sizes[1:])
    return total


def assert_agree(rows: list[Any], shapes: list[shapely.Geometry], crs: str) -> dict[str, float]:
    """Every stored parcel against its own geometry; what the categories come to."""
    totals: dict[str, float] = defaultdict(float)
    for row, category, ellipsoidal, plane in rows:
        expected = geodesic(shapes[row - 1], crs)
        assert abs(float(ellipsoidal) - expected) <= max(1e-9 * expected, 1e-3), row
        if shapely.is_valid(shapes[row - 1]):
            assert abs(float(plane) - shapely.area(shapes[row - 1])) <= 1e-3, row
        totals[category] += expected
    return totals


@pytest.mark.parametrize(("mapping", "file", "crs"), FILES, ids=[name for name, _, _ in FILES])
def test_hectares_by_category_are_those_of_an_independent_computation(
    make_database: MakeDatabase, mapping: str, file: str, crs: str
) -> None:
    settings = make_database(crs=crs)
    done = upload(settings, DATA / "real" / file, mapping, "good")
    assert done.state == "committed", done.counts
    assert done.counts["read"] == sum(done.counts[name] for name in ("new", "changed", "unchanged", "refused"))
    rows = stored(settings)
    assert len(rows) == done.counts["new"] > 0
    totals = assert_agree(rows, outlines(DATA / "real" / file, crs), crs)
    assert {name: float(value) for name, value in done.hectares_after.items()} == pytest.approx(
        {name: value / 10_000 for name, value in totals.items()}, rel=1e-9, abs=1e-7 * len(rows)
    )


def test_every_polygon_shapefile_of_the_corpus_is_compared() -> None:
    loose = (DATA / "real").rglob("*.shp")
    zipped = (path for path in (DATA / "real").rglob("*.zip") if _names(path))
    found = {path.relative_to(DATA / "real").as_posix() for path in (*loose, *zipped)}
    assert found == {file for _, file, _ in FILES}


def test_city9k_has_the_defects_of_its_truth(make_database: MakeDatabase) -> None:
    settings = make_database(crs="EPSG:4547")
    path = DATA / "city9k" / "city_gbk_nocpg.zip"
    truth = orjson.loads((DATA / "city9k" / "truth.json").read_bytes())
    done = upload(settings, path, "city9k", "good")
    assert (done.state, done.encoding) == ("committed", "GB18030")
    assert done.counts["read"] == truth["rows"]
    assert done.counts["new"] + done.counts["refused"] == truth["rows"]
    shapes = outlines(path, "EPSG:4547", "gb18030")
    rows = stored(settings)
    assert_agree(rows, shapes, "EPSG:4547")
    kept = [shapes[row - 1] for row, *_ in rows]
    assert all(shapely.is_valid(shape) for shape in kept)
    with opened(settings) as engine, Session(engine) as session:
        findings = queries.findings_of(session, done.id)
        pairs = session.scalar(select(func.count()).select_from(ParcelOverlap))
        faces = session.execute(
            select(OverlapFace.id, OverlapFace.plane_square_metres).where(OverlapFace.recorded_to.is_(None))
        ).all()
    by_code: dict[str, int] = defaultdict(int)
    for finding in findings:
        by_code[finding.code] += 1
    injected = truth["injected"]
    assert by_code["blank_code"] == injected["blank_code"]
    assert by_code["duplicate_row"] == 2 * injected["exact_duplicate_rows"]
    assert by_code["duplicate_code"] == 2 * injected["same_code_other_place"]
    assert sum(by_code[code] for code in ("geometry_repaired_differs",)) == injected["bowties"]
    # The truth is of every record, bow-ties as their repair: what was refused is what lies between it and ours.
    stored_rows = {row for row, *_ in rows}
    refused = [repaired(shape) for row, shape in enumerate(shapes, 1) if row not in stored_rows and shape is not None]
    everything = [*kept, *refused]
    assert pairs == overlapping(kept)
    assert overlapping(everything) == truth["overlap_pairs_gt_0_001"]
    assert squares(everything) == pytest.approx(truth["sum_area_m2"], abs=1e-3)
    whole, refused_land = shapely.union_all(everything), shapely.union_all(refused)
    assert shapely.area(whole) == pytest.approx(truth["union_area_m2"], abs=1e-3)
    assert squares(everything) - shapely.area(whole) == pytest.approx(truth["double_counted_m2"], abs=1e-3)
    # Each stored figure is rounded to 0.1 mm².
    ours = sum(float(plane) for *_, plane in rows) - _counted_twice(settings)
    lost = shapely.area(shapely.difference(refused_land, shapely.union_all(kept)))
    assert faces
    assert ours + lost == pytest.approx(truth["union_area_m2"], abs=0.01)


def repaired(shape: shapely.Geometry) -> shapely.Geometry:
    """What the outline encloses, a bow-tie's two triangles both."""
    return shape if shapely.is_valid(shape) else shapely.make_valid(shape, method="structure", keep_collapsed=False)


def squares(shapes: Sequence[shapely.Geometry]) -> float:
    """Plane square metres, each outline for itself."""
    return float(shapely.area(np.array(shapes, dtype=object)).sum())


def overlapping(shapes: Sequence[shapely.Geometry]) -> int:
    """Pairs that share more than 0.001 m²."""
    found = np.array(shapes, dtype=object)
    left, right = shapely.STRtree(found).query(found, predicate="intersects")
    once = left < right
    return int((shapely.area(shapely.intersection(found[left[once]], found[right[once]])) > 1e-3).sum())


def _counted_twice(settings: Settings) -> float:
    """Plane square metres that the stored faces say are counted more than once."""
    from app.inventory.models import OverlapFaceMember  # noqa: PLC0415

    with opened(settings) as engine, Session(engine) as session:
        members = (
            select(OverlapFaceMember.face_id, func.count().label("n")).group_by(OverlapFaceMember.face_id).subquery()
        )
        statement = (
            select(func.sum(OverlapFace.plane_square_metres * (members.c.n - 1)))
            .join(members, members.c.face_id == OverlapFace.id)
            .where(OverlapFace.recorded_to.is_(None))
        )
        return float(session.execute(statement).scalar_one())
