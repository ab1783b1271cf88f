"""Bring the database's schema to this release, as its owner.

Versioned migrations run first, then the repeatable SQL: functions, triggers and grants that are replaced whole, so that
the file in the repository is always what the database runs.
"""

from collections.abc import Sequence

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

import app.auth
import app.edge
import app.inventory.models
import app.landbank.models
import app.reference.models
import app.uploads.models  # noqa: F401  the imports fill the metadata
from app.db import Base, normalised_url
from app.landbank.hectares.rollup import rebuild_rollup
from app.release import MIGRATIONS, check_srid, head, revision
from app.sql import load

METADATA = Base.metadata
REPEATABLE: Sequence[tuple[str, str]] = (
    ("app.landbank", "drop_functions.sql"),
    ("app.inventory", "references.sql"),
    ("app.landbank", "append_only.sql"),
    ("app.landbank", "live_event.sql"),
    ("app.landbank", "banked_land.sql"),
    ("app.landbank", "counted_piece.sql"),
    ("app", "grants.sql"),
)
STATISTICS = ("app.landbank.hectares", "analyze.sql")


def config_of_migrations() -> Config:
    """Alembic's view of ``migrations/``."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def migrate(owner_url: str, app_role: str, srid: int) -> None:
    """Create or upgrade everything; ``srid`` is the storage CRS of a new database.

    Raises ``Conflict`` when the database was made for another CRS.
    """
    engine = create_engine(normalised_url(owner_url))
    try:
        with engine.connect() as connection:
            current = revision(connection)
            if current is not None:
                check_srid(connection, srid)
            if current != head():
                config = config_of_migrations()
                config.attributes |= {"connection": connection, "srid": srid}
                command.upgrade(config, "head")
                connection.commit()
            for package, file in REPEATABLE:
                connection.execute(text("SELECT set_config('landbank.app_role', :role, true)"), {"role": app_role})
                connection.exec_driver_sql(load(package, file).replace("%", "%%"))
            if current not in {None, head()}:
                # What is derived follows its definition, which a release may change.
                with Session(connection) as session:
                    rebuild_rollup(session)
                connection.execute(text(load(*STATISTICS)))
            connection.commit()
    finally:
        engine.dispose()


def analyze_derived(owner_url: str) -> None:
    """Tell the planner what the derived tables hold now. Only their owner can: another role is warned, and no more."""
    engine = create_engine(normalised_url(owner_url))
    try:
        with engine.begin() as connection:
            connection.execute(text(load(*STATISTICS)))
    finally:
        engine.dispose()
