"""Outlines as given in some CRS, brought into the storage CRS.

Their edges are straight in the CRS in which they were given; in another one they bend, so they are laid down in short
steps. WGS 84 and CGCS2000 count as the same place: nothing is shifted between them, a map is only drawn otherwise.
Coordinates come east before north (longitude before latitude) whatever the CRS's authority says, as GeoJSON has it.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyproj
import shapely
from pyproj.exceptions import CRSError

from app.errors import BadRequest

CRS84 = "OGC:CRS84"
_SAME_PLACE = frozenset({4326, 4490})
"""WGS 84 and CGCS2000."""
_DEGREES, _METRES = frozenset({"degree"}), frozenset({"metre", "meter"})
_STEP = {"degree": 0.001, "metre": 100.0}
"""Some 100 m between vertices: a chord then leaves its parallel by less than 0.2 mm."""
_MOST_STEPS = 20_000
_NAME = re.compile(
    r"(?:urn:ogc:def:crs:|https?://www\.opengis\.net/def/crs/)?(EPSG|OGC)[:/]+(?:[0-9.]*[:/])?([A-Za-z0-9]+)"
)
_LONGEST_CODE = 6
_POLE = 89.9
NOTHING = shapely.MultiPolygon()


@dataclass(frozen=True)
class Frame:
    """A CRS in which outlines may be given, and the way from there to the storage CRS.

    ``window``: where the storage CRS is used, in this CRS (x from, y from, x to, y to); what lies beyond is left away.
    """

    name: str
    unit: str
    same: bool
    window: tuple[float, float, float, float]
    to_degrees: pyproj.Transformer | None
    to_storage: pyproj.Transformer

    @property
    def in_degrees(self) -> bool:
        """Whether coordinates are longitude and latitude."""
        return self.unit == "degree"


def frame(name: str, srid: int) -> Frame:
    """The CRS called ``name`` (EPSG:n, OGC:CRS84, or either as a URN or a URL), towards EPSG:``srid``.

    Raises ``BadRequest`` for one that is unknown, on another datum, or neither in degrees nor in metres.
    """
    match = _NAME.fullmatch(name.strip())
    authority, code = ("", "") if match is None else match.groups()
    found = None
    if (authority, code) == ("OGC", "CRS84"):
        found = _frame(CRS84, None, srid)
    elif authority == "EPSG" and code.isdecimal() and len(code) <= _LONGEST_CODE:
        found = _frame(f"EPSG:{code}", int(code), srid)
    if found is None:
        raise BadRequest("crs_not_supported", parameter="crs", crs=name[:100], storage=srid)
    return found


@lru_cache(maxsize=64)
def _frame(name: str, code: int | None, srid: int) -> Frame | None:
    storage = pyproj.CRS.from_epsg(srid)
    try:
        crs = storage.geodetic_crs if code is None else pyproj.CRS.from_epsg(code)
    except CRSError:
        return None
    if crs is None or storage.geodetic_crs is None or not (crs.is_projected or crs.is_geographic):
        return None
    geodetic = crs.geodetic_crs
    units = {axis.unit_name for axis in crs.axis_info}
    known = geodetic is not None and (geodetic.to_epsg() in _SAME_PLACE or geodetic.equals(storage.geodetic_crs))
    if not known or len(crs.axis_info) != 2 or not (units <= _DEGREES or units <= _METRES):  # noqa: PLR2004  flat
        return None
    degrees = pyproj.Transformer.from_crs(crs, geodetic, always_xy=True) if crs.is_projected else None
    project = pyproj.Transformer.from_crs(storage.geodetic_crs, storage, always_xy=True)
    unit = "degree" if crs.is_geographic else "metre"
    return Frame(name, unit, code == srid, _window(storage, degrees), degrees, project)


def _window(storage: Any, to_degrees: pyproj.Transformer | None) -> tuple[float, float, float, float]:
    """Where the storage CRS is used, wider by its own width on each side; everything where no extent is registered."""
    used = storage.area_of_use
    if used is None:
        return (-np.inf, -np.inf, np.inf, np.inf)
    across, along = used.east - used.west, used.north - used.south
    west, east = max(used.west - across, -180.0), min(used.east + across, 180.0)
    south, north = max(used.south - along, -_POLE), min(used.north + along, _POLE)
    if to_degrees is None:
        return (west, south, east, north)
    found = to_degrees.transform_bounds(west, south, east, north, direction="INVERSE")
    return (float(found[0]), float(found[1]), float(found[2]), float(found[3]))


def to_storage(outline: Any, given: Frame) -> Any:
    """A sound polygon or multipolygon of ``given`` in the storage CRS, empty where none of it is near.

    Where the frame is the storage CRS itself, coordinates stay as they are. What a bent edge makes touch is separated
    again: the outline passed its checks where it was drawn.
    """
    if given.same:
        return outline
    window = given.window
    bounds = outline.bounds
    if any(low < edge for low, edge in zip(bounds[:2], window[:2], strict=True)) or any(
        high > edge for high, edge in zip(bounds[2:], window[2:], strict=True)
    ):
        if not np.isfinite(window).all():
            return NOTHING
        outline = polygons_of(shapely.intersection(outline, shapely.box(*window)))
    if outline.is_empty:
        return NOTHING
    step = max(_STEP[given.unit], outline.length / _MOST_STEPS)
    drawn = shapely.transform(shapely.segmentize(outline, step), lambda points: _project(points, given))
    return drawn if drawn.is_valid else polygons_of(shapely.make_valid(drawn, method="structure"))


def _project(points: Any, given: Frame) -> Any:
    x, y = points[:, 0], points[:, 1]
    if given.to_degrees is not None:
        x, y = given.to_degrees.transform(x, y)
    return np.column_stack(given.to_storage.transform(x, y))


def polygons_of(geometry: Any) -> Any:
    """The polygons of a geometry as a multipolygon: an overlay may leave points and lines, which have no land."""
    parts = shapely.get_parts(shapely.get_parts(geometry))
    return shapely.MultiPolygon([part for part in parts if part.geom_type == "Polygon" and not part.is_empty])
