"""A CSV or a workbook in, its rows out as text: events, targets, tables of outlines. No database, no formulas.

Runs in the limited child process. The header is the row that names most of our fields, since sheets begin with titles;
rows keep the numbers that the sheet gives them.
"""

import csv
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from app.uploads.archive import Upload
from app.uploads.arrow import pa
from app.uploads.encoding import UTF8, detect
from app.uploads.problems import Problem, refusal
from app.uploads.sniff import HEAD_BYTES, kind

MAX_ROWS, MAX_COLUMNS = 200_000, 256
MAX_CSV_BYTES = 128 * 1024**2
MAX_XLSX_BYTES, MAX_XLSX_MEMBERS = 512 * 1024**2, 2_000
"""What a workbook may unpack to."""
HEADER_WITHIN = 30
"""Rows from the top among which the header is looked for."""
TOTALS = frozenset({"合计", "总计", "小计", "共计", "total", "totals", "sum", "subtotal", "grand total"})
_DELIMITERS = ",;\t"
_UNREADABLE = (
    zipfile.BadZipFile, KeyError, ValueError, TypeError, IndexError, AttributeError, OSError, EOFError, ParseError,
    NotImplementedError,
)  # fmt: skip
Recognise = Callable[[Sequence[str]], int]
"""How many of our fields a row of names has columns for."""


@dataclass(frozen=True)
class Cell:
    """A cell's text, and whether a formula stands there instead."""

    text: str
    formula: bool = False


Line = tuple[int, list[Cell]]
"""A row's number in its sheet, from 1, and its cells."""


@dataclass(frozen=True)
class Table:
    """What a sheet holds: columns of Arrow text, null where empty; ``lines`` has the sheet's number of each row.

    ``formulas`` are (row from 0, column) where a formula stands. Totals of the sheet's own are no rows.
    """

    columns: dict[str, Any]
    lines: list[int]
    formulas: list[tuple[int, str]] = field(default_factory=list)
    sheet: str | None = None
    sheets: list[str] = field(default_factory=list)
    encoding: str | None = None
    problems: list[Problem] = field(default_factory=list)


def read_table(uploads: Sequence[Upload], layer: str | None, encoding: str | None, recognise: Recognise) -> Table:
    """The rows of one CSV or of one sheet of a workbook. Raises ``FileRefusedError``."""
    if len(uploads) != 1:
        raise refusal("table_one_file")
    path = uploads[0].path
    with path.open("rb") as file:
        found = kind(file.read(HEAD_BYTES))
    if found == "zip":
        return _workbook(path, layer, recognise)
    if found != "text":
        raise refusal("not_a_table", format=found)
    return _csv(path, encoding, recognise)


# --- CSV ----------------------------------------------------------------------------------------------------------


def _csv(path: Path, stated: str | None, recognise: Recognise) -> Table:
    if path.stat().st_size > MAX_CSV_BYTES:
        raise refusal("table_too_large", limit=f"{MAX_CSV_BYTES // 1024**2} MB")
    text, name, problems = decoded(path.read_bytes(), stated)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    lines: list[Line] = []
    try:
        for cells in reader:
            lines.append((reader.line_num, [Cell(cell.strip()) for cell in cells[:MAX_COLUMNS]]))
            _refuse_many(len(lines))
    except csv.Error as error:
        raise refusal("table_malformed", row=reader.line_num, reason=str(error)) from error
    table, _ = _table(lines, recognise)
    return Table(table.columns, table.lines, encoding=name, problems=[*problems, *table.problems])


def decoded(raw: bytes, stated: str | None) -> tuple[str, str, list[Problem]]:
    """The text, its encoding, and what is to be told of that. Each line is decoded strictly."""
    for mark, codec in ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16")):
        if raw.startswith(mark):
            try:
                return raw.decode(codec), codec, []
            except UnicodeDecodeError as error:
                raise refusal("table_undecodable", encoding=codec, row=1) from error
    marked = raw.startswith(b"\xef\xbb\xbf")
    rows = raw.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    odd = list(dict.fromkeys(row for row in rows if not row.isascii()))
    encoding = detect(odd, None, 0, UTF8 if marked and stated is None else stated)
    texts: list[str] = []
    for number, row in enumerate(rows, 1):
        decoded = (row.decode("ascii"), False) if row.isascii() else encoding.decode(row)
        if decoded is None or decoded[1]:
            raise refusal("table_undecodable", encoding=encoding.name, row=number)
        texts.append(decoded[0])
    return "\n".join(texts), encoding.name, encoding.problems


def _delimiter(text: str) -> str:
    """The one of comma, semicolon and tab that stands most often in the first lines."""
    head = "\n".join(text.split("\n", 10)[:10])
    return max(_DELIMITERS, key=head.count)


# --- workbooks ----------------------------------------------------------------------------------------------------


def _workbook(path: Path, layer: str | None, recognise: Recognise) -> Table:
    import openpyxl  # noqa: PLC0415 - a tenth of a second, and only workbooks need it

    try:
        _refuse_bomb(path)
        # A file object: by name openpyxl goes by the suffix, and the child's copies have none.
        with path.open("rb") as file:
            book = openpyxl.load_workbook(file, read_only=True, data_only=False, keep_links=False)
            sheets = {sheet.title: sheet for sheet in book.worksheets}
            if layer is not None and layer not in sheets:
                raise refusal("layer_unknown", layer=layer, layers=", ".join(sheets))
            chosen = {title: sheet for title, sheet in sheets.items() if layer in {None, title}}
            tables = [(title, *_table(list(_lines(sheet)), recognise)) for title, sheet in chosen.items()]
    except _UNREADABLE as error:
        raise refusal("workbook_unreadable", reason=type(error).__name__) from error
    fitting = [(title, table) for title, table, known in tables if known]
    if len(fitting) > 1:
        titles = ", ".join(title for title, _ in fitting)
        raise refusal("layer_not_chosen", count=len(fitting), layers=titles)
    if not tables:
        raise refusal("table_empty")
    title, table = fitting[0] if fitting else tables[0][:2]
    return Table(table.columns, table.lines, table.formulas, title, list(sheets), None, table.problems)


def _refuse_bomb(path: Path) -> None:
    """Refuse what is no workbook, or would unpack to more than is read."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) > MAX_XLSX_MEMBERS or sum(one.file_size for one in members) > MAX_XLSX_BYTES:
            raise refusal("table_too_large", limit=f"{MAX_XLSX_BYTES // 1024**2} MB")
        if "xl/workbook.xml" not in archive.namelist():
            raise refusal("not_a_table", format="zip")


def _lines(sheet: Any) -> Iterator[Line]:
    """The rows of a sheet that hold anything. What the file says of its own extent is not believed."""
    sheet.reset_dimensions()
    count = 0
    for number, row in enumerate(sheet.iter_rows(max_col=MAX_COLUMNS), 1):
        cells = [Cell(_text(cell.value), cell.data_type == "f") for cell in row]
        if any(cell.text for cell in cells):
            count += 1
            _refuse_many(count)
            yield number, cells


def _text(value: Any) -> str:
    """A cell's value as a person would have typed it: dates as yyyy-mm-dd, numbers without a float's tail."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format(Decimal(repr(value)).normalize(), "f")
    if isinstance(value, datetime):
        return str(value.date()) if value.time() == time() else value.isoformat(" ", "seconds")
    return "" if value is None else str(value).strip()


# --- rows ---------------------------------------------------------------------------------------------------------


def _refuse_many(count: int) -> None:
    if count > MAX_ROWS:
        raise refusal("table_too_large", limit=f"{MAX_ROWS}")


def _table(lines: Sequence[Line], recognise: Recognise) -> tuple[Table, bool]:
    """The rows below the header, and whether the header names any of our fields."""
    filled = [(number, cells) for number, cells in lines if any(cell.text for cell in cells)]
    if not filled:
        return Table({}, []), False
    heads = [[cell.text for cell in cells] for _, cells in filled[:HEADER_WITHIN]]
    known = [recognise(_unique(head)) for head in heads]
    at = max(range(len(heads)), key=lambda index: (known[index], -index))
    names = _unique(heads[at])
    rows, totals = _without_totals(filled[at + 1 :])
    columns = {
        name: pa.array([cells[index].text or None if index < len(cells) else None for _, cells in rows], pa.string())
        for index, name in enumerate(names)
        if name
    }
    formulas = [
        (row, names[index])
        for row, (_, cells) in enumerate(rows)
        for index, cell in enumerate(cells[: len(names)])
        if cell.formula and names[index]
    ]
    return Table(columns, [number for number, _ in rows], formulas, problems=totals), known[at] > 0


def _unique(names: Sequence[str]) -> list[str]:
    """Column names, empty where a column has none; a name that stands twice gets its place behind it."""
    seen: set[str] = set()
    found = []
    for place, name in enumerate(names, 1):
        own = f"{name} ({place})" if name in seen else name
        seen.add(name)
        found.append(own if name else "")
    return found


def _without_totals(lines: Iterable[Line]) -> tuple[list[Line], list[Problem]]:
    rows: list[Line] = []
    told: list[Problem] = []
    for number, cells in lines:
        first = next((cell.text for cell in cells if cell.text), "")
        if first.casefold().replace(" ", "") in TOTALS:
            told.append(Problem("row_is_total", "note", values={"line": number, "text": first}))
        else:
            rows.append((number, cells))
    return rows, told
