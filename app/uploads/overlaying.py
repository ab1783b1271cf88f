"""The overlay of a publication's parcels, as a job for the limited child process: outlines in, pairs and faces out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np
import shapely

from app.geometry import from_e4, to_e4
from app.reference.values import PlacePolygon
from app.uploads.catalogue import Epoch, epochs
from app.uploads.overlay import MISSING, Face, Figures, Parcels, clusters, faces, pairs, portions
from app.uploads.rows import Ints


@dataclass(frozen=True)
class Outlines:
    """Parcel versions: ids, layers and WKB in the storage CRS, one of each per version."""

    ids: list[int]
    layers: list[str]
    wkb: list[bytes]

    def parcels(self) -> Parcels:
        """The same as arrays."""
        geometries = np.array(shapely.from_wkb(np.array(self.wkb, dtype=object)), dtype=object).reshape(-1)
        return Parcels(geometries, np.array(self.ids, dtype=np.int64), np.array(self.layers, dtype=object))


@dataclass(frozen=True)
class OverlayJob:
    """New versions against each other and against stored ones, whose own overlapping pairs are known."""

    srid: int
    new: Outlines
    stored: Outlines
    known: Sequence[tuple[int, int]]
    places: Sequence[PlacePolygon]


@dataclass(frozen=True)
class OverlapPair:
    """Land that two versions share, in square metres."""

    a: int
    b: int
    plane: Decimal
    ellipsoidal: Decimal
    geometry: shapely.Geometry


@dataclass(frozen=True)
class OverlapPart:
    """The part of an overlap face in one place during one boundary epoch: a row of ``overlap_face``."""

    members: tuple[int, ...]
    wkb: bytes
    district: str | None
    sub_district: str | None
    community: str | None
    boundary_from: date
    boundary_to: date
    plane: Decimal
    ellipsoidal: Decimal


@dataclass(frozen=True)
class Overlaid:
    """New pairs, and every face of the clusters that they belong to."""

    pairs: list[OverlapPair]
    faces: list[OverlapPart]


def overlay(job: OverlayJob) -> Overlaid:
    """Find the pairs, then the faces of each cluster that a new pair touches. Raises ``overlay_too_heavy``."""
    new, stored = job.new.parcels(), job.stored.parcels()
    found = pairs(new, stored, job.srid)
    plane, ellipsoidal = to_e4(found.plane), to_e4(found.ellipsoidal)
    told = [
        OverlapPair(int(a), int(b), from_e4(p), from_e4(e), shape)
        for a, b, p, e, shape in zip(found.a, found.b, plane, ellipsoidal, found.geometries, strict=True)
    ]
    ids = np.concatenate([new.ids, stored.ids])
    geometries = np.concatenate([new.geometries, stored.geometries])
    return Overlaid(told, _faces(job, found.a, found.b, ids, geometries) if told else [])


def _faces(job: OverlayJob, a: Ints, b: Ints, ids: Ints, geometries: np.ndarray) -> list[OverlapPart]:
    known = np.array(job.known, dtype=np.int64).reshape(-1, 2)
    touched = set(np.concatenate([a, b]).tolist())
    groups = clusters(np.concatenate([a, known[:, 0]]), np.concatenate([b, known[:, 1]]))
    order = np.argsort(ids)
    gathered: list[Face] = []
    for group in groups:
        if touched.isdisjoint(group):
            continue
        at = order[np.searchsorted(ids, np.array(group), sorter=order)]
        gathered += faces(geometries[at], ids[at], job.srid)
    parts: list[OverlapPart] = []
    if gathered:
        for epoch in epochs(job.places):
            parts += _parts(gathered, epoch, job.srid)
    return parts


def _parts(gathered: list[Face], epoch: Epoch, srid: int) -> list[OverlapPart]:
    """Faces cut along the borders of one epoch, as parcels are: their parts sum to them."""
    shapes = np.array([face.geometry for face in gathered], dtype=object)
    nothing = np.full(len(gathered), MISSING, dtype=np.int64)
    plane = to_e4(np.array([face.plane for face in gathered]))
    ellipsoidal = to_e4(np.array([face.ellipsoidal for face in gathered]))
    cut = portions(shapes, Figures(plane, ellipsoidal, nothing, nothing), epoch.places, srid)
    found = []
    for number, face in enumerate(cut.parcel.tolist()):
        place = None if cut.place[number] == MISSING else epoch.places[cut.place[number]]
        parts = shapely.get_parts(cut.geometries[number])
        found.append(
            OverlapPart(
                gathered[face].members,
                bytes(shapely.MultiPolygon(list(parts)).wkb),
                place and place.district,
                place and place.sub_district,
                place and place.community,
                epoch.start,
                epoch.end,
                from_e4(cut.figures.plane[number]),
                from_e4(cut.figures.ellipsoidal[number]),
            )
        )
    return found
