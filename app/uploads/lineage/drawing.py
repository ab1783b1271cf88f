"""The child process's fourth job: what was drawn for a split, a merge or a boundary change, and what was there.

Outlines come as GeoJSON in any supported CRS. Nothing is repaired: an outline that is not sound is refused.
"""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

import numpy as np
import orjson
import shapely
from shapely.errors import ShapelyError

from app.geometry import Geometries, finite, inside, measure, to_e4, window
from app.reference.values import PlacePolygon
from app.uploads.catalogue import epochs, places_from_json, places_to_json
from app.uploads.crs import declare
from app.uploads.cutting import NOWHERE
from app.uploads.defects import POLYGONS, polygons
from app.uploads.lineage.sharing import Where
from app.uploads.overlay import MISSING, SLIVER, Figures, portions
from app.uploads.place import place
from app.uploads.problems import FileRefusedError, Problem
from app.uploads.ring_checks import multi
from app.uploads.rows import MAX_VERTICES

_TOLD = 100
"""Pairs of drawn outlines that overlap and are told; one is enough to refuse."""


@dataclass(frozen=True)
class DrawJob:
    """Outlines as GeoJSON text in ``crs``; the present outlines, and other land whose credit goes on, as WKB.

    With nothing drawn, the union of what is present is meant.
    """

    srid: int
    crs: str
    drawn: list[str]
    present: list[bytes]
    lands: list[bytes]
    places: Sequence[PlacePolygon]

    def to_json(self) -> dict[str, Any]:
        """For the way into the child process."""
        texts = {name: [b64encode(wkb).decode("ascii") for wkb in getattr(self, name)] for name in ("present", "lands")}
        return {"srid": self.srid, "crs": self.crs, "drawn": self.drawn, "places": places_to_json(self.places)} | texts

    @staticmethod
    def from_json(data: dict[str, Any]) -> "DrawJob":
        """The job that :meth:`to_json` wrote."""
        sides = {name: [b64decode(text) for text in data[name]] for name in ("present", "lands")}
        return DrawJob(data["srid"], data["crs"], data["drawn"], places=places_from_json(data["places"]), **sides)


@dataclass(frozen=True)
class Fault:
    """What is wrong with what was drawn: a message code and its values; ``number`` is the outline's."""

    code: str
    values: dict[str, str]
    number: int | None = None


@dataclass(frozen=True)
class Difference:
    """Land, as WKB in hex in the storage CRS, with its ellipsoidal size in 1e-4 m²; ``pair`` names two outlines."""

    wkb: str
    square_metres: int
    pair: tuple[int, int] | None = None


@dataclass(frozen=True)
class Shape:
    """An outline as WKB in hex, its sizes in 1e-4 m² and what of it lies in which place: plane, ellipsoidal."""

    wkb: str
    plane: int
    ellipsoidal: int
    places: list[tuple[Where, int, int]]


@dataclass(frozen=True)
class Drawn:
    """What the child found. ``overlaps``: land that two drawn outlines share; ``twice``: that two present ones share.

    ``lands``: each land cut by the outlines, one shape for each outline, or None.
    """

    faults: list[Fault] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)
    gap: Difference | None = None
    excess: Difference | None = None
    overlaps: list[Difference] = field(default_factory=list)
    twice: list[Difference] = field(default_factory=list)
    lands: list[list[Shape | None]] = field(default_factory=list)


def drawn_to_json(drawn: Drawn) -> dict[str, Any]:
    """For the way out of the child process."""
    document: dict[str, Any] = orjson.loads(orjson.dumps(asdict(drawn), default=list))
    return document


def drawn_from_json(data: dict[str, Any]) -> Drawn:
    """What :func:`drawn_to_json` wrote."""
    return Drawn(
        [Fault(**fault) for fault in data["faults"]],
        [_shape_of(shape) for shape in data["shapes"]],
        _difference_of(data["gap"]),
        _difference_of(data["excess"]),
        [_pair_of(one) for one in data["overlaps"]],
        [_pair_of(one) for one in data["twice"]],
        [[shape and _shape_of(shape) for shape in land] for land in data["lands"]],
    )


def _shape_of(data: dict[str, Any]) -> Shape:
    places = [
        (Where(a, b, c, date.fromisoformat(start), date.fromisoformat(end)), plane, ellipsoidal)
        for (a, b, c, start, end), plane, ellipsoidal in data["places"]
    ]
    return Shape(data["wkb"], data["plane"], data["ellipsoidal"], places)


def _pair_of(data: dict[str, Any]) -> Difference:
    return Difference(data["wkb"], data["square_metres"], tuple(data["pair"]))


def _difference_of(data: dict[str, Any] | None) -> Difference | None:
    return None if data is None else Difference(data["wkb"], data["square_metres"])


def draw(job: DrawJob) -> Drawn:
    """Read what was drawn, measure it, and compare it with what is there."""
    present = np.asarray(shapely.from_wkb(np.array(job.present, dtype=object)))
    before = shapely.union_all(present)
    read, faults = _read(job) if job.drawn else _sound(np.array([before], dtype=object), job.srid)
    if faults:
        return Drawn(faults)
    after = shapely.union_all(read)
    lands = np.asarray(shapely.from_wkb(np.array(job.lands, dtype=object))).reshape(-1)
    return Drawn(
        [],
        _shapes(read, job),
        _difference(shapely.difference(before, after), job.srid),
        _difference(shapely.difference(after, before), job.srid),
        _overlaps(read, job.srid),
        _overlaps(present, job.srid),
        [_cut(land, read, job) for land in lands],
    )


def _read(job: DrawJob) -> tuple[Geometries, list[Fault]]:
    """The outlines in the storage CRS as multipolygons, or what is wrong with them."""
    found: list[shapely.Geometry] = []
    for number, text in enumerate(job.drawn):
        try:
            geometry = shapely.force_2d(shapely.from_geojson(text))
        except (ShapelyError, ValueError, TypeError) as error:
            return np.array([]), [Fault("lineage_geometry_unreadable", {"detail": str(error)[:200]}, number)]
        if shapely.get_type_id(geometry) not in POLYGONS or shapely.is_empty(geometry):
            return np.array([]), [Fault("lineage_geometry_no_polygon", {"kind": geometry.geom_type}, number)]
        found.append(geometry)
    geometries = np.array(found, dtype=object)
    if not finite(geometries).all():
        return geometries, [Fault("coordinates_outside", {"crs": job.crs})]
    try:
        sample = shapely.get_coordinates(shapely.centroid(geometries))
        placed = place(geometries, declare(None, job.crs, sample, job.srid), job.srid)
    except FileRefusedError as error:
        return geometries, [_fault(problem) for problem in error.problems]
    against = [_fault(problem) for problem in placed.problems if problem.severity == "refuse"]
    return (geometries, against) if against else _sound(placed.geometries, job.srid)


def _fault(problem: Problem) -> Fault:
    number = None if problem.row is None else problem.row - 1
    return Fault(problem.code, {name: str(value) for name, value in problem.message_values.items()}, number)


def _sound(geometries: Geometries, srid: int) -> tuple[Geometries, list[Fault]]:
    """Outlines that may be overlaid: near the storage CRS's own land, valid, of some size, not of too many vertices."""
    counts = shapely.get_num_coordinates(geometries)
    near, valid = inside(geometries, window(srid)), shapely.is_valid(geometries)
    for number, geometry in enumerate(geometries):
        if not near[number]:
            return geometries, [Fault("coordinates_outside", {"crs": f"EPSG:{srid}"}, number)]
        if counts[number] > MAX_VERTICES:
            return geometries, [
                Fault("too_many_vertices", {"count": str(counts[number]), "limit": str(MAX_VERTICES)}, number)
            ]
        if not valid[number]:
            return geometries, [
                Fault("lineage_geometry_invalid", {"detail": shapely.is_valid_reason(geometry)}, number)
            ]
        if shapely.area(geometry) < SLIVER:
            return geometries, [Fault("geometry_no_land", {}, number)]
    return multi(geometries), []


def _difference(geometry: shapely.Geometry, srid: int, pair: tuple[int, int] | None = None) -> Difference | None:
    land = polygons(geometry)
    if shapely.is_empty(land):
        return None
    size = int(to_e4(measure(np.array([land], dtype=object), srid).ellipsoidal)[0])
    return Difference(shapely.to_wkb(land, hex=True), size, pair) if size else None


def _overlaps(geometries: Geometries, srid: int) -> list[Difference]:
    left, right = shapely.STRtree(geometries).query(geometries, predicate="intersects")
    pairs = [(int(a), int(b)) for a, b in zip(left, right, strict=True) if a < b]
    found = (_difference(shapely.intersection(geometries[a], geometries[b]), srid, (a, b)) for a, b in pairs)
    return [one for one in found if one is not None][:_TOLD]


def _cut(land: shapely.Geometry, outlines: Geometries, job: DrawJob) -> list[Shape | None]:
    """What of a land lies in each outline; None where nothing does that could be stored."""
    pieces = [polygons(shapely.intersection(land, outline)) for outline in outlines]
    kept = [number for number, piece in enumerate(pieces) if shapely.area(piece) >= SLIVER]
    shapes = _shapes(multi(np.array([pieces[number] for number in kept], dtype=object)), job) if kept else []
    by_number = dict(zip(kept, shapes, strict=True))
    return [by_number.get(number) for number in range(len(pieces))]


def _shapes(geometries: Geometries, job: DrawJob) -> list[Shape]:
    """Outlines measured, and cut along the borders of places as every parcel is."""
    measured = measure(geometries, job.srid)
    plane, ellipsoidal = to_e4(measured.plane), to_e4(measured.ellipsoidal)
    nothing = np.full(len(geometries), MISSING, dtype=np.int64)
    found = [
        Shape(shapely.to_wkb(shape, hex=True), int(p), int(e), [])
        for shape, p, e in zip(geometries, plane, ellipsoidal, strict=True)
    ]
    for epoch in epochs(job.places):
        cut = portions(geometries, Figures(plane, ellipsoidal, nothing, nothing), epoch.places, job.srid)
        for number, (which, at) in enumerate(zip(cut.parcel.tolist(), cut.place.tolist(), strict=True)):
            held = NOWHERE if at == MISSING else epoch.places[at]
            where = Where(held.district, held.sub_district, held.community, epoch.start, epoch.end)
            sizes = int(cut.figures.plane[number]), int(cut.figures.ellipsoidal[number])
            found[which].places.append((where, *sizes))
    return found
