"""GeoParquet: read by Arrow; the CRS is PROJJSON in its metadata, CRS84 where none is named, unknown where null is."""

from pathlib import Path
from typing import Any

import orjson
from pyproj import CRS
from pyproj.exceptions import CRSError

from app.uploads.arrow import pa
from app.uploads.crs import horizontal
from app.uploads.formats import shapes, texts
from app.uploads.formats.datasets import Dataset
from app.uploads.formats.source import Asked, Source
from app.uploads.problems import refusal

CRS84 = "OGC:CRS84"


def read(dataset: Dataset, asked: Asked, found: Source) -> None:
    """Every row of the file with its primary geometry column as WKB."""
    asked.choose([dataset.name])
    table, meta = _opened(dataset.main)
    name = str(meta.get("primary_column"))
    geometry = meta.get("columns", {}).get(name)
    if not isinstance(geometry, dict) or name not in table.column_names:
        raise refusal("parquet_without_geometry")
    if geometry.get("encoding") != "WKB":
        raise refusal("parquet_encoding", encoding=str(geometry.get("encoding"))[:40])
    found.row_count = table.num_rows
    if not found.row_count:
        raise refusal("no_rows")
    found.crs = _crs(geometry)
    column = table.column(name)
    if not (pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)):
        raise refusal("parquet_encoding", encoding=str(column.type)[:40])
    own = [one for one in table.column_names if one != name and not one.endswith("bbox")]
    texts.fill({one: table.column(one) for one in own}, found)
    shapes.from_wkb(column.to_pylist(), found)


def _opened(path: Path) -> tuple[Any, dict[str, Any]]:
    import pyarrow.parquet as pq  # noqa: PLC0415 - only Parquet files need it

    try:
        # A file object: a path could be read as that of a folder or of a file system elsewhere.
        with path.open("rb") as file:
            table = pq.ParquetFile(file).read()
        raw = (table.schema.metadata or {}).get(b"geo")
        meta = orjson.loads(raw) if raw else None
    except (pa.ArrowException, OSError, ValueError) as error:
        raise refusal("parquet_damaged") from error
    if not isinstance(meta, dict) or not isinstance(meta.get("columns"), dict):
        raise refusal("parquet_without_geometry")
    return table, meta


def _crs(geometry: dict[str, Any]) -> CRS | None:
    if "crs" not in geometry:
        return CRS.from_user_input(CRS84)
    if not isinstance(geometry["crs"], dict):
        return None
    try:
        return horizontal(CRS.from_json_dict(geometry["crs"]))
    except (CRSError, ValueError, TypeError):
        return None
