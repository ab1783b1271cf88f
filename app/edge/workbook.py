"""Workbooks (.xlsx) in which text stays text, whatever it begins with, and figures stay numbers.

A cell holds a binary number of some 16 digits, shown with 2 decimals; whoever needs every digit takes CSV or JSON.
"""

import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_SHOWN = "#,##0.00"
_WIDTH = 22
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Sheet:
    """One sheet: its name, the heads of its columns, and rows of texts, whole numbers, decimals and None."""

    title: str
    columns: Sequence[str]
    rows: Iterable[Sequence[object]]


def workbook(sheets: Sequence[Sheet]) -> bytes:
    """The sheets as a file."""
    import openpyxl  # noqa: PLC0415  a tenth of a second, and only workbooks need it
    from openpyxl.utils import get_column_letter  # noqa: PLC0415  likewise

    book = openpyxl.Workbook(write_only=True)
    for sheet in sheets:
        page = book.create_sheet(sheet.title)
        page.freeze_panes = "A2"
        for index in range(len(sheet.columns)):
            page.column_dimensions[get_column_letter(index + 1)].width = _WIDTH
        for row in (sheet.columns, *sheet.rows):
            page.append([_cell(page, value) for value in row])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _cell(page: Any, value: object) -> Any:
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415  as above

    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return WriteOnlyCell(page, value)
    if isinstance(value, Decimal):
        cell = WriteOnlyCell(page, float(value))
        cell.number_format = _SHOWN
        return cell
    cell = WriteOnlyCell(page, _NOT_IN_XML.sub("\ufffd", str(value)))
    cell.data_type = "s"  # else a text that begins with = would be a formula
    return cell


def workbook_answer(sheets: Sequence[Sheet], filename: str) -> Response:
    """The sheets as an attachment."""
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(filename, safe='')}"}
    return Response(workbook(sheets), headers=headers, media_type=MEDIA_TYPE)
