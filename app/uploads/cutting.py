"""The third job of the child process: cut stored outlines anew after place boundaries changed."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import shapely

from app.reference.values import PlacePolygon
from app.uploads.catalogue import epochs, places_from_json, places_to_json
from app.uploads.overlay import MISSING, Figures, Place, portions

NOWHERE = Place(None, None, None, shapely.Polygon())
FIGURES = ("plane", "ellipsoidal", "declared", "document")


@dataclass(frozen=True)
class CutJob:
    """Outlines (WKB in the storage CRS) by id, with their figures in 1e-4 m² (None where there is none)."""

    srid: int
    ids: list[int]
    wkb: list[bytes]
    figures: list[tuple[int, int, int | None, int | None]]
    places: Sequence[PlacePolygon]

    def to_json(self) -> dict[str, Any]:
        """For the way into the child process; WKB as base64."""
        return {
            "srid": self.srid,
            "ids": self.ids,
            "wkb": [b64encode(wkb).decode("ascii") for wkb in self.wkb],
            "figures": self.figures,
            "places": places_to_json(self.places),
        }

    @staticmethod
    def from_json(data: dict[str, Any]) -> "CutJob":
        """The job that :meth:`to_json` wrote."""
        return CutJob(
            data["srid"],
            data["ids"],
            [b64decode(text) for text in data["wkb"]],
            [(plane, ellipsoidal, declared, document) for plane, ellipsoidal, declared, document in data["figures"]],
            places_from_json(data["places"]),
        )


@dataclass(frozen=True)
class Piece:
    """The part of an outline in one place during one boundary epoch; figures in 1e-4 m²."""

    id: int
    district: str | None
    sub_district: str | None
    community: str | None
    boundary_from: date
    boundary_to: date
    plane: int
    ellipsoidal: int
    declared: int | None
    document: int | None
    wkb: bytes

    def to_json(self) -> list[Any]:
        """For the way out of the child process."""
        row = [getattr(self, name) for name in self.__dataclass_fields__]
        row[4], row[5], row[-1] = (
            self.boundary_from.isoformat(),
            self.boundary_to.isoformat(),
            b64encode(self.wkb).decode("ascii"),
        )
        return row

    @staticmethod
    def from_json(row: list[Any]) -> "Piece":
        """The piece that :meth:`to_json` wrote."""
        start, end, wkb = date.fromisoformat(row[4]), date.fromisoformat(row[5]), b64decode(row[-1])
        plane, ellipsoidal, declared, document = row[6:-1]
        return Piece(row[0], row[1], row[2], row[3], start, end, plane, ellipsoidal, declared, document, wkb)


def cut(job: CutJob) -> list[Piece]:
    """The pieces of every outline, for each boundary epoch; they sum to the outline's figures exactly."""
    outlines = np.asarray(shapely.from_wkb(np.array(job.wkb, dtype=object)))
    table = np.array(
        [[MISSING if figure is None else figure for figure in row] for row in job.figures], dtype=np.int64
    ).reshape(-1, len(FIGURES))
    figures = Figures(*(table[:, column] for column in range(len(FIGURES))))
    pieces: list[Piece] = []
    for epoch in epochs(job.places):
        found = portions(outlines, figures, epoch.places, job.srid)
        for index, (parcel, place) in enumerate(zip(found.parcel.tolist(), found.place.tolist(), strict=True)):
            where = NOWHERE if place == MISSING else epoch.places[place]
            pieces.append(
                Piece(
                    job.ids[parcel],
                    where.district,
                    where.sub_district,
                    where.community,
                    epoch.start,
                    epoch.end,
                    int(found.figures.plane[index]),
                    int(found.figures.ellipsoidal[index]),
                    _known(found.figures.declared[index]),
                    _known(found.figures.document[index]),
                    _wkb(found.geometries[index]),
                )
            )
    return pieces


def _wkb(geometry: shapely.Geometry) -> bytes:
    return shapely.MultiPolygon(list(shapely.get_parts(geometry))).wkb


def _known(figure: Any) -> int | None:
    return None if figure == MISSING else int(figure)
