"""What a file really is, by its first bytes: a VRT named ``.shp`` makes GDAL open other files."""

import re

SHAPEFILE_MAGIC = b"\x00\x00\x27\x0a"
"""File code 9994, big-endian: ESRI Shapefile Technical Description, July 1998, page 4."""

HEAD_BYTES = 4096

SHAPEFILE, GEOPACKAGE, FLATGEOBUF, PARQUET = "shapefile", "GeoPackage / SQLite", "FlatGeobuf", "Parquet"
FILE_GEODATABASE, KML, GML, JSON, DXF = "File Geodatabase", "KML", "GML", "JSON", "DXF"
MIF, TAB, BOUNDARY_POINTS, TEXT, ZIP = "MapInfo MIF", "MapInfo TAB", "界址点 TXT", "text", "zip"

PARTS = {
    ".shp": (".shx", ".dbf", ".prj", ".cpg"),
    ".mif": (".mid",),
    ".tab": (".dat", ".map", ".id", ".ind"),
}
"""Formats of several files with one stem: the suffix of the first, and of those beside it."""
LAYERS = frozenset(
    {".gpkg", ".fgb", ".geojson", ".geojsonl", ".geojsons", ".topojson", ".fgjson", ".jsonfg", ".parquet"}
    | {".geoparquet", ".kml", ".gml", ".dxf", *PARTS}
)
"""Suffixes of files that hold land by their nature."""
PERHAPS = frozenset({".json", ".jsonl", ".ndjson", ".csv", ".xlsx", ".txt", ".xml"})
"""Suffixes of files that may hold land, and beside others are mostly notes and lists."""
SUFFIXES = LAYERS | PERHAPS
ARCHIVE_SUFFIXES = frozenset({".zip", ".kmz", ".7z", ".rar", ".gz", ".tar", ".tgz", ".bz2", ".xz"})
ACCEPTED = (
    "Shapefile, GeoPackage, GeoJSON, JSON-FG, FlatGeobuf, GeoParquet, File Geodatabase (zip), KML/KMZ, "
    "MapInfo MIF/TAB, Esri JSON, TopoJSON, GML, DXF, CSV/XLSX (WKT), 界址点 TXT"
)

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (SHAPEFILE_MAGIC, SHAPEFILE),
    (b"PK\x03\x04", ZIP),
    (b"PK\x05\x06", ZIP),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!", "RAR"),
    (b"\x1f\x8b", "gzip"),
    (b"SQLite format 3\x00", GEOPACKAGE),
    (b"fgb\x03", FLATGEOBUF),
    (b"PAR1", PARQUET),
    (b"%PDF", "PDF"),
    (b"AC10", "DWG"),
    (b"AutoCAD Binary DXF", DXF),
    (b"MZ", "Windows program"),
    (b"\xd0\xcf\x11\xe0", "Office / personal geodatabase"),
)

_SECTIONS = tuple(f"[{name}]".encode(codec) for name in ("属性描述", "地块坐标") for codec in ("utf-8", "gb18030"))
"""The sections of a 界址点 TXT, as bytes."""
_LINES = (
    (re.compile(rb"\A(999\s*\n[^\n]*\n\s*)*0\s*\n\s*section"), DXF),
    (re.compile(rb"\A!table"), TAB),
    (re.compile(rb"\Aversion\s+\d+\s*\n"), MIF),
    # A parcel's line, which ends in @, above its first point: without sections.
    (re.compile(rb"^[^\n]*,@\s*\n\s*j?\d+\s*,", re.MULTILINE), BOUNDARY_POINTS),
)
_MARKUP: tuple[tuple[bytes, str], ...] = (
    (b"<ogrvrt", "OGR VRT"),
    (b"<ogrwfs", "OGR WFS"),
    (b"<html", "HTML"),
    (b"<!doctype html", "HTML"),
    (b"<kml", KML),
    (b":kml", KML),
    (b"opengis.net/kml", KML),
    (b"gml", GML),
)


def kind(head: bytes) -> str:
    """The name of the format that begins with ``head``; a technical word, the same in every language."""
    if not head:
        return "0 bytes"
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    text = _text(head)
    if text is None:
        return "binary"
    return _text_kind(text)


def _text(head: bytes) -> bytes | None:
    """The beginning as lower-case bytes without byte-order marks, or None where it is no text."""
    if head[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        head = head[: len(head) // 2 * 2].decode("utf-16", "replace").encode("utf-8", "replace")
    elif b"\x00" in head:
        return None
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().replace(b"\r\n", b"\n")


def _text_kind(text: bytes) -> str:
    if text.startswith(b"<"):
        return next((name for mark, name in _MARKUP if mark in text), "XML")
    if any(mark in text for mark in _SECTIONS):
        return BOUNDARY_POINTS
    if text.startswith((b"{", b"[", b"\x1e")):
        return "GDALG JSON" if b"gdal_streamed_alg" in text else JSON
    return next((name for pattern, name in _LINES if pattern.search(text)), TEXT)
