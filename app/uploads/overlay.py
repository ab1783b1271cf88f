"""Overlays of uploaded outlines: which parcels overlap, what a cluster covers, and which place holds which part.

Pure shapely (GEOS), no database: it runs in the limited child process, since an overlay of two hostile outlines can
take any amount of time and memory. Geometries are valid polygons or multipolygons in the storage CRS, metres; sizes
come from :func:`app.geometry.measure`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from app.errors import Refused
from app.geometry import Floats, Geometries, largest_remainder, measure, to_e4

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

INTERIORS_MEET = "2********"
"""DE-9IM: the interiors share a polygon. ST_Overlaps would miss equal and contained parcels."""
SEGMENT_BUDGET = 1_000_000_000
"""Most segments of one outline times segments of another that may be overlaid, counted in their common box.

Real forests of 20,000 vertices side by side come to 4e8; what is worse than this runs into the child's own limits.
"""
SLIVER = 0.0001
"""Square metres below which a piece is no portion: it could not be stored in numeric(16,4)."""
MISSING = -1
"""No figure (in 1e-4 m²) or no place (as an index)."""
_DIRECTIONS = 8
_THREADS = 2
_NODING = 1e-6
"""Grid, metres, for the second try at nodes where floating-point noding lost a face."""


@dataclass(frozen=True)
class Parcels:
    """Outlines with their ids and layers (names or numbers); only parcels of one layer can overlap."""

    geometries: Geometries
    ids: Ints
    layers: NDArray[Any]

    @staticmethod
    def none() -> "Parcels":
        """No outlines."""
        return Parcels(np.zeros(0, dtype=object), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=object))


@dataclass(frozen=True)
class Pairs:
    """Pairs of parcels whose interiors meet: ids with ``a`` from the new parcels, square metres and the common part."""

    a: Ints
    b: Ints
    plane: Floats
    ellipsoidal: Floats
    geometries: Geometries


@dataclass(frozen=True)
class Face:
    """The land that exactly ``members`` (two or more parcels of a cluster) have in common, in square metres."""

    members: tuple[int, ...]
    geometry: shapely.Geometry
    plane: float
    ellipsoidal: float


@dataclass(frozen=True)
class Place:
    """A polygon of the finest places loaded, with the codes of all places above it."""

    district: str | None
    sub_district: str | None
    community: str | None
    polygon: shapely.Geometry


@dataclass(frozen=True)
class Figures:
    """Each parcel's four figures in whole 1e-4 m²; MISSING where there is none."""

    plane: Ints
    ellipsoidal: Ints
    declared: Ints
    document: Ints


@dataclass(frozen=True)
class Portions:
    """One row per portion: the parcel's and the place's index (MISSING: outside every place), figures, outline."""

    parcel: Ints
    place: Ints
    figures: Figures
    geometries: Geometries


# --- which parcels overlap ----------------------------------------------------------------------------------------


def pairs(new: Parcels, stored: Parcels, srid: int) -> Pairs:
    """Every pair, new with new or new with stored, of one layer and two ids whose interiors meet.

    Raises ``overlay_too_heavy`` for a pair beyond SEGMENT_BUDGET. 100,000 new parcels take about a second on two cores.
    """
    geometries = np.concatenate([new.geometries, stored.geometries])
    ids = np.concatenate([new.ids, stored.ids])
    layers = np.concatenate([new.layers, stored.layers])
    left, right = shapely.STRtree(geometries).query(new.geometries)
    wanted = (left < right) & (ids[left] != ids[right]) & (layers[left] == layers[right])
    left, right = left[wanted], right[wanted]
    apart = _apart(geometries, left, right)
    left, right = left[~apart], right[~apart]
    _check_budget(geometries, left, right, ids)
    meet = _in_threads(lambda i, j: shapely.relate_pattern(geometries[i], geometries[j], INTERIORS_MEET), left, right)
    order = np.lexsort((right[meet], left[meet]))
    left, right = left[meet][order], right[meet][order]
    common = _polygonal(shapely.intersection(geometries[left], geometries[right]))
    measured = measure(common, srid)
    some = measured.plane > 0  # the overlay may find nothing where the predicate saw a nanometre
    left, right = left[some], right[some]
    return Pairs(ids[left], ids[right], measured.plane[some], measured.ellipsoidal[some], common[some])


def _apart(geometries: Geometries, left: Ints, right: Ints) -> Flags:
    """Pairs that a straight line in one of eight directions keeps apart (to a nanometre): their interiors cannot meet.

    Half of the pairs whose boxes meet go this way, at a thirtieth of the price of the exact predicate.
    """
    points, index = shapely.get_coordinates(geometries, return_index=True)
    if not len(points):
        return np.zeros(len(left), dtype=bool)
    points -= points.mean(axis=0).round()
    first = np.flatnonzero(np.diff(index, prepend=-1))
    row = np.zeros(len(geometries), dtype=np.int64)
    row[index[first]] = np.arange(len(first))
    left, right = row[left], row[right]
    found = np.zeros(len(left), dtype=bool)
    for angle in np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS:
        along = points @ np.array([np.cos(angle), np.sin(angle)])
        low, high = np.minimum.reduceat(along, first), np.maximum.reduceat(along, first)
        found |= (high[left] <= low[right]) | (high[right] <= low[left])
    return found


def _check_budget(geometries: Geometries, left: Ints, right: Ints, ids: Ints) -> None:
    """Refuse the first pair that is too complicated, before GEOS starts on it."""
    vertices = shapely.get_num_coordinates(geometries).astype(np.int64)
    for i, j in zip(*(side[vertices[left] * vertices[right] > SEGMENT_BUDGET] for side in (left, right)), strict=True):
        segments = segments_in_common(geometries[i], geometries[j])
        if segments > SEGMENT_BUDGET:
            raise Refused("overlay_too_heavy", a=int(ids[i]), b=int(ids[j]), segments=segments)


def segments_in_common(one: shapely.Geometry, other: shapely.Geometry) -> int:
    """Segments of the one times segments of the other that come near the box both share."""
    boxes = np.array([shapely.bounds(one), shapely.bounds(other)])
    low, high = boxes[:, :2].max(axis=0), boxes[:, 2:].min(axis=0)
    counts = []
    for geometry in (one, other):
        points = shapely.get_coordinates(geometry)
        near = (np.minimum(points[:-1], points[1:]) <= high) & (np.maximum(points[:-1], points[1:]) >= low)
        counts.append(int(near.all(axis=1).sum()))
    return counts[0] * counts[1]


def _in_threads(test: Callable[[Ints, Ints], Flags], left: Ints, right: Ints) -> Flags:
    """``test`` over slices of the pairs on both cores; shapely lets go of the interpreter's lock."""
    slices = np.array_split(np.arange(len(left)), 8 * _THREADS)
    with ThreadPoolExecutor(_THREADS) as pool:
        return np.concatenate(list(pool.map(lambda part: test(left[part], right[part]), slices)))


def _polygonal(geometries: Geometries) -> Geometries:
    """The polygons of each overlay result; the points and lines where boundaries only touch are left out."""
    found = np.asarray(geometries, dtype=object).copy()
    kinds = shapely.get_type_id(found)
    for index in np.flatnonzero((kinds != shapely.GeometryType.POLYGON) & (kinds != shapely.GeometryType.MULTIPOLYGON)):
        parts = shapely.get_parts(found[index])
        found[index] = shapely.multipolygons(parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON])
    return found


# --- what a cluster covers ----------------------------------------------------------------------------------------


def clusters(a: Ints, b: Ints) -> list[list[int]]:
    """Groups of ids held together by pairs, each sorted, in the order of their first id."""
    head: dict[int, int] = {}

    def find(member: int) -> int:
        while head[member] != member:
            head[member] = head[head[member]]
            member = head[member]
        return member

    for one, other in zip(a.tolist(), b.tolist(), strict=True):
        for member in (one, other):
            head.setdefault(member, member)
        low, high = sorted((find(one), find(other)))
        head[high] = low
    groups: dict[int, list[int]] = defaultdict(list)
    for member in sorted(head):
        groups[find(member)].append(member)
    return list(groups.values())


def faces(groups: Iterable[tuple[Geometries, Ints]], srid: int) -> list[Face]:
    """The land of each cluster (outlines and ids) that two or more of its parcels claim, one face for each set of them.

    Σ of the parcels − their union = Σ over faces of (claimants − 1) × the face's square metres, which pairs cannot
    give where three overlap. Measured all together: most clusters are two parcels.
    """
    members: list[tuple[int, ...]] = []
    found: list[shapely.Geometry] = []
    for geometries, ids in groups:
        arranged = _arranged(geometries)
        named = sorted((tuple(sorted(ids[list(group)].tolist())), group) for group in arranged)
        members += [name for name, _ in named]
        found += [arranged[group] for _, group in named]
    outlines = np.array(found, dtype=object)
    measured = measure(outlines, srid)
    rows = zip(members, outlines, measured.plane.tolist(), measured.ellipsoidal.tolist(), strict=True)
    return [Face(*row) for row in rows]


def _arranged(geometries: Geometries) -> dict[tuple[int, ...], shapely.Geometry]:
    """The faces of one cluster by their holders' indices; noded again on a grid where the first try lost one."""
    found = _arrangement(geometries, 0.0)
    twice = float(shapely.area(geometries).sum()) - float(shapely.area(shapely.union_all(geometries)))
    counted = sum((len(members) - 1) * float(shapely.area(part)) for members, part in found.items())
    return found if abs(counted - twice) <= max(SLIVER, 1e-9 * twice) else _arrangement(geometries, _NODING)


def _arrangement(geometries: Geometries, grid: float) -> dict[tuple[int, ...], shapely.Geometry]:
    """The plane cut along every boundary, the cells that several polygons hold gathered by who holds them."""
    lines = shapely.boundary(geometries)
    noded = shapely.union_all(lines, grid_size=grid or None)
    cells = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    inside = shapely.point_on_surface(cells)
    cell, holder = shapely.STRtree(geometries).query(inside, predicate="within")
    holders: dict[int, list[int]] = defaultdict(list)
    for index, member in zip(cell.tolist(), holder.tolist(), strict=True):
        holders[index].append(member)
    gathered: dict[tuple[int, ...], list[shapely.Polygon]] = defaultdict(list)
    for index, group in sorted(holders.items()):
        if len(group) > 1:
            gathered[tuple(sorted(group))].append(cells[index])
    return {group: shapely.MultiPolygon(parts) for group, parts in gathered.items()}


# --- who holds which part -----------------------------------------------------------------------------------------


def portions(geometries: Geometries, figures: Figures, places: Sequence[Place], srid: int) -> Portions:
    """Each parcel cut along the places' borders; a parcel's portions sum exactly to its own figures.

    Most parcels lie in one place: theirs is one portion with the whole figure. The others are intersected; where two
    places both claim a piece (border slivers), the earlier place has it; what no place claims is a portion without
    one. Plane and ellipsoidal portions are in proportion to their own square metres, declared and document ones to the
    ellipsoidal, each rounded once to 1e-4 m² by largest remainder. Portions come sorted by parcel, then place.
    """
    place_of, parcel_of = _covered(geometries, places)
    crossing = np.setdiff1d(np.arange(len(geometries)), parcel_of)
    pieces = _pieces(geometries, crossing, places)
    shared = _share(figures, *pieces, srid)
    whole = Figures(*(column[parcel_of] for column in _columns(figures)))
    parcel = np.concatenate([parcel_of, pieces[0]])
    place = np.concatenate([place_of, pieces[1]])
    outlines = np.concatenate([geometries[parcel_of], pieces[2]])
    order = np.lexsort((np.where(place == MISSING, len(places), place), parcel))
    columns = zip(_columns(whole), _columns(shared), strict=True)
    joined = Figures(*(np.concatenate(both)[order] for both in columns))
    return Portions(parcel[order], place[order], joined, outlines[order])


def _columns(figures: Figures) -> tuple[Ints, Ints, Ints, Ints]:
    return figures.plane, figures.ellipsoidal, figures.declared, figures.document


def _covered(geometries: Geometries, places: Sequence[Place]) -> tuple[Ints, Ints]:
    """Place and parcel of each parcel that lies wholly in one place: the earliest, where several cover it."""
    if not places:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    polygons = np.array([place.polygon for place in places], dtype=object)
    tree = shapely.STRtree(geometries)
    place, parcel = tree.query(polygons, predicate="covers")
    order = np.lexsort((place, parcel))
    place, parcel = place[order], parcel[order]
    first = np.diff(parcel, prepend=-1) != 0
    return place[first], parcel[first]


def _pieces(geometries: Geometries, crossing: Ints, places: Sequence[Place]) -> tuple[Ints, Ints, Geometries]:
    """The parcels that cross borders cut up: parcel index, place index and outline of each piece."""
    polygons = np.array([place.polygon for place in places], dtype=object)
    rest = geometries[crossing].copy()
    found: list[tuple[Ints, Ints, Geometries]] = []
    at, place = shapely.STRtree(polygons).query(rest, predicate="intersects")
    order = np.lexsort((place, at))
    at, place = at[order], place[order]
    starts = np.flatnonzero(np.diff(at, prepend=-1))
    turn = np.arange(len(at)) - np.repeat(starts, np.diff(starts, append=len(at)))
    for now in range(int(turn.max(initial=-1)) + 1):  # every parcel's first place, then every parcel's second, …
        which, polygon = at[turn == now], place[turn == now]
        _check_places(rest[which], polygons[polygon], crossing[which], polygon)
        found.append((crossing[which], polygon, _polygonal(shapely.intersection(rest[which], polygons[polygon]))))
        rest[which] = _polygonal(shapely.difference(rest[which], polygons[polygon]))
    found.append((crossing, np.full(len(crossing), MISSING), rest))
    parcel, where, outline = (np.concatenate(column) for column in zip(*found, strict=True))
    return _without_slivers(parcel, where, outline)


def _check_places(parcels: Geometries, polygons: Geometries, parcel: Ints, place: Ints) -> None:
    """As for pairs: refuse before GEOS starts on outlines too complicated to be cut."""
    size = shapely.get_num_coordinates(parcels).astype(np.int64) * shapely.get_num_coordinates(polygons)
    for index in np.flatnonzero(size > SEGMENT_BUDGET):
        segments = segments_in_common(parcels[index], polygons[index])
        if segments > SEGMENT_BUDGET:
            raise Refused("overlay_too_heavy", a=int(parcel[index]), b=int(place[index]), segments=segments)


def _without_slivers(parcel: Ints, place: Ints, outline: Geometries) -> tuple[Ints, Ints, Geometries]:
    """Pieces worth storing; a parcel that is nothing but slivers keeps its largest one."""
    size = shapely.area(outline)
    order = np.lexsort((place, -size, parcel))
    largest = np.zeros(len(parcel), dtype=bool)
    largest[order[np.diff(parcel[order], prepend=-1) != 0]] = True
    kept = (size >= SLIVER) | largest
    return parcel[kept], place[kept], outline[kept]


def _share(figures: Figures, parcel: Ints, place: Ints, outline: Geometries, srid: int) -> Figures:
    """Each parcel's figures shared out over its pieces."""
    measured = measure(outline, srid)
    weights = {"plane": measured.plane, "ellipsoidal": measured.ellipsoidal}
    order = np.lexsort((np.where(place == MISSING, np.iinfo(np.int64).max, place), parcel))
    groups = np.split(order, np.flatnonzero(np.diff(parcel[order])) + 1)
    shared = []
    for column, basis in zip(_columns(figures), ("plane", "ellipsoidal", "ellipsoidal", "ellipsoidal"), strict=True):
        found = np.full(len(parcel), MISSING, dtype=np.int64)
        weight = to_e4(weights[basis])
        for group in groups:
            total = int(column[parcel[group[0]]]) if len(group) else MISSING
            if total != MISSING:
                found[group] = largest_remainder(weight[group].tolist(), total)
        shared.append(found)
    return Figures(*shared)
