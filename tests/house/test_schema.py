"""The migrations make what the models say. Compared catalog by catalog: Alembic's own check misses CHECKs,
generated columns, defaults and the typmods of geometry.
"""

from collections.abc import Callable, Iterator

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from app import embedded, jobs
from app.db import make_engine
from app.embedded_bootstrap import cluster_of, create_database, drop_database
from app.migrate import METADATA, config_of_migrations
from app.release import head
from app.settings import Settings

CATALOGS = {
    "tables": "SELECT relname, relkind, relpersistence FROM pg_class"
    " WHERE relnamespace IN ('public'::regnamespace, 'jobs'::regnamespace) AND relkind IN ('r', 'p', 'v', 'm', 'S')",
    "columns": "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,"
    " a.attgenerated, pg_get_expr(d.adbin, d.adrelid) FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid"
    " LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
    " WHERE c.relnamespace IN ('public'::regnamespace, 'jobs'::regnamespace) AND c.relkind IN ('r', 'p')"
    " AND a.attnum > 0 AND NOT a.attisdropped",
    "constraints": "SELECT c.relname, o.conname, o.contype, pg_get_constraintdef(o.oid) FROM pg_constraint AS o"
    " JOIN pg_class AS c ON c.oid = o.conrelid"
    " WHERE c.relnamespace IN ('public'::regnamespace, 'jobs'::regnamespace)",
    "indexes": "SELECT c.relname, pg_get_indexdef(i.indexrelid) FROM pg_index AS i"
    " JOIN pg_class AS c ON c.oid = i.indrelid"
    " WHERE c.relnamespace IN ('public'::regnamespace, 'jobs'::regnamespace)",
}
# Alembic's own table, and PostGIS's.
THEIRS = {"alembic_version", "spatial_ref_sys", "geometry_columns", "geography_columns"}
Catalog = set[tuple[object, ...]]


def catalog(connection: Connection) -> dict[str, Catalog]:
    """What a database holds of ours."""
    return {
        name: {tuple(row) for row in connection.execute(text(query)) if row[0] not in THEIRS}
        for name, query in CATALOGS.items()
    }


def differences(one: dict[str, Catalog], other: dict[str, Catalog]) -> dict[str, list[tuple[object, ...]]]:
    """What stands in only one of two databases."""
    return {name: sorted(one[name] ^ other[name], key=str) for name in one if one[name] != other[name]}


@pytest.fixture(scope="module")
def modelled(cluster_settings: Settings) -> Iterator[dict[str, Catalog]]:
    """The catalog of a database made from the models, and from the queue's package, alone."""
    cluster = cluster_of(cluster_settings)
    create_database(cluster, "modelled")
    engine = make_engine(embedded.urls(cluster_settings, "modelled").owner)
    METADATA.create_all(engine)
    with engine.begin() as connection:
        jobs.install(connection)
        found = catalog(connection)
    engine.dispose()
    yield found
    drop_database(cluster, "modelled")


@pytest.fixture
def migrated(owner_engine: Engine) -> Iterator[Connection]:
    with owner_engine.connect() as connection:
        yield connection
        connection.rollback()


def test_migrations_equal_models(migrated: Connection, modelled: dict[str, Catalog]) -> None:
    assert not differences(catalog(migrated), modelled)
    assert {row[0] for row in modelled["tables"]} >= set(METADATA.tables)


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        ("ALTER TABLE target DROP CONSTRAINT ck_target_value", "constraints"),
        ("ALTER TABLE target ALTER COLUMN year DROP NOT NULL", "columns"),
        ("ALTER TABLE project_version ALTER COLUMN key SET DEFAULT true", "columns"),
        ("ALTER TABLE place ALTER COLUMN geom TYPE geometry(MultiPolygon)", "columns"),
        ("DROP INDEX ix_place_geom", "indexes"),
        ("ALTER TABLE portion ADD COLUMN extra int GENERATED ALWAYS AS (1) STORED", "columns"),
        ("CREATE TABLE extra (id int)", "tables"),
        ("DROP TABLE jobs.procrastinate_events", "tables"),
        ("ALTER TABLE jobs.procrastinate_jobs DROP CONSTRAINT check_not_todo_abort_requested", "constraints"),
    ],
)
def test_every_kind_of_difference_is_seen(
    migrated: Connection, modelled: dict[str, Catalog], change: str, seen: str
) -> None:
    migrated.execute(text(change))
    assert seen in differences(catalog(migrated), modelled)


def test_geometry_is_of_the_settings_crs(make_database: Callable[..., Settings]) -> None:
    settings = make_database("EPSG:31287")
    assert settings.database_owner_url is not None
    engine = make_engine(settings.database_owner_url.get_secret_value())
    query = text("SELECT DISTINCT srid FROM geometry_columns WHERE f_table_schema = 'public'")
    with engine.connect() as connection:
        assert connection.execute(query).scalars().all() == [31287]
    engine.dispose()


def test_the_highest_number_is_the_newest_migration() -> None:
    assert head() == ScriptDirectory.from_config(config_of_migrations()).get_current_head()
