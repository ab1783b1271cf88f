"""Spatial functions of CQL2 over PostGIS. Literal outlines are checked here, before PostGIS sees one."""

from typing import Any

import shapely
from shapely.errors import GEOSException
from shapely.geometry import shape
from sqlalchemy import ColumnElement, LargeBinary, func, literal, not_, or_

from app.cql2.terms import Queryables, Term, wrong

FUNCTIONS = {
    "s_intersects": func.ST_Intersects,
    "s_disjoint": func.ST_Disjoint,
    "s_equals": func.ST_Equals,
    "s_touches": func.ST_Touches,
    "s_within": func.ST_Within,
    "s_overlaps": func.ST_Overlaps,
    "s_crosses": func.ST_Crosses,
    "s_contains": func.ST_Contains,
}
_TYPES = frozenset(
    {"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"}
)
_FLAT, _SOLID = 4, 6
"""Numbers of a box in two dimensions, and in three."""
_DEGREES = 180.0


def is_literal(node: Any) -> bool:
    """Whether a node of CQL2 JSON is an outline."""
    return isinstance(node, dict) and ("bbox" in node or node.get("type") in _TYPES)


def compare(name: str, one: Any, other: Any, known: Queryables) -> ColumnElement[bool]:
    """The condition of one spatial function; each side is a node of CQL2 JSON."""
    left, right = _parts(one, known), _parts(other, known)
    if len(left) == len(right) == 1:
        return _function(name, left[0], right[0])
    # A collection has no single interior: only sharing a point, or none, is said of its parts.
    if name not in {"s_intersects", "s_disjoint"}:
        raise wrong(f"{name.upper()}(GEOMETRYCOLLECTION)")
    meets = or_(*(_function("s_intersects", a, b) for a in left for b in right))
    return meets if name == "s_intersects" else not_(meets)


def _function(name: str, one: Term, other: Term) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = FUNCTIONS[name](one.sql, other.sql)
    return condition


def _parts(node: Any, known: Queryables) -> list[Term]:
    if isinstance(node, dict) and "property" in node:
        found = known.find(node["property"])
        if found.kind != "geometry":
            raise wrong(f"{node['property']} : {found.kind}")
        return [Term(found.column, "geometry")]
    if not is_literal(node):
        raise wrong("geometry")
    outline = _box(node["bbox"]) if "bbox" in node else _outline(node)
    parts = outline.geoms if outline.geom_type == "GeometryCollection" else [outline]
    if not parts:
        raise wrong(f"{outline.geom_type.upper()} EMPTY")
    return [_term(part, known) for part in parts]


def _term(outline: Any, known: Queryables) -> Term:
    if outline.is_empty or not outline.is_valid:
        raise wrong(f"{outline.geom_type.upper()}: {shapely.is_valid_reason(outline)}")
    placed = shapely.to_wkb(known.place(outline), include_srid=False)
    return Term(func.ST_GeomFromWKB(literal(placed, LargeBinary), known.srid), "geometry")


def _box(numbers: Any) -> Any:
    """A box; west of which east lies, it crosses the antimeridian."""
    sound = isinstance(numbers, list) and len(numbers) in {_FLAT, _SOLID}
    if not sound or not all(isinstance(one, int | float) for one in numbers):
        raise wrong("BBOX")
    half = len(numbers) // 2
    (west, south), (east, north) = numbers[:2], numbers[half : half + 2]
    if not south <= north:
        raise wrong(f"BBOX({west},{south},{east},{north})")
    if west <= east:
        return shapely.box(west, south, east, north)
    return shapely.MultiPolygon([shapely.box(west, south, _DEGREES, north), shapely.box(-_DEGREES, south, east, north)])


def _outline(node: dict[str, Any]) -> Any:
    try:
        made = shapely.force_2d(shape(node))
    except (GEOSException, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise wrong(str(node.get("type"))) from error
    if shapely.get_coordinates(made).size and not bool(abs(shapely.get_coordinates(made)).max() < float("inf")):
        raise wrong(f"{made.geom_type.upper()}: NaN, infinity")
    return made
