"""Shapefiles made byte by byte, sound and broken, for the tests of the reader."""

import struct
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pyproj import CRS

from app.uploads.archive import Upload
from app.uploads.reader import Read, read

Ring = Sequence[tuple[float, float]]
X, Y = 503_000.0, 2_494_000.0
SHARED = Path(__file__).parents[3] / "shared"


def square(x: float = X, y: float = Y, size: float = 100.0, *, clockwise: bool = True) -> Ring:
    ring = [(x, y), (x, y + size), (x + size, y + size), (x + size, y), (x, y)]
    return ring if clockwise else ring[::-1]


def polygon(*rings: Ring, kind: int = 5, heights: float | None = None) -> bytes:
    points = [point for ring in rings for point in ring]
    starts, at = [], 0
    for ring in rings:
        starts.append(at)
        at += len(ring)
    box = (0.0, 0.0, 0.0, 0.0)
    content = struct.pack("<i4d2i", kind, *box, len(rings), len(points))
    content += struct.pack(f"<{len(starts)}i", *starts)
    content += b"".join(struct.pack("<2d", *point) for point in points)
    if heights is not None:
        content += struct.pack(f"<{2 + len(points)}d", *[heights] * (2 + len(points)))
    return content


NULL = struct.pack("<i", 0)


def shp(records: Sequence[bytes], kind: int = 5) -> bytes:
    body = b"".join(struct.pack(">2i", number, len(item) // 2) + item for number, item in enumerate(records, 1))
    head = struct.pack(">7i", 9994, 0, 0, 0, 0, 0, (100 + len(body)) // 2) + struct.pack(
        "<2i8d", 1000, kind, *[0.0] * 8
    )
    return head + body


def shx(records: Sequence[bytes], kind: int = 5) -> bytes:
    at, body = 50, b""
    for item in records:
        body += struct.pack(">2i", at, len(item) // 2)
        at += 4 + len(item) // 2
    return (
        struct.pack(">7i", 9994, 0, 0, 0, 0, 0, (100 + len(body)) // 2)
        + struct.pack("<2i8d", 1000, kind, *[0.0] * 8)
        + body
    )


@dataclass(frozen=True)
class Column:
    name: bytes
    values: Sequence[bytes]
    kind: str = "C"
    width: int = 40
    decimals: int = 0


def dbf(columns: Sequence[Column], *, deleted: Iterable[int] = (), language: int = 0, version: int = 3) -> bytes:
    count = len(columns[0].values)
    record = 1 + sum(column.width + 256 * column.decimals * (column.kind == "C") for column in columns)
    header = 32 + 32 * len(columns) + 1
    out = bytes([version, 124, 1, 1]) + struct.pack("<IHH", count, header, record) + bytes(17) + bytes([language, 0, 0])
    for column in columns:
        name = column.name[:10].ljust(11, b"\0")
        out += name + column.kind.encode() + bytes(4) + bytes([column.width, column.decimals]) + bytes(14)
    out += b"\r"
    for row in range(count):
        out += b"*" if row in set(deleted) else b" "
        for column in columns:
            width = column.width + 256 * column.decimals * (column.kind == "C")
            out += column.values[row][:width].ljust(width)
    return out + b"\x1a"


def prj(srid: int) -> bytes:
    return CRS.from_epsg(srid).to_wkt("WKT1_ESRI").encode()


@dataclass
class Made:
    """The parts of a shapefile; None leaves one out."""

    records: Sequence[bytes] = field(default_factory=lambda: [polygon(square()), polygon(square(X + 100))])
    columns: Sequence[Column] | None = None
    prj: bytes | None = field(default_factory=lambda: prj(4547))
    cpg: bytes | None = None
    language: int = 0
    kind: int = 5

    def parts(self) -> dict[str, bytes]:
        columns = self.columns or [Column(b"code", [f"A{n}".encode() for n in range(len(self.records))])]
        found = {
            ".shp": shp(self.records, self.kind),
            ".shx": shx(self.records, self.kind),
            ".dbf": dbf(columns, language=self.language),
            ".prj": self.prj,
            ".cpg": self.cpg,
        }
        return {suffix: content for suffix, content in found.items() if content is not None}


def read_parts(
    parts: Mapping[str, bytes],
    folder: Path,
    *,
    storage: int = 4547,
    crs: str | None = None,
    encoding: str | None = None,
    layer: str | None = None,
) -> Read:
    """Read loose parts, written into ``folder`` under one stem."""
    folder.mkdir(parents=True, exist_ok=True)
    uploads = []
    for suffix, content in parts.items():
        path = folder / f"p{suffix}"
        path.write_bytes(content)
        uploads.append(Upload(path, path.name))
    return read_uploads(uploads, folder, storage=storage, crs=crs, encoding=encoding, layer=layer)


def read_uploads(
    uploads: Sequence[Upload | Path],
    folder: Path,
    *,
    storage: int = 4547,
    crs: str | None = None,
    encoding: str | None = None,
    layer: str | None = None,
) -> Read:
    workdir = folder / "work"
    number = 0
    while workdir.exists():
        number += 1
        workdir = folder / f"work{number}"
    workdir.mkdir(parents=True)
    return read(uploads, layer=layer, encoding=encoding, crs=crs, storage_srid=storage, workdir=workdir)


def zipped(path: Path, members: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return path


def codes(result: Read) -> list[str]:
    return [problem.code for problem in result.problems]


def decision(result: Read) -> str:
    """What SOURCE.txt of the hostile files calls the outcome, with ``rows=good``."""
    if result.file_refused or len(result.refused) == result.row_count:
        return "refuse"
    if result.refused or any(problem.severity == "warn" for problem in result.problems):
        return "accept-with-finding"
    return "accept"
