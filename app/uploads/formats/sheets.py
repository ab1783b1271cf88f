"""CSV and workbooks of parcels: one column holds the outline as WKT, the others are attributes."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from pyproj import CRS

from app.uploads import crs as crs_module
from app.uploads.archive import Upload
from app.uploads.formats import shapes
from app.uploads.formats.datasets import Dataset
from app.uploads.formats.source import Asked, Source
from app.uploads.problems import refusal
from app.uploads.tables import Table, read_table

NAMES = frozenset({"wkt", "geometry", "geom", "thegeom", "wktgeom", "shape", "图形", "几何", "几何图形", "坐标"})
_NOT_WORDS = re.compile(r"[\W_]+")
_WKT = re.compile(
    r"\s*(?:SRID\s*=\s*(\d+)\s*;)?\s*((?:MULTI)?(?:POLYGON|LINESTRING|POINT)|GEOMETRYCOLLECTION)\b", re.IGNORECASE
)
_SHOWN = 60


def read(dataset: Dataset, asked: Asked, found: Source) -> None:
    """Every row of a CSV, or of the one sheet of a workbook that has a column of WKT."""
    table = read_table([Upload(dataset.main, dataset.name)], asked.layer, asked.encoding, _recognise)
    found.problems += table.problems
    found.encoding = table.encoding
    if table.sheet is not None:
        found.layer, found.layers = table.sheet, table.sheets
    found.row_count = len(table.lines)
    if not found.row_count:
        raise refusal("no_rows")
    column = _column(table)
    found.columns = {name: values for name, values in table.columns.items() if name != column}
    _refuse_formulas(table, column, found)
    texts = table.columns[column].to_pylist()
    found.crs = _srid(texts)
    shapes.polygons(_parsed(texts, found), found)


def _recognise(names: Sequence[str]) -> int:
    """How many names are those of a column of WKT: the header is the row that has one."""
    return sum(_NOT_WORDS.sub("", name.casefold()) in NAMES for name in names)


def _column(table: Table) -> str:
    """The column whose texts are WKT; its name alone proves nothing."""
    held = []
    for name, values in table.columns.items():
        texts = [text for text in values.to_pylist() if text is not None]
        if texts and sum(_WKT.match(text) is not None for text in texts) * 2 > len(texts):
            held.append(name)
    if not held:
        raise refusal("table_without_wkt")
    if len(held) > 1:
        raise refusal("table_several_wkt", names=", ".join(held))
    return held[0]


def _refuse_formulas(table: Table, column: str, found: Source) -> None:
    for row, name in table.formulas:
        if name == column:
            found.tell("cell_is_formula", "refuse", row + 1, column=name)


def _srid(texts: Sequence[str | None]) -> CRS | None:
    """The CRS that every outline names as ``SRID=…;``, None where none does."""
    matches = [_WKT.match(text) for text in texts if text is not None]
    named = {match[1] for match in matches if match is not None}
    if len(named) > 1:
        raise refusal("table_several_srids", srids=", ".join(sorted(name or "–" for name in named)))
    srid = named.pop() if named else None
    return None if srid is None else crs_module.parse_stated(srid)


def _parsed(texts: Sequence[str | None], found: Source) -> Any:
    """Geometries; what is no WKT refuses its row."""
    bare = [
        None if text is None else re.sub(r"^\s*SRID\s*=\s*\d+\s*;", "", text, flags=re.IGNORECASE) for text in texts
    ]
    geometries = np.empty(len(bare), dtype=object)
    geometries[:] = shapely.from_wkt(np.array(bare, dtype=object), on_invalid="ignore")
    told = found.refused
    for row, text in enumerate(bare):
        if text is not None and geometries[row] is None and row + 1 not in told:
            found.tell("wkt_unreadable", "refuse", row + 1, text=text[:_SHOWN])
    return geometries
