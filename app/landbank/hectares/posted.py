"""A posted outline: GeoJSON read with care, every fault told with its place.

Read by hand and not by GEOS: a ring that is not closed, a coordinate that is no number or a feature without an id are
to be told, and nothing is repaired silently (DESIGN §3, rule 8).
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import shapely
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from app.errors import BadRequest, Refused, TooLarge
from app.landbank.hectares.frame import CRS84, Frame, frame, to_storage
from app.landbank.hectares.query import HectaresParams, HectaresQuery, resolve
from app.landbank.hectares.shapes import Key, Shape, keep
from app.settings import Settings

MOST_VERTICES = 100_000
MOST_FEATURES = 1_000
MOST_BYTES = 16 << 20
_CLOSED = 4
"""Positions of the smallest ring: a triangle, its first one repeated."""
_LARGEST = 1e8
"""Metres: beyond it no CRS of ours has land, and squares of it lose the square metre."""
_KINDS = ("Polygon", "MultiPolygon", "GeometryCollection", "Feature", "FeatureCollection")


class WithinIn(BaseModel):
    """The body of ``POST /hectares``."""

    model_config = ConfigDict(extra="forbid")

    within: dict[str, Any] = Field(description="GeoJSON: Polygon, MultiPolygon, Feature or FeatureCollection")
    crs: str | None = Field(None, description="EPSG:n of the coordinates, east before north; OGC:CRS84 by default")


def resolve_within(session: Session, settings: Settings, params: HectaresParams, body: WithinIn) -> HectaresQuery:
    """The question that the parameters ask within the posted outline, which is kept for the rows' links.

    A collection is told feature by feature.
    """
    shape = read(body, settings.srid)
    query = resolve_shape(session, settings, params, shape)
    keep(session, shape)
    return query


def resolve_shape(session: Session, settings: Settings, params: HectaresParams, shape: Shape) -> HectaresQuery:
    """The question that the parameters ask within a shape, which whoever asks is yet to keep."""
    if params.shape is not None:
        raise BadRequest("shape_twice", parameter="shape")
    by = params.by
    if shape.keys is not None and "feature" not in (by or "").split(","):
        by = "feature" if by is None else f"{by},feature"
    return resolve(session, settings, params.model_copy(update={"shape": shape.name, "by": by}))


def read(body: WithinIn, srid: int) -> Shape:
    """The posted outline in the storage CRS. Raises ``Refused``, ``BadRequest`` or ``TooLarge``, saying where."""
    given = frame(_crs_of(body), srid)
    collection = body.within.get("type") == "FeatureCollection"
    features = list(_features(body.within))
    if len(features) > MOST_FEATURES:
        raise TooLarge("shape_too_many_features", parameter="within", features=len(features), most=MOST_FEATURES)
    reader = _Reader(given)
    outlines = tuple(to_storage(reader.outline(geometry, where), given) for where, _, geometry in features)
    if not collection:
        return Shape(None, outlines)
    keys = tuple(key for _, key, _ in features)
    key, times = Counter(map(str, keys)).most_common(1)[0]
    if times > 1:
        raise Refused("shape_feature_repeated", parameter="within", feature=key)
    return Shape(keys, outlines)


def _crs_of(body: WithinIn) -> str:
    """The CRS beside the outline, or the one that older GeoJSON carries inside it."""
    inside = body.within.get("crs")
    if inside is None:
        return CRS84 if body.crs is None else body.crs
    properties = inside.get("properties") if isinstance(inside, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    if not isinstance(name, str):
        raise Refused("shape_crs_unclear", parameter="within")
    if body.crs is not None and _code(body.crs) != _code(name):
        raise Refused("shape_crs_contradicts", parameter="crs", inside=name[:100], stated=body.crs[:100])
    return name


def _code(name: str) -> str:
    return name.replace("/", ":").rsplit(":", 1)[-1].upper()


def _features(document: dict[str, Any]) -> Iterator[tuple[str, Key, Any]]:
    """Where each feature stands, its id or its index, and its geometry; a bare geometry is one feature."""
    kind = document.get("type")
    if kind not in _KINDS:
        raise Refused("shape_not_polygon", parameter="within", where="within", kind=str(kind)[:50])
    if kind == "Feature":
        yield "within.geometry", 0, document.get("geometry")
        return
    if kind != "FeatureCollection":
        yield "within", 0, document
        return
    members = document.get("features")
    if not isinstance(members, list) or not members:
        raise Refused("shape_empty", parameter="within", where="within.features")
    for index, member in enumerate(members):
        where = f"within.features[{index}]"
        if not isinstance(member, dict) or member.get("type") != "Feature":
            found = str(member.get("type") if isinstance(member, dict) else type(member).__name__)
            raise Refused("shape_not_feature", parameter="within", where=where, kind=found[:50])
        key = member.get("id")
        if key is None:
            key = index
        if isinstance(key, bool) or not isinstance(key, int | float | str) or not 0 < len(str(key)) <= 100:  # noqa: PLR2004  a name, not a text
            raise Refused("shape_feature_id", parameter="within", where=f"{where}.id")
        yield f"{where}.geometry", key, member.get("geometry")


class _Reader:
    """Reads geometries of one frame, counting vertices over all of them."""

    def __init__(self, given: Frame) -> None:
        self.given = given
        self.vertices = 0

    def outline(self, geometry: Any, where: str) -> Any:
        """The outline as one sound multipolygon."""
        polygons = list(self._polygons(geometry, where, 0))
        if not polygons:
            raise Refused("shape_empty", parameter="within", where=where)
        found = shapely.MultiPolygon(polygons)
        if not found.is_valid:
            told = str(shapely.is_valid_reason(found))
            reason, _, place = told.partition("[")
            place = place.rstrip("]")
            raise Refused("shape_invalid", parameter="within", where=where, reason=reason.strip(), place=place)
        return found

    def _polygons(self, geometry: Any, where: str, depth: int) -> Iterator[shapely.Polygon]:
        if geometry is None:
            raise Refused("shape_empty", parameter="within", where=where)
        kind = geometry.get("type") if isinstance(geometry, dict) else type(geometry).__name__
        if kind == "Polygon":
            yield from self._polygon(geometry.get("coordinates"), f"{where}.coordinates")
        elif kind == "MultiPolygon":
            for index, rings in enumerate(_list(geometry.get("coordinates"), f"{where}.coordinates")):
                yield from self._polygon(rings, f"{where}.coordinates[{index}]")
        elif kind == "GeometryCollection" and depth < 10:  # noqa: PLR2004  deeper ones are made to hurt
            for index, member in enumerate(_list(geometry.get("geometries"), f"{where}.geometries")):
                yield from self._polygons(member, f"{where}.geometries[{index}]", depth + 1)
        else:
            raise Refused("shape_not_polygon", parameter="within", where=where, kind=str(kind)[:50])

    def _polygon(self, rings: Any, where: str) -> Iterator[shapely.Polygon]:
        found = [self._ring(ring, f"{where}[{index}]") for index, ring in enumerate(_list(rings, where))]
        if found:
            yield shapely.Polygon(found[0], found[1:])

    def _ring(self, positions: Any, where: str) -> Any:
        found = _list(positions, where)
        self.vertices += len(found)
        if self.vertices > MOST_VERTICES:
            raise TooLarge("shape_too_many_vertices", parameter="within", most=MOST_VERTICES)
        ring = self._plain(found)
        if ring is None:  # told at the position at fault, or its heights left away
            ring = np.array([self._position(position, where) for position in found], dtype=float).reshape(-1, 2)
        if len(ring) < _CLOSED or (ring[0] != ring[-1]).any():
            raise Refused("shape_ring_open", parameter="within", where=where)
        return ring

    def _plain(self, positions: Sequence[Any]) -> Any:
        """Pairs of sound numbers all at once; None where any position needs a closer look."""
        if not all(type(position) is list and len(position) == 2 for position in positions):  # noqa: PLR2004  x, y
            return None
        if not {type(number) for position in positions for number in position} <= {int, float}:
            return None
        ring = np.array(positions, dtype=float).reshape(-1, 2)
        limits = (180.0, 90.0) if self.given.in_degrees else (_LARGEST, _LARGEST)
        return ring if (np.abs(ring) <= limits).all() else None  # nor for NaN

    def _position(self, position: Any, where: str) -> tuple[float, float]:
        numbers = position[:2] if isinstance(position, list) else []
        if len(numbers) < 2 or any(isinstance(n, bool) or not isinstance(n, int | float) for n in position):  # noqa: PLR2004  x, y
            raise Refused("shape_position", parameter="within", where=where, value=str(position)[:60])
        x, y = numbers
        limits = (180.0, 90.0) if self.given.in_degrees else (_LARGEST, _LARGEST)
        if not (math.isfinite(x) and abs(x) <= limits[0] and abs(y) <= limits[1]):
            code = "shape_not_degrees" if self.given.in_degrees else "shape_too_far"
            raise Refused(code, parameter="within", where=where, value=f"{x}, {y}"[:60], crs=self.given.name)
        return float(x), float(y)


def _list(value: Any, where: str) -> Sequence[Any]:
    if not isinstance(value, list):
        raise Refused("shape_coordinates", parameter="within", where=where)
    return value
