"""The portions and overlap faces that a region may cut, read from the database as rectangles first."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import shapely
from sqlalchemy.orm import Session

from app.landbank.hectares.cut import Integers, Land
from app.landbank.hectares.frame import NOTHING
from app.landbank.hectares.queries import PACKAGE
from app.sql import Query

_LEVELS = ("district", "sub_district", "community")


@dataclass(frozen=True)
class Around:
    """Which land to look at: what meets a rectangle of the storage CRS, and all of the places of ``reach``.

    ``places`` are marked, since they need no shape around them. ``parcels`` limits portions to theirs.
    """

    bounds: tuple[float, float, float, float]
    srid: int
    known_at: datetime
    today: date
    places: Sequence[str] = ()
    reach: Sequence[str] = ()
    parcels: Sequence[int] | None = None

    def box(self) -> dict[str, Any]:
        """The parameters of every statement that looks into the rectangle."""
        names = ("west", "south", "east", "north")
        return dict(zip(names, self.bounds, strict=True)) | {"srid": self.srid, "known_at": self.known_at}


@dataclass(frozen=True)
class _Candidate:
    id: int
    west: float
    south: float
    east: float
    north: float
    plane: int
    ellipsoidal: int
    in_places: bool


@dataclass(frozen=True)
class _PortionOutline:
    id: int
    outline: bytes
    district: str | None
    sub_district: str | None
    community: str | None
    boundary_day: date
    alone: bool


@dataclass(frozen=True)
class _VersionOutline:
    id: int
    version_id: int
    plane: int
    ellipsoidal: int
    outline: bytes
    district: str | None
    sub_district: str | None
    community: str | None
    boundary_day: date
    alone: bool


@dataclass(frozen=True)
class _FaceOutline:
    id: int
    outline: bytes


@dataclass(frozen=True)
class _Place:
    level: str
    code: str
    outline: bytes


_CANDIDATES = Query(PACKAGE, "clip_candidates.sql", _Candidate)
_OUTLINES = Query(PACKAGE, "clip_outlines.sql", _PortionOutline)
_VERSIONS = Query(PACKAGE, "tree_outlines.sql", _VersionOutline)
_FACES = Query(PACKAGE, "clip_faces.sql", _Candidate)
_FACE_OUTLINES = Query(PACKAGE, "clip_face_outlines.sql", _FaceOutline)
_PLACES = Query(PACKAGE, "clip_places.sql", _Place)


def portions(session: Session, around: Around) -> Land:
    """Portions as known at the moment."""

    def read(ids: list[int]) -> dict[int, Any]:
        rows = _OUTLINES.all(session, ids=ids, known_at=around.known_at, today=around.today)
        places = {day: _places(session, around, day) for day in {row.boundary_day for row in rows if not row.alone}}
        found: dict[int, Any] = {}
        for row in rows:
            outline = shapely.from_wkb(row.outline)
            found[row.id] = outline if row.alone else _in_place(outline, row, places[row.boundary_day])
        return found

    return _land(session, around, _CANDIDATES, read)


def pieces_of(session: Session, around: Around, versions: list[int], day: date) -> tuple[Land, Integers]:
    """The portions of some parcel versions on a day, their outlines read at once; and the version of each."""
    rows = _VERSIONS.all(session, versions=versions, day=day, known_at=around.known_at, today=around.today)
    places = {on: _places(session, around, on) for on in {row.boundary_day for row in rows if not row.alone}}
    found = np.asarray(shapely.from_wkb([row.outline for row in rows]), dtype=object)
    for number, row in enumerate(rows):
        if not row.alone:
            found[number] = _in_place(found[number], row, places[row.boundary_day])
    land = Land(
        srid=around.srid,
        ids=np.array([row.id for row in rows], dtype=np.int64),
        bounds=shapely.bounds(found),
        plane=np.array([row.plane for row in rows], dtype=np.int64),
        ellipsoidal=np.array([row.ellipsoidal for row in rows], dtype=np.int64),
        in_places=np.zeros(len(rows), dtype=bool),
        outlines=lambda index: found[index],
    )
    return land, np.array([row.version_id for row in rows], dtype=np.int64)


def faces(session: Session, around: Around) -> Land:
    """Overlap faces as known at the moment."""

    def read(ids: list[int]) -> dict[int, Any]:
        return {row.id: shapely.from_wkb(row.outline) for row in _FACE_OUTLINES.all(session, ids=ids)}

    return _land(session, around, _FACES, read)


def _land(session: Session, around: Around, candidates: Query[_Candidate], read: Any) -> Land:
    asked = around.box() | {"places": list(around.places), "reach": list(around.reach) or None}
    if candidates is _CANDIDATES:
        asked["parcels"] = None if around.parcels is None else list(around.parcels)
    rows = candidates.all(session, **asked)
    ids = np.array([row.id for row in rows], dtype=np.int64)
    known: dict[int, Any] = {}

    def outlines(index: Integers) -> Any:
        wanted = ids[index].tolist()
        known.update(read(missing) if (missing := [one for one in wanted if one not in known]) else {})
        found = np.empty(len(wanted), dtype=object)
        found[:] = [known[one] for one in wanted]
        return found

    return Land(
        srid=around.srid,
        ids=ids,
        bounds=np.array([(row.west, row.south, row.east, row.north) for row in rows]).reshape(-1, 4),
        plane=np.array([row.plane for row in rows], dtype=np.int64),
        ellipsoidal=np.array([row.ellipsoidal for row in rows], dtype=np.int64),
        in_places=np.array([row.in_places for row in rows], dtype=bool),
        outlines=outlines,
    )


def _places(session: Session, around: Around, day: date) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for place in _PLACES.all(session, **around.box(), day=day):
        found[place.level][place.code] = shapely.from_wkb(place.outline)
    return found


def _in_place(outline: Any, row: _PortionOutline | _VersionOutline, places: dict[str, dict[str, Any]]) -> Any:
    """``outline`` within every place that the portion names, and outside every place of the levels it names none of."""
    for level in _LEVELS:
        code = getattr(row, level)
        known = places[level]
        if code is None:
            outline = shapely.difference(outline, shapely.union_all(list(known.values()))) if known else outline
        else:
            # A place that does not meet the rectangle was not read: none of its land lies inside.
            outline = shapely.intersection(outline, known.get(code, NOTHING))
    return outline
