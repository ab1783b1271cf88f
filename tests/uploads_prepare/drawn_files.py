"""Small drawn files, written as shapefiles by hand: the reader under test does not write."""

import struct
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import shapely

from app.reference.values import Category, LandUse, PlacePolygon
from app.uploads.catalogue import Catalogue
from app.uploads.prepare import Job, Prepared, prepare

X, Y = 500_000.0, 2_500_000.0


def square(column: int, row: int = 0, side: float = 100.0) -> list[tuple[float, float]]:
    x, y = X + 200 * column, Y + 200 * row
    return [(x, y), (x, y + side), (x + side, y + side), (x + side, y), (x, y)]


def write(folder: Path, rings: Sequence[Any], columns: dict[str, Sequence[str]]) -> list[tuple[str, Path]]:
    """A shapefile of one-ring records in EPSG:4547, texts in GB18030."""
    body, number = b"", 0
    for number, ring in enumerate(rings, start=1):
        content = struct.pack("<i", 0)
        if ring is not None:
            xs, ys = zip(*ring, strict=True)
            content = struct.pack("<i4d3i", 5, min(xs), min(ys), max(xs), max(ys), 1, len(ring), 0)
            content += b"".join(struct.pack("<2d", x, y) for x, y in ring)
        body += struct.pack(">2i", number, len(content) // 2) + content
    head = struct.pack(">i5ii", 9994, 0, 0, 0, 0, 0, 50 + len(body) // 2) + struct.pack("<2i8d", 1000, 5, *[0.0] * 8)
    (folder / "drawn.shp").write_bytes(head + body)
    width = 80
    fields = b"".join(struct.pack("<11sc4xBB14x", name.encode("gb18030"), b"C", width, 0) for name in columns)
    table = struct.pack("<4BIHH20x", 3, 126, 1, 1, number, 33 + len(fields), 1 + width * len(columns)) + fields + b"\r"
    for row in range(number):
        table += b" " + b"".join(values[row].encode("gb18030").ljust(width) for values in columns.values())
    (folder / "drawn.dbf").write_bytes(table)
    (folder / "drawn.cpg").write_text("GB18030")
    return [(f"drawn{suffix}", folder / f"drawn{suffix}") for suffix in (".shp", ".dbf", ".cpg")]


def place(level: str, code: str, parent: str | None, box: tuple[float, float, float, float]) -> PlacePolygon:
    wkb = shapely.to_wkb(shapely.MultiPolygon([shapely.box(*box)]))
    return PlacePolygon(level, code, parent, date(2020, 1, 1), None, bytes(wkb))


CATEGORIES = [Category("industrial", None, "产业", "Industrial"), Category("other", None, "其他", "Other")]
USES = [LandUse("land_sea_use", "2023", "10", "industrial"), LandUse("gbt21010", "2017", "10", "other")]
PLACES = [
    place("district", "D", None, (X - 1000, Y - 1000, X + 3000, Y + 1000)),
    place("sub_district", "S1", "D", (X - 1000, Y - 1000, X + 50, Y + 1000)),
    place("sub_district", "S2", "D", (X + 50, Y - 1000, X + 2000, Y + 1000)),
    place("community", "C1", "S2", (X + 50, Y - 1000, X + 450, Y + 1000)),
]


@pytest.fixture
def prepared(tmp_path: Path) -> Callable[..., Prepared]:
    def run(rings: Sequence[Any], columns: dict[str, Sequence[str]], **options: Any) -> Prepared:
        folder, workdir = tmp_path / "in", tmp_path / "out"
        folder.mkdir()
        workdir.mkdir()
        given: dict[str, Any] = {"collection": "consolidation-parcels", "crs": "EPSG:4547", "srid": 4547}
        given |= {"catalogue": Catalogue(CATEGORIES, USES, PLACES)} | options
        found = prepare(Job(files=write(folder, rings, columns), **given), workdir)
        assert found.read == found.staged + found.refused
        assert table(found.rows).num_rows == found.staged
        return found

    return run


def table(path: Path) -> Any:
    with pa.OSFile(str(path), "r") as source, pa.ipc.open_file(source) as reader:
        return reader.read_all()


def codes(found: Prepared, severity: str = "refuse") -> list[tuple[str, int | None]]:
    return sorted((one.code, one.row) for one in found.findings if one.severity == severity)
