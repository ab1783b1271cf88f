"""Whether a database is of this release and of this storage CRS: asked before anything reads or writes it."""

from functools import cache
from pathlib import Path

from sqlalchemy import Connection, Engine, column, inspect, select, table

from app.errors import Conflict, Unavailable

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
GEOMETRY_COLUMNS = table("geometry_columns", column("srid"), column("f_table_name"))
"""PostGIS's view of what is stored where."""
VERSION = table("alembic_version", column("version_num"))


@cache
def head() -> str:
    """The newest migration of this release: they are numbered in their order. Alembic is imported to run them."""
    return max(path.name for path in (MIGRATIONS / "versions").glob("[0-9]*.py")).split("_")[0]


def revision(connection: Connection) -> str | None:
    """The newest migration that the database has seen; None where it has seen none."""
    if not inspect(connection).has_table(VERSION.name):
        return None
    return connection.execute(select(VERSION.c.version_num)).scalar_one_or_none()


def check_migrated(engine: Engine, srid: int) -> None:
    """Raise ``Unavailable`` or ``Conflict`` unless the database is of this release and of this CRS."""
    with engine.connect() as connection:
        if revision(connection) != head():
            raise Unavailable("database_not_migrated")
        check_srid(connection, srid)


def check_srid(connection: Connection, srid: int) -> None:
    """Raise ``Conflict`` when the parcels are stored in another CRS than ``srid``."""
    stored = connection.execute(
        select(GEOMETRY_COLUMNS.c.srid).where(GEOMETRY_COLUMNS.c.f_table_name == "parcel_version")
    ).scalar_one()
    if stored != srid:
        raise Conflict("database_crs_differs", database=stored, setting=srid)
