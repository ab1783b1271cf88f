"""Bring the database's schema to this release, as its owner.

Versioned migrations run first, then the repeatable SQL: functions, triggers and grants that are replaced whole, so that
the file in the repository is always what the database runs.
"""

from collections.abc import Sequence
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, text

import app.auth
import app.edge
import app.inventory.models
import app.landbank.models
import app.reference.models
import app.uploads.models  # noqa: F401  the imports fill the metadata
from app.db import Base, normalised_url
from app.errors import Conflict, Unavailable
from app.sql import load

METADATA = Base.metadata
MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
REPEATABLE: Sequence[tuple[str, str]] = (
    ("app.landbank", "append_only.sql"),
    ("app.landbank", "live_event.sql"),
    ("app.landbank", "counted_piece.sql"),
    ("app", "grants.sql"),
)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def head() -> str:
    """The newest migration of this release."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None  # noqa: S101  the repository has migrations
    return revision


def migrate(owner_url: str, app_role: str, srid: int) -> None:
    """Create or upgrade everything; ``srid`` is the storage CRS of a new database.

    Raises ``Conflict`` when the database was made for another CRS.
    """
    engine = create_engine(normalised_url(owner_url))
    try:
        with engine.connect() as connection:
            current = _current(connection)
            if current is not None:
                check_srid(connection, srid)
            if current != head():
                config = _config()
                config.attributes |= {"connection": connection, "srid": srid}
                command.upgrade(config, "head")
                connection.commit()
            for package, file in REPEATABLE:
                connection.execute(text("SELECT set_config('landbank.app_role', :role, true)"), {"role": app_role})
                connection.exec_driver_sql(load(package, file).replace("%", "%%"))
            connection.commit()
    finally:
        engine.dispose()


def check_migrated(engine: Engine, srid: int) -> None:
    """Raise ``Unavailable`` or ``Conflict`` unless the database is of this release and of this CRS."""
    with engine.connect() as connection:
        if _current(connection) != head():
            raise Unavailable("database_not_migrated")
        check_srid(connection, srid)


def check_srid(connection: Connection, srid: int) -> None:
    """Raise ``Conflict`` when the parcels are stored in another CRS than ``srid``."""
    stored = connection.execute(
        text("SELECT srid FROM geometry_columns WHERE f_table_name = 'parcel_version'")
    ).scalar_one()
    if stored != srid:
        raise Conflict("database_crs_differs", database=stored, setting=srid)


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
