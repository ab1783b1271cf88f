"""The ground of the demo district: a warped grid of communities, and sites cut into blocks by streets.

Everything is in metres of EPSG:4547. Points are rounded to the millimetre once, when they are made, so that
neighbours share their corners exactly.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

import shapely
from shapely.geometry import MultiPolygon, Polygon

CELL = 2000.0
COLUMNS, ROWS = 7, 4
ORIGIN = (503_000.0, 2_496_000.0)
STEP = 250.0
"""Distance of vertices along community boundaries."""
SHARED_BENDS = 4
"""Points on the side that two halves of a block share."""

Point = tuple[float, float]


def ground(u: float, v: float) -> Point:
    """The map of the whole district: long bends, as of hills and rivers."""
    east = ORIGIN[0] + u + 140 * math.sin(v / 1900 + 0.4) + 60 * math.sin((u + v) / 1300)
    north = ORIGIN[1] + v + 120 * math.sin(u / 2100) + 50 * math.sin((2 * u - v) / 1700 + 1)
    return round(east, 3), round(north, 3)


def _side(start: Point, end: Point) -> list[Point]:
    """Warped points from start up to, not including, end."""
    count = max(1, round(math.dist(start, end) / STEP))
    return [
        ground(start[0] + (end[0] - start[0]) * i / count, start[1] + (end[1] - start[1]) * i / count)
        for i in range(count)
    ]


def community(column: int, row: int) -> Polygon:
    """One cell of the grid of communities."""
    u, v = column * CELL, row * CELL
    corners = [(u, v), (u + CELL, v), (u + CELL, v + CELL), (u, v + CELL)]
    # Walk each side in the same direction from both of its cells: the same points come out.
    south, east = _side(corners[0], corners[1]), _side(corners[1], corners[2])
    north, west = _side(corners[3], corners[2]), _side(corners[0], corners[3])
    ring = [*south, *east, ground(*corners[2]), *reversed(north[1:]), ground(*corners[3]), *reversed(west[1:])]
    return Polygon(ring)


def joined(polygons: Iterable[Polygon]) -> Polygon:
    """The union of cells that share their corners; no new points, a fixed starting point."""
    union = shapely.normalize(shapely.coverage_union_all(list(polygons)))
    return union if isinstance(union, Polygon) else union.geoms[0]


@dataclass(frozen=True)
class Site:
    """Where a unit or project lies: centre in the district's own grid, size of its block field in metres.

    ``turn`` in degrees; ``bend`` is the swing of its streets in metres, 0 for straight ones.
    """

    u: float
    v: float
    width: float
    height: float
    turn: float
    bend: float

    def at(self, s: float, t: float) -> Point:
        """The point at (s, t), measured from the site's centre along its own streets."""
        s, t = s + self.bend * math.sin(t / 170), t + self.bend * math.sin(s / 210 + 1)
        cos, sin = math.cos(math.radians(self.turn)), math.sin(math.radians(self.turn))
        return ground(self.u + s * cos - t * sin, self.v + s * sin + t * cos)

    def scope(self, margin: float) -> Polygon:
        """The block field with a margin all around: a scope polygon."""
        half_s, half_t = self.width / 2 + margin, self.height / 2 + margin
        corners = [(-half_s, -half_t), (half_s, -half_t), (half_s, half_t), (-half_s, half_t)]
        ring = []
        for (s0, t0), (s1, t1) in zip(corners, corners[1:] + corners[:1], strict=True):
            count = max(2, round(math.dist((s0, t0), (s1, t1)) / 60))
            ring += [self.at(s0 + (s1 - s0) * i / count, t0 + (t1 - t0) * i / count) for i in range(count)]
        return Polygon(ring)


@dataclass(frozen=True)
class Box:
    """A block, or half of one, in a site's own metres. ``cut`` sides are shared with the other half."""

    s0: float
    t0: float
    s1: float
    t1: float
    cut_west: bool = False
    cut_east: bool = False
    bends: int = 3
    """Points between the corners of each side along a street."""


def _between(start: Point, end: Point, count: int) -> list[Point]:
    return [
        (start[0] + (end[0] - start[0]) * i / (count + 1), start[1] + (end[1] - start[1]) * i / (count + 1))
        for i in range(1, count + 1)
    ]


def outline(site: Site, box: Box) -> list[Point]:
    """The parcel's outer ring: corners cut off at street crossings, bends followed."""
    cut = 8.0
    west, east = (0.0 if box.cut_west else cut), (0.0 if box.cut_east else cut)
    start = (box.s0 + west, box.t0)
    corners = [
        (box.s1 - east, box.t0),
        (box.s1, box.t0 + east),
        (box.s1, box.t1 - east),
        (box.s1 - east, box.t1),
        (box.s0 + west, box.t1),
        (box.s0, box.t1 - west),
        (box.s0, box.t0 + west),
    ]
    ring: list[Point] = [start]
    for corner in corners:
        if math.dist(ring[-1], corner) > 2 * cut:
            # The shared side is walked upwards from both halves, so that both get the same points.
            low, high = sorted((ring[-1], corner), key=lambda point: (point[1], point[0]))
            shared = (box.cut_west and low[0] == high[0] == box.s0) or (box.cut_east and low[0] == high[0] == box.s1)
            middle = _between(low, high, SHARED_BENDS if shared else box.bends)
            ring += middle if low == ring[-1] else reversed(middle)
        if corner != ring[-1] and corner != start:
            ring.append(corner)
    points = [site.at(*point) for point in ring]
    return [point for i, point in enumerate(points) if point != points[i - 1]]


def hole(site: Site, box: Box, radius: float) -> list[Point]:
    """An eight-cornered gap in the middle of a block: a shrine, a pond, a substation that stays."""
    s, t = (box.s0 + box.s1) / 2, (box.t0 + box.t1) / 2
    return [site.at(s + radius * math.cos(math.tau * i / 8), t + radius * math.sin(math.tau * i / 8)) for i in range(8)]


def blocks(site: Site, random: Random, size: float, split: float) -> list[Box]:
    """The blocks between the site's streets; ``split`` is the share of blocks cut in two."""

    def lines(length: float) -> list[tuple[float, float]]:
        count = max(2, round(length / size))
        weights = [random.uniform(0.8, 1.25) for _ in range(count)]
        scale, at, spans = length / sum(weights), -length / 2, []
        for weight in weights:
            street = random.choice((12.0, 16.0, 24.0)) / 2
            spans.append((at + street, at + weight * scale - street))
            at += weight * scale
        return spans

    boxes: list[Box] = []
    most = 6 if site.bend else 3
    for t0, t1 in lines(site.height):
        for s0, s1 in lines(site.width):
            if random.random() < split:
                middle = s0 + (s1 - s0) * random.uniform(0.42, 0.58)
                boxes += [
                    Box(s0, t0, middle, t1, cut_east=True, bends=random.randint(1, most)),
                    Box(middle, t0, s1, t1, cut_west=True, bends=random.randint(1, most)),
                ]
            else:
                boxes.append(Box(s0, t0, s1, t1, bends=random.randint(1, most)))
    return boxes


def parcel(site: Site, box: Box, second: Box | None = None, *, gap: float = 0.0) -> Polygon | MultiPolygon:
    """A parcel: one outline, with a hole of ``gap`` metres' radius where asked, or two blocks across a street."""
    first = Polygon(outline(site, box), [hole(site, box, gap)] if gap else [])
    if second is None:
        return first
    return MultiPolygon([first, Polygon(outline(site, second))])
