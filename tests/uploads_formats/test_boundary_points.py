"""勘测定界界址点 TXT: every dialect of it read, what is odd told by its line, what decides nothing refused."""

from pathlib import Path

import pytest
import shapely

from app.uploads.archive import Upload
from app.uploads.reader import Read
from tests.uploads_reader.making import codes, read_uploads

ZONE = 38
NORTH, EAST = 2_494_000.0, 503_000.0
DESCRIPTION = {
    "格式版本号": "1.01版本", "数据产生单位": "规划和自然资源局", "数据产生日期": "2026-05-20",
    "坐标系": "2000国家大地坐标系", "几度分带": "3", "投影类型": "高斯克吕格", "计量单位": "米",
    "带号": "38", "精度": "0.001", "转换参数": "0,0,0,0,0,0,0",
}  # fmt: skip
HEADER = "5,0.8000,440304000000,福田街道01号,面,H50G002051,工业用地,,@"
CORNERS = [(NORTH, EAST), (NORTH + 80, EAST), (NORTH + 80, EAST + 100), (NORTH, EAST + 100)]
SQUARE = shapely.box(EAST, NORTH, EAST + 100, NORTH + 80)


def points(
    corners: list[tuple[float, float]] = CORNERS, *, ring: int = 1, prefix: int = ZONE, mark: str = "J", first: int = 1,
    closed: bool = True,
) -> list[str]:  # fmt: skip
    lines = [
        f"{mark}{number},{ring},{x:.3f},{prefix * 1_000_000 + y:.3f}" for number, (x, y) in enumerate(corners, first)
    ]
    return [*lines, lines[0]] if closed else lines


def moved(by: float, size: float = 1.0) -> list[tuple[float, float]]:
    return [(NORTH + by + (x - NORTH) * size, EAST + by + (y - EAST) * size) for x, y in CORNERS]


def text(*lines: str, **description: str) -> str:
    told = [f"{key}={value}" for key, value in (DESCRIPTION | description).items()]
    return "\r\n".join(["[属性描述]", *told, "[地块坐标]", *lines, ""])


def read(folder: Path, content: str | bytes, crs: str | None = None, encoding: str = "gb18030") -> Read:
    path = folder / "地块.txt"
    path.write_bytes(content.encode(encoding) if isinstance(content, str) else content)
    return read_uploads([Upload(path, path.name)], folder, crs=crs)


def told(result: Read) -> list[str]:
    """The codes that say something of this file: not which encoding, nor that it was reprojected."""
    return [code for code in codes(result) if not code.startswith(("encoding_", "crs_reprojected"))]


def is_square(result: Read) -> bool:
    return bool(shapely.area(shapely.symmetric_difference(result.geometries[0], SQUARE)) < 0.001)


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8", "utf-8-sig", "utf-16"])
def test_the_standard_file(tmp_path: Path, encoding: str) -> None:
    result = read(tmp_path, text(HEADER, *points()), encoding=encoding)
    assert (told(result), result.crs, result.row_count) == ([], "EPSG:4526", 1)
    assert is_square(result)
    assert {name: column[0].as_py() for name, column in result.columns.items()} == {
        "界址点数": "5", "面积公顷": "0.8000", "地块编号": "440304000000", "地块名称": "福田街道01号", "图形属性": "面",
        "图幅号": "H50G002051", "地块用途": "工业用地", "地类编码": None,
    }  # fmt: skip


TWELVE = "5,0.8000,K1,名,面,H50,工业用地,0601,国有,1,2,备注,@"
THIRTEEN = "5,0.8000,K1,名,面,H50,工业用地,0601,国有,1,2,备注,某,@"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([TWELVE, *points()], []),
        ([THIRTEEN, *points()], []),
        (points(), ["txt_header_missing"]),
        ([HEADER.replace("@", ""), *points()], ["txt_end_missing"]),
        ([HEADER.replace("5,", "4,", 1), *points()], []),
        ([HEADER.replace("5,", "7,", 1), *points()], ["txt_count_differs"]),
        ([HEADER, *points(closed=False)], ["txt_ring_not_closed"]),
        ([HEADER, *points(mark="")], []),
        ([HEADER, *points(mark="J", first=100)], []),
        (["", "  " + HEADER, *(" " + line + " " for line in points())], []),
        ([HEADER, *(line.replace(",", "，") for line in points())], ["txt_wide_comma"] * 5),
        ([HEADER, *(line + "," for line in points())], []),
        ([HEADER, *points()[:-1], points(ring=2)[0]], ["txt_closing_ring_number"]),
        ([HEADER, *points()[:-1], f"J1,1,{NORTH:.3f},{NORTH:.3f}"], ["txt_closing_x_twice"]),
        ([HEADER, *points()[:-1], "J1,1,2494000.0,38503000"], []),
    ],
)
def test_dialects_are_taken_and_told(tmp_path: Path, lines: list[str], expected: list[str]) -> None:
    result = read(tmp_path, text(*lines))
    assert (told(result), result.row_count) == (expected, 1)
    assert is_square(result)


def test_findings_name_the_line(tmp_path: Path) -> None:
    result = read(tmp_path, text(HEADER, *points(ring=1)[:-1], points(ring=3)[0]))
    found = next(problem for problem in result.problems if problem.code == "txt_closing_ring_number")
    assert (found.row, found.values) == (1, {"line": 18, "ring": 3, "expected": 1})


@pytest.mark.parametrize("precision", ["3", "0.001", ""])
@pytest.mark.parametrize("section", ["[属性描述]", " [属性描述]", "[ 属性描述 ]", "【属性描述】"])
def test_the_description_may_be_written_in_many_ways(tmp_path: Path, precision: str, section: str) -> None:
    content = text(HEADER, *points(), 精度=precision).replace("[属性描述]", section).replace("坐标系=", "坐标系 ： ")
    result = read(tmp_path, content)
    assert (told(result), result.crs) == ([], "EPSG:4526")


def test_a_project_section_gives_columns_and_an_unknown_one_is_told(tmp_path: Path) -> None:
    more = "[项目信息]\r\n项目编号=P1\r\n无等号\r\n[其他]\r\na=b\r\n[地块坐标]"
    result = read(tmp_path, text(HEADER, *points()).replace("[地块坐标]", more))
    assert told(result) == ["txt_line_ignored", "txt_section_unknown"]
    assert result.columns["项目编号"].to_pylist() == ["P1"]


def test_holes_parts_and_rings_that_begin_anew(tmp_path: Path) -> None:
    hole, part = moved(20, 0.2), moved(500)
    nested = read(tmp_path, text(HEADER, *points(), *points(hole, ring=2, first=5)))
    assert nested.geometries[0].area == pytest.approx(8000 * 0.96)
    assert told(nested) == ["txt_count_differs"]
    alike = read(tmp_path, text(HEADER, *points(), *points(hole, ring=1, first=1)))
    assert alike.geometries[0].area == pytest.approx(8000 * 0.96)
    assert told(alike) == ["txt_ring_restarted", "txt_count_differs"]
    apart = read(tmp_path, text(HEADER, *points(), *points(part, ring=2)))
    assert "txt_several_parts" in told(apart)
    assert apart.geometries[0].area == pytest.approx(16_000)


def test_parcels_without_any_header_are_told_apart(tmp_path: Path) -> None:
    result = read(tmp_path, text(*points(), *points(moved(500))))
    assert (result.row_count, told(result)) == (2, ["txt_header_missing"] * 2)


@pytest.mark.parametrize(
    ("description", "prefix", "crs"),
    [
        ({}, 38, "EPSG:4526"),
        ({}, 0, "EPSG:4547"),
        ({"带号": ""}, 38, "EPSG:4526"),
        ({"带号": "38带"}, 38, "EPSG:4526"),
        ({"几度分带": ""}, 38, "EPSG:4526"),
        ({"几度分带": "6", "带号": "20"}, 20, "EPSG:4498"),
        ({"几度分带": "6", "带号": "19"}, 0, "EPSG:4508"),
        ({"坐标系": "CGCS2000"}, 38, "EPSG:4526"),
    ],
)
def test_the_crs_is_what_the_description_says(
    tmp_path: Path, description: dict[str, str], prefix: int, crs: str
) -> None:
    result = read(tmp_path, text(HEADER, *points(prefix=prefix), **description))
    assert result.crs == crs or crs in str(result.problems)


@pytest.mark.parametrize(
    ("description", "prefix", "code"),
    [
        ({"带号": ""}, 0, "crs_missing_metres"),
        ({"坐标系": ""}, 38, "crs_missing_zone"),
        ({"坐标系": "深圳独立坐标系"}, 38, "crs_missing_zone"),
        ({"带号": "39"}, 38, "txt_zone_contradicts"),
        ({"带号": "99"}, 0, "txt_zone_unknown"),
        ({"几度分带": "6"}, 38, "txt_zone_unknown"),
        ({"几度分带": "2"}, 38, "txt_zone_unknown"),
        ({"坐标系": "1980西安坐标系"}, 38, "crs_old_datum"),
        ({"坐标系": "北京54坐标系"}, 38, "crs_old_datum"),
        ({"计量单位": "度"}, 38, "crs_missing_zone"),
        ({"投影类型": "墨卡托"}, 38, "crs_missing_zone"),
    ],
)
def test_a_crs_that_is_not_said_is_not_guessed(
    tmp_path: Path, description: dict[str, str], prefix: int, code: str
) -> None:
    result = read(tmp_path, text(HEADER, *points(prefix=prefix), **description))
    assert result.file_refused
    assert code in told(result)


def test_swapped_axes_and_unused_parameters_are_told(tmp_path: Path) -> None:
    swapped = [f"{name},{ring},{y},{x}" for name, ring, x, y in (line.split(",") for line in points())]
    result = read(tmp_path, text(HEADER, *swapped, 转换参数="1,2,3,0,0,0,0"))
    assert told(result) == ["txt_axes_swapped", "txt_shift_not_applied"]
    assert is_square(result)


@pytest.mark.parametrize(
    ("stated", "hectares", "code"),
    [
        ("0.7655公顷", "0.7655", None), ("", None, None), ("0", None, None), ("0.0000", None, None),
        ("7655平方米", "0.7655", "txt_size_converted"), ("12亩", "0.8", "txt_size_converted"),
        ("8000", "8000", "txt_size_in_square_metres"), ("约1", "约1", None),
    ],
)  # fmt: skip
def test_sizes_are_hectares(tmp_path: Path, stated: str, hectares: str | None, code: str | None) -> None:
    result = read(tmp_path, text(HEADER.replace("0.8000", stated), *points()))
    assert result.columns["面积公顷"][0].as_py() == hectares
    assert told(result) == ([code] if code else [])


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([HEADER, "J1,1,2494O00.1,38503000"], "txt_not_a_number"),
        ([HEADER, "J1,x,2494000,38503000"], "txt_not_a_number"),
        ([HEADER, "界 1,1,2494000,38503000"], "txt_not_a_number"),
        ([HEADER, "J1,1,nan,38503000"], "txt_not_a_number"),
        ([HEADER, "J1,2494000,38503000"], "txt_columns"),
        ([HEADER, "J1,1,2494000,38503000,5"], "txt_columns"),
        (["1,2,@", *points()], "txt_parcel_unreadable"),
        ([HEADER, *points(), HEADER, *points(moved(500))], "txt_parcel_repeated"),
        ([HEADER, *points()[:4], "J9,1,2494000,39503000"], "txt_several_zones"),
        ([], "no_rows"),
    ],
)
def test_what_cannot_be_read_refuses_the_file_and_names_its_line(tmp_path: Path, lines: list[str], code: str) -> None:
    result = read(tmp_path, text(*lines))
    assert result.file_refused
    assert code in told(result)


def test_a_parcel_without_land_is_refused_alone(tmp_path: Path) -> None:
    other = HEADER.replace("440304000000", "K2")
    lines = [HEADER, *points(), other, *points()[:2], HEADER.replace("440304000000", "K3"), *points(moved(500))]
    result = read(tmp_path, text(*lines))
    assert [(problem.code, problem.row) for problem in result.problems if problem.severity == "refuse"] == [
        ("txt_ring_too_short", 2)
    ]
    empty = read(tmp_path, text(HEADER, *points(), other))
    assert "txt_parcel_without_points" in told(empty)
