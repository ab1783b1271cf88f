"""What the child process must know of the service to check a file: categories, crosswalks and places."""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import shapely

from app.reference.values import Category, LandUse, PlacePolygon, ZonePolygon
from app.uploads.mapping import plain
from app.uploads.overlay import Place

EVER_BEFORE, EVER_AFTER = date.min, date.max
"""The ends of time in Arrow dates, which know no infinity; ``[from, to)``."""


@dataclass(frozen=True)
class Catalogue:
    """Everything of the service that a check or a portion depends on."""

    categories: Sequence[Category] = ()
    land_uses: Sequence[LandUse] = ()
    places: Sequence[PlacePolygon] = ()
    zones: Sequence[ZonePolygon] = ()
    today: date | None = None

    def to_json(self) -> dict[str, Any]:
        """For the way into the child process."""
        return {
            "categories": [[c.code, c.parent_code, c.name_zh, c.name_en] for c in self.categories],
            "land_uses": [[u.scheme, u.version, u.code, u.category] for u in self.land_uses],
            "places": places_to_json(self.places),
            "zones": [[zone.name, zone.code, b64encode(zone.geom).decode("ascii")] for zone in self.zones],
            "today": self.today and self.today.isoformat(),
        }

    @staticmethod
    def from_json(data: dict[str, Any]) -> "Catalogue":
        """The catalogue that :meth:`to_json` wrote."""
        return Catalogue(
            [Category(*row) for row in data["categories"]],
            [LandUse(*row) for row in data["land_uses"]],
            places_from_json(data["places"]),
            [ZonePolygon(name, code, b64decode(wkb)) for name, code, wkb in data["zones"]],
            data["today"] and date.fromisoformat(data["today"]),
        )


def places_to_json(places: Iterable[PlacePolygon]) -> list[list[Any]]:
    """Places as JSON rows, WKB as base64."""
    return [
        [
            place.level,
            place.code,
            place.parent_code,
            place.valid_from.isoformat(),
            None if place.valid_to is None else place.valid_to.isoformat(),
            b64encode(bytes(place.geom)).decode("ascii"),
            place.name,
        ]
        for place in places
    ]


def places_from_json(rows: list[list[Any]]) -> list[PlacePolygon]:
    """The places that :func:`places_to_json` wrote."""
    return [
        PlacePolygon(
            level, code, parent, date.fromisoformat(start), end and date.fromisoformat(end), b64decode(wkb), name
        )
        for level, code, parent, start, end, wkb, name in rows
    ]


class Categories:
    """Land categories by code, by name in either language, and by a national standard's code."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.codes = [category.code for category in catalogue.categories]
        self._names = {
            plain(name): category.code
            for category in catalogue.categories
            for name in (category.name_zh, category.name_en, category.code)
        }
        self._titles = {one.code: {"zh": one.name_zh, "en": one.name_en} for one in catalogue.categories}
        self._uses = {(use.scheme, use.version, use.code): use.category for use in catalogue.land_uses}
        self.schemes = sorted({f"{use.scheme}:{use.version}" for use in catalogue.land_uses})

    def by_name(self, text: str) -> str | None:
        """The category that a text names."""
        return self._names.get(plain(text))

    def scheme(self, text: str | None) -> str | None:
        """``scheme:version`` for a scheme with or without its version; None where unknown or of several versions."""
        stated = (text or "").strip().casefold()
        fitting = [known for known in self.schemes if stated in {known, known.split(":")[0]}]
        return fitting[0] if len(fitting) == 1 else None

    def meanings(self, code: str) -> list[tuple[str, str]]:
        """Every ``scheme:version`` that has a code, and the category that it means there."""
        found = ((f"{name}:{version}", category) for (name, version, known), category in self._uses.items()
                 if known == code.strip())  # fmt: skip
        return sorted(found)

    def title(self, category: str, language: str) -> str:
        """A category's name in ``zh`` or ``en``."""
        return self._titles[category][language]

    def by_land_use(self, scheme: str, code: str) -> str | None:
        """The category of a code in ``scheme:version``."""
        name, version = scheme.split(":", 1)
        return self._uses.get((name, version, code.strip()))


@dataclass(frozen=True)
class Epoch:
    """``[start, end)`` during which no boundary changed, and the finest places then in force, without overlaps."""

    start: date
    end: date
    places: list[Place] = field(default_factory=list)


def epochs(places: Sequence[PlacePolygon]) -> list[Epoch]:
    """Every boundary epoch in order. The first reaches back for ever: older land is told by the oldest known border."""
    cuts = sorted({day for place in places for day in (place.valid_from, place.valid_to) if day is not None})
    starts = [EVER_BEFORE, *cuts[1:]] if cuts else [EVER_BEFORE]
    found: list[Epoch] = []
    for start, end in zip(starts, [*starts[1:], EVER_AFTER], strict=True):
        at = cuts[0] if cuts and start == EVER_BEFORE else start
        living = [p for p in places if p.valid_from <= at and (p.valid_to is None or at < p.valid_to)]
        found.append(Epoch(start, end, partition(living)))
    return found


def partition(places: Sequence[PlacePolygon]) -> list[Place]:
    """The finest pieces: communities, what they leave of their sub-district, what those leave of their district."""
    shapes = {(place.level, place.code): shapely.from_wkb(bytes(place.geom)) for place in places}
    parents = {(place.level, place.code): place.parent_code for place in places}
    communities = [code for level, code in shapes if level == "community"]
    sub_districts = [code for level, code in shapes if level == "sub_district"]
    pieces: list[Place] = []
    for code in sorted(communities):
        above = parents["community", code]
        district = parents.get(("sub_district", above or ""))
        pieces.append(Place(district, above, code, shapes["community", code]))
    finer: list[shapely.Geometry] = [shapes["community", code] for code in communities]
    for code in sorted(sub_districts):
        rest = _without(shapes["sub_district", code], finer)
        pieces.append(Place(parents["sub_district", code], code, None, rest))
    finer += [shapes["sub_district", code] for code in sub_districts]
    districts = sorted(code for level, code in shapes if level == "district")
    pieces += [Place(code, None, None, _without(shapes["district", code], finer)) for code in districts]
    return [piece for piece in pieces if not shapely.is_empty(piece.polygon)]


def _without(polygon: shapely.Geometry, others: list[shapely.Geometry]) -> shapely.Geometry:
    """``polygon`` less those that meet it, polygons only."""
    if not others:
        return polygon
    near = np.array(others, dtype=object)[shapely.STRtree(others).query(polygon, predicate="intersects")]
    rest = shapely.difference(polygon, shapely.union_all(near)) if len(near) else polygon
    parts = shapely.get_parts(rest)
    return shapely.MultiPolygon(list(parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON]))
