"""What a format may hold beyond polygons and texts, and what nothing may do: open another file."""

import sqlite3
import zipfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely import LineString, MultiPolygon, Point, Polygon, box

from app.uploads.archive import Upload
from app.uploads.reader import Read
from tests.uploads_formats.through import X, Y, upload, write
from tests.uploads_reader.making import Made, codes, read_uploads, zipped


def square(number: int = 0) -> Polygon:
    return box(X + 200 * number, Y, X + 200 * number + 100, Y + 100)


def geopackage(path: Path, layers: dict[str, list[Any]]) -> Path:
    for layer, shapes in layers.items():
        frame = gpd.GeoDataFrame({"ref": range(len(shapes))}, geometry=shapes, crs="EPSG:4547")
        frame.to_file(path, layer=layer, driver="GPKG", engine="pyogrio")
    return path


def test_layers_of_a_file_are_listed_and_one_is_chosen(tmp_path: Path) -> None:
    path = geopackage(tmp_path / "p.gpkg", {"现状": [square()], "规划": [square(1), square(2)]})
    asked = upload(path)
    assert asked.against == [("layer_not_chosen", None)]
    assert asked.values("layer_not_chosen")["layers"] == "现状, 规划"
    assert upload(path, layer="规划").prepared.staged == 2
    assert upload(path, layer="无").against == [("layer_unknown", None)]


def test_files_in_a_zip_are_layers_and_have_layers(tmp_path: Path) -> None:
    inside = geopackage(tmp_path / "库.gpkg", {"现状": [square()], "规划": [square(1), square(2)]})
    members = {f"p{suffix}": content for suffix, content in Made().parts().items()} | {"库.gpkg": inside.read_bytes()}
    path = zipped(tmp_path / "both.zip", {**members, "readme.txt": b"x", "p.kml": b"<kml/>"})
    assert upload(path).values("layer_not_chosen")["layers"] == "p.kml, p.shp, 库"
    assert upload(path, layer="库").values("layer_not_chosen")["layers"] == "库/现状, 库/规划"
    assert upload(path, layer="库/规划").prepared.staged == 2
    assert upload(path, layer="p.shp").prepared.layer == "p.shp"


def test_rows_that_are_no_polygons_are_reported_and_closed_lines_taken(tmp_path: Path) -> None:
    ring = LineString(square(1).exterior)
    high = Polygon([(*point, 12.0) for point in square(2).exterior.coords])
    shapes = [square(), Point(X, Y), None, ring, LineString([(X, Y), (X + 1, Y)]), high, Polygon()]
    found = upload(geopackage(tmp_path / "p.gpkg", {"p": shapes}))
    assert sorted(found.against, key=str) == [
        ("geometry_missing", 3), ("geometry_missing", 7), ("geometry_not_polygon", 2), ("geometry_not_polygon", 5),
    ]  # fmt: skip
    assert {"closed_lines_taken", "z_dropped"} <= set(found.codes)
    assert (found.prepared.read, found.prepared.staged) == (7, 3)


def test_a_layer_without_polygons_says_what_it_holds(tmp_path: Path) -> None:
    found = upload(geopackage(tmp_path / "p.gpkg", {"p": [Point(X, Y), Point(X, Y + 1)]}))
    assert found.against == [("layer_not_polygons", None)]
    assert found.values("layer_not_polygons")["found"] == "Point"


def test_not_a_number_is_reported(tmp_path: Path) -> None:
    corners = shapely.get_coordinates(square(1))
    corners[1, 1] = float("nan")
    with np.errstate(invalid="ignore"):
        nan = shapely.set_coordinates(square(1), corners)
    found = upload(geopackage(tmp_path / "p.gpkg", {"p": [square(), nan]}))
    assert found.against == [("coordinates_not_finite", 2)]


def test_a_damaged_shape_refuses_the_geopackage(tmp_path: Path) -> None:
    path = geopackage(tmp_path / "p.gpkg", {"p": [square(), square(1)]})
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TRIGGER IF EXISTS rtree_p_geom_update6")
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute("UPDATE p SET geom = x'47500001' WHERE fid = 2")
    found = upload(path)
    assert ("shapes_damaged", None) in found.against
    assert found.values("shapes_damaged")["rows"] == "2"


def test_curves_are_straightened_and_told(tmp_path: Path) -> None:
    arc = f"CURVEPOLYGON (CIRCULARSTRING ({X} {Y}, {X + 100} {Y + 100}, {X + 200} {Y}, {X + 100} {Y - 100}, {X} {Y}))"
    path = write(
        tmp_path / "p.gml",
        '<?xml version="1.0"?><ogr:FeatureCollection xmlns:ogr="http://ogr.maptools.org/"'
        ' xmlns:gml="http://www.opengis.net/gml/3.2"><ogr:featureMember><ogr:p gml:id="p.0"><ogr:geometryProperty>'
        '<gml:Surface srsName="EPSG:4547"><gml:patches><gml:PolygonPatch><gml:exterior><gml:Ring><gml:curveMember>'
        "<gml:Curve><gml:segments><gml:ArcString><gml:posList>"
        + arc[arc.index("(CIRCULARSTRING (") + 17 : -2].replace(",", "")
        + "</gml:posList></gml:ArcString></gml:segments></gml:Curve></gml:curveMember></gml:Ring></gml:exterior>"
        "</gml:PolygonPatch></gml:patches></gml:Surface></ogr:geometryProperty></ogr:p></ogr:featureMember>"
        "</ogr:FeatureCollection>",
    )
    found = upload(path)
    assert not found.against
    assert "curves_straightened" in found.codes
    assert shapely.area(found.shapes[0]) == pytest.approx(3.1416 * 100**2, rel=0.002)


KML = '<?xml version="1.0"?>{}<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{}</Document></kml>'
PLACEMARK = (
    "<Placemark><name>{}</name><Polygon><outerBoundaryIs><LinearRing><coordinates>114,22 114.001,22 114.001,22.001"
    " 114,22.001 114,22</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark>"
)
ENTITY = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("padding", [0, 2_000_000])
def test_xml_that_declares_anything_is_refused_before_it_is_parsed(tmp_path: Path, padding: int) -> None:
    text = KML.format(f"<!-- <kml> {'x' * padding} -->{ENTITY}", PLACEMARK.format("&e;"))
    assert upload(write(tmp_path / "p.kml", text)).against == [("xml_declares_entities", None)]
    wide = b"\xff\xfe" + KML.format(ENTITY, PLACEMARK.format("&e;")).encode("utf-16-le")
    assert upload(write(tmp_path / "p.kml", wide)).against == [("xml_not_utf8", None)]


def test_a_kmz_is_a_zip_of_a_kml(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "p.kmz", "w") as archive:
        archive.writestr("doc.kml", KML.format("", PLACEMARK.format("一")))
    found = upload(tmp_path / "p.kmz")
    assert (found.against, found.column("label"), found.prepared.crs) == ([], [None], "EPSG:4326")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.tab", '!table\n!version 100\nOpen Table "x"\nCreate View y As Select a From x\n'),
        (
            "p.tab",
            '!table\n!version 300\n\nDefinition Table\n  Type DBF Charset "Neutral"\n  Fields 1\n',
        ),
    ],
)
def test_a_tab_that_opens_other_files_is_refused(tmp_path: Path, name: str, text: str) -> None:
    assert upload(write(tmp_path / name, text)).against == [("tab_refers_elsewhere", None)]


def test_a_format_that_is_not_read_says_so(tmp_path: Path) -> None:
    found = upload(write(tmp_path / "p.dwg", b"AC1027" + bytes(100)))
    assert found.against == [("format_not_supported_yet", None)]
    assert found.values("format_not_supported_yet")["found"] == "DWG"


def read_one(folder: Path, name: str, content: bytes) -> Read:
    return read_uploads([Upload(write(folder / "file", content), name)], folder)


def test_the_content_and_not_the_name_decides(tmp_path: Path) -> None:
    text = '{"type": "Polygon", "coordinates": [[[114, 22], [114.001, 22], [114.001, 22.001], [114, 22]]]}'
    for name in ("p.kml", "p", "p.csv", "p.gpkg"):
        folder = tmp_path / name.replace(".", "_")
        folder.mkdir()
        result = read_one(folder, name, text.encode())
        assert (result.row_count, codes(result)) == (1, ["crs_same_place"])


def test_multipolygons_of_a_collection_are_one_outline(tmp_path: Path) -> None:
    both = shapely.GeometryCollection([square(), MultiPolygon([square(2)])])
    found = upload(geopackage(tmp_path / "p.gpkg", {"p": [both]}))
    assert not found.against
    assert "collections_taken" in found.codes
