"""Maps drawn with letters: one letter is 100 m × 100 m, 1 hectare, in EPSG:4547 beside the central meridian.

A dot is nobody's land. ``Bank`` puts places, parcels and events of such maps into a database through the real tables
and services, and asks for hectares.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import combinations
from typing import Any

import numpy as np
import shapely
import shapely.geometry
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from app.auth import Actor, Role
from app.db import Publication, publish
from app.geometry import from_e4, largest_remainder, measure, to_e4
from app.inventory.models import OverlapFace, OverlapFaceMember, Parcel, ParcelOverlap, ParcelVersion, Portion
from app.landbank.events.schemas import EventIn
from app.landbank.events.service import Recorded, record_event
from app.landbank.hectares.query import HectaresParams, HectaresQuery, resolve
from app.landbank.hectares.rollup import append_rollup
from app.landbank.hectares.service import HectaresTable, hectares
from app.reference import service as reference
from app.reference.models import Place
from app.settings import Settings, load_settings
from app.uploads.lineage import service as lineage
from app.uploads.lineage.schemas import BoundaryIn, MergeIn, OperationRow, SplitIn

CELL = 100.0
EAST, NORTH = 500_000.0, 2_500_000.0
SRID = 4547
ACTOR = Actor(None, "cli:test", Role.ADMIN)
EVER = date(1900, 1, 1)
OUTSIDE = "none"


def read_map(drawing: str) -> dict[str, Any]:
    """Each letter of a drawing with its land as a multipolygon. The first line is the northernmost."""
    lines = [line.strip() for line in drawing.strip().splitlines()]
    cells: dict[str, list[shapely.Polygon]] = defaultdict(list)
    for row, line in enumerate(lines):
        south = NORTH + (len(lines) - 1 - row) * CELL
        for column, letter in enumerate(line):
            west = EAST + column * CELL
            if letter != ".":
                cells[letter].append(shapely.box(west, south, west + CELL, south + CELL))
    return {letter: _multi(shapely.union_all(boxes)) for letter, boxes in cells.items()}


def _multi(geometry: Any) -> shapely.MultiPolygon:
    parts = [part for part in shapely.get_parts(geometry) if part.geom_type == "Polygon"]
    return shapely.MultiPolygon(parts)


def _sizes(geometry: Any) -> tuple[int, int]:
    """Plane and ellipsoidal square metres in units of 1e-4 m²."""
    measured = measure(np.array([geometry], dtype=object), SRID)
    return int(to_e4(measured.plane)[0]), int(to_e4(measured.ellipsoidal)[0])


def _ewkt(geometry: Any) -> str:
    return f"SRID={SRID};{_multi(geometry).wkt}"


def _drawn(drawing: str) -> dict[str, dict[str, Any]]:
    return {letter: {"geometry": shapely.geometry.mapping(land)} for letter, land in read_map(drawing).items()}


class Bank:
    """A land bank made of maps."""

    def __init__(self, session: Session, settings: Settings | None = None) -> None:
        self.session = session
        self.settings = settings or load_settings()
        self.districts: dict[str, Any] = {}
        self.land: dict[int, Any] = {}
        self.layer_of: dict[int, str] = {}
        reference.load(session, ACTOR.name)

    def places(self, drawing: str) -> None:
        """Sub-districts, one per letter, in force for ever."""
        at = self._publish("places").recorded_at
        self.districts = read_map(drawing)
        for letter, land in self.districts.items():
            self.session.add(
                Place(
                    level="sub_district", code=letter, name=f"{letter} 街道", parent_code=None, valid_from=EVER,
                    valid_to=None, geom=_ewkt(land), recorded_from=at,
                )
            )  # fmt: skip
        self.session.flush()

    def parcels(
        self,
        drawing: str,
        *,
        category: str | Mapping[str, str] = "industrial",
        effective: str = "2026-01-01",
        programme: str = "consolidation",
        role: str = "development",
        layer: str = "surface",
        project: str | None = None,
    ) -> list[int]:
        """A parcel, or the next version of one, per letter; ids of the versions."""
        publication = self._publish("parcels")
        made = []
        for letter, land in sorted(read_map(drawing).items()):
            parcel = self.session.scalars(select(Parcel).where(Parcel.code == letter)).one_or_none()
            if parcel is None:
                parcel = Parcel(code=letter)
                self.session.add(parcel)
                self.session.flush()
            before = select(ParcelVersion.version).where(ParcelVersion.parcel_id == parcel.id)
            plane, ellipsoidal = _sizes(land)
            version = ParcelVersion(
                parcel_id=parcel.id, version=1 + max(self.session.scalars(before), default=0), geom=_ewkt(land),
                programme=programme, project_code=project, role=role, layer=layer,
                land_category=category if isinstance(category, str) else category[letter],
                plane_square_metres=from_e4(plane), ellipsoidal_square_metres=from_e4(ellipsoidal),
                source_crs="EPSG:4547", method="test", effective_date=date.fromisoformat(effective),
                content_sha256=b"", recorded_from=publication.recorded_at,
            )  # fmt: skip
            self.session.add(version)
            self.session.flush()
            self._portions(version, land, publication)
            self._overlaps(version.id, land, layer, publication)
            made.append(version.id)
        append_rollup(self.session, publication)
        return made

    def event(
        self, happened: str, parcel: str | None = None, day: str = "2026-03-01", document: str = "", **more: Any
    ) -> Recorded:
        """An event with a document of its own, dated ``day``."""
        documents = {"bank_entry": "handover_confirmation", "supply": "grant_contract"}
        paper = {
            "type": document or documents.get(happened, "approval"),
            "number": f"{happened}-{parcel}-{day}",
            "date": day,
        }
        asked = EventIn.model_validate({"type": happened, "parcel": parcel, "document": paper} | more)
        return record_event(self.session, ACTOR, asked)

    def split(self, parent: str, drawing: str, day: str = "2026-06-01", **more: Any) -> OperationRow:
        """A parcel split into the letters of a drawing."""
        children = [{"code": code} | shape for code, shape in _drawn(drawing).items()]
        asked = self._operation("split", day) | {"parent": parent, "children": children} | more
        return lineage.split(self.session, self.settings, ACTOR, SplitIn.model_validate(asked))

    def merge(self, parents: str, child: str, day: str = "2026-06-01", **more: Any) -> OperationRow:
        """Parcels, one per letter, merged into the union of their land."""
        asked = self._operation("merge", day) | {"parents": list(parents), "child": {"code": child} | more}
        return lineage.merge(self.session, self.settings, ACTOR, MergeIn.model_validate(asked))

    def boundary(self, drawing: str, day: str = "2026-06-01", **more: Any) -> OperationRow:
        """A new outline for the one letter of a drawing."""
        [(code, shape)] = _drawn(drawing).items()
        asked = BoundaryIn.model_validate(self._operation("boundary", day) | shape | more)
        return lineage.change_boundary(self.session, self.settings, ACTOR, code, asked)

    @staticmethod
    def _operation(kind: str, day: str) -> dict[str, Any]:
        paper = {"type": "approval", "number": f"{kind}-{day}", "date": day}
        return {"crs": "EPSG:4547", "document": paper, "reason": "drawn"}

    def query(self, **parameters: str) -> HectaresQuery:
        """A question; as of the end of 2026 unless it says otherwise."""
        return resolve(self.session, self.settings, HectaresParams.model_validate({"as_of": "2026-12-31"} | parameters))

    def ask(self, **parameters: str) -> HectaresTable:
        """The answer to a question."""
        return hectares(self.session, self.settings, self.query(**parameters))

    def _publish(self, action: str) -> Publication:
        return publish(self.session, ACTOR.name, action, "map")

    def _in_places(self, land: Any) -> list[tuple[str | None, Any]]:
        found = [(code, shapely.intersection(land, place)) for code, place in self.districts.items()]
        outside = shapely.difference(land, shapely.union_all(list(self.districts.values())))
        return [(code, part) for code, part in [*found, (None, outside)] if shapely.area(part) > 0]

    def _portions(self, version: ParcelVersion, land: Any, publication: Publication) -> None:
        parts = self._in_places(land)
        totals = _sizes(land)
        shares = [largest_remainder([_sizes(part)[index] for _, part in parts], totals[index]) for index in range(2)]
        rows = [
            {
                "parcel_version_id": version.id,
                "sub_district": code,
                "plane_square_metres": from_e4(plane),
                "ellipsoidal_square_metres": from_e4(ellipsoidal),
                "recorded_from": publication.recorded_at,
            }
            for (code, _), plane, ellipsoidal in zip(parts, *shares, strict=True)
        ]
        self.session.execute(insert(Portion), rows)

    def _overlaps(self, version: int, land: Any, layer: str, publication: Publication) -> None:
        for other, its in self.land.items():
            shared = shapely.intersection(land, its)
            if self.layer_of[other] == layer and shapely.area(shared) > 0:
                plane, ellipsoidal = _sizes(shared)
                self.session.add(
                    ParcelOverlap(
                        first_version_id=other, second_version_id=version, plane_square_metres=from_e4(plane),
                        ellipsoidal_square_metres=from_e4(ellipsoidal),
                    )
                )  # fmt: skip
        self.land[version], self.layer_of[version] = land, layer
        self._faces(publication)

    def _faces(self, publication: Publication) -> None:
        """All faces anew: every part of the drawing that two parcels or more cover, in its place."""
        self.session.execute(
            update(OverlapFace).where(OverlapFace.recorded_to.is_(None)).values(recorded_to=publication.recorded_at)
        )
        for members, face in _arrangement(list(self.land.items()), self.layer_of):
            for code, part in self._in_places(face):
                plane, ellipsoidal = _sizes(part)
                row = {
                    "geom": _ewkt(part),
                    "sub_district": code,
                    "plane_square_metres": from_e4(plane),
                    "ellipsoidal_square_metres": from_e4(ellipsoidal),
                    "recorded_from": publication.recorded_at,
                }
                made = self.session.execute(insert(OverlapFace).values(row).returning(OverlapFace.id)).scalar_one()
                links = [{"face_id": made, "parcel_version_id": member} for member in members]
                self.session.execute(insert(OverlapFaceMember), links)


def _arrangement(lands: Sequence[tuple[int, Any]], layers: Mapping[int, str]) -> list[tuple[frozenset[int], Any]]:
    """Each set of two or more versions of one layer with the land that exactly they cover."""
    found = []
    for layer in set(layers.values()):
        ours = [(key, land) for key, land in lands if layers[key] == layer]
        for size in range(2, len(ours) + 1):
            for chosen in combinations(ours, size):
                common = shapely.intersection_all([land for _, land in chosen])
                others = [land for key, land in ours if key not in {key for key, _ in chosen}]
                alone = shapely.difference(common, shapely.union_all(others)) if others else common
                if shapely.area(alone) > 0:
                    found.append((frozenset(key for key, _ in chosen), alone))
    return found


def table_of(table: HectaresTable) -> dict[str, Decimal]:
    """Rows as ``code/code`` with hectares to 4 decimals, and the total."""
    found = {
        "/".join(OUTSIDE if code is None else str(code) for _, code in row.keys): _rounded(row.hectares)
        for row in table.rows
    }
    return found | {"total": _rounded(table.total.hectares)}


def expected(text: str) -> dict[str, Decimal]:
    """A table as written: a row's codes, then hectares."""
    lines = [line.rsplit(maxsplit=1) for line in text.strip().splitlines()]
    return {name.strip(): _rounded(Decimal(value)) for name, value in lines}


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.0001"))
