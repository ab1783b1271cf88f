"""The 351 data tests of the CQL2 standard (OGC 21-065r2, annex A), on its own data, in PostGIS."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pyogrio
import pytest
import shapely
from geoalchemy2 import Geometry, WKBElement
from sqlalchemy import Boolean, Column, Connection, Date, DateTime, Double, MetaData, Table, Text, func, select

from app.cql2 import Queryable, Queryables, condition, parse
from app.cql2.terms import Kind
from app.db import make_engine
from app.settings import Settings
from tests.house.tree import ROOT

DATA = ROOT.parent / "shared" / "data" / "cql2"
pytestmark = pytest.mark.skipif(not DATA.parent.exists(), reason="the shared data is not beside this checkout")
PACKAGE, ROWS = DATA / "ne110m4cql2.gpkg", DATA / "cql2_ats_data_tests.json"
CONTRADICTED = {
    "ACCENTI(name) LIKE accenti('Ch%')": 3,
    "ACCENTI(CASEI(name)) LIKE accenti(casei('Chiș%'))": 1,
    "ACCENTI(CASEI(name)) LIKE accenti(casei('cHis%'))": 1,
}
"""Three rows of the standard contradict its own data, which holds three names in Ch and one in Chis: what is right."""
TYPES: dict[Kind, Any] = {
    "date": Date(), "timestamp": DateTime(timezone=True), "boolean": Boolean(), "string": Text(), "number": Double(),
    "geometry": Geometry(srid=4326),
}  # fmt: skip
Layers = tuple[Connection, dict[str, tuple[Table, dict[str, Kind]]]]


def _kind(name: str, dtype: str) -> Kind:
    if name == "date":
        return "date"
    kinds: dict[str, Kind] = {"datetime": "timestamp", "bool": "boolean", "object": "string"}
    return next((kind for start, kind in kinds.items() if dtype.startswith(start)), "number")


@pytest.fixture(scope="module")
def layers(clone: Callable[[str], Settings]) -> Iterator[Layers]:
    """The three layers of the standard as tables of a fresh database."""
    settings = clone("EPSG:4547")
    assert settings.database_owner_url is not None
    engine = make_engine(settings.database_owner_url.get_secret_value())
    with engine.begin() as connection:
        yield connection, {str(name): _load(connection, str(name)) for name, _ in pyogrio.list_layers(PACKAGE)}
    engine.dispose()


def _load(connection: Connection, name: str) -> tuple[Table, dict[str, Kind]]:
    meta, _, geometries, values = pyogrio.raw.read(PACKAGE, layer=name, read_geometry=True)
    kinds = {field: _kind(field, str(dtype)) for field, dtype in zip(meta["fields"], meta["dtypes"], strict=True)}
    columns = [Column(field, TYPES[kind]) for field, kind in {**kinds, "geom": "geometry"}.items()]
    table = Table(f"cql2_{name}", MetaData(), *columns)
    table.create(connection)
    rows = [
        {field: _value(value, kinds[field]) for field, value in zip(kinds, row, strict=True)}
        | {"geom": WKBElement(bytes(wkb), srid=4326)}
        for row, wkb in zip(zip(*values, strict=True), geometries, strict=True)
    ]
    connection.execute(table.insert(), rows)
    return table, {**kinds, "geom": "geometry"}


def _value(value: Any, kind: Kind) -> Any:
    if value is None or str(value) in {"NaT", "nan"}:
        return None
    if kind == "date":
        return value.astype("datetime64[D]").item()
    if kind == "timestamp":
        return f"{value}Z".replace("ZZ", "Z").replace("+00:00Z", "Z")
    return value.item() if hasattr(value, "item") else value


def _tests() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(ROWS.read_text("utf-8")) if ROWS.exists() else []
    return found


def _count(layers: Layers, test: dict[str, Any]) -> int:
    connection, tables = layers
    table, kinds = tables[test["source"]]
    known = Queryables({name: Queryable(table.c[name], kind) for name, kind in kinds.items()}, 4326, shapely.force_2d)
    asked = condition(parse(test["filter"]), known)
    with connection.begin_nested():
        found: int = connection.execute(select(func.count()).select_from(table).where(asked)).scalar_one()
    return found


@pytest.mark.parametrize("test", _tests(), ids=lambda test: f"{test['source'][3:20]}: {test['filter']}"[:90])
def test_the_standards_own_rows(layers: Layers, test: dict[str, Any]) -> None:
    assert _count(layers, test) == CONTRADICTED.get(test["filter"], test["expected"])


def test_only_three_rows_are_contradicted() -> None:
    rows = {test["filter"]: test["expected"] for test in _tests()}
    assert len(_tests()) == 351
    assert all(rows[text] != right for text, right in CONTRADICTED.items())
