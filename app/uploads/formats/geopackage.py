"""GeoPackage: read by GDAL, its own tables only, and counted by SQLite so that no row and no damaged shape is lost."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnClause, Connection, NullPool, column, create_engine, func, select, table
from sqlalchemy.exc import DatabaseError

from app.uploads.formats import gdal
from app.uploads.formats.datasets import Dataset
from app.uploads.formats.source import Asked, Source
from app.uploads.problems import FileRefusedError, Problem, refusal

_WAL_AT, _WAL = 18, 2
"""Byte of an SQLite header (sqlite.org/fileformat2, 1.2) and its value for a file in write-ahead mode."""
_FLAGS_AT = 3
_LISTED = 20


def read(dataset: Dataset, asked: Asked, found: Source) -> None:
    """One table of features; views and triggers, which may run anything, are not looked at."""
    with dataset.main.open("rb") as file:
        if file.read(_WAL_AT + 1)[_WAL_AT:] == bytes([_WAL]):
            found.tell("gpkg_copied_while_open", "warn")
    try:
        tables, ignored = _tables(dataset.main)
    except (sqlite3.Error, DatabaseError, ValueError) as error:
        raise refusal("gpkg_damaged") from error
    if ignored:
        found.tell("gpkg_views_ignored", "warn", names=", ".join(ignored[:_LISTED]))
    if not tables:
        raise refusal("gpkg_without_features")

    def count(layer: str) -> int | None:
        return _count(dataset.main, layer)

    plan = gdal.Plan("GPKG", {"IMMUTABLE": "YES"}, list(tables), count)
    records = gdal.read(dataset, asked, found, plan)
    missing = [row for row, wkb in enumerate(records.wkb) if wkb is None]
    if missing:
        _refuse_damaged(dataset.main, records, tables[records.layer], missing, found)


@contextmanager
def _open(path: Path) -> Iterator[Connection]:
    """The file as SQLite reads it, writing nothing and trusting nothing in its schema."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
        connection.execute("PRAGMA trusted_schema = 0")
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


def _tables(path: Path) -> tuple[dict[str, str], list[str]]:
    """Real tables of features with their geometry columns, and listed ones that are views."""
    with _open(path) as connection:
        kinds = _pairs(connection, "sqlite_master", "name", "type")
        if kinds.get("gpkg_contents") != "table":
            raise refusal("not_a_geopackage")
        listed = list(_pairs(connection, "gpkg_contents", "table_name", "data_type"))
        columns: dict[str, str] = {}
        if "gpkg_geometry_columns" in kinds:
            columns = _pairs(connection, "gpkg_geometry_columns", "table_name", "column_name")
    tables = {name: columns[name] for name in listed if kinds.get(name) == "table" and name in columns}
    return tables, [name for name in listed if kinds.get(name) == "view"]


def _pairs(connection: Connection, name: str, key: str, value: str) -> dict[str, str]:
    columns: list[ColumnClause[Any]] = [column(key), column(value)]
    return {str(one): str(other) for one, other in connection.execute(select(*columns).select_from(table(name)))}


def _count(path: Path, name: str) -> int:
    with _open(path) as connection:
        return int(connection.execute(select(func.count()).select_from(table(name))).scalar_one())


def _refuse_damaged(path: Path, records: gdal.Records, shape: str, missing: Sequence[int], found: Source) -> None:
    """Rows whose shape GDAL could not read though bytes stand there: the file is damaged, all its rows are suspect."""
    row_id: ColumnClause[Any] = column("rowid")
    blob: ColumnClause[Any] = column(shape)
    filled = select(row_id, func.substr(blob, 1, 4)).select_from(table(records.layer)).where(blob.is_not(None))
    with _open(path) as connection:
        heads = {int(number): head for number, head in connection.execute(filled)}
    damaged = [row for row in missing if records.ids[row] in heads and not _empty(heads[records.ids[row]])]
    if damaged:
        rows = ", ".join(str(row + 1) for row in damaged[:_LISTED])
        values: dict[str, object] = {"count": len(damaged), "rows": rows, "total": found.row_count}
        raise FileRefusedError(Problem("shapes_damaged", "refuse", values=values), row_count=found.row_count)


def _empty(head: object) -> bool:
    """Whether a blob says itself that it is an empty geometry (GeoPackage 2.1.3, bit 4 of the flags)."""
    return isinstance(head, bytes) and head[:2] == b"GP" and len(head) > _FLAGS_AT and bool(head[_FLAGS_AT] & 0x10)
