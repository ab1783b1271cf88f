"""Geometries of any kind to polygons, row by row: what is no polygon is reported, what was changed is told."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from app.uploads.formats.source import Objects, Source
from app.uploads.problems import FileRefusedError, Problem
from app.uploads.rings import nest, signed_sizes
from app.uploads.shapefile import MAX_COORDINATE, MIN_RING_POINTS

KINDS = {
    1: "Point", 2: "LineString", 3: "Polygon", 4: "MultiPoint", 5: "MultiLineString", 6: "MultiPolygon",
    7: "GeometryCollection", 8: "CircularString", 9: "CompoundCurve", 10: "CurvePolygon", 11: "MultiCurve",
    12: "MultiSurface", 15: "PolyhedralSurface", 16: "TIN", 17: "Triangle",
}  # fmt: skip
"""Types of ISO WKB."""
CURVED = frozenset(range(8, 13))
POLYGON, MULTIPOLYGON, COLLECTION, LINES = 3, 6, 7, (1, 2, 5)
"""Shapely's numbers: 1 is a line, 2 a ring, 5 several lines."""
_MISSING, _UNKNOWN = -1, -2
_HEAD = 5


def wkb_kinds(wkbs: Sequence[bytes | None]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The ISO type of each geometry without Z and M (-1 where there is none, -2 where the bytes are no WKB), and Z."""
    heads = b"".join([wkb[:_HEAD] if wkb and len(wkb) >= _HEAD else b"\1\0\0\0\0" for wkb in wkbs])
    raw = np.frombuffer(heads, dtype=np.uint8).reshape(-1, _HEAD)
    little = raw[:, 1:].copy().view("<u4").ravel().astype(np.int64)
    big = raw[:, 1:].copy().view(">u4").ravel().astype(np.int64)
    types = np.where(raw[:, 0] == 1, little, big)
    old_z = (types & 0x80000000) != 0
    plain = types & 0x0FFFFFFF
    kinds = plain % 1000
    kinds[(raw[:, 0] > 1) | ~np.isin(kinds, list(KINDS)) | (plain >= 4000)] = _UNKNOWN  # noqa: PLR2004 - ZM is 3000
    kinds[[wkb is None or not len(wkb) for wkb in wkbs]] = _MISSING
    return kinds, old_z | np.isin(plain // 1000, (1, 3))


def from_wkb(wkbs: Sequence[bytes | None], found: Source) -> None:
    """Fill ``found.geometries`` with polygons; open rings are closed, which is told.

    Curves must have been made straight before. Refuses a layer that holds no polygon.
    """
    kinds, _ = wkb_kinds(wkbs)
    raw = np.array(wkbs, dtype=object) if wkbs else np.zeros(0, dtype=object)
    readable = (kinds != _MISSING) & (kinds != _UNKNOWN) & (kinds <= COLLECTION)
    geometries = np.full(len(raw), None, dtype=object)
    geometries[readable] = shapely.from_wkb(raw[readable], on_invalid="ignore")
    for row in np.flatnonzero(readable & shapely.is_missing(geometries)).tolist():
        closed = shapely.from_wkb(raw[row], on_invalid="fix")
        if closed is None or shapely.is_empty(closed):
            found.tell("geometry_unreadable", "refuse", row + 1)
        else:
            geometries[row] = closed
            found.tell("ring_closed", "warn", row + 1)
    names = [KINDS.get(kind, "") for kind in kinds.tolist()]
    for row in np.flatnonzero(~readable & (kinds != _MISSING)).tolist():
        code = "geometry_not_polygon" if names[row] else "geometry_unreadable"
        found.problems.append(Problem(code, "refuse", row + 1, {"found": names[row]} if names[row] else {}))
    polygons(geometries, found)


def polygons(geometries: Objects, found: Source) -> None:
    """Fill ``found.geometries`` from shapely geometries: polygons flat, everything else out with a reason.

    A line that ends where it began is an outline. A collection of nothing but polygons is one too.
    """
    _refuse_not_finite(geometries, found)
    _flatten(geometries, found)
    told = found.refused
    kinds = shapely.get_type_id(geometries)
    empty = shapely.is_missing(geometries) | shapely.is_empty(geometries)
    for row in np.flatnonzero(empty).tolist():
        geometries[row] = None
        if row + 1 not in told:
            found.tell("geometry_missing", "refuse", row + 1)
    closed = collected = 0
    others: list[Problem] = []
    for row in np.flatnonzero(~empty & ~np.isin(kinds, (POLYGON, MULTIPOLYGON))).tolist():
        name, kind = geometries[row].geom_type, int(kinds[row])
        geometries[row] = outline = _outline(geometries[row], kind)
        if outline is None:
            if row + 1 not in told:
                others.append(Problem("geometry_not_polygon", "refuse", row + 1, {"found": name}))
        elif kind == COLLECTION:
            collected += 1
        else:
            closed += 1
    seen = [*others, *(problem for problem in found.problems if problem.code == "geometry_not_polygon")]
    if seen and shapely.is_missing(geometries).all():
        names = sorted({str(problem.values["found"]) for problem in seen})
        found.problems = [problem for problem in found.problems if problem.row is None]
        refusal = Problem("layer_not_polygons", "refuse", values={"found": ", ".join(names)})
        raise FileRefusedError(refusal, row_count=len(geometries))
    if closed:
        found.tell("closed_lines_taken", "warn", count=closed)
    if collected:
        found.tell("collections_taken", "warn", count=collected)
    found.problems += others
    found.geometries = geometries


def _refuse_not_finite(geometries: Objects, found: Source) -> None:
    points, owner = shapely.get_coordinates(geometries, return_index=True)
    with np.errstate(invalid="ignore"):
        bad = ~(np.abs(points) < MAX_COORDINATE).all(axis=1)
    for row in np.unique(owner[bad]).tolist():
        found.tell("coordinates_not_finite", "refuse", row + 1)
        geometries[row] = None


def _flatten(geometries: Objects, found: Source) -> None:
    """Heights and measures are not kept; say so, and louder where they hold something."""
    high, measured = shapely.has_z(geometries), shapely.has_m(geometries)
    if high.any():
        heights = shapely.get_coordinates(geometries[high], include_z=True)[:, 2]
        if np.all((heights == 0.0) | np.isnan(heights)):
            found.tell("z_zero_dropped", "note", count=int(high.sum()))
        else:
            found.tell("z_dropped", "warn", count=int(high.sum()))
    if measured.any():
        found.tell("m_dropped", "warn", count=int(measured.sum()))
    both = high | measured
    geometries[both] = shapely.force_2d(geometries[both])


def _outline(geometry: Any, kind: int) -> Any:
    """The polygon that a closed line, or a collection of polygons, means; None where it means none."""
    if kind in LINES:
        parts = shapely.get_parts(geometry)
        rings = [shapely.get_coordinates(part) for part in parts]
        if not all(len(ring) >= MIN_RING_POINTS and (ring[0] == ring[-1]).all() for ring in rings):
            return None
        if len(rings) == 1:
            return shapely.Polygon(rings[0])
        sizes = np.array([len(ring) for ring in rings])
        nested = nest(rings, signed_sizes(np.concatenate(rings), np.cumsum(sizes) - sizes, sizes))
        return None if nested is None else nested.geometry
    if kind == COLLECTION:
        parts = shapely.get_parts(geometry)
        if np.isin(shapely.get_type_id(parts), (POLYGON, MULTIPOLYGON)).all():
            return shapely.multipolygons(shapely.get_parts(parts))
    return None
