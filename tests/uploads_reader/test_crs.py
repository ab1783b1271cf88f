"""The CRS is stated or refused, never guessed; coordinates must fit it; what is in the storage CRS stays as it is."""

from pathlib import Path

import numpy as np
import pytest
import shapely
from pyproj import CRS, Transformer

from app.uploads.crs import _epsg, by_prefix, listed, parse_prj, parse_stated
from app.uploads.place import find_path
from app.uploads.problems import FileRefusedError
from app.uploads.reader import Read
from tests.uploads_reader.making import Made, X, Y, codes, polygon, prj, read_parts, square

CGCS2000 = (
    'PROJCS["{name}",GEOGCS["GCS_{datum}",DATUM["D_{datum}",SPHEROID["CGCS2000",6378137.0,298.257222101]],'
    'PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],'
    'PARAMETER["False_Easting",{east}],PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",{meridian}],'
    'PARAMETER["Scale_Factor",{scale}],PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]'
)


def read_at(
    folder: Path,
    x: float,
    y: float,
    text: bytes | None,
    *,
    size: float = 100.0,
    crs: str | None = None,
    storage: int = 4547,
) -> Read:
    made = Made(records=[polygon(square(x, y, size))], prj=text)
    return read_parts(made.parts(), folder, crs=crs, storage=storage)


def local(srid: int, east: float = 114.03, north: float = 22.54) -> tuple[float, float]:
    x, y = Transformer.from_crs(4490, srid, always_xy=True).transform(east, north)
    return float(x), float(y)


@pytest.mark.parametrize(
    ("x", "y", "code", "candidates"),
    [
        (38_503_000.0, Y, "crs_missing_zone", "EPSG:4526"),
        (19_803_000.0, Y, "crs_missing_zone", "EPSG:4497"),
        (114.03, 22.54, "crs_missing_degrees", "EPSG:4490, EPSG:4326"),
        (-70.0, -20.0, "crs_missing_degrees", "EPSG:4326"),
        (X, Y, "crs_missing_metres", "EPSG:4547, EPSG:4534-4546, EPSG:4548-4554, EPSG:4502-4512"),
        (3_431_691.0, 8_000_000.0, "crs_missing", "EPSG:4547"),
    ],
)
def test_no_crs_is_refused_with_likely_ones(tmp_path: Path, x: float, y: float, code: str, candidates: str) -> None:
    result = read_at(tmp_path, x, y, None, size=0.001 if abs(x) < 180 else 100.0)
    assert codes(result) == [code]
    assert result.problems[0].values["candidates"] == candidates
    assert result.file_refused


def test_no_crs_and_no_geometry(tmp_path: Path) -> None:
    result = read_parts(Made(records=[bytes(4)], prj=None).parts(), tmp_path)
    assert codes(result) == ["geometry_missing", "crs_missing"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"", ["prj_empty", "crs_missing_metres"]),
        (b"\x00\x00", ["prj_empty", "crs_missing_metres"]),
        (b"nonsense", ["prj_not_wkt", "prj_unreadable", "crs_missing_metres"]),
        (b"EPSG:4547", ["prj_not_wkt"]),
        (
            b"+proj=tmerc +lat_0=0 +lon_0=114 +k=1 +x_0=500000 +y_0=0 +ellps=GRS80 +units=m",
            ["prj_not_wkt", "crs_no_path"],
        ),
        (b"+proj=tmerc +nadgrids=/etc/passwd", ["prj_not_wkt", "prj_unreadable", "crs_missing_metres"]),
        (b"+proj=pipeline +step +proj=merc", ["prj_not_wkt", "prj_unreadable", "crs_missing_metres"]),
        (b"+init=epsg:4547", ["prj_not_wkt", "prj_unreadable", "crs_missing_metres"]),
        (b"PROJCS[" + b"x" * 30_000, ["prj_unreadable", "crs_missing_metres"]),
        (b"\xef\xbb\xbf" + prj(4547), []),
        (prj(4547).decode().encode("utf-16"), ["prj_encoding"]),
        (prj(4547).decode().encode("utf-16-le"), ["prj_encoding"]),
        (prj(4547).decode().encode("utf-16-be"), ["prj_encoding"]),
        (prj(4547).decode().replace("CGCS2000_3_D", "国家2000_3_D").encode("gbk"), ["prj_encoding"]),
    ],
)
def test_prj_files_as_they_come(tmp_path: Path, text: bytes, found: list[str]) -> None:
    assert codes(read_at(tmp_path, X, Y, text)) == found


@pytest.mark.parametrize(
    ("meridian", "east", "scale", "datum", "name", "label"),
    [
        (114.0, 500_000.0, 1.0, "CGCS_2000", "国家2000", "EPSG:4547"),
        (114.0, 38_500_000.0, 1.0, "China_2000", "My zone 38", "EPSG:4526"),
        (111.0, 19_500_000.0, 1.0, "China_2000", "Six degrees", "EPSG:4497"),
        (114.0, 400_000.0, 1.0, "CGCS_2000", "City grid", "City grid"),
        (113.7, 500_000.0, 1.0, "CGCS_2000", "City grid", "City grid"),
        (114.0, 500_000.0, 0.9999, "CGCS_2000", "City grid", "City grid"),
    ],
)
def test_cgcs2000_under_names_of_other_programs(
    tmp_path: Path, meridian: float, east: float, scale: float, datum: str, name: str, label: str
) -> None:
    text = CGCS2000.format(meridian=meridian, east=east, scale=scale, datum=datum, name=name)
    assert read_at(tmp_path, X - 500_000 + east, Y, text.encode()).crs == label


def test_stated_beats_prj_and_says_so(tmp_path: Path) -> None:
    result = read_at(tmp_path / "other", X, Y, prj(4526), crs="EPSG:4547")
    assert codes(result) == ["crs_differs_from_file"]
    assert result.problems[0].values == {"stated": "EPSG:4547", "file": "EPSG:4526"}
    assert codes(read_at(tmp_path / "same", X, Y, prj(4547), crs="4547")) == []
    assert codes(read_at(tmp_path / "none", X, Y, None, crs="urn:ogc:def:crs:EPSG::4547")) == ["crs_stated"]


@pytest.mark.parametrize(
    "text", ["", "EPSG:1", "nonsense", "/etc/passwd", "EPSG:4547 ; x", "+proj=merc +file=/etc/passwd"]
)
def test_a_stated_crs_that_is_none(tmp_path: Path, text: str) -> None:
    assert codes(read_at(tmp_path, X, Y, prj(4547), crs=text)) == ["crs_unknown"]


def test_kinds_of_crs() -> None:
    assert parse_stated("EPSG:4979").to_epsg() == 4326
    assert parse_stated("EPSG:7415").to_epsg() == 28992
    assert parse_stated("ESRI:102100").to_authority() == ("ESRI", "102100")
    bound = CRS.from_user_input(4547).to_wkt("WKT1_GDAL").replace('SPHEROID["CGCS2000"', 'SPHEROID["CGCS2000"')
    assert parse_prj(bound.encode())[0] is not None
    towgs84 = "+proj=tmerc +lat_0=0 +lon_0=114 +x_0=500000 +ellps=GRS80 +towgs84=0,0,0 +type=crs"
    assert parse_stated(towgs84).is_projected
    for code in ("EPSG:5773", "EPSG:4978"):
        with pytest.raises(FileRefusedError, match="crs_not_horizontal"):
            parse_stated(code)


def test_a_local_grid_is_refused(tmp_path: Path) -> None:
    text = 'LOCAL_CS["深圳独立坐标系",LOCAL_DATUM["Shenzhen",0],UNIT["Meter",1.0],AXIS["X",EAST],AXIS["Y",NORTH]]'
    assert codes(read_at(tmp_path, X, Y, text.encode())) == ["crs_local"]


@pytest.mark.parametrize(
    ("srid", "x", "y", "code", "candidates"),
    [
        (4526, X, Y, "crs_does_not_fit", "EPSG:4547"),
        (4547, 38_503_000.0, Y, "crs_does_not_fit", "EPSG:4526"),
        (4490, X, Y, "crs_does_not_fit", "EPSG:4547"),
        (4547, 114.03, 22.54, "crs_does_not_fit", "EPSG:4490, EPSG:4326"),
        (4490, 22.54, 114.03, "axes_swapped", None),
        (4547, Y, X, "axes_swapped", None),
        (4547, 12_693_000.0, 2_576_000.0, "crs_does_not_fit", "EPSG:3857"),
        (4547, 9e9, 9e9, "crs_fits_nothing", None),
    ],
)
def test_coordinates_that_do_not_fit_are_refused_with_what_fits(
    tmp_path: Path, srid: int, x: float, y: float, code: str, candidates: str | None
) -> None:
    result = read_at(tmp_path, x, y, prj(srid), size=0.001 if abs(x) < 180 else 100.0)
    assert codes(result) == [code]
    assert result.problems[0].values.get("candidates") == candidates


def test_a_few_rows_elsewhere_are_refused_one_by_one(tmp_path: Path) -> None:
    records = [polygon(square(X + 100 * n)) for n in range(5)] + [polygon(square(0, 0)), polygon(square(1e7, 1e7))]
    result = read_parts(Made(records=records).parts(), tmp_path)
    assert codes(result) == ["row_outside_crs"] * 2
    assert result.refused == {6, 7}
    assert [problem.values["x"] for problem in result.problems] == ["50.000", "10000050.000"]


def test_rows_far_from_the_storage_crs_are_refused(tmp_path: Path) -> None:
    near, far = square(114.03, 22.54, 0.001), square(100.0, 30.0, 0.001)
    result = read_parts(Made(records=[polygon(near), polygon(near), polygon(far)], prj=prj(4490)).parts(), tmp_path)
    assert codes(result) == ["crs_reprojected", "row_outside_crs"]
    assert result.refused == {3}
    alone = read_at(tmp_path / "alone", 100.0, 30.0, prj(4490), size=0.001)
    assert codes(alone) == ["outside_storage_crs"]


@pytest.mark.parametrize("srid", [2383, 2435, 4610, 4214])
def test_old_datums_are_refused_unless_they_are_the_storage_crs(tmp_path: Path, srid: int) -> None:
    degrees = CRS.from_epsg(srid).is_geographic
    x, y, size = (114.03, 22.54, 0.001) if degrees else (X, Y, 100.0)
    assert codes(read_at(tmp_path / "in", x, y, prj(srid), size=size)) == ["crs_old_datum"]
    if not degrees:
        kept = read_at(tmp_path / "kept", x, y, prj(srid), storage=srid)
        assert codes(kept) == []
        assert codes(read_at(tmp_path / "out", X, Y, prj(4547), storage=srid)) == ["crs_old_datum"]


@pytest.mark.parametrize("srid", [4526, 4490, 4326, 3857, 4502 + 6])
def test_reprojection_puts_land_where_it_is(tmp_path: Path, srid: int) -> None:
    x, y = local(srid)
    result = read_at(tmp_path, x, y, prj(srid), size=0.001 if CRS.from_epsg(srid).is_geographic else 100.0)
    assert not result.file_refused
    centre = shapely.get_coordinates(result.geometries[0])[0]
    np.testing.assert_allclose(centre, local(4547), atol=1e-3)
    same_place = srid in {4326, 3857}
    assert codes(result) == ["crs_same_place" if same_place else "crs_reprojected"]


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (31287, 3035), (3035, 25833), (32635, 3035), (4326, 25832), (25833, 4647), (4647, 25832), (2193, 4326),
        (4269, 3857), (3006, 3035), (4269, 32610), (5186, 32652), (28992, 3035), (27700, 3857), (4283, 3857),
        (4326, 31287), (4326, 4547),
    ],
)  # fmt: skip
def test_known_paths(source: int, target: int) -> None:
    path = find_path(CRS.from_epsg(source), CRS.from_epsg(target))
    assert 0.0 <= path.accuracy <= 20.0


def test_no_path_is_refused() -> None:
    nowhere = CRS.from_proj4("+proj=longlat +a=6378200 +b=6356800 +type=crs")
    with pytest.raises(FileRefusedError, match="crs_no_path"):
        find_path(nowhere, CRS.from_epsg(4547))


def test_helpers() -> None:
    assert by_prefix(46_500_000.0, Y) == []
    assert by_prefix(38_990_000.0, Y) == []
    assert listed([1, 2, 3, 7]) == "EPSG:1-3, EPSG:7"


def test_a_path_that_is_metres_off_is_none() -> None:
    with pytest.raises(FileRefusedError, match="crs_no_path"):
        find_path(CRS.from_epsg(4131), CRS.from_epsg(4547))  # Indian 1960: 27 m at best


def test_rows_without_geometry_need_no_path(tmp_path: Path) -> None:
    result = read_parts(Made(records=[bytes(4)], prj=prj(4490)).parts(), tmp_path)
    assert codes(result) == ["geometry_missing", "crs_reprojected", "no_row_usable"]


def test_other_definitions_of_cgcs2000() -> None:
    text = CGCS2000.format(meridian=114, east=5e5, scale=1, datum="CGCS_2000", name="x")
    geographic = text[text.index("GEOGCS") : text.index(",PROJECTION")]
    assert _epsg(CRS.from_wkt(geographic).to_wkt()) == 4490
    other = CRS.from_wkt(text.replace("Transverse_Mercator", "Mercator_1SP"))
    assert _epsg(other.to_wkt()) is None
    flat = CRS.from_wkt(text.replace("298.257222101", "298.3"))
    assert _epsg(flat.to_wkt()) is None


def test_a_row_nested_and_off_the_map_has_no_sizes(tmp_path: Path) -> None:
    nested = polygon(square(1e7, 1e7), square(1e7 + 10, 1e7 + 10, 20))
    result = read_parts(Made(records=[polygon(square()), polygon(square()), nested]).parts(), tmp_path)
    assert codes(result) == ["rings_read_by_nesting", "row_outside_crs"]
    assert result.problems[0].square_metres_after is None
    assert result.problems[0].position is None


def test_sizes_wait_for_a_crs(tmp_path: Path) -> None:
    nested = polygon(square(), square(X + 10, Y + 10, 20))
    result = read_parts(Made(records=[nested], prj=None).parts(), tmp_path)
    assert codes(result) == ["rings_read_by_nesting", "crs_missing_metres"]
    assert result.problems[0].square_metres_before is None


def test_a_zone_across_the_date_line(tmp_path: Path) -> None:
    records = [polygon(square(x, -17.0, 0.01)) for x in (179.5, -179.5, 177.0)]
    result = read_parts(Made(records=records, prj=prj(4326)).parts(), tmp_path, storage=3460)
    assert not result.refused
