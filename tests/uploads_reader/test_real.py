"""Real parcels, read by us and by GDAL: the same rows, the same land, the same text."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyogrio
import pytest
import shapely

from app.uploads.archive import Upload
from tests.uploads_reader.making import SHARED, codes, read_uploads

DATA = SHARED / "data"
pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the data is not part of the repository")

STORAGE = {
    "seoul_gangnam/Parcels.shp": 5186,
    "jecam/BD_JECAM_CIRAD_2023_feb.shp": 4326,
    "bg/bg_arable_land_2024.zip": 32635,
    "de_bb/antrag.zip": 25833,
    "dk/Marker_2026.zip": 25832,
    "ec_ro/RO_ny.zip": 32635,
    "india_10k/india_10k.zip": 4326,
    "nz/irrigated-land-area-raw-2020-update.zip": 2193,
    "se/se2023.zip": 3006,
}


def files(path: Path) -> list[Upload]:
    if path.suffix == ".zip":
        return [Upload(path, path.name)]
    return [Upload(found, found.name) for found in path.parent.iterdir() if found.stem == path.stem]


def with_gdal(path: Path, folder: Path, encoding: str) -> tuple[Any, list[Any], list[str]]:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)  # our own data, not an upload
        path = next(folder.rglob("*.shp"))
    meta, table = pyogrio.raw.read_arrow(path, encoding=encoding)
    name = meta["geometry_name"] or "wkb_geometry"
    geometries = shapely.from_wkb(table.column(name).to_numpy(zero_copy_only=False))
    names = [str(field) for field in table.column_names if field != name]
    return geometries, [table.column(field).combine_chunks() for field in names], names


@pytest.mark.parametrize("name", STORAGE)
def test_the_same_as_gdal_reads(name: str, tmp_path: Path) -> None:
    path = DATA / "real" / name
    result = read_uploads(files(path), tmp_path, storage=STORAGE[name])
    assert not result.file_refused, result.problems
    assert not result.refused
    assert result.crs == f"EPSG:{STORAGE[name]}"
    geometries, columns, names = with_gdal(path, tmp_path / "gdal", result.encoding or "")
    assert result.row_count == len(geometries)
    assert list(result.columns) == names
    flat = shapely.force_2d(geometries)
    assert (shapely.normalize(result.geometries) == shapely.normalize(flat)).all()
    for column, field in zip(columns, names, strict=True):
        ours = result.columns[field].to_pylist()
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            assert [text or "" for text in ours] == [(text or "").strip() for text in column.to_pylist()]
        elif pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
            numbers = [None if text is None or text.startswith("*") else float(text) for text in ours]
            assert numbers == column.to_pylist()


def test_every_shapefile_of_real_parcels_is_listed() -> None:
    held = {str(path.relative_to(DATA / "real")) for path in (DATA / "real").rglob("*.shp")}
    for path in (DATA / "real").rglob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            if any(name.endswith(".shp") for name in archive.namelist()):
                held.add(str(path.relative_to(DATA / "real")))
    assert held == set(STORAGE)


def test_city9k_is_read_whole(tmp_path: Path) -> None:
    truth = json.loads((DATA / "city9k" / "truth.json").read_text())
    path = DATA / "city9k" / "city_gbk_nocpg.zip"
    result = read_uploads([path], tmp_path)
    assert (result.row_count, result.encoding, result.crs) == (truth["rows"], "GB18030", truth["crs"])
    assert list(result.columns)[:3] == ["地块编号", "地块名称", "用地性质"]
    assert len(result.refused) == truth["null"]
    assert set(codes(result)) == {"encoding_detected", "geometry_missing"}
    present = result.geometries[~shapely.is_missing(result.geometries)]
    assert (~shapely.is_valid(present)).sum() == truth["invalid_is_valid"]
    sound = shapely.make_valid(present, method="structure", keep_collapsed=False)
    assert np.isclose(shapely.area(sound).sum(), truth["sum_area_m2"], atol=1e-3)
