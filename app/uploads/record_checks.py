"""What is checked of a row of events or of targets, which have no outline. Docstrings are what people read."""

from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np

from app.uploads import checks
from app.uploads.arrow import pa, pc
from app.uploads.findings import Finding
from app.uploads.mapping import vocabulary, word
from app.uploads.rows import Ints, Rows, distinct, texts_of
from app.uploads.values import GROUPED

COMPARATORS = {
    ">=": ">=", "≥": ">=", "＞＝": ">=", "不少于": ">=", "不低于": ">=", "至少": ">=", "at least": ">=",
    "=": "=", "＝": "=", "等于": "=", "exactly": "=",
}  # fmt: skip
DOCUMENT = ("document_type", "document_number", "document_date")
TARGET_WORDS = {"programme": None, "measure": None, "kind": "city", "status": None, "unit": "ha"}
"""Fields with a fixed vocabulary, and what an empty cell means."""
NEEDED = {"events": ("code", "event"), "targets": ("programme", "measure", "year", "status", "value")}
_MOST = Decimal(10) ** 12
_PLACES = 8


def check(rows: Rows) -> None:
    """Every check that the collection needs, in order."""
    missing = [name for name in NEEDED[rows.collection] if name not in rows.fields]
    for name in missing:
        rows.tell_file("field_missing", "refuse", field=name)
    if missing:
        return
    if rows.collection == "events":
        events(rows)
    else:
        targets(rows)


def events(rows: Rows) -> None:
    """An event names its parcel, what happened, and its document: type, number, date.

    The category may be given to be compared with the parcel's own.
    """
    for name in ("document_number", "document_issuer"):
        rows.staged[name] = rows.text(name)
    checks.blank_code(rows)
    rows.staged["role"] = pa.nulls(rows.count, pa.string())
    checks.event(rows)
    checks.land_category(rows, required=False)
    rows.tell("event_missing", "refuse", _good(rows, pc.is_null(rows.staged["event"])))
    repeated(rows, ("code", "event", "effective_date", "document_type", "document_number", "document_date"))


def targets(rows: Rows) -> None:
    """A target names programme, measure, year, status and value; category and sub-district where it has them.

    Its document, where there is one, needs a number and a date; its type is an approval unless it says otherwise.
    """
    for name, default in TARGET_WORDS.items():
        _word(rows, name, default)
    _comparator(rows)
    _year(rows)
    _value(rows)
    rows.fields["land_category"] = rows.text("category")
    checks.land_category(rows, required=False)
    rows.staged["category"] = rows.staged.pop("land_category")
    rows.staged["sub_district"] = rows.text("sub_district")
    _document(rows)
    repeated(rows, ("programme", "measure", "category", "sub_district", "year", "kind"))


def repeated(rows: Rows, key: tuple[str, ...]) -> None:
    """What a file says twice is refused from the second time on, with the row that said it first."""
    columns = [rows.staged[name].to_pylist() for name in key]
    first: dict[tuple[Any, ...], int] = {}
    again: dict[int, int] = {}
    for row, values in enumerate(zip(*columns, strict=True)):
        if rows.good[row] and first.setdefault(values, row) != row:
            again[row] = first[values]

    def make(row: int) -> Finding:
        values = {"other": str(rows.line(again[row]))}
        return Finding("row_repeated", "refuse", feature=rows.feature(row), values=values)

    rows.tell("row_repeated", "refuse", np.array(sorted(again), dtype=np.int64), make)


def _word(rows: Rows, name: str, default: str | None) -> None:
    listed = f"{name}@targets" if name in {"kind", "status", "unit", "measure"} else name
    texts, codes = distinct(rows.text(name))
    meant = [default if text is None else word(listed, text) for text in texts]
    if name == "measure":
        # Any other measure may be set; only those that are known have Chinese names.
        meant = [found or text for found, text in zip(meant, texts, strict=True)]
    rows.staged[name] = texts_of(meant, codes)
    unknown = np.array([found is None for found in meant])[codes] & rows.good

    def make(row: int) -> Finding:
        values = {"field": name, "value": texts[codes[row]] or "", "choices": ", ".join(vocabulary(listed))}
        return Finding("value_unknown", "refuse", feature=rows.feature(row), values=values)

    rows.tell("value_unknown", "refuse", np.flatnonzero(unknown), make)


def _comparator(rows: Rows) -> None:
    texts = rows.text("comparator").to_pylist()
    meant = [">=" if text is None else COMPARATORS.get(text.casefold().strip()) for text in texts]
    rows.staged["comparator"] = pa.array(meant, pa.string())
    _refuse_others(rows, "comparator", texts, [found is None for found in meant], ">=, =")


def _year(rows: Rows) -> None:
    texts = rows.text("year").to_pylist()
    plain = [(text or "").removesuffix("年").removesuffix("年度").strip() for text in texts]
    bad = [not (text.isascii() and text.isdecimal() and 1900 <= int(text) <= 2100) for text in plain]  # noqa: PLR2004
    rows.staged["year"] = pa.array([None if wrong else text for text, wrong in zip(plain, bad, strict=True)])
    _refuse_others(rows, "year", texts, bad, "1900–2100")


def _value(rows: Rows) -> None:
    texts = rows.text("value").to_pylist()
    found = [_number(text or "") for text in texts]
    rows.staged["value"] = pa.array([None if value is None else format(value, "f") for value in found], pa.string())
    _refuse_others(rows, "value", texts, [value is None for value in found], "0 – 1e12")


def _number(text: str) -> Decimal | None:
    """A value of a target, at most eight decimals; None where it is none."""
    plain = text.replace(",", "") if GROUPED.fullmatch(text) else text
    try:
        value = Decimal(plain)
    except InvalidOperation:
        return None
    if not value.is_finite() or not 0 <= value < _MOST or value != round(value, _PLACES):
        return None
    return value


def _document(rows: Rows) -> None:
    checks.dates(rows, "document_date")
    checks.one_of(rows, "document_type", default=None)
    for name in ("document_number", "document_issuer"):
        rows.staged[name] = rows.text(name)
    given = pc.or_(
        pc.or_(pc.is_valid(rows.staged["document_number"]), pc.is_valid(rows.staged["document_date"])),
        pc.is_valid(rows.staged["document_type"]),
    )
    rows.staged["document_type"] = pc.if_else(
        pc.and_(given, pc.is_null(rows.staged["document_type"])), "approval", rows.staged["document_type"]
    )
    for name in DOCUMENT:
        lacking = pc.and_(given, pc.is_null(rows.staged[name]))
        rows.tell("target_document_incomplete", "refuse", _good(rows, lacking), field=name)


def _refuse_others(rows: Rows, name: str, texts: list[str | None], bad: list[bool], choices: str) -> None:
    def make(row: int) -> Finding:
        values = {"field": name, "value": texts[row] or "", "choices": choices}
        return Finding("value_unknown", "refuse", feature=rows.feature(row), values=values)

    rows.tell("value_unknown", "refuse", np.flatnonzero(np.array(bad, dtype=bool) & rows.good), make)


def _good(rows: Rows, mask: Any) -> Ints:
    found: Ints = np.flatnonzero(pc.fill_null(mask, False).to_numpy(zero_copy_only=False) & rows.good)
    return found
