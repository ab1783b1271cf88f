"""DXF: closed outlines by drawing layer, the text inside as an attribute."""

from pathlib import Path

import pytest
import shapely

from tests.uploads_formats.through import X, Y, upload, write


def entity(kind: str, layer: str, *groups: tuple[int, object]) -> str:
    return "".join(f"{code}\n{value}\n" for code, value in [(0, kind), (100, "AcDbEntity"), (8, layer), *groups])


def outline(layer: str, number: int = 0, *, closed: bool = True, bulge: float = 0.0) -> str:
    x = X + 200 * number
    corners = [(x, Y), (x, Y + 100), (x + 100, Y + 100), (x + 100, Y)]
    groups: list[tuple[int, object]] = [(100, "AcDbPolyline"), (90, 4), (70, int(closed))]
    for east, north in corners:
        groups += [(10, east), (20, north), *([(42, bulge)] if bulge else [])]
    return entity("LWPOLYLINE", layer, *groups)


def label(text: str, number: int = 0, layer: str = "注记") -> str:
    groups: list[tuple[int, object]] = [
        (100, "AcDbText"),
        (10, X + 200 * number + 50),
        (20, Y + 50),
        (40, 5),
        (1, text),
    ]
    return entity("TEXT", layer, *groups)


def drawing(
    folder: Path, *entities: str, version: str = "AC1015", page: str = "ANSI_936", encoding: str = "gbk"
) -> Path:
    head = f"0\nSECTION\n2\nHEADER\n9\n$ACADVER\n1\n{version}\n9\n$DWGCODEPAGE\n3\n{page}\n0\nENDSEC\n"
    text = head + "0\nSECTION\n2\nENTITIES\n" + "".join(entities) + "0\nENDSEC\n0\nEOF\n"
    return write(folder / "图.dxf", text.encode(encoding))


@pytest.mark.parametrize(
    ("version", "page", "encoding"),
    [("AC1015", "ANSI_936", "gbk"), ("AC1015", "ANSI_1252", "gbk"), ("AC1021", "ANSI_1252", "utf-8")],
)
def test_outlines_of_a_layer_with_the_text_inside(tmp_path: Path, version: str, page: str, encoding: str) -> None:
    entities = [
        outline("地块"),
        label("甲一"),
        outline("地块", 1),
        label("乙"),
        label("二", 1),
        label("乙", 1),
        outline("地块", 2),
    ]
    found = upload(drawing(tmp_path, *entities, version=version, page=page, encoding=encoding), crs="EPSG:4547")
    assert not found.against
    assert found.column("dxf_layer") == ["地块"] * 3
    assert found.column("dxf_text") == ["甲一 乙", "二 乙", None]
    assert "dxf_several_texts" in found.codes
    assert shapely.bounds(found.shapes[1]).tolist() == [X + 200, Y, X + 300, Y + 100]


def test_layers_are_listed_and_one_is_chosen(tmp_path: Path) -> None:
    path = drawing(tmp_path, outline("现状"), outline("规划", 1), outline("规划", 2))
    assert upload(path).values("layer_not_chosen")["layers"] == "现状, 规划"
    assert upload(path, layer="规划", crs="EPSG:4547").prepared.staged == 2


def test_a_drawing_has_no_crs(tmp_path: Path) -> None:
    assert upload(drawing(tmp_path, outline("0"))).against == [("crs_missing_metres", None)]


def test_open_lines_arcs_and_what_is_drawn_twice_are_told(tmp_path: Path) -> None:
    entities = [outline("0"), outline("0"), outline("0", 1, closed=False), outline("0", 2, bulge=0.2)]
    found = upload(drawing(tmp_path, *entities), crs="EPSG:4547")
    assert found.against == [("dxf_drawn_twice", 2)]
    assert {"dxf_not_closed", "dxf_arcs_straightened"} <= set(found.codes)
    assert found.values("dxf_not_closed")["count"] == "1"
    assert found.values("dxf_arcs_straightened")["count"] == "4"
    assert found.prepared.staged == 2


def test_what_is_cut_off_or_holds_no_outline_is_refused(tmp_path: Path) -> None:
    path = drawing(tmp_path, outline("0"))
    cut = write(tmp_path / "cut.dxf", path.read_bytes()[:-30])
    assert upload(cut, crs="EPSG:4547").against == [("dxf_cut_off", None)]
    lines = drawing(tmp_path, outline("0", closed=False), label("x"))
    assert upload(lines, crs="EPSG:4547").against == [("layer_not_polygons", None)]
