"""Columns of any type as the text a person would read: whole numbers exactly, dates as yyyy-mm-dd, nothing as null."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np

from app.uploads.arrow import pa, pc
from app.uploads.encoding import detect
from app.uploads.formats.source import Source

EXACT = 2.0**53
"""Whole numbers beyond this are not exact in a column of floats."""
_CODE = r"^(=|@|[+\-][^0-9. ])|<[A-Za-z/!]"
"""What a spreadsheet would run as a formula, or a page as markup."""


def fill(table: Mapping[str, Any], found: Source, stated: str | None = None) -> None:
    """Fill ``found.columns`` from Arrow columns by name."""
    for name, column in table.items():
        text = _text(name, _whole(column), found, stated)
        found.columns[name] = tidy(text)
        looks_like_code(name, found)


def _whole(column: Any) -> Any:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def tidy(text: Any) -> Any:
    """Text without blanks around it, null where nothing is left."""
    trimmed = pc.utf8_trim_whitespace(pc.cast(text, pa.string()))
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)


def looks_like_code(name: str, found: Source) -> None:
    """Tell of texts that a spreadsheet would run or a page show as markup; they are kept as text."""
    hits = pc.sum(pc.match_substring_regex(found.columns[name], _CODE)).as_py() or 0
    numbers = pc.sum(pc.match_substring_regex(found.columns[name], r"^-inf$")).as_py() or 0
    if hits - numbers > 0:
        found.tell("text_like_code", "warn", field=name, count=hits - numbers)


def _text(name: str, column: Any, found: Source, stated: str | None) -> Any:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _text(name, column.cast(kind.value_type), found, stated)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _valid(name, column, found, stated)
    if pa.types.is_floating(kind):
        return _floats(name, column, found)
    if pa.types.is_timestamp(kind):
        texts = pc.cast(column.cast(pa.timestamp("ms", kind.tz)), pa.string())
        return pc.replace_substring_regex(texts, r" 00:00:00(\.0+)?Z?$", "")
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_decimal(kind) or pa.types.is_date(kind):
        return pc.cast(column, pa.string())
    return pa.array([nested(value) for value in column.to_pylist()], pa.string())


def _valid(name: str, column: Any, found: Source, stated: str | None) -> Any:
    """Text as it is, where it is UTF-8; some drivers hand on bytes of an encoding that the file does not name."""
    raw = column.cast(pa.binary()) if pa.types.is_string(column.type) else column.cast(pa.large_binary())
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        values = raw.to_pylist()
        odd = list(dict.fromkeys(value for value in values if value is not None and not value.isascii()))
        encoding = detect(odd, None, 0, stated)
        found.problems += [problem for problem in encoding.problems if problem not in found.problems]
        found.encoding, found.encoding_evidence = encoding.name, encoding.evidence
        texts: list[str | None] = []
        for row, value in enumerate(values, start=1):
            decoded = None if value is None else encoding.decode(value)
            if value is not None and decoded is None:
                found.tell("text_not_decodable", "refuse", row, field=name, encoding=encoding.name)
            texts.append(None if decoded is None else decoded[0])
        return pa.array(texts, pa.string())
    return column


def _floats(name: str, column: Any, found: Source) -> Any:
    values = column.cast(pa.float64())
    numbers = values.to_numpy(zero_copy_only=False)
    with np.errstate(invalid="ignore"):
        lost = int(((np.abs(numbers) > EXACT) & np.isfinite(numbers)).sum())
    if lost:
        found.tell("numbers_inexact", "warn", field=name, count=lost)
    return pa.array([number(value) for value in values.to_pylist()], pa.string())


def number(value: float | None) -> str | None:
    """A float as its shortest decimal, never with an exponent."""
    if value is None:
        return None
    if not np.isfinite(value):
        return None if np.isnan(value) else str(value)
    if value == int(value):
        return str(int(value))
    return format(Decimal(repr(value)), "f")


def nested(value: Any) -> str | None:
    """Anything else as JSON; bytes as hexadecimal digits."""
    if value is None:
        return None
    if isinstance(value, bytes):
        return value.hex()
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
