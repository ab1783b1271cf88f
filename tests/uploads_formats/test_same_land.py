"""One set of parcels in every format: the same rows, the same land, the same text."""

from collections.abc import Callable, Sequence
from pathlib import Path

import geopandas as gpd
import pytest
import shapely
from shapely import MultiPolygon, Polygon, box

from tests.uploads_formats.through import Through, X, Y, upload, zipped

CODES = [4403040010019007199, 4403040010019007201, 4403040010019007203]
NAMES = ["福田街道01号", "南山科技园", "坪地"]
SHAPES = [
    Polygon(box(X, Y, X + 100, Y + 100).exterior, [box(X + 20, Y + 20, X + 40, Y + 40).exterior.reverse()]),
    MultiPolygon([box(X + 200, Y, X + 250, Y + 50), box(X + 300, Y, X + 350, Y + 50)]),
    box(X + 400, Y, X + 500, Y + 80),
]


def parcels() -> gpd.GeoDataFrame:
    data = {"ref": CODES, "label": NAMES, "amount": [9600.5, 5000.0, None]}
    return gpd.GeoDataFrame(data, geometry=SHAPES, crs="EPSG:4547")


def with_driver(driver: str, suffix: str, srid: int = 4547, **options: str) -> Callable[[Path], Path | Sequence[Path]]:
    def make(folder: Path) -> Path | Sequence[Path]:
        path = folder / f"parcels{suffix}"
        parcels().to_crs(srid).to_file(path, driver=driver, engine="pyogrio", promote_to_multi=True, **options)
        if path.is_dir():
            return zipped(path, folder / f"{path.name}.zip")
        beside = [one for one in folder.iterdir() if one != path and one.suffix in {".mid", ".dat", ".map", ".id"}]
        return [path, *beside]

    return make


def parquet(folder: Path) -> Path:
    parcels().to_parquet(folder / "parcels.parquet")
    return folder / "parcels.parquet"


FORMATS = {
    "GeoPackage": with_driver("GPKG", ".gpkg"),
    "FlatGeobuf": with_driver("FlatGeobuf", ".fgb", SPATIAL_INDEX="NO"),
    "File Geodatabase": with_driver("OpenFileGDB", ".gdb", TARGET_ARCGIS_VERSION="ARCGIS_PRO_3_2_OR_LATER"),
    "GML": with_driver("GML", ".gml"),
    "GeoJSON": with_driver("GeoJSON", ".geojson", 4326),
    "GeoJSON with a crs member": with_driver("GeoJSON", ".json"),
    "GeoJSONSeq": with_driver("GeoJSONSeq", ".geojsons", 4326),
    "JSON-FG": with_driver("JSONFG", ".fgjson"),
    "GeoParquet": parquet,
    "KML": with_driver("LIBKML", ".kml", 4326),
}
MAPINFO = {"MIF": with_driver("MapInfo File", ".mif"), "TAB": with_driver("MapInfo File", ".tab")}


def apart(found: Through) -> float:
    """The most by which an outline lies off, in metres."""
    return float(
        max(shapely.hausdorff_distance(ours, theirs) for ours, theirs in zip(found.shapes, SHAPES, strict=True))
    )


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_rows(name: str, tmp_path: Path) -> None:
    found = upload(FORMATS[name](tmp_path))
    assert not found.against
    assert found.prepared.read == 3
    assert apart(found) < 0.01
    text = "label"
    assert found.column("ref") == [str(code) for code in CODES]
    assert found.column(text) == NAMES
    assert found.column("amount") == ["9600.5", "5000", None]


@pytest.mark.parametrize("name", MAPINFO)
def test_mapinfo_gives_the_same_land(name: str, tmp_path: Path) -> None:
    """MapInfo knows no CGCS2000: its projection comes back without a datum of that name, and is stated."""
    found = upload(MAPINFO[name](tmp_path), crs="EPSG:4547")
    assert not found.against
    assert apart(found) < 0.02
    assert found.column("label") == NAMES


def test_a_geodatabase_without_its_folder_is_read_too(tmp_path: Path) -> None:
    folder = tmp_path / "parcels.gdb"
    with_driver("OpenFileGDB", ".gdb", TARGET_ARCGIS_VERSION="ARCGIS_PRO_3_2_OR_LATER")(tmp_path)
    (folder / "x.lock").write_text("someone")
    bare = folder.rename(tmp_path / "成果")
    found = upload(zipped(bare, tmp_path / "upload.zip"))
    assert found.column("label") == NAMES
    assert apart(found) < 0.001
