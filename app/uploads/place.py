"""Do the coordinates fit the CRS that is said, and where do they lie in the storage CRS.

PROJ answers «ballpark» (no shift at all) where it knows no path between two datums, and calls it best. That is taken
only between CGCS2000 and WGS 84, which agree within a metre (DESIGN rule 10); every other pair needs a known path.
"""

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.transformer import AreaOfInterest, TransformerGroup

from app.uploads.crs import (
    CGCS2000,
    OLD_DATUMS,
    WEB_MERCATOR,
    ZONE_3_PLAIN,
    ZONE_3_PREFIXED,
    ZONES_3,
    Declared,
    Floats,
    by_prefix,
    listed,
)
from app.uploads.problems import Problem, refusal

WGS84 = 4326
MARGIN_DEGREES = 3.0
"""How far outside a CRS's area of use land may lie: cities do cross the border of a zone."""
TURN = 360.0
ROUNDING = 1e-9
"""Degrees by which exporters overshoot 180."""
MAX_ACCURACY = 10.0
"""Metres; a worse path between datums is refused."""
MOST = 0.5

Objects = NDArray[Any]
Bools = NDArray[np.bool_]


@dataclass
class Placed:
    """Geometries in the storage CRS, None where a problem refuses the row."""

    geometries: Objects
    problems: list[Problem] = field(default_factory=list)


def sample_points(geometries: Objects) -> tuple[NDArray[np.int64], Floats]:
    """The rows that have a geometry, and the middle of the box of each, in the CRS of the file."""
    rows = np.flatnonzero(~shapely.is_missing(geometries) & ~shapely.is_empty(geometries))
    bounds = shapely.bounds(geometries[rows])
    return rows, (bounds[:, :2] + bounds[:, 2:]) / 2.0


def place(geometries: Objects, declared: Declared, storage_srid: int) -> Placed:
    """Check that coordinates fit, then bring them into the storage CRS; unchanged to the bit where they are in it."""
    placed = Placed(geometries.copy())
    _refuse_misfits(placed, declared, storage_srid)
    if declared.label == f"EPSG:{storage_srid}":
        return placed
    _reproject(placed, declared, storage_srid)
    return placed


def _refuse_misfits(placed: Placed, declared: Declared, storage_srid: int) -> None:
    rows, middles = sample_points(placed.geometries)
    if not len(rows):
        return
    bounds = shapely.bounds(placed.geometries[rows])
    bad = ~(fits(declared.crs, bounds[:, :2]) & fits(declared.crs, bounds[:, 2:]))
    if bad.mean() > MOST:
        raise _misfit(declared, middles, storage_srid)
    for row, x, y in zip(rows[bad].tolist(), *middles[bad].T.tolist(), strict=True):
        values: dict[str, object] = {"crs": declared.label, "x": f"{x:.3f}", "y": f"{y:.3f}"}
        placed.problems.append(Problem("row_outside_crs", "refuse", row + 1, values))
        placed.geometries[row] = None


def fits(crs: CRS, points: Floats) -> Bools:
    """Which points lie where ``crs`` is meant to be used, with a margin; x is the easting or longitude."""
    if crs.is_geographic:
        longitude, latitude = points[:, 0], points[:, 1]
    else:
        geographic = crs.geodetic_crs
        longitude, latitude = Transformer.from_crs(crs, geographic, always_xy=True).transform(
            points[:, 0], points[:, 1]
        )
        longitude, latitude = np.asarray(longitude), np.asarray(latitude)
        # A point far outside is projected to somewhere else altogether: only what comes back is believed.
        back = Transformer.from_crs(geographic, crs, always_xy=True).transform(longitude, latitude)
        returned = np.column_stack([np.asarray(back[0]), np.asarray(back[1])])
        with np.errstate(invalid="ignore"):
            lost = ~(np.abs(returned - points).max(axis=1) < 1.0)
        longitude = np.where(lost, np.inf, longitude)
    return _in_use(crs, longitude, latitude)


def _in_use(crs: CRS, longitude: Floats, latitude: Floats) -> Bools:
    """Which places are in the area of use of ``crs`` or near it; a zone may lie across the date line."""
    use = crs.area_of_use
    west, south, east, north = (-180.0, -90.0, 180.0, 90.0) if use is None else use.bounds
    within = (latitude >= max(-90.0, south - MARGIN_DEGREES)) & (latitude <= min(90.0, north + MARGIN_DEGREES))
    within &= np.abs(longitude) <= 180.0 + ROUNDING
    width = (east - west) % TURN or TURN
    with np.errstate(invalid="ignore"):
        from_west = (longitude - west + MARGIN_DEGREES) % TURN
    reach = width + 2.0 * MARGIN_DEGREES
    return within & ((reach >= TURN) | (from_west <= reach))


def _misfit(declared: Declared, middles: Floats, storage_srid: int) -> Exception:
    """The refusal for a file whose coordinates do not fit, with the CRS that would."""
    x, y = np.median(middles, axis=0).tolist()
    values: dict[str, object] = {"crs": declared.label, "x": f"{x:.3f}", "y": f"{y:.3f}"}
    if fits(declared.crs, middles[:, ::-1]).mean() > MOST:
        return refusal("axes_swapped", **values)
    candidates = _fitting(declared, x, y, storage_srid)
    if candidates:
        return refusal("crs_does_not_fit", candidates=listed(candidates), **values)
    return refusal("crs_fits_nothing", **values)


def _fitting(declared: Declared, x: float, y: float, storage_srid: int) -> list[int]:
    """The codes that these coordinates fit, the one closest to what was declared first."""
    if prefixed := by_prefix(x, y):
        return prefixed
    code = declared.crs.to_epsg()
    tried = [storage_srid, CGCS2000, WGS84]
    if code is not None and code - ZONE_3_PREFIXED in ZONES_3:
        tried.insert(0, code - ZONE_3_PREFIXED + ZONE_3_PLAIN)
    point = np.array([[x, y]])
    if _in_web_mercator(point, storage_srid):
        tried.append(WEB_MERCATOR)
    return list(dict.fromkeys(candidate for candidate in tried if candidate != code and _fits_code(candidate, point)))


def _in_web_mercator(point: Floats, storage_srid: int) -> bool:
    """Whether the point, read as Web Mercator, lies in the storage CRS; any metres fit Web Mercator somewhere."""
    x, y = Transformer.from_crs(WEB_MERCATOR, storage_srid, always_xy=True).transform(point[:, 0], point[:, 1])
    return bool(fits(CRS.from_epsg(storage_srid), np.column_stack([x, y]))[0])


def _fits_code(code: int, point: Floats) -> bool:
    return bool(fits(CRS.from_epsg(code), point)[0])


@dataclass(frozen=True)
class Path:
    """How points get from one CRS to another: steps, and what the datums lose, in metres."""

    steps: list[Transformer]
    accuracy: float
    same_place: bool

    def apply(self, points: Floats) -> Floats:
        """Transformed points, x first."""
        x, y = points[:, 0], points[:, 1]
        for step in self.steps:
            x, y = step.transform(x, y)
        return np.column_stack([np.asarray(x), np.asarray(y)])


def find_path(source: CRS, target: CRS, around: AreaOfInterest | None = None) -> Path:
    """The way from ``source`` to ``target`` that PROJ knows, over WGS 84 where it must be; refuses the old datums."""
    for crs in (source, target):
        if OLD_DATUMS.search(_datum_text(crs)) and _datum_text(source) != _datum_text(target):
            raise refusal("crs_old_datum", crs=crs.name)
    direct = _known(source, target, around)
    if direct is not None:
        return Path([direct[0]], direct[1], same_place=False)
    first = _to_hub(source, around, inverse=False)
    last = _to_hub(target, around, inverse=True)
    if first is None or last is None:
        raise refusal("crs_no_path", source=source.name, target=target.name)
    return Path([first[0], last[0]], first[1] + last[1], same_place=True)


def _datum_text(crs: CRS) -> str:
    geodetic = crs.geodetic_crs
    return f"{geodetic.name if geodetic else ''} {crs.datum.name if crs.datum else ''}"


def _to_hub(crs: CRS, around: AreaOfInterest | None, *, inverse: bool) -> tuple[Transformer, float] | None:
    """Between ``crs`` and WGS 84; CGCS2000 is taken to be the same place."""
    hub = CRS.from_epsg(CGCS2000 if _is_cgcs2000(crs) else WGS84)
    return _known(hub, crs, around) if inverse else _known(crs, hub, around)


def _is_cgcs2000(crs: CRS) -> bool:
    geodetic = crs.geodetic_crs
    return geodetic is not None and geodetic.to_epsg() == CGCS2000


def _known(source: CRS, target: CRS, around: AreaOfInterest | None) -> tuple[Transformer, float] | None:
    """PROJ's best operation that is no ballpark and good enough, with its accuracy in metres."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # grids that are not installed
        group = TransformerGroup(source, target, always_xy=True, area_of_interest=around, allow_ballpark=False)
    for transformer in group.transformers:
        if 0.0 <= transformer.accuracy <= MAX_ACCURACY:
            return transformer, transformer.accuracy
    return None


def _reproject(placed: Placed, declared: Declared, storage_srid: int) -> None:
    _, middles = sample_points(placed.geometries)
    path = find_path(declared.crs, CRS.from_epsg(storage_srid), _around(declared.crs, middles))
    _tell(placed, path, declared, storage_srid)
    move(placed, path, declared.label, storage_srid)


def move(placed: Placed, path: Path, label: str, storage_srid: int) -> None:
    """Take a path into the storage CRS. Refuses the rows that it leads elsewhere, or the file where most do."""
    rows, middles = sample_points(placed.geometries)
    target = CRS.from_epsg(storage_srid)
    if not len(rows):
        return
    geometries = placed.geometries[rows]
    points, owner = shapely.get_coordinates(geometries, return_index=True)
    moved = path.apply(points)
    finite: Bools = np.isfinite(moved[:, 0]) & np.isfinite(moved[:, 1])
    lost = np.zeros(len(rows), dtype=bool)
    lost[owner[~finite]] = True
    placed.geometries[rows] = shapely.set_coordinates(geometries, np.where(finite[:, None], moved, 0.0))
    bounds = shapely.bounds(placed.geometries[rows])
    outside = ~(fits(target, bounds[:, :2]) & fits(target, bounds[:, 2:]))
    bad = lost | outside
    if bad.mean() > MOST:
        raise refusal("outside_storage_crs", crs=label, storage=f"EPSG:{storage_srid}")
    for row, x, y in zip(rows[bad].tolist(), *middles[bad].T.tolist(), strict=True):
        values: dict[str, object] = {"crs": f"EPSG:{storage_srid}", "x": f"{x:.3f}", "y": f"{y:.3f}"}
        placed.problems.append(Problem("row_outside_crs", "refuse", row + 1, values))
        placed.geometries[row] = None


def _tell(placed: Placed, path: Path, declared: Declared, storage_srid: int) -> None:
    values: dict[str, object] = {
        "crs": declared.label,
        "storage": f"EPSG:{storage_srid}",
        "accuracy": f"{path.accuracy:g}",
    }
    code = "crs_same_place" if path.same_place or path.accuracy > 0.0 else "crs_reprojected"
    placed.problems.append(Problem(code, "note", values=values))


def _around(crs: CRS, middles: Floats) -> AreaOfInterest | None:
    """The box of longitudes and latitudes that the file covers, so that PROJ picks the path meant for it."""
    if not len(middles):
        return None
    geographic = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    longitude, latitude = (np.asarray(values) for values in geographic.transform(middles[:, 0], middles[:, 1]))
    return AreaOfInterest(float(longitude.min()), float(latitude.min()), float(longitude.max()), float(latitude.max()))
