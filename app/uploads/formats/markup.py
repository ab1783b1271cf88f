"""KML and GML: read by GDAL once it is certain that the text declares nothing and refers to nothing elsewhere."""

import re
from pathlib import Path

from app.uploads.formats import gdal
from app.uploads.formats.datasets import Dataset
from app.uploads.formats.source import Asked, Source
from app.uploads.problems import refusal

_DECLARES = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)
_SHAPE_ELSEWHERE = re.compile(
    rb"<[^<>]*(?:geometry|pos|surface|polygon|curve|ring)[^<>]*xlink:href\s*=\s*[\"'](?!#)", re.IGNORECASE
)
"""A geometry that is only a link to another document."""
_CHUNK = 1 << 20
_LAP = 1000
"""Bytes of a chunk that are looked at again with the next one: no tag that matters is longer."""


def read_kml(dataset: Dataset, asked: Asked, found: Source) -> None:
    """One folder of a KML; coordinates are WGS 84 by the standard."""
    refuse_declarations(dataset.main)
    records = gdal.read(dataset, asked, found, gdal.Plan("LIBKML"))
    for name in _STYLE & set(found.columns):
        column = found.columns[name]
        if column.null_count == len(records.wkb) or len(column.unique()) == 1:
            del found.columns[name]


_STYLE = frozenset(
    {"timestamp", "begin", "end", "altitudeMode", "tessellate", "extrude", "visibility", "drawOrder", "icon"}
)
"""Columns that the driver gives every KML, whether anything stands in them or not."""


def read_gml(dataset: Dataset, asked: Asked, found: Source) -> None:
    """One feature type of a GML; schemas and linked geometries elsewhere are not fetched."""
    refuse_declarations(dataset.main)
    gdal.read(dataset, asked, found, gdal.Plan("GML"))


def refuse_declarations(path: Path) -> None:
    """Refuse a DOCTYPE or an ENTITY, by which a text reads files or grows without end, and geometry by reference."""
    rest = b""
    with path.open("rb") as file:
        if file.read(2) in {b"\xff\xfe", b"\xfe\xff"}:
            raise refusal("xml_not_utf8")
        file.seek(0)
        while chunk := file.read(_CHUNK):
            text = (rest + chunk).replace(b"\0", b"")
            if _DECLARES.search(text):
                raise refusal("xml_declares_entities")
            if _SHAPE_ELSEWHERE.search(text):
                raise refusal("xml_refers_elsewhere")
            rest = text[-_LAP:]
