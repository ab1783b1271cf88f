"""CSV and workbooks as they come: encodings, separators, titles, dates, formulas, and files that are none."""

import zipfile
from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from app.uploads import tables
from app.uploads.archive import Upload
from app.uploads.problems import FileRefusedError
from app.uploads.tables import Table, read_table

FIELDS = {"code", "event", "date", "编号", "事项"}
SHANGHAI = timezone(timedelta(hours=8))


def recognise(names: Sequence[str]) -> int:
    return len(FIELDS & set(names))


def read(path: Path, content: bytes | None = None, **asked: Any) -> Table:
    if content is not None:
        path.write_bytes(content)
    return read_table([Upload(path, path.name)], asked.get("layer"), asked.get("encoding"), recognise)


def refused(path: Path, content: bytes | None = None, **asked: Any) -> str:
    with pytest.raises(FileRefusedError) as error:
        read(path, content, **asked)
    return error.value.problems[0].code


def cells(table: Table) -> dict[str, list[str | None]]:
    return {name: column.to_pylist() for name, column in table.columns.items()}


def book(path: Path, rows: Sequence[Sequence[object]]) -> openpyxl.Workbook:
    made = openpyxl.Workbook()
    for row in rows:
        made.active.append(list(row))
    made.save(path)
    return made


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separators_and_encodings(tmp_path: Path, encoding: str, separator: str) -> None:
    text = "编号,事项,备注\r\n甲-1,入库,\r\n,,\r\n乙-2,出库,土地移交确认书已收\r\n".replace(",", separator)
    table = read(tmp_path / "a", text.encode(encoding))
    assert cells(table) == {
        "编号": ["甲-1", "乙-2"],
        "事项": ["入库", "出库"],
        "备注": [None, "土地移交确认书已收"],
    }
    assert table.lines == [2, 4]


def test_quotes_titles_totals_and_names_that_repeat(tmp_path: Path) -> None:
    text = '台账一览表,,\n\ncode,event,note,note,\nA,entry,"a, ""b""\nc",2,lost\n 合 计 ,1,,,\nB,exit\n'
    table = read(tmp_path / "a", text.encode())
    assert cells(table) == {
        "code": ["A", "B"],
        "event": ["entry", "exit"],
        "note": ['a, "b"\nc', None],
        "note (4)": ["2", None],
    }
    assert [one.values["line"] for one in table.problems if one.code == "row_is_total"] == [6]


def test_cells_of_a_workbook_are_what_a_person_would_type(tmp_path: Path) -> None:
    row = ["A", 5, 18.21, 1e-7, True, date(2022, 3, 1), datetime(2022, 3, 1, 9, 30), " x ", 20220301.0]  # noqa: DTZ001  Excel has no zones
    book(tmp_path / "a", [["code", *"bcdefghi"], row, ["B", "=1+1"]])
    table = read(tmp_path / "a")
    found = {name: column[0] for name, column in cells(table).items()}
    assert found == {
        "code": "A",
        "b": "5",
        "c": "18.21",
        "d": "0.0000001",
        "e": "true",
        "f": "2022-03-01",
        "g": "2022-03-01 09:30:00",
        "h": "x",
        "i": "20220301",
    }
    assert table.formulas == [(1, "b")]
    assert (table.sheet, table.sheets, table.encoding) == ("Sheet", ["Sheet"], None)


def test_dates_of_the_other_calendar(tmp_path: Path) -> None:
    made = openpyxl.Workbook()
    made.epoch = CALENDAR_MAC_1904
    made.active.append(["code", "date"])
    made.active.append(["A", date(2022, 3, 1)])
    made.save(tmp_path / "a")
    assert cells(read(tmp_path / "a"))["date"] == ["2022-03-01"]


def test_a_sheet_that_lies_about_its_extent_is_read_to_its_end(tmp_path: Path) -> None:
    book(tmp_path / "a", [["code", "event"], ["A", "entry"], ["B", "exit"]])
    with zipfile.ZipFile(tmp_path / "a") as old, zipfile.ZipFile(tmp_path / "b", "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b'ref="A1:B3"', b'ref="A1:A1"'))
    assert cells(read(tmp_path / "b"))["event"] == ["entry", "exit"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "not_a_table"),
        (b"PK\x03\x04 no zip", "workbook_unreadable"),
        (b"\xd0\xcf\x11\xe0 an old workbook", "not_a_table"),
        (b"SQLite format 3\x00", "not_a_table"),
        (b'{"a": 1}', "not_a_table"),
        (b"\x00\x01\x02", "not_a_table"),
        (b"\xff\xfea\x00b", "table_undecodable"),
        (b'code,event\n"A,entry', "table_malformed"),
        (b"code,event\n\xff\xfe\x81,x\n", "encoding_unclear"),
    ],
)
def test_what_is_no_table(tmp_path: Path, content: bytes, code: str) -> None:
    assert refused(tmp_path / "a", content) == code


def test_what_was_stated_of_the_encoding_decides_and_must_hold(tmp_path: Path) -> None:
    gbk = "编号,事项\n甲,入库\n".encode("gbk")
    assert cells(read(tmp_path / "a", gbk, encoding="GBK"))["编号"] == ["甲"]
    assert refused(tmp_path / "a", gbk, encoding="UTF-8") in {"table_undecodable", "encoding_stated_wrong"}
    assert refused(tmp_path / "a", gbk, encoding="klingon") == "encoding_unknown"


def test_no_sheet_beyond_the_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book(tmp_path / "a", [["code", "event"], ["A", "x"], ["B", "x"]])
    monkeypatch.setattr(tables, "MAX_ROWS", 2)
    assert refused(tmp_path / "a") == "table_too_large"
    assert refused(tmp_path / "b", b"code,event\nA,x\nB,x\n") == "table_too_large"
    monkeypatch.setattr(tables, "MAX_XLSX_BYTES", 1000)
    monkeypatch.setattr(tables, "MAX_CSV_BYTES", 3)
    assert refused(tmp_path / "a") == "table_too_large"
    assert refused(tmp_path / "b") == "table_too_large"


def test_a_zip_of_something_else_and_two_files(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a", "w") as archive:
        archive.writestr("parcels.shp", b"")
    assert refused(tmp_path / "a") == "not_a_table"
    with pytest.raises(FileRefusedError) as error:
        read_table([Upload(tmp_path / "a", "a")] * 2, None, None, recognise)
    assert error.value.problems[0].code == "table_one_file"


def test_entities_that_multiply_are_not_expanded(tmp_path: Path) -> None:
    book(tmp_path / "a", [["code", "event"], ["A", "entry"]])
    grown = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "' + b"ha" * 500 + b'">'
    grown += b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 50) for n in range(6)) + b"]>"
    with zipfile.ZipFile(tmp_path / "a") as old, zipfile.ZipFile(tmp_path / "b", "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "xl/worksheets/sheet1.xml":
                content = grown + content.split(b"?>", 1)[-1].replace(b"<t>code", b"<t>&g;", 1)
            new.writestr(name, content)
    assert refused(tmp_path / "b") == "workbook_unreadable"
