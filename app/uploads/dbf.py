"""The attribute table beside a .shp: every value as the text that stands there.

Layout: dBase III/IV table file structure. Numbers and dates are not interpreted: a 19-digit code in a numeric field
would lose its last digits as a float, and one impossible date must not close the file.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.uploads.encoding import Encoding
from app.uploads.problems import FileRefusedError, Problem, refusal

HEADER_BYTES = 32
DESCRIPTOR_BYTES = 32
NAME_BYTES = 11
FULL_NAME_BYTES = 10
"""A name that fills this may have been cut."""
TERMINATOR = 0x0D
DBASE_7 = 4
TEXT_KINDS = frozenset("CNFLD")
"""Character, number, float, logical and date are all text in the file."""
LISTED = 10
_CODE = re.compile(rb"^(=|@|[+\-][^0-9. ])|<[A-Za-z/!]")

Bytes2D = NDArray[np.uint8]
Strings: TypeAlias = Any
"""An Arrow array of text; the stubs of Arrow follow neither casts nor buffers."""


@dataclass(frozen=True)
class Field:
    """One column: raw name, type letter, and where its bytes lie in a record."""

    name: bytes
    kind: str
    start: int
    width: int


@dataclass(frozen=True)
class Table:
    """The records of a .dbf as bytes, one line of ``records`` each, and which are flagged deleted."""

    fields: list[Field]
    records: Bytes2D
    deleted: NDArray[np.bool_]
    language: int
    problems: list[Problem]


@dataclass(frozen=True)
class Column:
    """One column, trimmed: the distinct raw values and which of them each row has."""

    field: Field
    ascii_text: Strings | None
    values: list[bytes]
    codes: NDArray[np.int64]

    def odd_values(self) -> list[bytes]:
        """The distinct values that are not plain ASCII."""
        return [value for value in self.values if not value.isascii()]


def read_table(path: Path) -> Table:
    """Map the records of a .dbf; refuses one that is damaged or cut off."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEADER_BYTES)
        if len(head) < HEADER_BYTES:
            raise refusal("dbf_damaged", size=size)
        header, record = int.from_bytes(head[8:10], "little"), int.from_bytes(head[10:12], "little")
        rest = file.read(max(0, header - HEADER_BYTES))
    if head[0] & 7 == DBASE_7:
        raise refusal("dbf_version", version=head[0])
    stated = int.from_bytes(head[4:8], "little")
    fields = _fields(rest, record)
    if not fields or header > size:
        raise refusal("dbf_damaged", size=size)
    present = (size - header) // record
    if present < stated:
        raise FileRefusedError(
            Problem("dbf_truncated", "refuse", values={"stated": stated, "present": present, "row": present + 1}),
            row_count=stated,
        )
    problems = []
    if present > stated:
        problems.append(Problem("dbf_more_rows", "warn", values={"stated": stated, "present": present}))
    if not stated:
        return Table(fields, np.zeros((0, record), np.uint8), np.zeros(0, bool), head[29], problems)
    records = np.memmap(path, dtype=np.uint8, mode="r", offset=header, shape=(stated, record))
    return Table(fields, records, np.asarray(records[:, 0] == ord("*")), head[29], problems)


def _fields(descriptors: bytes, record: int) -> list[Field]:
    """The columns; empty where the header contradicts itself."""
    rows = []
    for at in range(0, len(descriptors) - DESCRIPTOR_BYTES + 1, DESCRIPTOR_BYTES):
        if descriptors[at] == TERMINATOR or not any(descriptors[at : at + DESCRIPTOR_BYTES]):
            break
        rows.append(descriptors[at : at + DESCRIPTOR_BYTES])
    widths = [row[16] for row in rows]
    wide = [row[16] + 256 * row[17] if row[11:12] == b"C" else row[16] for row in rows]
    if sum(widths) + 1 != record and sum(wide) + 1 == record:
        widths = wide  # Clipper keeps the upper byte of long texts where others keep decimals
    if not rows or sum(widths) + 1 > record:
        return []
    starts = np.cumsum([1, *widths]).tolist()
    return [
        Field(row[:NAME_BYTES].split(b"\x00")[0].strip(), chr(row[11]), start, width)
        for row, start, width in zip(rows, starts, widths, strict=False)
    ]


def columns(table: Table) -> tuple[list[Column], list[Problem]]:
    """Every column of text, trimmed of spaces and of what follows a NUL; others are named in a finding."""
    skipped = [field for field in table.fields if field.kind not in TEXT_KINDS and field.kind != "0"]
    problems = []
    if skipped:
        names = ", ".join(f"{field.name.decode('ascii', 'replace')} ({field.kind})" for field in skipped)
        problems.append(Problem("field_type_not_read", "warn", values={"names": names}))
    found = [_column(table, field) for field in table.fields if field.kind in TEXT_KINDS and field.width]
    return found, problems


def _column(table: Table, field: Field) -> Column:
    block = np.array(table.records[:, field.start : field.start + field.width], order="C")
    block = _used(_without_nul(block))
    width = block.shape[1]
    binary = pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(block), [None, pa.py_buffer(block.data)])
    trimmed: Strings = pc.ascii_trim_whitespace(_as_text(binary.cast(pa.binary())))
    if not (block & 0x80).any():
        return Column(field, trimmed, [], np.zeros(0, np.int64))
    encoded: Any = trimmed.cast(pa.binary()).dictionary_encode()
    codes = np.frombuffer(encoded.indices.buffers()[1], dtype=np.int32, count=len(encoded))
    return Column(field, None, encoded.dictionary.to_pylist(), codes.astype(np.int64))


def _as_text(binary: Any) -> Strings:
    """The same bytes called text, unchecked: only byte-wise functions see it before it is decoded."""
    return pa.Array.from_buffers(pa.string(), len(binary), binary.buffers())


def _without_nul(block: Bytes2D) -> Bytes2D:
    """Blank what follows a NUL: some writers end texts as C does and leave old bytes behind."""
    rows = np.flatnonzero((block == 0).any(axis=1))
    if len(rows):
        block[rows] = np.where(np.logical_or.accumulate(block[rows] == 0, axis=1), ord(" "), block[rows])
    return block


def _used(block: Bytes2D) -> Bytes2D:
    """The block without columns of bytes at its right that are blank in every row."""
    filled = np.flatnonzero((block != ord(" ")).any(axis=0))
    width = int(filled[-1]) + 1 if len(filled) else 1
    return block if width == block.shape[1] else np.ascontiguousarray(block[:, :width])


def decode(found: Sequence[Column], encoding: Encoding) -> tuple[dict[str, Any], list[Problem]]:
    """Text of every column by its decoded name, null where empty; a row whose text cannot be decoded is refused."""
    names, problems = field_names([column.field for column in found], encoding)
    texts = {}
    for name, column in zip(names, found, strict=True):
        text = column.ascii_text
        if text is None:
            text, odd = _decoded(column, name, encoding)
            problems += odd
        texts[name] = _null_where_empty(text)
        problems += _looks_like_code(column, name)
    return texts, problems


def _decoded(column: Column, name: str, encoding: Encoding) -> tuple[Strings, list[Problem]]:
    texts, unreadable, cut = [], [], []
    for code, raw in enumerate(column.values):
        result = encoding.decode(raw)
        if result is None:
            unreadable.append(code)
            texts.append("")
            continue
        texts.append(result[0].strip())
        if result[1]:
            cut.append(code)
    problems = []
    if cut:
        rows = np.flatnonzero(np.isin(column.codes, cut)) + 1
        values: dict[str, object] = {"field": name, "count": len(rows), "rows": _listed(rows)}
        problems.append(Problem("text_cut", "warn", values=values))
    problems += [
        Problem("text_not_decodable", "refuse", row + 1, {"field": name, "encoding": encoding.name})
        for row in np.flatnonzero(np.isin(column.codes, unreadable)).tolist()
    ]
    return _strings(texts).take(_indices(column.codes)), problems


# Buffers and not pa.array, pa.scalar or to_numpy: those import pandas where it is installed, a second for nothing.
def _strings(texts: Sequence[str]) -> Strings:
    raw = [text.encode() for text in texts]
    offsets = np.cumsum([0, *map(len, raw)]).astype(np.int32)
    buffers = [None, pa.py_buffer(offsets.data), pa.py_buffer(b"".join(raw))]
    return pa.Array.from_buffers(pa.string(), len(texts), buffers)


def _null_where_empty(text: Strings) -> Strings:
    _, offsets, content = text.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32, count=len(text) + 1)
    filled = np.packbits(ends[1:] > ends[:-1], bitorder="little")
    return pa.Array.from_buffers(pa.string(), len(text), [pa.py_buffer(filled.data), offsets, content])


def _indices(codes: NDArray[np.int64]) -> Any:
    return pa.Array.from_buffers(pa.int64(), len(codes), [None, pa.py_buffer(codes.data)])


def _listed(rows: NDArray[np.int64]) -> str:
    shown = ", ".join(str(row) for row in rows[:LISTED].tolist())
    return shown if len(rows) <= LISTED else f"{shown}, …"


def _looks_like_code(column: Column, name: str) -> list[Problem]:
    """Tell of texts that a spreadsheet would run as a formula or a page as markup; they are kept as text."""
    if column.field.kind != "C":
        return []
    if column.ascii_text is not None:
        matches: Any = pc.match_substring_regex(column.ascii_text, _CODE.pattern.decode())
        hits = matches.true_count
    else:
        codes = [code for code, raw in enumerate(column.values) if _CODE.search(raw)]
        hits = int(np.isin(column.codes, codes).sum()) if codes else 0
    return [Problem("text_like_code", "warn", values={"field": name, "count": hits})] if hits else []


def field_names(fields: Sequence[Field], encoding: Encoding) -> tuple[list[str], list[Problem]]:
    """Decoded, distinct column names; those cut by the ten bytes of the format are told."""
    names: list[str] = []
    cut, repeated = [], []
    for number, field in enumerate(fields, start=1):
        result = encoding.decode(field.name)
        name = field.name.decode("latin-1") if result is None else result[0]
        name = name.strip() or f"column_{number}"
        if not field.name.isascii() and len(field.name) >= FULL_NAME_BYTES:
            cut.append(name)
        base, copies = name, 1
        while name in names:
            copies += 1
            name = f"{base}_{copies}"
        if copies > 1:
            repeated.append(name)
        names.append(name)
    problems = []
    if cut:
        problems.append(Problem("field_names_cut", "warn", values={"names": ", ".join(cut)}))
    if repeated:
        problems.append(Problem("field_names_repeated", "warn", values={"names": ", ".join(repeated)}))
    return names, problems
