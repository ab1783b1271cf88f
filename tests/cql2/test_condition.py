"""What a filter becomes: bound values and nothing else; what makes no sense is told."""

from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import ARRAY, Boolean, Column, Date, DateTime, MetaData, Numeric, Table, Text
from sqlalchemy.dialects import postgresql

from app.cql2 import Queryable, Queryables, condition, parse
from app.errors import BadRequest

TABLE = Table(
    "t", MetaData(), Column("s", Text), Column("n", Numeric), Column("b", Boolean), Column("d", Date),
    Column("w", DateTime(timezone=True)), Column("g", Text), Column("a", ARRAY(Text)),
)  # fmt: skip
KINDS: dict[str, Any] = {
    "s": "string", "n": "number", "b": "boolean", "d": "date", "w": "timestamp", "g": "geometry", "a": "array",
}  # fmt: skip
KNOWN = Queryables(
    {name: Queryable(TABLE.c[name], kind) for name, kind in KINDS.items()}, 4547, lambda geometry: geometry
)


def compiled(node: Any) -> tuple[str, dict[str, Any]]:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
    made = condition(node, KNOWN).compile(dialect=dialect)
    return str(made), made.params


def sql(text: str) -> str:
    return compiled(parse(text))[0]


@given(st.text().filter(lambda text: "\0" not in text and text.isprintable()))
def test_a_literal_never_becomes_sql(text: str) -> None:
    node = {"op": "=", "args": [{"property": "s"}, text]}
    said, bound = compiled(node)
    assert said == sql("s='x'")
    assert text in bound.values()


@given(st.text())
def test_a_name_is_looked_up_and_never_written(text: str) -> None:
    node = {"op": "isNull", "args": [{"property": text}]}
    if text in KINDS:
        assert compiled(node)[0] == f"t.{text} IS NULL"
    else:
        with pytest.raises(BadRequest) as told:
            condition(node, KNOWN)
        assert told.value.code == "filter_property_unknown"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("b", "t.b"),
        ("NOT b", "NOT t.b"),
        ("s IS NOT NULL", "t.s IS NOT NULL"),
        ("g IS NULL", "t.g IS NULL"),
        ("n % 2 = 1", "trunc"),
        ("n / 2 > 1", "nullif"),
        ("A_CONTAINS(a, ('x','y'))", "@>"),
        ("A_CONTAINEDBY(a, ('x','y'))", "<@"),
        ("A_OVERLAPS(a, ('x','y'))", "&&"),
        ("A_EQUALS(a, ('x','y'))", "t.a = "),
        ("d >= '2026-01-01'", "t.d >= "),
        ("'2026-01-01T00:00:00Z' < w", "< t.w"),
        ("S_INTERSECTS(g, GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1)))", " OR ST_Intersects"),
        ("S_DISJOINT(g, GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1)))", "NOT (ST_Intersects"),
        ("S_INTERSECTS(g, BBOX(0,0,1,5,5,6))", "ST_Intersects"),
        ("(n = 1) = b", "= t.b"),
    ],
)
def test_each_kind_of_condition(text: str, said: str) -> None:
    assert said in sql(text)


@pytest.mark.parametrize(
    "text",
    [
        "s", "1", "n", "s = 1", "n = 'x'", "b = 'true'", "n + s = 1", "s = NULL", "foo(s)", "foo(s) = 1", "foo(s, n)",
        "casei(n) = 'x'", "s LIKE n", "n LIKE 'x'", "s LIKE 'x\\'", "n BETWEEN 'a' AND 'b'", "n IN ('a')",
        "d = DATE('2026-02-30')", "d = 'soon'", "w = TIMESTAMP('2026-01-01')", "w = TIMESTAMP('x')",
        "w = TIMESTAMP('0001-01-01T00:00:00+23:00')", "n = 1e400", "g = POINT(1 2)", "a = a", "g = g",
        "S_INTERSECTS(s, POINT(1 2))", "S_INTERSECTS(g, 1)", "S_INTERSECTS(g, POLYGON((0 0,1 1,0 1,1 0,0 0)))",
        "S_INTERSECTS(g, BBOX(0,5,1,2))", "S_TOUCHES(g, GEOMETRYCOLLECTION(POINT(1 2),POINT(3 4)))",
        "S_INTERSECTS(g, POINT(1e999 0))", "T_AFTER(s, DATE('2026-01-01'))", "T_AFTER(n, n)",
        "T_AFTER(d, INTERVAL('x','..'))", "T_AFTER(d, 1)", "A_CONTAINS(s, ('x'))", "A_CONTAINS(a, (1))",
    ],
)  # fmt: skip
def test_nonsense_is_told(text: str) -> None:
    with pytest.raises(BadRequest) as told:
        condition(parse(text), KNOWN)
    assert told.value.code in {"filter_makes_no_sense", "filter_malformed"}


@pytest.mark.parametrize(
    "node",
    [
        None, [], {}, {"op": "and"}, {"op": "and", "args": []}, {"op": "or", "args": []}, {"op": "not", "args": []},
        {"op": "=", "args": [1]}, {"op": "=", "args": {"a": 1}}, {"op": ["x"], "args": []},
        {"op": "like", "args": ["a"]},
        {"op": "between", "args": [1, 2]}, {"op": "in", "args": [1, []]}, {"op": "in", "args": [1, 2]},
        {"op": "casei", "args": ["a", "b"]}, {"op": "=", "args": [None, 1]}, {"op": "=", "args": [{"x": 1}, 1]},
        {"op": "s_within", "args": [{"property": "g"}, {"type": "Polygon"}]},
        {"op": "s_within", "args": [{"property": "g"}, {"type": "Polygon", "coordinates": "x"}]},
        {"op": "s_within", "args": [{"property": "g"}, {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}]},
        {"op": "s_within", "args": [{"property": "g"}, {"type": "Point", "coordinates": []}]},
        {"op": "s_within", "args": [{"property": "g"}, {"type": "GeometryCollection", "geometries": []}]},
        {"op": "s_within", "args": [{"property": "g"}, {"bbox": [1, 2, 3]}]},
        {"op": "s_within", "args": [{"property": "g"}, {"bbox": ["a", 2, 3, 4]}]},
        {"op": "t_after", "args": [{"property": "d"}, {"interval": ["2026-01-01"]}]},
        {"op": "=", "args": [{"property": ["s"]}, "x"]}, {"op": "=", "args": ["a\0b", "x"]},
        {"op": "a_equals", "args": [["a\0"], ["b"]]},
    ],
)  # fmt: skip
def test_broken_json_is_told(node: Any) -> None:
    with pytest.raises(BadRequest):
        condition(node, KNOWN)


def test_a_box_across_the_antimeridian_is_two() -> None:
    _, bound = compiled(parse("S_INTERSECTS(g, BBOX(170,0,-170,10))"))
    (wkb,) = (value for value in bound.values() if isinstance(value, bytes))
    assert [part.bounds for part in shapely.get_parts(shapely.from_wkb(wkb))] == [
        (170, 0, 180, 10),
        (-180, 0, -170, 10),
    ]
