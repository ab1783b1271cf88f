"""What the writer of 界址点 TXT writes, the reader reads, and it writes the same bytes again."""

import tempfile
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from app.uploads.archive import Upload
from app.uploads.formats.boundary_points_writer import Parcel, Sheet, write
from app.uploads.reader import Read
from tests.uploads_reader.making import read_uploads

SHEET = Sheet(38, "规划和自然资源局", date(2026, 5, 20))
X, Y = 500_000.0, 2_500_000.0
TEXTS = st.text(st.characters(categories=["Lu", "Ll", "Lo", "Nd"]), max_size=12).filter(
    lambda text: text.isprintable() and text == text.strip()
)


def read(content: bytes) -> Read:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.txt"
        path.write_bytes(content)
        return read_uploads([Upload(path, path.name)], Path(folder))


def again(content: bytes) -> bytes:
    """The file written anew from what was read of it."""
    result = read(content)
    assert {one.code for one in result.problems if one.severity != "note"} <= {"txt_several_parts"}, result.problems
    assert result.crs == "EPSG:4526"
    names = ("地块编号", "面积公顷", "地块名称", "图幅号", "地块用途", "地类编码")
    columns = [[text or "" for text in result.columns[name].to_pylist()] for name in names]
    parcels = [
        Parcel(code, geometry, Decimal(hectares or 0), name, sheet, use, land_use)
        for geometry, code, hectares, name, sheet, use, land_use in zip(result.geometries, *columns, strict=True)
    ]
    return write(SHEET, parcels)


@st.composite
def outlines(draw: st.DrawFn) -> shapely.Geometry:
    """A star around a point, with a hole in it or not, sometimes with a second part beside it."""
    corners = draw(st.lists(st.floats(30, 100), min_size=3, max_size=12))
    turn = draw(st.floats(0, 6))
    angles = turn + np.arange(len(corners)) * 2 * np.pi / len(corners)
    x, y = X + draw(st.floats(0, 20_000)), Y + draw(st.floats(0, 20_000))

    def star(size: float, across: float = 0.0) -> list[tuple[float, float]]:
        return [
            (x + across + size * radius * np.cos(angle), y + size * radius * np.sin(angle))
            for radius, angle in zip(corners, angles, strict=True)
        ]

    shell = star(1.0)[:: draw(st.sampled_from([1, -1]))]
    polygon = shapely.Polygon(shell, [star(0.3)] if draw(st.booleans()) else [])
    return shapely.MultiPolygon([polygon, shapely.Polygon(star(1.0, 300.0))]) if draw(st.booleans()) else polygon


@given(outlines(), TEXTS, TEXTS, st.decimals(0, 999, places=4))
def test_what_is_written_reads_back_and_writes_the_same(
    outline: shapely.Geometry, name: str, use: str, hectares: Decimal
) -> None:
    written = write(SHEET, [Parcel("K1", outline, hectares, name, "H50", use), Parcel("K2", outline, hectares)])
    parts = [one for one in read(written).problems if one.code == "txt_several_parts"]
    result = read(written)
    assert len(parts) == 2 * (shapely.get_num_geometries(outline) > 1)
    assert shapely.hausdorff_distance(result.geometries[0], outline) < 0.001
    assert again(written) == written


def test_a_file_as_it_stands() -> None:
    square = shapely.box(503_000, 2_494_000, 503_100, 2_494_080)
    hole = shapely.box(503_020, 2_494_020, 503_040, 2_494_040)
    parcel = Parcel("K1", square - hole, Decimal("0.76"), "名", use="工业用地")
    lines = write(SHEET, [parcel]).decode("gb18030").split("\r\n")
    assert lines[8:] == [
        "带号=38", "精度=0.001", "转换参数=0,0,0,0,0,0,0", "[地块坐标]", "10,0.7600,K1,名,面,,工业用地,,@",
        "J1,1,2494080.000,38503000.000", "J2,1,2494080.000,38503100.000", "J3,1,2494000.000,38503100.000",
        "J4,1,2494000.000,38503000.000", "J1,1,2494080.000,38503000.000",
        "J5,2,2494040.000,38503020.000", "J6,2,2494020.000,38503020.000", "J7,2,2494020.000,38503040.000",
        "J8,2,2494040.000,38503040.000", "J5,2,2494040.000,38503020.000", "",
    ]  # fmt: skip


SQUARE = shapely.box(X, Y, X + 10, Y + 10)


@pytest.mark.parametrize(
    "parcel",
    [
        Parcel("", SQUARE, Decimal(1)),
        Parcel("a,b", SQUARE, Decimal(1)),
        Parcel("a", SQUARE, Decimal(1), name="x@"),
        Parcel("a", SQUARE, Decimal(1), name="x\ny"),
        Parcel("a", SQUARE, Decimal(1), use=" x"),
        Parcel("a", shapely.Point(X, Y), Decimal(1)),
        Parcel("a", shapely.Polygon(), Decimal(1)),
        Parcel("a", shapely.box(X, Y, X + 0.0001, Y + 10), Decimal(1)),
        Parcel("a", shapely.box(1_000_000, Y, 1_000_010, Y + 10), Decimal(1)),
    ],
)
def test_what_the_format_cannot_hold_is_not_written(parcel: Parcel) -> None:
    with pytest.raises(ValueError, match=r"."):
        write(SHEET, [parcel])


def test_zones_are_those_of_three_degrees() -> None:
    with pytest.raises(ValueError, match="zone 20"):
        write(Sheet(20, "x", date(2026, 1, 1)), [])
