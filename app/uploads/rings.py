"""Which rings of a record are outlines and which are holes.

The shapefile rule is by direction: outlines run clockwise, holes the other way, in any order (ESRI Shapefile
Technical Description, July 1998, pages 8-9). Many writers ignore it. The direction is believed when it gives a valid
polygon; else nesting decides; where the two differ in size the record says so with both figures.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Objects = NDArray[Any]


@dataclass(frozen=True)
class Nested:
    """A record read by nesting: its geometry, and its size by direction and by nesting in squared units of its CRS."""

    geometry: shapely.Geometry
    by_direction: float
    by_nesting: float

    @property
    def differs(self) -> bool:
        """Whether the two readings are of different size, beyond rounding."""
        return abs(self.by_direction - self.by_nesting) > 1e-9 * max(abs(self.by_nesting), abs(self.by_direction))


def signed_sizes(points: Floats, starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> Floats:
    """Shoelace size of each ring in squared units of the CRS, positive where it runs counter-clockwise.

    Coordinates are taken relative to the ring's first point, so that eight-digit eastings lose nothing.
    """
    shifted = points - np.repeat(points[starts], sizes, axis=0)
    following = np.empty_like(shifted)
    following[:-1] = shifted[1:]
    following[-1] = 0.0
    cross = shifted[:, 0] * following[:, 1] - following[:, 0] * shifted[:, 1]
    # The last point of a ring is its first, at the origin: its product with the next ring is zero.
    return np.add.reduceat(cross, starts) / 2.0


def polygons_by_direction(
    points: Floats, ring_offsets: NDArray[np.int64], ring_record: NDArray[np.int64], clockwise: NDArray[np.bool_]
) -> tuple[Objects, NDArray[np.int64]]:
    """Polygons made of a clockwise ring and the others that follow it, and the record each belongs to."""
    first = np.ones(len(ring_record), dtype=bool)
    first[1:] = ring_record[1:] != ring_record[:-1]
    outlines = np.flatnonzero(first | clockwise)
    polygon_offsets = np.append(outlines, len(ring_record)).astype(np.int64)
    polygons = shapely.from_ragged_array(shapely.GeometryType.POLYGON, points, (ring_offsets, polygon_offsets))
    return polygons, ring_record[outlines]


def nest(rings: list[Floats], signed: Floats) -> Nested | None:
    """Read rings by nesting: at even depth an outline, at odd depth a hole of the ring around it.

    None where no valid geometry comes of it. The sizes are equal where direction says the same as nesting.
    """
    try:
        filled = np.array([shapely.Polygon(ring) for ring in rings], dtype=object)
        inner, outer = shapely.STRtree(filled).query(filled, predicate="covered_by")
    except shapely.GEOSException:  # pragma: no cover - GEOS 3.14 answers for every ring that was tried
        return None
    sizes = np.abs(signed)
    inside = (sizes[inner] < sizes[outer]) | ((sizes[inner] == sizes[outer]) & (inner > outer))
    inner, outer = inner[inside], outer[inside]
    depth = np.bincount(inner, minlength=len(rings))
    # A ring covered by n others has just one of them at depth n - 1, or, where rings cross, none.
    level = depth[outer] == depth[inner] - 1
    parent = np.full(len(rings), -1, dtype=np.int64)
    parent[inner[level]] = outer[level]
    if (parent[depth % 2 == 1] < 0).any():
        return None
    outlines = np.flatnonzero(depth % 2 == 0)
    holes: dict[int, list[Floats]] = {int(outline): [] for outline in outlines}
    for hole in np.flatnonzero(depth % 2 == 1):
        holes[int(parent[hole])].append(rings[hole])
    polygons = [shapely.Polygon(rings[outline], holes[int(outline)]) for outline in outlines]
    geometry = polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)
    if not geometry.is_valid:
        return None
    by_nesting = float(sizes[outlines].sum() - sizes[depth % 2 == 1].sum())
    return Nested(geometry, abs(float(signed.sum())), by_nesting)
