"""What is wrong with an outline that is not valid, under a name of its own, and where: a point or a polygon."""

from typing import Any

import numpy as np
import shapely

from app.geometry import Geometries

HOLE_OUTSIDE = "Hole lies outside shell"
POLYGONS = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
CROSSING = ("Self-intersection", "Ring Self-intersection")


def name(geometry: shapely.Geometry, reason: str, point: shapely.Geometry) -> tuple[str, shapely.Geometry]:
    """The code of the defect and its place in the storage CRS; ``reason`` and ``point`` are what GEOS says of it."""
    parts = shapely.get_parts(geometry)
    if len(parts) > 1 and shapely.is_valid(parts).all():
        shared = _shared(parts)
        if shared is not None:
            return "geometry_parts_overlap", shared
    if reason.startswith(HOLE_OUTSIDE):
        return "geometry_hole_outside", _holes_outside(parts) or point
    if reason.startswith(CROSSING):
        return ("geometry_bow_tie" if _falls_apart(parts) else "geometry_self_intersection"), point
    return "geometry_invalid", point


def _shared(parts: Geometries) -> shapely.Geometry | None:
    """The land that two valid parts of one outline both have."""
    one, other = shapely.STRtree(parts).query(parts, predicate="intersects")
    one, other = one[one < other], other[one < other]
    shared = polygons(shapely.union_all(shapely.intersection(parts[one], parts[other])))
    return None if shapely.is_empty(shared) else shared


def _holes_outside(parts: Geometries) -> shapely.Geometry | None:
    """Holes that their shell does not cover, where they can be drawn."""
    found: list[Any] = []
    for part in parts:
        shell = shapely.make_valid(shapely.Polygon(part.exterior))
        holes = [hole for hole in map(shapely.Polygon, part.interiors) if hole.is_valid]
        found += [hole for hole in holes if not shapely.covers(shell, hole)]
    return shapely.MultiPolygon(found) if found and shapely.MultiPolygon(found).is_valid else next(iter(found), None)


def _falls_apart(parts: Geometries) -> bool:
    """Whether a shell crosses itself so that it falls into pieces, as a bow-tie does."""
    shells = np.array([shapely.Polygon(part.exterior) for part in parts], dtype=object)
    crossed = shells[~shapely.is_valid(shells)]
    repaired = shapely.make_valid(crossed, method="structure", keep_collapsed=False)
    return bool((shapely.get_num_geometries(repaired) > 1).any())


def polygons(geometry: shapely.Geometry) -> shapely.Geometry:
    """What of a geometry is land: itself, or the polygons in it as a multipolygon."""
    if shapely.get_type_id(geometry) in POLYGONS:
        return geometry
    parts = shapely.get_parts(shapely.get_parts(geometry))
    return shapely.MultiPolygon(list(parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON]))
