"""Parcels in a CSV or a workbook with a column of WKT."""

from pathlib import Path

import openpyxl
import pytest
import shapely

from app.uploads.archive import Upload
from app.uploads.reader import Read
from tests.uploads_reader.making import codes, read_uploads

X, Y = 503_000.0, 2_494_000.0
SQUARES = [shapely.box(X + 200 * number, Y, X + 200 * number + 100, Y + 100) for number in range(3)]


def read(path: Path, crs: str | None = "EPSG:4547", layer: str | None = None) -> Read:
    return read_uploads([Upload(path, path.name)], path.parent, crs=crs, layer=layer)


def csv(folder: Path, *lines: str, encoding: str = "utf-8-sig") -> Path:
    path = folder / "地块.csv"
    path.write_bytes("\n".join(lines).encode(encoding))
    return path


def rows(prefix: str = "") -> list[str]:
    return [f'K{number},{4403040010019007199 + number},"{prefix}{shape.wkt}"' for number, shape in enumerate(SQUARES)]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
def test_a_csv_of_outlines(tmp_path: Path, encoding: str) -> None:
    result = read(csv(tmp_path, "一览表", "编号,宗地,图形", *rows(), encoding=encoding))
    assert not result.file_refused
    assert (result.geometries == SQUARES).all()
    assert result.columns["宗地"].to_pylist() == [str(4403040010019007199 + number) for number in range(3)]


def test_the_crs_is_said_or_stands_in_the_outline(tmp_path: Path) -> None:
    assert "crs_missing_metres" in codes(read(csv(tmp_path, "code,ref,wkt", *rows()), crs=None))
    assert read(csv(tmp_path, "code,ref,wkt", *rows("SRID=4547;")), crs=None).crs == "EPSG:4547"
    mixed = [*rows("SRID=4547;")[:1], *rows()[1:]]
    assert codes(read(csv(tmp_path, "code,ref,wkt", *mixed), crs=None)) == ["table_several_srids"]


def test_rows_that_are_no_outline_are_reported(tmp_path: Path) -> None:
    odd = ["P,1,POINT (1 2)", "N,2,", "B,3,POLYGON ((1 2", "合计,,"]
    result = read(csv(tmp_path, "code,ref,wkt", *rows(), *odd))
    refused = [(problem.code, problem.row) for problem in result.problems if problem.severity == "refuse"]
    assert sorted(refused) == [("geometry_missing", 5), ("geometry_not_polygon", 4), ("wkt_unreadable", 6)]
    assert "row_is_total" in codes(result)


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (["code,wkt", "a,b"], "table_without_wkt"),
        (["a,wkt,geometry", f'x,"{SQUARES[0].wkt}","{SQUARES[0].wkt}"'], "table_several_wkt"),
        (["code,wkt"], "no_rows"),
    ],
)
def test_what_is_no_table_of_outlines_is_refused(tmp_path: Path, lines: list[str], code: str) -> None:
    assert codes(read(csv(tmp_path, *lines))) == [code]


def test_a_workbook_with_a_sheet_of_outlines(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    notes, sheet = book.worksheets[0], book.create_sheet("地块")
    notes.append(["说明"])
    sheet.append(["地块编号", "wkt"])
    for number, shape in enumerate(SQUARES):
        sheet.append([f"K{number}", shape.wkt if number else f'="{shape.wkt}"'])
    path = tmp_path / "地块.xlsx"
    book.save(path)
    result = read(path)
    assert (result.layer, result.row_count) == ("地块", 3)
    assert [(problem.code, problem.row) for problem in result.problems if problem.severity == "refuse"] == [
        ("cell_is_formula", 1)
    ]
