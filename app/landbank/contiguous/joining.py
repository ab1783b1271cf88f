"""Which parcels of a block hold together when roads divide them, and how compact a block is. Plane geometry only."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely

from app.geometry import Geometries

STEP = 5.0
"""Metres between the points of an outline from which connections across a road are tried."""
_MOST_POINTS = 2_000
CROSSED = 0.01
"""Metres of a connection on road land from which it crosses it: outlines of neighbours touch along their border."""


def parts_apart(outlines: Geometries, roads: Geometries, max_gap: float) -> list[list[int]]:
    """Indices of the outlines, grouped by what holds together: a chain of neighbours at most ``max_gap`` metres apart,
    none of which a road divides.
    """
    tree = shapely.STRtree(outlines)
    first, second = tree.query(outlines, predicate="dwithin", distance=max_gap)
    obstacles = shapely.STRtree(roads)
    leader = list(range(len(outlines)))

    def lead(index: int) -> int:
        while leader[index] != index:
            leader[index] = leader[leader[index]]
            index = leader[index]
        return index

    for one, other in zip(first.tolist(), second.tolist(), strict=True):
        apart = one < other and lead(one) != lead(other)
        if apart and _is_joined(outlines[one], outlines[other], roads, obstacles, max_gap):
            leader[lead(other)] = lead(one)
    groups: dict[int, list[int]] = {}
    for index in range(len(outlines)):
        groups.setdefault(lead(index), []).append(index)
    return list(groups.values())


def _is_joined(one: Any, other: Any, roads: Geometries, obstacles: shapely.STRtree, max_gap: float) -> bool:
    """Whether some straight connection of at most ``max_gap`` metres between two outlines crosses no road land.

    Where the shortest one does, others are tried from points along the smaller outline.
    """
    if shapely.intersects(one, other):
        return True
    shortest = shapely.shortest_line(one, other)
    if not _crosses(np.array([shortest]), roads, obstacles)[0]:
        return True
    smaller, larger = sorted((one, other), key=lambda shape: float(shapely.length(shape)))
    step = max(STEP, float(shapely.length(smaller)) / _MOST_POINTS)
    points: Any = shapely.points(shapely.get_coordinates(shapely.segmentize(shapely.boundary(smaller), step)))
    near = points[shapely.dwithin(points, larger, max_gap)]
    return not _crosses(shapely.shortest_line(near, larger), roads, obstacles).all()


def _crosses(lines: Any, roads: Geometries, obstacles: shapely.STRtree) -> Any:
    """Which of the lines run over road land for longer than ``CROSSED``."""
    crossed = np.zeros(len(lines), dtype=bool)
    at, road = obstacles.query(lines, predicate="intersects")
    if len(at):
        run = shapely.length(shapely.intersection(lines[at], roads[road]))
        np.logical_or.at(crossed, at[run > CROSSED], True)
    return crossed


def compactness(union: Any) -> float:
    """Polsby–Popper: 4π × A ÷ P², A the plane square metres of the block and P the metres of all its outlines.

    1 for a circle, 0.785 for a square; gaps and holes lengthen the outlines and so lower it.
    """
    length = float(shapely.length(union))
    return 4 * math.pi * float(shapely.area(union)) / length**2 if length else 0.0


def united(outlines: Sequence[Any]) -> Any:
    """The land of several outlines, polygons only."""
    parts = shapely.get_parts(shapely.union_all(list(outlines)))
    return shapely.MultiPolygon(list(parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON]))
