"""The refused rows of a file, in the format they came in, with a column that says what is wrong with each.

Runs in the limited child process. Records of a shapefile are copied byte for byte: what could not be read is not read
here either.
"""

import csv
import io
import mmap
import struct
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.errors import Refused
from app.uploads import mapping
from app.uploads.archive import Upload
from app.uploads.dbf import DESCRIPTOR_BYTES, TERMINATOR
from app.uploads.dbf import HEADER_BYTES as TABLE_HEADER
from app.uploads.formats.datasets import Dataset, unpack
from app.uploads.options import RECORD_COLLECTIONS
from app.uploads.problems import FileRefusedError
from app.uploads.shapefile import HEADER_BYTES, record_places
from app.uploads.sniff import SHAPEFILE
from app.uploads.tables import Table, read_table

COLUMN = "findings"
WIDTH = 254
"""Bytes of a .dbf's longest text."""
_COPIED = (".prj", ".cpg")


@dataclass(frozen=True)
class RefusedJob:
    """A file as it was read, and what is said of each refused row (numbered as the file numbers it)."""

    collection: str
    files: Sequence[tuple[str, Path]]
    layer: str | None
    encoding: str | None
    told: Mapping[int, str]


def refused_rows(job: RefusedJob, home: Path) -> dict[str, Any]:
    """Write the file into ``home``; its name there, and its ending. Raises ``Refused`` for other formats."""
    uploads = [Upload(path, name) for name, path in job.files]
    try:
        if job.collection in RECORD_COLLECTIONS:
            return _table(uploads, job, home)
        inside = home / "unpacked"
        inside.mkdir()
        dataset = unpack(uploads, inside, job.layer).dataset
    except FileRefusedError as error:
        raise Refused("refused_rows_unreadable") from error
    if dataset.kind != SHAPEFILE or ".dbf" not in dataset.parts:
        raise Refused("refused_rows_unreadable")
    return _shapefile(dataset, job, home)


# --- shapefiles ---------------------------------------------------------------------------------------------------


def _shapefile(dataset: Dataset, job: RefusedJob, home: Path) -> dict[str, Any]:
    shp, shx, kept = _shapes(dataset.parts[".shp"], sorted(job.told))
    dbf = _attributes(dataset.parts[".dbf"], {row: job.told[row] for row in kept}, job.encoding or "UTF-8")
    with zipfile.ZipFile(home / "refused", "w", zipfile.ZIP_DEFLATED) as archive:
        for suffix, content in ((".shp", shp), (".shx", shx), (".dbf", dbf)):
            archive.writestr(f"{dataset.name}{suffix}", content)
        for suffix in _COPIED:
            if suffix in dataset.parts:
                archive.writestr(f"{dataset.name}{suffix}", dataset.parts[suffix].read_bytes())
    return {"file": "refused", "suffix": ".zip"}


def _shapes(path: Path, rows: Sequence[int]) -> tuple[bytes, bytes, list[int]]:
    """The .shp and the .shx of some records, renumbered, and which of the rows there are."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        with memoryview(content) as view:
            starts, lengths = record_places(view)
            kept = [row for row in rows if 1 <= row <= len(starts)]
            records = [bytes(view[starts[row - 1] : starts[row - 1] + lengths[row - 1]]) for row in kept]
        head = content[:HEADER_BYTES]
    words = np.array([len(record) // 2 for record in records], dtype=np.int64)
    offsets = HEADER_BYTES // 2 + np.cumsum(words + 4) - (words + 4)
    body = b"".join(
        struct.pack(">2i", number, len(record) // 2) + record for number, record in enumerate(records, start=1)
    )
    index = b"".join(
        struct.pack(">2i", at, length) for at, length in zip(offsets.tolist(), words.tolist(), strict=True)
    )
    return _headed(head, body), _headed(head, index), kept


def _headed(head: bytes, body: bytes) -> bytes:
    """A main or index file with its length, in words of two bytes, in its header."""
    return head[:24] + struct.pack(">i", (HEADER_BYTES + len(body)) // 2) + head[28:] + body


def _attributes(path: Path, told: Mapping[int, str], encoding: str) -> bytes:
    """The .dbf of some rows with one more column; ``told`` by row, from 1."""
    raw = path.read_bytes()
    header, width = struct.unpack_from("<2H", raw, 8)
    descriptors = raw[TABLE_HEADER : raw.index(TERMINATOR, TABLE_HEADER)]
    extra = COLUMN.encode().ljust(11, b"\0") + b"C" + bytes(4) + bytes([WIDTH]) + bytes(15)
    fields = descriptors[: len(descriptors) // DESCRIPTOR_BYTES * DESCRIPTOR_BYTES] + extra
    size = struct.pack("<IHH", len(told), TABLE_HEADER + len(fields) + 1, width + WIDTH)
    records = [
        raw[header + (row - 1) * width : header + row * width].ljust(width) + _cut(text, encoding).ljust(WIDTH)
        for row, text in told.items()
    ]
    return raw[:4] + size + raw[12:TABLE_HEADER] + fields + bytes([TERMINATOR]) + b"".join(records) + b"\x1a"


def _cut(text: str, encoding: str) -> bytes:
    """As much of a text as the column holds, whole characters only."""
    found = b"".join(letter.encode(encoding, "replace") for letter in text)
    while len(found) > WIDTH:
        text = text[: len(text) - max(1, (len(found) - WIDTH) // 4)]
        found = text.encode(encoding, "replace")
    return found


# --- tables -------------------------------------------------------------------------------------------------------


def _table(uploads: Sequence[Upload], job: RefusedJob, home: Path) -> dict[str, Any]:
    def recognise(names: Sequence[str]) -> int:
        return len(
            mapping.choose(
                [name for name in names if name], mapping.parse(None, job.collection), job.collection
            ).columns
        )

    table = read_table(uploads, job.layer, job.encoding, recognise)
    write: Callable[[list[str], list[list[str]], Table], bytes] = _workbook if table.sheet is not None else _csv
    rows = [
        [*(column[at].as_py() or "" for column in table.columns.values()), job.told[line]]
        for at, line in enumerate(table.lines)
        if line in job.told
    ]
    (home / "refused").write_bytes(write([*table.columns, COLUMN], rows, table))
    return {"file": "refused", "suffix": ".xlsx" if table.sheet is not None else ".csv"}


def _csv(names: list[str], rows: list[list[str]], table: Table) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([names, *rows])
    encoding = "utf-8-sig" if (table.encoding or "UTF-8").upper() in {"UTF-8", "ASCII"} else table.encoding or ""
    return text.getvalue().encode(encoding, "replace")


def _workbook(names: list[str], rows: list[list[str]], table: Table) -> bytes:
    from app.edge.workbook import Sheet, workbook  # noqa: PLC0415 - only workbooks need it

    return workbook([Sheet(table.sheet or "refused", names, rows)])
