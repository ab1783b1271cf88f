"""A small shapefile writer: chosen encodings, field names of up to ten bytes, the same bytes every time.

GDAL would refuse or cut Chinese field names, and would put today's date into the .dbf header. The layout
follows the ESRI Shapefile Technical Description (July 1998) and dBASE III. Coordinates are in the CRS of the .prj.
"""

import struct
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import shapely
from shapely.geometry import MultiPolygon, Polygon

POLYGON = 5
CM_114 = (
    'PROJCS["CGCS2000_3_Degree_GK_CM_114E",GEOGCS["GCS_China_Geodetic_Coordinate_System_2000",'
    'DATUM["D_China_2000",SPHEROID["CGCS2000",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],'
    'UNIT["Degree",0.0174532925199433]],PROJECTION["Gauss_Kruger"],PARAMETER["False_Easting",500000.0],'
    'PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",114.0],PARAMETER["Scale_Factor",1.0],'
    'PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]'
)
"""EPSG:4547 as Esri software spells it."""
CM_117 = CM_114.replace("CM_114E", "CM_117E").replace("114.0]", "117.0]")
"""EPSG:4548: the neighbouring zone, where this land does not lie."""
ZONE_38 = CM_114.replace("CM_114E", "Zone_38").replace("500000.0]", "38500000.0]")
"""EPSG:4526: the same meridian with the zone number in front of the easting."""

Rings = list[list[tuple[float, float]]]
Shape = Polygon | MultiPolygon | Rings


@dataclass(frozen=True)
class Field:
    """A column: ``kind`` C (text), N (number) or D (date); ``width`` in bytes of the file's encoding."""

    name: str
    kind: str
    width: int
    decimals: int = 0


@dataclass(frozen=True)
class Layer:
    """What one zip holds. ``shapes`` are polygons, or raw rings where a broken file is wanted."""

    name: str
    fields: Sequence[Field]
    shapes: Sequence[Shape]
    rows: Sequence[Sequence[object]]
    encoding: str = "gbk"
    cpg: str | None = None
    prj: str | None = CM_114


def rings_of(shape: Shape) -> Rings:
    """Rings as the format wants them: shells clockwise, holes the other way, each closed."""
    if isinstance(shape, list):
        return shape
    rings: Rings = []
    for part in getattr(shape, "geoms", [shape]):
        turned = shapely.geometry.polygon.orient(part, -1.0)
        rings += [list(ring.coords) for ring in (turned.exterior, *turned.interiors)]
    return rings


def _record(shape: Shape) -> bytes:
    rings = rings_of(shape)
    points = [point for ring in rings for point in ring]
    xs, ys = zip(*points, strict=True)
    starts, start = [], 0
    for ring in rings:
        starts.append(start)
        start += len(ring)
    head = struct.pack("<i4d2i", POLYGON, min(xs), min(ys), max(xs), max(ys), len(rings), len(points))
    return head + struct.pack(f"<{len(starts)}i", *starts) + b"".join(struct.pack("<2d", *point) for point in points)


def shp_and_shx(shapes: Sequence[Shape]) -> tuple[bytes, bytes]:
    """The main file and its index; lengths are in 16-bit words, as the format has it."""
    records = [_record(shape) for shape in shapes]
    points = [point for shape in shapes for ring in rings_of(shape) for point in ring]
    xs, ys = zip(*points, strict=True)
    box = struct.pack("<8d", min(xs), min(ys), max(xs), max(ys), 0, 0, 0, 0)
    main, index, offset = b"", b"", 50
    for number, record in enumerate(records, 1):
        words = len(record) // 2
        main += struct.pack(">2i", number, words) + record
        index += struct.pack(">2i", offset, words)
        offset += 4 + words

    def header(body: bytes) -> bytes:
        return struct.pack(">7i", 9994, 0, 0, 0, 0, 0, 50 + len(body) // 2) + struct.pack("<2i", 1000, POLYGON) + box

    return header(main) + main, header(index) + index


def _cell(field: Field, value: object, encoding: str) -> bytes:
    if value is None:
        raw = b""
    elif isinstance(value, date):
        raw = (value.strftime("%Y%m%d") if field.kind == "D" else value.isoformat()).encode()
    elif field.kind == "N":
        raw = f"{value:.{field.decimals}f}".encode()
    else:
        raw = str(value).encode(encoding)
    if len(raw) > field.width:
        raise ValueError(f"{value!r} needs {len(raw)} bytes, {field.name} has {field.width}")
    return raw.rjust(field.width) if field.kind == "N" else raw.ljust(field.width)


def dbf(layer: Layer) -> bytes:
    """The table, dated 2026-01-01, language byte 0: as the offices' old software leaves it."""
    descriptors = b""
    for field in layer.fields:
        name = field.name.encode(layer.encoding)
        if len(name) > 10:
            raise ValueError(f"{field.name} needs {len(name)} bytes")
        descriptors += struct.pack("<11sc4x2B14x", name, field.kind.encode(), field.width, field.decimals)
    size = 1 + sum(field.width for field in layer.fields)
    head = struct.pack("<4BI2H20x", 3, 126, 1, 1, len(layer.rows), 33 + len(descriptors), size)
    rows = b"".join(
        b" " + b"".join(_cell(field, value, layer.encoding) for field, value in zip(layer.fields, row, strict=True))
        for row in layer.rows
    )
    return head + descriptors + b"\r" + rows + b"\x1a"


def parts(layer: Layer) -> dict[str, bytes]:
    """The files of a layer by extension."""
    main, index = shp_and_shx(layer.shapes)
    files = {"shp": main, "shx": index, "dbf": dbf(layer)}
    if layer.prj is not None:
        files["prj"] = layer.prj.encode()
    if layer.cpg is not None:
        files["cpg"] = layer.cpg.encode()
    return files


def write_zip(path: Path, name: str, files: dict[str, bytes]) -> None:
    """A zip of the files of one layer.

    Stored and not deflated: another build of zlib would give other bytes; the dates are fixed for the same reason.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for extension, content in files.items():
            info = zipfile.ZipInfo(f"{name}.{extension}", (2026, 1, 1, 0, 0, 0))
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, content)
