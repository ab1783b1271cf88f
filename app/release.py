"""Whether a database is of this release and of this storage CRS: asked before anything reads or writes it."""

from functools import cache
from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, column, select, table

from app.errors import Conflict, Unavailable

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
GEOMETRY_COLUMNS = table("geometry_columns", column("srid"), column("f_table_name"))
"""PostGIS's view of what is stored where."""


def config_of_migrations() -> Config:
    """Alembic's view of ``migrations/``."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


@cache
def head() -> str:
    """The newest migration of this release."""
    newest = ScriptDirectory.from_config(config_of_migrations()).get_current_head()
    assert newest is not None  # noqa: S101  the repository has migrations
    return newest


def revision(connection: Connection) -> str | None:
    """The newest migration that the database has seen."""
    return MigrationContext.configure(connection).get_current_revision()


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
