"""Lists of numbers, as JSON gives them, to polygons: all that are sound at once."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from app.uploads.shapefile import MIN_RING_POINTS

Objects = NDArray[Any]
Ints = NDArray[np.int64]
_AXES = (2, 3)


def sound_polygons(shapes: Sequence[Any]) -> Objects:
    """A geometry for each list of polygons (each a list of rings), None for what is none; all None unless all is sound.

    Sound are closed rings of four points or more, of finite numbers, all with two axes or all with three.
    """
    found = np.full(len(shapes), None, dtype=object)
    rows = np.array([row for row, one in enumerate(shapes) if _nested(one)], dtype=np.int64)
    polygons = [polygon for row in rows.tolist() for polygon in shapes[row]]
    rings = [ring for polygon in polygons for ring in polygon]
    try:
        points = np.array(list(chain.from_iterable(rings)), dtype=np.float64)
    except (ValueError, TypeError):  # not everywhere numbers, or not everywhere as many
        return found
    if points.ndim != 2 or points.shape[1] not in _AXES:  # noqa: PLR2004 - points in rows
        return found
    sizes = np.array([len(ring) for ring in rings], dtype=np.int64)
    ends = np.cumsum(sizes)
    starts = ends - sizes
    good = (sizes >= MIN_RING_POINTS) & (points[starts, :2] == points[ends - 1, :2]).all(axis=1)
    good &= np.logical_and.reduceat(np.isfinite(points[:, :2]).all(axis=1), starts)
    polygon_offsets = _offsets([len(polygon) for polygon in polygons])
    shape_offsets = _offsets([len(shapes[row]) for row in rows.tolist()])
    offsets = (np.append(0, ends), polygon_offsets, shape_offsets)
    if not good.all():
        return found
    made = shapely.from_ragged_array(shapely.GeometryType.MULTIPOLYGON, points, offsets)
    single = np.diff(shape_offsets) == 1
    made[single] = shapely.get_geometry(made[single], 0)
    found[rows] = made
    return found


def _nested(shape: Any) -> bool:
    """Whether a shape is a list of polygons, each a list of rings, none of them empty."""
    return (
        isinstance(shape, list)
        and bool(shape)
        and all(isinstance(one, list) and one and all(isinstance(ring, list) and ring for ring in one) for one in shape)
    )


def _offsets(counts: Sequence[int]) -> Ints:
    return np.append(0, np.cumsum(np.array(counts, dtype=np.int64))).astype(np.int64)
