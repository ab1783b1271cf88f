"""How much of each parcel lies inside a region, at the cost of the region's edge and not of its land.

Rectangles around the parcels are compared with the region first. Whatever rectangle lies inside is counted whole, by
its stored square metres, and its outline is never read. Across the edge, the region is halved together with the
parcels until little of it is left beside few of them, so that no parcel is overlaid with thousands of vertices that
lie elsewhere. What is cut is measured as parcels are (``app.geometry.measure``), never more than the parcel has.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from app.geometry import measure, to_e4
from app.landbank.hectares.frame import polygons_of

Integers = NDArray[np.int64]
Outlines = Callable[[Integers], NDArray[np.object_]]

_FEW_VERTICES = 32
_LITTLE_WORK = 10_000
"""Vertices times parcels: below this, halving costs more than it saves."""
_FEW_OVERLAYS = 200
"""Below this, starting threads costs more than it saves."""
_THREADS = 2
_MARGIN = 1.0
"""Metres around the halves, so that no parcel's edge lies along a cut."""


@dataclass(frozen=True)
class Land:
    """What could be cut: ids, rectangles (x from, y from, x to, y to), whole square metres in 1e-4 m².

    ``outlines`` reads the outlines of some of them, by index.
    """

    srid: int
    ids: Integers
    bounds: NDArray[np.float64]
    plane: Integers
    ellipsoidal: Integers
    in_places: NDArray[np.bool_]
    outlines: Outlines


@dataclass(frozen=True)
class Amounts:
    """Square metres (1e-4 m²) of some land that lies inside something; ``index`` says of which."""

    index: Integers
    plane: Integers
    ellipsoidal: Integers

    def columns(self) -> tuple[Integers, Integers, Integers]:
        """Index, plane, ellipsoidal."""
        return self.index, self.plane, self.ellipsoidal

    def only(self, wanted: NDArray[np.bool_]) -> "Amounts":
        """Those of them that are wanted."""
        return Amounts(self.index[wanted], self.plane[wanted], self.ellipsoidal[wanted])


def inside(land: Land, members: Integers, region: Any) -> Amounts:
    """What of ``members`` lies in ``region``, a polygon or multipolygon; all of them whole where it is None."""
    if region is None:
        return Amounts(members, land.plane[members], land.ellipsoidal[members])
    west, south, east, north = region.bounds
    low, high = land.bounds[members, :2], land.bounds[members, 2:]
    near = (low <= (east, north)).all(axis=1) & (high >= (west, south)).all(axis=1)  # none where the region is empty
    whole, across, pieces = sort(land.bounds, members[near], region)
    return cut(land, whole, across, pieces)


def cut(land: Land, whole: Integers, across: Integers, pieces: NDArray[np.object_]) -> Amounts:
    """Some land whole, and of other land what lies in the piece of a region beside each."""
    index = np.concatenate([whole, across])
    plane, ellipsoidal = land.plane[index], land.ellipsoidal[index]
    if across.size:
        found_in = _overlaid(land.outlines(across), pieces)
        for mixed in np.flatnonzero(shapely.get_type_id(found_in) == shapely.GeometryType.GEOMETRYCOLLECTION):
            found_in[mixed] = polygons_of(found_in[mixed])
        found = measure(found_in, land.srid)
        start = len(whole)
        plane[start:] = np.minimum(plane[start:], to_e4(found.plane))
        ellipsoidal[start:] = np.minimum(ellipsoidal[start:], to_e4(found.ellipsoidal))
    return Amounts(index, plane, ellipsoidal).only(plane > 0)


def _overlaid(outlines: NDArray[np.object_], pieces: NDArray[np.object_]) -> NDArray[np.object_]:
    """Each outline's overlay with the piece beside it, on both cores: shapely lets go of the interpreter's lock."""
    if len(outlines) < _FEW_OVERLAYS:
        return np.asarray(shapely.intersection(outlines, pieces))
    parts = zip(*(np.array_split(column, _THREADS * 4) for column in (outlines, pieces)), strict=True)
    with ThreadPoolExecutor(_THREADS) as pool:
        return np.concatenate(list(pool.map(lambda part: shapely.intersection(*part), parts)))


def sort(bounds: NDArray[np.float64], members: Integers, region: Any) -> tuple[Integers, Integers, NDArray[np.object_]]:
    """Members whose rectangle lies in the region; those across its edge, and the piece of the region beside each."""
    west, south, east, north = bounds[members].T
    boxes = np.asarray(shapely.box(west, south, east, north))
    shapely.prepare(region)
    met = np.flatnonzero(shapely.intersects(region, boxes))
    covered = shapely.covers(region, boxes[met])
    across = members[met[~covered]]
    return members[met[covered]], across, _pieces(bounds[across], region)


def _pieces(bounds: NDArray[np.float64], region: Any) -> NDArray[np.object_]:
    """The piece of a region beside each of some rectangles: halved until each has few vertices or few neighbours."""
    pieces = np.empty(len(bounds), dtype=object)
    waiting = [(region, np.arange(len(bounds)))]
    while waiting:
        piece, some = waiting.pop()
        vertices = int(shapely.get_num_coordinates(piece))
        if vertices > _FEW_VERTICES and vertices * len(some) > _LITTLE_WORK and len(some) > 1:
            waiting += [(_near(piece, bounds[half]), half) for half in _halves(bounds, some)]
        else:
            pieces[some] = piece
    return pieces


def _halves(bounds: NDArray[np.float64], some: Integers) -> tuple[Integers, Integers]:
    """Two halves of some rectangles, along the longer side of the land that they take."""
    low, high = bounds[some, :2], bounds[some, 2:]
    wide, tall = high.max(axis=0) - low.min(axis=0)
    axis = 0 if wide >= tall else 1
    order = np.argsort(low[:, axis] + high[:, axis], kind="stable")
    middle = len(some) // 2
    return some[order[:middle]], some[order[middle:]]


def _near(piece: Any, bounds: NDArray[np.float64]) -> Any:
    """What of a region lies beside some rectangles."""
    west, south = bounds[:, :2].min(axis=0) - _MARGIN
    east, north = bounds[:, 2:].max(axis=0) + _MARGIN
    quick = shapely.clip_by_rect(piece, west, south, east, north)
    # The quick way may leave a piece that crosses itself; the other one never does.
    if not shapely.is_valid(quick):
        quick = shapely.intersection(piece, shapely.box(west, south, east, north))
    return quick if quick.geom_type in {"Polygon", "MultiPolygon"} else polygons_of(quick)
