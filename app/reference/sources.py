"""Reading the files that reference data comes from: land categories as JSON, crosswalks as CSV.

A bureau may put its own in their place, so every mistake is told with its line and field.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from app.errors import Refused

DATA = Path(__file__).parent / "data"
CATEGORIES = DATA / "land_categories.json"
CROSSWALKS = (DATA / "crosswalk_guide_2023.csv", DATA / "crosswalk_gbt21010_2017.csv")
CROSSWALK_COLUMNS = ("scheme", "version", "code", "name_zh", "land_category")
_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")
_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")
_SCHEME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_VERSION = re.compile(r"[0-9A-Za-z.-]{1,20}")
_LAND_USE = re.compile(r"[0-9A-Za-z.]{1,20}")
_NAME = re.compile(r"\S(.{0,98}\S)?")
_MAX_BYTES = 5_000_000


@dataclass(frozen=True)
class CategoryLine:
    """A land category as a file has it; ``position`` is its place in the file."""

    code: str
    parent_code: str | None
    name_zh: str
    name_en: str
    colour: str
    position: int


@dataclass(frozen=True)
class CrosswalkLine:
    """A code of a standard and the land category that it means."""

    scheme: str
    scheme_version: str
    code: str
    name_zh: str
    land_category: str


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise Refused("reference_file_unreadable", file=path.name)
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused("reference_file_unreadable", file=path.name) from error


@dataclass(frozen=True)
class _Line:
    """One entry while it is checked: ``number`` is the line of a CSV, the entry of a JSON list."""

    file: str
    number: int
    values: dict[str, Any]

    def field(self, name: str, pattern: re.Pattern[str], expected: str) -> str:
        value = self.values.get(name)
        if not isinstance(value, str) or not pattern.fullmatch(value.strip()):
            raise self.refusal("reference_value_invalid", field=name, value=value, expected=expected)
        return value.strip()

    def refusal(self, code: str, **values: Any) -> Refused:
        return Refused(code, file=self.file, line=self.number, **values)


def read_categories(path: Path = CATEGORIES) -> list[CategoryLine]:
    """The land categories of a JSON list, in its order. Raises ``Refused`` naming entry and field."""
    try:
        entries = orjson.loads(_text(path))
    except orjson.JSONDecodeError as error:
        raise Refused("reference_not_json", file=path.name, line=error.lineno) from error
    if not isinstance(entries, list) or not entries:
        raise Refused("reference_not_a_list", file=path.name)
    found: dict[str, CategoryLine] = {}
    for number, entry in enumerate(entries, 1):
        line = _Line(path.name, number, entry if isinstance(entry, dict) else {})
        category = _category(line, number)
        if category.code in found:
            raise line.refusal("reference_code_twice", field="code", value=category.code)
        parent = found.get(category.parent_code) if category.parent_code else None
        if category.parent_code and (parent is None or parent.parent_code is not None):
            raise line.refusal("reference_parent_unknown", field="parent", value=category.parent_code)
        found[category.code] = category
    return list(found.values())


def _category(line: _Line, position: int) -> CategoryLine:
    parent = line.values.get("parent")
    return CategoryLine(
        line.field("code", _CODE, "a-z 0-9 _"),
        None if parent is None else line.field("parent", _CODE, "a-z 0-9 _, null"),
        line.field("name_zh", _NAME, "1-100"),
        line.field("name_en", _NAME, "1-100"),
        line.field("colour", _COLOUR, "#RRGGBB"),
        position,
    )


def read_crosswalk(path: Path) -> list[CrosswalkLine]:
    """The rows of a crosswalk CSV. Raises ``Refused`` naming line and field.

    A row without a category is left out: the code is too coarse to mean one ("10 工矿用地" holds both factories and
    mines), and such a parcel is better refused than guessed.
    """
    found: dict[tuple[str, str, str], CrosswalkLine] = {}
    for line in _csv_lines(path):
        row = CrosswalkLine(
            line.field("scheme", _SCHEME, "a-z 0-9 _"),
            line.field("version", _VERSION, "0-9 A-Z . -"),
            line.field("code", _LAND_USE, "0-9 A-Z ."),
            line.field("name_zh", _NAME, "1-100"),
            line.field("land_category", re.compile(rf"({_CODE.pattern})?"), "a-z 0-9 _"),
        )
        key = (row.scheme, row.scheme_version, row.code)
        if key in found:
            raise line.refusal("reference_code_twice", field="code", value=row.code)
        found[key] = row
    if not found:
        raise Refused("reference_not_a_list", file=path.name)
    return [row for row in found.values() if row.land_category]


def _csv_lines(path: Path) -> Iterator[_Line]:
    reader = csv.DictReader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        names = reader.fieldnames or []
        for name in CROSSWALK_COLUMNS:
            if name not in names:
                raise Refused("reference_column_missing", file=path.name, line=1, field=name)
        for values in reader:
            yield _Line(path.name, reader.line_num, values)
    except csv.Error as error:
        raise Refused("reference_not_csv", file=path.name, line=reader.reader.line_num) from error
