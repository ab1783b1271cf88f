"""Why land falls outside the district: the mistakes that are made with Chinese coordinates, each tried in turn."""

import numpy as np
import shapely
from pyproj import CRS, Transformer

from app.geometry import Floats

MILLION = 1_000_000.0
NEAR = 1_000.0
"""Metres: GCJ-02 and BD-09 shift a place by 300 to 700 m and more."""
_MERIDIANS = (-6, -3, 3, 6)
"""Degrees by which a wrong central meridian is usually wrong."""


def likely_cause(point: Floats, district: shapely.Geometry, srid: int) -> str:
    """The message code of the mistake that would bring ``point`` (storage CRS) into the district, if any does."""
    x, y = float(point[0]), float(point[1])
    if _inside(district, y, x):
        return "outside_cause_swapped"
    if abs(x) >= MILLION and _inside(district, x % MILLION, y):
        return "outside_cause_zone_prefix"
    if any(_inside(district, *moved) for moved in _other_meridians(x, y, srid)):
        return "outside_cause_meridian"
    if shapely.distance(district, shapely.Point(x, y)) <= NEAR:
        return "outside_cause_gcj02"
    return "outside_cause_unknown"


def _inside(district: shapely.Geometry, x: float, y: float) -> bool:
    """In the district or a little beside it: one point speaks for a whole file."""
    return bool(shapely.dwithin(district, shapely.Point(x, y), NEAR))


def _other_meridians(x: float, y: float, srid: int) -> list[tuple[float, float]]:
    """Where the same numbers would lie had they been drawn about a neighbouring central meridian."""
    crs = CRS.from_epsg(srid)
    geographic = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    longitude, latitude = geographic.transform(x, y)
    found = []
    for degrees in _MERIDIANS:
        moved = geographic.transform(longitude + degrees, latitude, direction="INVERSE")
        if np.isfinite(moved).all():
            found.append((float(moved[0]), float(moved[1])))
    return found
