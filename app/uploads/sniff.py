"""What a file really is, by its first bytes: a VRT named ``.shp`` makes GDAL open other files."""

SHAPEFILE_MAGIC = b"\x00\x00\x27\x0a"
"""File code 9994, big-endian: ESRI Shapefile Technical Description, July 1998, page 4."""

HEAD_BYTES = 4096

SHAPEFILE_PARTS = frozenset({".shp", ".shx", ".dbf", ".prj", ".cpg"})
ARCHIVE_SUFFIXES = frozenset({".zip", ".7z", ".rar", ".gz", ".tar", ".tgz", ".bz2", ".xz"})
ACCEPTED = "zip (.shp .shx .dbf .prj .cpg), .shp + .dbf + .prj"

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (SHAPEFILE_MAGIC, "shapefile"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!", "RAR"),
    (b"\x1f\x8b", "gzip"),
    (b"SQLite format 3\x00", "GeoPackage / SQLite"),
    (b"fgb\x03", "FlatGeobuf"),
    (b"PAR1", "Parquet"),
    (b"%PDF", "PDF"),
    (b"AC10", "DWG"),
    (b"AutoCAD Binary DXF", "DXF"),
    (b"MZ", "Windows program"),
    (b"\xd0\xcf\x11\xe0", "Office / personal geodatabase"),
)

_MARKUP: tuple[tuple[bytes, str], ...] = (
    (b"<ogrvrt", "OGR VRT"),
    (b"<ogrwfs", "OGR WFS"),
    (b"<html", "HTML"),
    (b"<!doctype html", "HTML"),
    (b"<kml", "KML"),
    (b"gml", "GML"),
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
        head = head.replace(b"\x00", b"")[2:]
    elif b"\x00" in head:
        return None
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()


def _text_kind(text: bytes) -> str:
    if text.startswith(b"<"):
        return next((name for mark, name in _MARKUP if mark in text), "XML")
    if text.startswith((b"{", b"[")):
        return "GDALG JSON" if b"gdal_streamed_alg" in text else "JSON"
    if text.startswith(b"0") and b"section" in text[:40]:
        return "DXF"
    return "text"
