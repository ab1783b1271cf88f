"""Where a question counts: a box, a posted shape with its features, zones, and places beside them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from sqlalchemy.orm import Session

from app.errors import BadRequest
from app.landbank.hectares.frame import CRS84, frame, polygons_of, to_storage
from app.landbank.hectares.queries import Part
from app.landbank.hectares.query import HectaresQuery
from app.landbank.hectares.shapes import Key, Shape, features_of, kept
from app.landbank.hectares.zones import within_zones, zones_of

MOST_PARTS = 20_000
_SHARED = 0.0005
"""Square metres that two features may share and still lie apart: half of the last figure that is told."""

Feature = tuple[Key | None, Any]
Zone = tuple[str, Any]


@dataclass(frozen=True)
class Region:
    """Features to count in and zones to tell apart in them, as outlines of the storage CRS.

    A feature's outline of None is everywhere; ``zones`` is None where they are not asked for. ``within``: what land
    must also lie in, unless it lies in one of ``places``. Apart: no two share land.
    """

    features: tuple[Feature, ...]
    zones: tuple[Zone, ...] | None
    within: Any
    places: tuple[str, ...]
    features_apart: bool
    zones_apart: bool

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """A rectangle that holds whatever could be cut."""
        outlines = [outline for _, outline in self.features if outline is not None]
        if not outlines:
            outlines = [self.within] if self.within is not None else [outline for _, outline in self.zones or ()]
        west, south, east, north = shapely.total_bounds(np.array(outlines, dtype=object)).tolist()
        return (west, south, east, north) if np.isfinite(west) else (0.0, 0.0, 0.0, 0.0)

    @property
    def limitless(self) -> bool:
        """Whether the features hold all land there is."""
        return self.features[0][1] is None

    @property
    def parts(self) -> tuple[Part, ...]:
        """Every part in the order in which it is cut."""
        codes = (None,) if self.zones is None else (*(code for code, _ in self.zones), None)
        return tuple(Part(key, code) for key, _ in self.features for code in codes)


def region_of(session: Session, srid: int, query: HectaresQuery, shape: Shape | None = None) -> Region:
    """The region of a question. Raises ``NotFound`` or ``BadRequest`` for a shape, a feature or a zone unknown.

    ``shape``: the question's, where whoever asks has just posted it; else it is read by its name.
    """
    box = None if query.bbox is None else box_outline(query.bbox, srid)
    features: tuple[Feature, ...] = ((None, box),)
    apart = True
    if query.shape is not None:
        found = features_of(shape or kept(session, query.shape), query.feature)
        apart = _apart([outline for _, outline in found])
        if not apart and "feature" not in query.by:
            found, apart = ((None, union([outline for _, outline in found])),), True
        features = tuple((key, both(outline, box)) for key, outline in found)
    zones = zones_of(session, query)
    if len(features) * (1 + len(zones or ())) > MOST_PARTS:
        raise BadRequest("parts_too_many", parameter="by", most=MOST_PARTS)
    return Region(
        features=features,
        zones=zones,
        within=within_zones(session, query),
        places=query.places_within if query.zones_within else (),
        features_apart=apart,
        zones_apart=_apart([outline for _, outline in zones or ()]),
    )


def box_outline(bbox: tuple[float, float, float, float], srid: int) -> Any:
    """A box of CRS84 degrees in the storage CRS; empty when it lies nowhere near where that CRS is used."""
    return to_storage(shapely.MultiPolygon([shapely.box(*bbox)]), frame(CRS84, srid))


def both(one: Any, other: Any) -> Any:
    """What lies in two outlines; None is everywhere."""
    if one is None or other is None:
        return one if other is None else other
    return polygons_of(shapely.intersection(one, other))


def union(outlines: list[Any]) -> Any:
    """What lies in any of some outlines."""
    return polygons_of(shapely.union_all(outlines))


def _apart(outlines: list[Any]) -> bool:
    """Whether no two of some outlines share land."""
    found = np.array(outlines, dtype=object)
    if len(found) < 2:  # noqa: PLR2004  one shares with nobody
        return True
    first, second = shapely.STRtree(found).query(found, predicate="intersects")
    once = first < second
    shared = shapely.area(shapely.intersection(found[first[once]], found[second[once]]))
    return not bool((shared > _SHARED).any())
