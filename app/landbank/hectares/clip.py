"""Cutting parcels with a box of degrees: what of each portion and each overlap face lies inside.

The box's edges are parallels and meridians; in the storage CRS they bend, so they are laid down in short steps. Only
parcels across the edge are cut; the others are inside whole. What is cut is measured as parcels are
(``app.geometry.measure``), never more than the portion has.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pyproj
import shapely
from sqlalchemy.orm import Session

from app.geometry import from_e4, measure, to_e4
from app.landbank.hectares.queries import PACKAGE, Clip
from app.landbank.hectares.query import HectaresQuery
from app.sql import Query

_STEP = 0.001
"""Degrees between vertices of the box's edges, some 100 m: a chord leaves its parallel by less than 0.2 mm."""
_MOST_STEPS = 4000
_NOTHING = shapely.MultiPolygon()
_LEVELS = ("district", "sub_district", "community")


@dataclass(frozen=True)
class _Candidate:
    portion_id: int
    version_id: int
    plane: Decimal
    ellipsoidal: Decimal
    district: str | None
    sub_district: str | None
    community: str | None
    boundary_day: date
    alone: bool
    outline: bytes | None


@dataclass(frozen=True)
class _Face:
    face_id: int
    plane: Decimal
    ellipsoidal: Decimal
    outline: bytes | None


@dataclass(frozen=True)
class _Place:
    level: str
    code: str
    outline: bytes


_CANDIDATES = Query(PACKAGE, "clip_candidates.sql", _Candidate)
_FACES = Query(PACKAGE, "clip_faces.sql", _Face)
_PLACES = Query(PACKAGE, "clip_places.sql", _Place)


def clip(session: Session, srid: int, query: HectaresQuery) -> Clip | None:
    """What lies inside the question's box; None when it has none."""
    if query.bbox is None:
        return None
    box = box_polygon(query.bbox, srid)
    found = Clip()
    if box is None:
        return found
    asked: dict[str, Any] = {"box": shapely.to_wkb(box), "srid": srid, "known_at": query.known_at}
    candidates = _CANDIDATES.all(session, **asked, today=query.today)
    outlines = _outlines(session, asked, candidates)
    for row, plane, ellipsoidal in _inside(candidates, outlines, box, srid):
        found.portions.append(row.portion_id)
        found.plane.append(plane)
        found.ellipsoidal.append(ellipsoidal)
    faces = _FACES.all(session, **asked)
    for face, plane, ellipsoidal in _inside(faces, [_geometry(face.outline) for face in faces], box, srid):
        found.faces.append(face.face_id)
        found.face_plane.append(plane)
        found.face_ellipsoidal.append(ellipsoidal)
    return found


def box_polygon(bbox: tuple[float, float, float, float], srid: int) -> shapely.Polygon | None:
    """The box in the storage CRS (EPSG:``srid``); None when it lies nowhere near where that CRS is used.

    The degrees are taken for the storage CRS's own geographic CRS: WGS 84 and CGCS2000 count as the same place.
    """
    crs = pyproj.CRS.from_epsg(srid)
    used = crs.area_of_use
    if used is not None:
        across, along = used.east - used.west, used.north - used.south
        west, east = max(bbox[0], used.west - across), min(bbox[2], used.east + across)
        south, north = max(bbox[1], used.south - along, -89.9), min(bbox[3], used.north + along, 89.9)
        if west >= east or south >= north:
            return None
        bbox = (west, south, east, north)
    step = max(_STEP, (bbox[2] - bbox[0]) / _MOST_STEPS, (bbox[3] - bbox[1]) / _MOST_STEPS)
    degrees = shapely.get_coordinates(shapely.segmentize(shapely.box(*bbox), step))
    project = pyproj.Transformer.from_crs(crs.geodetic_crs, crs, always_xy=True)
    return shapely.Polygon(np.column_stack(project.transform(degrees[:, 0], degrees[:, 1])))


def _geometry(outline: bytes | None) -> Any:
    return None if outline is None else shapely.from_wkb(outline)


def _inside(rows: Any, outlines: list[Any], box: shapely.Polygon, srid: int) -> list[tuple[Any, Decimal, Decimal]]:
    """Each row that has land in the box, with plane and ellipsoidal square metres there."""
    if not rows:
        return []
    cut = shapely.intersection(np.array(outlines, dtype=object), box)
    measured = measure(cut, srid)
    found = []
    for index, row in enumerate(rows):
        if cut[index] is None:
            found.append((row, row.plane, row.ellipsoidal))
        elif measured.plane[index] > 0:
            plane, ellipsoidal = (
                from_e4(int(to_e4(values[index : index + 1])[0])) for values in (measured.plane, measured.ellipsoidal)
            )
            found.append((row, min(row.plane, plane), min(row.ellipsoidal, ellipsoidal)))
    return found


def _outlines(session: Session, asked: dict[str, Any], candidates: list[_Candidate]) -> list[Any]:
    """The outline of each portion across the edge: the parcel's, or what of it lies in the portion's place."""
    shared = {row.boundary_day for row in candidates if row.outline is not None and not row.alone}
    places = {day: _places(session, asked, day) for day in shared}
    return [
        _geometry(row.outline)
        if row.outline is None or row.alone
        else _in_place(shapely.from_wkb(row.outline), row, places[row.boundary_day])
        for row in candidates
    ]


def _places(session: Session, asked: dict[str, Any], day: date) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for place in _PLACES.all(session, **asked, day=day):
        found[place.level][place.code] = shapely.from_wkb(place.outline)
    return found


def _in_place(outline: Any, row: _Candidate, places: dict[str, dict[str, Any]]) -> Any:
    """``outline`` within every place that the portion names, and outside every place of the levels it names none of."""
    for level in _LEVELS:
        code = getattr(row, level)
        known = places[level]
        if code is None:
            outline = shapely.difference(outline, shapely.union_all(list(known.values()))) if known else outline
        else:
            # A place that does not meet the box was not read: none of its land lies inside.
            outline = shapely.intersection(outline, known.get(code, _NOTHING))
    return outline
