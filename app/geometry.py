"""Square metres of polygons, the units they are told in, and the gate that coordinates pass.

Two sizes are measured. *Plane* square metres are those of the polygon drawn in the storage CRS. *Ellipsoidal* square
metres are those of the same outline, its edges straight in the storage CRS, on the ellipsoid of that CRS's own
geographic CRS: no datum shift, since CGCS2000 stays CGCS2000 (DESIGN §3.3).

How the ellipsoid is measured. Let s(x, y) be the ellipsoidal square metres per plane square metre at a point of the
plane. A polygon has ∫ s dx dy. Around its centre s is a quadratic to within 1e-10 for anything up to
``_LARGE`` metres wide, so the integral is that quadratic times the polygon's moments up to second order, which Green's
theorem gives from its vertices: nothing is densified, and holes are exact. s is the Jacobian of the unprojection times
the area element of the ellipsoid. We get the Jacobian by interpolating PROJ's longitude and latitude at Chebyshev nodes
of a 100 km cell and differentiating the polynomial (good to 1e-12; PROJ's own ``areal_scale`` is off by up to 3e-10 in
EPSG:3035 and by 5e-3 in EPSG:3857). Cells lie on a fixed grid, so that no parcel's figure depends on its batch.
Whatever is larger, or lies where the projection is not smooth, is measured by GeographicLib with its edges densified to
50 m, which is also the reference that the tests compare with.

Source: Karney, Algorithms for geodesics, J. Geodesy 87 (2013), for the reference; Trefethen, Spectral Methods in
MATLAB (2000), ch. 5-6, for the differentiation.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import pyproj
import shapely
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Geometries = NDArray[np.object_]

_CELL = 100_000.0
"""Side of a cell, metres. At degree 8 the polynomial's truncation is below 1e-13 anywhere on a national grid."""
_DEGREE = 8
_LARGE = 10_000.0
"""Beyond this width or height, metres, third-order terms of s could pass 1e-10: GeographicLib measures instead."""
_SMOOTH = 1e-11
"""A cell whose last Chebyshev coefficients exceed this holds a pole or an edge of the projection."""
_EDGE = 50.0
"""GeographicLib's edges are densified to this many metres (DESIGN §3.3)."""
_MOST_EDGES = 1_000_000
_NODES = np.cos(np.pi * (np.arange(_DEGREE + 1) + 0.5) / (_DEGREE + 1))
_VALUES = chebyshev.chebvander(_NODES, _DEGREE)
_FIT = np.linalg.inv(_VALUES)
_DERIVE = np.zeros((_DEGREE + 1, _DEGREE + 1))
_DERIVE[:-1] = chebyshev.chebder(np.eye(_DEGREE + 1))


@dataclass(frozen=True)
class Measured:
    """Square metres per geometry; NaN for a missing one."""

    plane: Floats
    ellipsoidal: Floats


@dataclass(frozen=True)
class _Moments:
    """Moments about ``centre``: of order 0 (plane square metres), 1 (x, y) and 2 (xx, xy, yy), as rows."""

    centre: Floats
    values: Floats


def measure(geometries: Geometries, srid: int) -> Measured:
    """Plane and ellipsoidal square metres of polygons and multipolygons.

    Vertices are metres in EPSG:``srid``, a projected CRS, east before north. Exact for holes and for parts; winding
    does not matter. ``None`` gives NaN. The plane figure is GEOS's. Ellipsoidal figures agree with GeographicLib on
    densified edges to 1e-9 or 0.001 m², whichever is larger.
    """
    geometries = np.asarray(geometries, dtype=object)
    plane = np.where(shapely.is_missing(geometries), np.nan, shapely.area(geometries))
    ellipsoidal = np.where(plane == 0, 0.0, np.nan)
    bounds = shapely.bounds(geometries)
    wide = np.maximum(bounds[:, 2] - bounds[:, 0], bounds[:, 3] - bounds[:, 1])
    some = np.isfinite(plane) & (plane != 0)
    small = np.flatnonzero(some & (wide <= _LARGE))
    if small.size:
        moments = _moments(geometries[small], (bounds[small, :2] + bounds[small, 2:]) / 2)
        ellipsoidal[small] = _integral(moments, srid)
    for index in np.flatnonzero(some & np.isnan(ellipsoidal)):
        ellipsoidal[index] = on_geodesics(geometries[index], srid)
    return Measured(plane, ellipsoidal)


def on_geodesics(geometry: shapely.Geometry, srid: int, edge: float = _EDGE) -> float:
    """Ellipsoidal square metres by GeographicLib, edges first cut to at most ``edge`` metres of the plane.

    Some 1000 times slower than :func:`measure`; for districts, and to check it.
    """
    geographic = _geographic(srid)
    geod = pyproj.Geod(a=geographic.ellipsoid.semi_major_metre, b=geographic.ellipsoid.semi_minor_metre)
    edge = max(edge, float(shapely.length(geometry)) / _MOST_EDGES)
    total = 0.0
    for part in shapely.get_parts(geometry):
        for ring, sign in ((part.exterior, 1.0), *((hole, -1.0) for hole in part.interiors)):
            x, y = shapely.get_coordinates(shapely.segmentize(ring, edge)).T
            lon, lat = geographic.unproject.transform(x, y)
            total += sign * abs(geod.polygon_area_perimeter(lon, lat)[0])
    return total


@dataclass(frozen=True)
class _Geographic:
    """A projected CRS's way to degrees of its own geographic CRS, its ellipsoid, its extent in degrees."""

    unproject: pyproj.Transformer
    ellipsoid: Any
    extent: tuple[float, float, float, float]


@lru_cache(maxsize=64)
def _geographic(srid: int) -> _Geographic:
    """What lies under EPSG:``srid``, whose axes are taken east before north whatever its definition says."""
    crs = pyproj.CRS.from_epsg(srid)
    metres = all(axis.unit_name in {"metre", "meter"} for axis in crs.axis_info)
    if not crs.is_projected or not metres or crs.geodetic_crs is None or crs.area_of_use is None:
        message = f"EPSG:{srid} is not a projected CRS in metres"
        raise ValueError(message)
    unproject = pyproj.Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    return _Geographic(unproject, crs.ellipsoid, crs.area_of_use.bounds)


def _moments(geometries: Geometries, centre: Floats) -> _Moments:
    """Moments of each polygon about its centre, holes taken off, whatever the winding.

    Coordinates are centred first: a parcel of 100 m² lies millions of metres from the origin, and products of such
    numbers would keep no digit of it.
    """
    parts, part_of = shapely.get_parts(geometries, return_index=True)
    rings, ring_of = shapely.get_rings(parts, return_index=True)
    points, point_of = shapely.get_coordinates(rings, return_index=True)
    geometry_of_ring = part_of[ring_of]
    first = np.flatnonzero(np.diff(point_of, prepend=-1))
    lengths = np.diff(first, append=len(points))
    points -= np.repeat(centre[geometry_of_ring], lengths, axis=0)
    by_ring = _ring_moments(points[:, 0].copy(), points[:, 1].copy(), first)
    shell = np.diff(ring_of, prepend=-1) != 0  # get_rings gives a polygon's shell before its holes
    by_ring *= np.sign(by_ring[0]) * np.where(shell, 1.0, -1.0)
    values = np.zeros((len(by_ring), len(geometries)))
    for order, terms in enumerate(by_ring):
        values[order] = np.bincount(geometry_of_ring, terms, len(geometries))
    return _Moments(centre, values)


def _ring_moments(x: Floats, y: Floats, first: NDArray[np.int64]) -> Floats:
    """Signed moments of closed rings laid end to end, ``first`` being where each begins; rows as in _Moments."""
    u, v = np.roll(x, -1), np.roll(y, -1)
    cross = x * v - u * y
    cross[first[1:] - 1] = 0.0  # from the end of one ring to the start of the next is no edge
    cross[-1] = 0.0
    terms = (
        (cross, 2.0),
        ((x + u) * cross, 6.0),
        ((y + v) * cross, 6.0),
        ((x * (x + u) + u * u) * cross, 12.0),
        ((x * (2.0 * y + v) + u * (2.0 * v + y)) * cross, 24.0),
        ((y * (y + v) + v * v) * cross, 12.0),
    )
    return np.stack([np.add.reduceat(term, first) / divisor for term, divisor in terms])


def _integral(moments: _Moments, srid: int) -> Floats:
    """The scale's quadratic at each centre times the moments; NaN where the cell has no smooth scale."""
    found = np.full(len(moments.centre), np.nan)
    cells = np.floor(moments.centre / _CELL)
    order = np.lexsort(cells.T)
    cuts = np.flatnonzero(np.diff(cells[order], axis=0).any(axis=1)) + 1
    for members in np.split(order, cuts):
        cell = cells[members[0]]
        scale = _scale(srid, int(cell[0]), int(cell[1]))
        if scale is not None:
            offset = (moments.centre[members] - (cell + 0.5) * _CELL) / (_CELL / 2)
            weights = _quadratic(scale, offset)
            found[members] = (weights * moments.values[:, members]).sum(axis=0)
    return found


def _quadratic(scale: Floats, offset: Floats) -> Floats:
    """Weights of the six moments: s, its first derivatives, and its second ones as a Taylor series needs them."""
    x = chebyshev.chebvander(offset[:, 0], _DEGREE)
    y = chebyshev.chebvander(offset[:, 1], _DEGREE)
    half = _CELL / 2
    dx, dy = _DERIVE @ scale / half, scale @ _DERIVE.T / half
    dxx, dxy, dyy = _DERIVE @ dx / half / 2, dx @ _DERIVE.T / half, dy @ _DERIVE.T / half / 2
    return np.stack([((x @ table) * y).sum(axis=1) for table in (scale, dx, dy, dxx, dxy, dyy)])


@lru_cache(maxsize=4096)
def _scale(srid: int, column: int, row: int) -> Floats | None:
    """Chebyshev coefficients of s over one cell; None where the projection is not smooth all over it."""
    geographic = _geographic(srid)
    half = _CELL / 2
    x, y = np.meshgrid((column + 0.5) * _CELL + half * _NODES, (row + 0.5) * _CELL + half * _NODES, indexing="ij")
    lon, lat = (np.radians(degrees) for degrees in geographic.unproject.transform(x, y))
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        return None
    middle = _DEGREE // 2
    lon = np.remainder(lon - lon[middle, middle] + np.pi, 2 * np.pi)  # whole across the antimeridian
    east, north = (_FIT @ grid @ _FIT.T for grid in (lon, lat - lat[middle, middle]))
    slopes = [_VALUES @ (_DERIVE @ grid) @ _VALUES.T / half for grid in (east, north)]
    slopes += [_VALUES @ (grid @ _DERIVE.T) @ _VALUES.T / half for grid in (east, north)]
    jacobian = np.abs(slopes[0] * slopes[3] - slopes[2] * slopes[1])
    scale: Floats = _FIT @ (jacobian * _element(lat, geographic.ellipsoid)) @ _FIT.T
    last = max(np.abs(scale[-1]).max(), np.abs(scale[:, -1]).max())
    return scale if last < _SMOOTH * abs(scale[0, 0]) else None


def _element(lat: Floats, ellipsoid: Any) -> Floats:
    """Square metres of ellipsoid per square radian of latitude and longitude: M N cos φ."""
    a, b = ellipsoid.semi_major_metre, ellipsoid.semi_minor_metre
    squared = 1.0 - (b / a) ** 2
    found: Floats = b * b * np.cos(lat) / (1.0 - squared * np.sin(lat) ** 2) ** 2
    return found


# --- the gate that coordinates pass -------------------------------------------------------------------------------


def finite(geometries: Geometries) -> NDArray[np.bool_]:
    """Whether every coordinate is a number: one NaN in the database would make the bureau's total NaN."""
    points, index = shapely.get_coordinates(geometries, include_z=False, return_index=True)
    good = np.ones(len(geometries), dtype=bool)
    good[index[~np.isfinite(points).all(axis=1)]] = False
    return good


@lru_cache(maxsize=64)
def window(srid: int) -> tuple[float, float, float, float]:
    """Where coordinates of EPSG:``srid`` may lie: its registered extent, wider by its own width on each side, metres.

    Half a zone too far is a finding for the uploads to tell, not a reason to keep the land out; kilometres or degrees
    in the place of metres are.
    """
    geographic = _geographic(srid)
    west, south, east, north = geographic.unproject.transform_bounds(*geographic.extent, direction="INVERSE")
    across, along = east - west, north - south
    return (west - across, south - along, east + across, north + along)


def inside(geometries: Geometries, window: tuple[float, float, float, float]) -> NDArray[np.bool_]:
    """Whether every vertex lies within (x from, y from, x to, y to); False for NaN, missing and empty ones."""
    bounds = shapely.bounds(geometries)
    low, high = bounds[:, :2] >= np.asarray(window[:2]), bounds[:, 2:] <= np.asarray(window[2:])
    found: NDArray[np.bool_] = (low & high).all(axis=1) & finite(geometries)
    return found


# --- units and rounding -------------------------------------------------------------------------------------------

PLACES = 4
"""Square metres are stored as numeric(16,4); portions are shared out in whole 1e-4 m²."""
SQUARE_METRES = {"ha": Fraction(10_000), "m2": Fraction(1), "mu": Fraction(2000, 3), "10k_m2": Fraction(10_000)}
"""Square metres in one unit. A mu (亩) is 2000/3 m² exactly: 15 mu are one hectare."""


def hectares(square_metres: Decimal) -> Decimal:
    """Hectares in full precision: numeric(16,4) square metres give 8 decimals, nothing is rounded."""
    return square_metres.scaleb(-4)


def convert(square_metres: Decimal, unit: str, places: int = 8) -> Decimal:
    """Square metres in ``unit``, rounded half-up to ``places``. Only mu can need the rounding."""
    return _rounded(Fraction(square_metres) / SQUARE_METRES[unit], places)


def to_square_metres(value: Decimal, unit: str, places: int = PLACES) -> Decimal:
    """``value`` of ``unit`` in square metres, rounded half-up to ``places``."""
    return _rounded(Fraction(value) * SQUARE_METRES[unit], places)


def _rounded(value: Fraction, places: int) -> Decimal:
    """Half-up, away from zero, of an exact fraction."""
    doubled = abs(value) * 10**places * 2
    whole = (doubled.numerator // doubled.denominator + 1) // 2
    return Decimal(whole if value >= 0 else -whole).scaleb(-places)


def round_half_up(value: Decimal, places: int) -> Decimal:
    """``value`` with ``places`` decimals; a half goes away from zero, as printed reports do it."""
    return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


def to_e4(square_metres: Floats) -> NDArray[np.int64]:
    """Measured square metres as whole 1e-4 m², rounded half-up. NaN is an error: the gate comes first."""
    if not np.isfinite(square_metres).all():
        message = "square metres that are not a number"
        raise ValueError(message)
    found: NDArray[np.int64] = np.floor(np.asarray(square_metres) * 10**PLACES + 0.5).astype(np.int64)
    return found


def decimal_to_e4(square_metres: Decimal) -> int:
    """Stated square metres as whole 1e-4 m², rounded half-up."""
    return int(square_metres.scaleb(PLACES).to_integral_value(ROUND_HALF_UP))


def from_e4(count: int) -> Decimal:
    """Whole 1e-4 m² as square metres with 4 decimals."""
    return Decimal(int(count)).scaleb(-PLACES)


def largest_remainder(values: Sequence[Decimal | int], total: int) -> list[int]:
    """Whole numbers as near as can be to ``values``' shares of ``total``, summing to it exactly.

    Each value is scaled so that they sum to ``total``, cut to whole numbers, and what is left over goes to the
    largest fractions cut off, the earlier one where two are equal (Hamilton's method). Values are not negative; where
    all are zero the first takes everything. Exact: no binary fraction is involved.
    """
    exact = _whole(values)
    everything = sum(exact)
    if everything == 0:
        return [total, *(0 for _ in exact[1:])]
    whole, cut = map(list, zip(*(divmod(value * total, everything) for value in exact), strict=True))
    order = sorted(range(len(cut)), key=lambda index: (-cut[index], index))
    for index in order[: total - sum(whole)]:
        whole[index] += 1
    return whole


def _whole(values: Sequence[Decimal | int]) -> list[int]:
    """The same proportions in whole numbers."""
    ratios = [value.as_integer_ratio() for value in values]
    common = math.lcm(*(denominator for _, denominator in ratios))
    return [numerator * (common // denominator) for numerator, denominator in ratios]


def balanced(values: Sequence[Decimal], places: int) -> list[Decimal]:
    """``values`` rounded to ``places`` so that they sum to their rounded sum.

    Unlike :func:`largest_remainder` nothing is scaled: each value is cut down or up at its own last printed place.
    """
    unit = Decimal(1).scaleb(-places)
    floors = [value.quantize(unit, rounding=ROUND_FLOOR) for value in values]
    missing = int((round_half_up(sum(values, Decimal(0)), places) - sum(floors, Decimal(0))) / unit)
    order = sorted(range(len(values)), key=lambda index: (floors[index] - values[index], index))
    up = set(order[:missing])
    return [floor + unit if index in up else floor for index, floor in enumerate(floors)]
