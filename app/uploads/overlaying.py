"""The overlay of a publication's parcels, as a job for the limited child process: outlines in, pairs and faces out."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import shapely

from app.geometry import Geometries, from_e4, to_e4
from app.reference.values import PlacePolygon
from app.uploads.catalogue import Epoch, epochs
from app.uploads.overlay import MISSING, Face, Figures, Pairs, Parcels, clusters, faces, pairs, portions
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

    def __add__(self, other: "Overlaid") -> "Overlaid":
        return Overlaid([*self.pairs, *other.pairs], [*self.faces, *other.faces])

    def split(self, versions: Mapping[int, int], near: AbstractSet[int]) -> tuple["Overlaid", set[int]]:
        """What was found among a file's rows, told by their versions, and the versions of clusters to be drawn anew.

        A cluster stands as it was found where each of its rows became a version and none of those is among ``near``.
        """
        ends = np.array([(pair.a, pair.b) for pair in self.pairs], dtype=np.int64).reshape(-1, 2)
        groups = clusters(ends[:, 0], ends[:, 1])
        redrawn = {MISSING, *near}
        broken = {
            row for group in groups if any(versions.get(row, MISSING) in redrawn for row in group) for row in group
        }
        pairs = [replace(one, a=versions[one.a], b=versions[one.b]) for one in self.pairs if one.a not in broken]
        faces = [
            replace(face, members=tuple(versions[row] for row in face.members))
            for face in self.faces
            if broken.isdisjoint(face.members)
        ]
        return Overlaid(pairs, faces), {versions[row] for row in broken if row in versions}

    def to_json(self) -> dict[str, Any]:
        """For the way out of the child process, and for the staging table."""
        pairs = [
            [pair.a, pair.b, str(pair.plane), str(pair.ellipsoidal), shapely.to_wkb(pair.geometry, hex=True)]
            for pair in self.pairs
        ]
        faces = [
            asdict(face) | {"wkb": face.wkb.hex(), "plane": str(face.plane), "ellipsoidal": str(face.ellipsoidal)}
            for face in self.faces
        ]
        return {"pairs": pairs, "faces": faces}

    @staticmethod
    def from_json(data: dict[str, Any]) -> "Overlaid":
        """What :meth:`to_json` wrote."""
        pairs = [
            OverlapPair(a, b, Decimal(plane), Decimal(ellipsoidal), shapely.from_wkb(shape))
            for a, b, plane, ellipsoidal, shape in data["pairs"]
        ]
        return Overlaid(pairs, [_part_from_json(face) for face in data["faces"]])


def _part_from_json(face: dict[str, Any]) -> OverlapPart:
    days = {name: date.fromisoformat(face[name]) for name in ("boundary_from", "boundary_to")}
    sizes = {name: Decimal(face[name]) for name in ("plane", "ellipsoidal")}
    whole = {"members": tuple(face["members"]), "wkb": bytes.fromhex(face["wkb"])}
    return OverlapPart(**(face | days | sizes | whole))


def overlay(job: OverlayJob) -> Overlaid:
    """Find the pairs, then the faces of each cluster that a new pair touches. Raises ``overlay_too_heavy``."""
    return overlaid(job.new.parcels(), job.stored.parcels(), job.known, epochs(job.places), job.srid)


def overlaid(
    new: Parcels, stored: Parcels, known: Sequence[tuple[int, int]], borders: Sequence[Epoch], srid: int
) -> Overlaid:
    """The same of outlines at hand, cut along the borders of each epoch."""
    found = pairs(new, stored, srid)
    plane, ellipsoidal = to_e4(found.plane), to_e4(found.ellipsoidal)
    told = [
        OverlapPair(int(a), int(b), from_e4(p), from_e4(e), shape)
        for a, b, p, e, shape in zip(found.a, found.b, plane, ellipsoidal, found.geometries, strict=True)
    ]
    if not told:
        return Overlaid([], [])
    ids = np.concatenate([new.ids, stored.ids])
    geometries = np.concatenate([new.geometries, stored.geometries])
    gathered = _faces(found, np.array(known, dtype=np.int64).reshape(-1, 2), ids, geometries, srid)
    return Overlaid(told, [part for epoch in borders for part in _parts(gathered, epoch, srid)])


def _faces(found: Pairs, known: Ints, ids: Ints, geometries: Geometries, srid: int) -> list[Face]:
    touched = set(np.concatenate([found.a, found.b]).tolist())
    groups = clusters(np.concatenate([found.a, known[:, 0]]), np.concatenate([found.b, known[:, 1]]))
    order = np.argsort(ids)
    at = (
        order[np.searchsorted(ids, np.array(group), sorter=order)] for group in groups if not touched.isdisjoint(group)
    )
    return faces(((geometries[some], ids[some]) for some in at), srid)


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
