"""References that are checked per statement hold as a foreign key would, for the app's role and for the owner."""

import pytest
from sqlalchemy import Engine, TextClause, text
from sqlalchemy.exc import DBAPIError

PORTION = text(
    "INSERT INTO portion (parcel_version_id, plane_square_metres, ellipsoidal_square_metres, recorded_from)"
    " VALUES (-1, 1, 1, now())"
)
VERSION = text(
    "INSERT INTO parcel_version (parcel_id, version, geom, programme, role, layer, land_category, plane_square_metres,"
    " ellipsoidal_square_metres, source_crs, method, effective_date, content_sha256, recorded_from) VALUES (-1, 1,"
    " ST_SetSRID('MULTIPOLYGON(((5e5 2e6,5e5 2.1e6,5.1e5 2e6,5e5 2e6)))'::geometry, 4547), 'renewal', 'development',"
    " 'surface', 'other', 1, 1, 'EPSG:4547', 'polygon', '2026-01-01', '', now())"
)


@pytest.mark.parametrize("orphan", [PORTION, VERSION])
def test_what_names_nothing_is_refused(engine: Engine, orphan: TextClause) -> None:
    with engine.connect() as connection, pytest.raises(DBAPIError, match="does not exist") as refused:
        connection.execute(orphan)
    assert refused.value.orig is not None
    assert getattr(refused.value.orig, "sqlstate", None) == "23503"


@pytest.mark.parametrize("table", ["parcel", "parcel_version"])
def test_what_others_name_is_never_removed(owner_engine: Engine, table: str) -> None:
    for statement in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):  # noqa: S608  a fixed list
        with owner_engine.connect() as connection, pytest.raises(DBAPIError, match="never removed"):
            connection.execute(text(statement))
