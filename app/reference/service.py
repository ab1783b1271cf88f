"""Places, land categories and crosswalks: loading them as new recorded versions, and handing them over."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import func
from sqlalchemy.orm import Session

from app.db import Publication, lock_publication, publish
from app.errors import Refused
from app.reference import queries, sources
from app.reference.models import LandCategory, LandUseCode, Place
from app.reference.values import Category, LandUse, PlacePolygon

SINCE_EVER = date(1900, 1, 1)
"""From when a place without a stated date holds: no land event is older."""

Counts = dict[str, int]


@dataclass(frozen=True)
class Catalogue:
    """Categories and crosswalks as known at one moment."""

    categories: Sequence[Category]
    land_uses: Sequence[LandUse]

    @property
    def top(self) -> Mapping[str, str]:
        """Each category's top-level category: itself, or its parent."""
        return {category.code: category.parent_code or category.code for category in self.categories}

    def land_use(self, scheme: str, version: str, code: str) -> str | None:
        """The category of a code; a code that is not listed means nothing, its prefix neither."""
        found = {(use.scheme, use.version, use.code): use.category for use in self.land_uses}
        return found.get((scheme, version, code))


class PlaceRow(Protocol):
    """A place as an upload brings it; ``geom`` is EWKB of a multipolygon in the storage CRS."""

    level: Any
    code: Any
    name: Any
    parent_code: Any
    valid_from: Any
    geom: Any
    upload_id: Any


def catalogue(session: Session, known_at: datetime | None = None) -> Catalogue:
    """Categories and crosswalks as known at a moment, or now."""
    return Catalogue(
        tuple(
            Category(row.code, row.parent_code, row.name_zh, row.name_en)
            for row in queries.categories(session, known_at)
        ),
        tuple(
            LandUse(row.scheme, row.scheme_version, row.code, row.land_category)
            for row in queries.land_use_codes(session, known_at)
        ),
    )


def places(session: Session, level: str | None = None, on: date | None = None) -> Sequence[Place]:
    """Places in force on a day, or of all times."""
    return queries.places(session, level, on)


def place_polygons(session: Session, known_at: datetime | None = None) -> list[PlacePolygon]:
    """Every place of every time with its polygon, for cutting parcels."""
    return [
        PlacePolygon(place.level, place.code, place.parent_code, place.valid_from, place.valid_to, wkb, place.name)
        for place, wkb in queries.place_wkb(session, known_at)
    ]


def load(
    session: Session,
    actor: str,
    categories: Path = sources.CATEGORIES,
    crosswalks: Sequence[Path] = sources.CROSSWALKS,
) -> dict[str, Counts]:
    """Load categories and crosswalks from files. Loading the same files again changes nothing.

    Raises ``Refused`` that names file, line and field.
    """
    category_lines = sources.read_categories(categories)
    crosswalk_lines = [sources.read_crosswalk(path) for path in crosswalks]
    lock_publication(session)
    publication = publish(session, actor, "reference", ", ".join(path.name for path in (categories, *crosswalks)))
    counts = {categories.name: load_categories(session, publication, category_lines)}
    for path, lines in zip(crosswalks, crosswalk_lines, strict=True):
        counts[path.name] = load_crosswalk(session, publication, lines)
    _crosswalks_fit(session)
    return counts


def load_categories(session: Session, publication: Publication, lines: Iterable[sources.CategoryLine]) -> Counts:
    """Replace the land categories: a category that is not in the list ends."""
    held = {row.code: row for row in queries.categories(session)}
    wanted = {line.code: line for line in lines}
    return _replace(session, publication, LandCategory, held, wanted)


def load_crosswalk(session: Session, publication: Publication, lines: Iterable[sources.CrosswalkLine]) -> Counts:
    """Replace the crosswalks of the schemes and versions in the list; others stay."""
    wanted = {(line.scheme, line.scheme_version, line.code): line for line in lines}
    concerned = {key[:2] for key in wanted}
    held = {
        (row.scheme, row.scheme_version, row.code): row
        for row in queries.land_use_codes(session)
        if (row.scheme, row.scheme_version) in concerned
    }
    return _replace(session, publication, LandUseCode, held, wanted)


def _replace(
    session: Session,
    publication: Publication,
    table: type[LandCategory] | type[LandUseCode],
    held: Mapping[Any, Any],
    wanted: Mapping[Any, Any],
) -> Counts:
    counts = {"new": 0, "changed": 0, "unchanged": 0, "ended": 0}
    for key, row in held.items():
        line = wanted.get(key)
        if line is not None and all(getattr(row, name) == value for name, value in asdict(line).items()):
            counts["unchanged"] += 1
            continue
        counts["ended" if line is None else "changed"] += 1
        row.recorded_to = publication.recorded_at
    # The old versions end before the new ones begin, or both would be current for a moment.
    session.flush()
    kept = {key for key, row in held.items() if row.recorded_to is None}
    for key, line in wanted.items():
        if key not in kept:
            counts["new"] += key not in held
            session.add(table(**asdict(line), recorded_from=publication.recorded_at))
    session.flush()
    return counts


def _crosswalks_fit(session: Session) -> None:
    """Raise ``Refused`` where a crosswalk names a category that is not there."""
    known = {row.code for row in queries.categories(session)}
    for row in queries.land_use_codes(session):
        if row.land_category not in known:
            raise Refused(
                "reference_category_unknown",
                scheme=f"{row.scheme}:{row.scheme_version}",
                land_use=row.code,
                value=row.land_category,
                choices=", ".join(sorted(known)),
            )


def load_places(session: Session, publication: Publication, rows: Iterable[PlaceRow]) -> Counts:
    """Store places of one upload as new recorded versions; what is the same stays untouched.

    A row with a later ``valid_from`` than the boundary in force ends that one on this day: the boundary changed. A row
    without a date, or with the same, corrects the boundary held so far.
    """
    counts = {"new": 0, "changed": 0, "unchanged": 0}
    for row in rows:
        counts[_load_place(session, publication, row)] += 1
    return counts


def _load_place(session: Session, publication: Publication, row: PlaceRow) -> str:
    held = [place for place in queries.places(session, row.level) if place.code == row.code]
    newest = held[-1] if held else None
    valid_from = row.valid_from or (newest.valid_from if newest else SINCE_EVER)
    same_day = next((place for place in held if place.valid_from == valid_from), None)
    if same_day is not None:
        if (same_day.name, same_day.parent_code) == (_name(row), row.parent_code) and queries.same_outline(
            session, same_day, row.geom
        ):
            return "unchanged"
        same_day.recorded_to = publication.recorded_at
        session.flush()
        _add(session, publication, row, valid_from, same_day.valid_to)
        return "changed"
    earlier = [place for place in held if place.valid_from < valid_from]
    later = [place for place in held if place.valid_from > valid_from]
    if earlier:
        _shorten(session, publication, earlier[-1], valid_from)
    _add(session, publication, row, valid_from, later[0].valid_from if later else None)
    return "changed" if held else "new"


def _name(row: PlaceRow) -> str:
    return str(row.name or row.code)


def _add(session: Session, publication: Publication, row: PlaceRow, valid_from: date, valid_to: date | None) -> None:
    session.add(
        Place(
            level=row.level,
            code=row.code,
            name=_name(row),
            parent_code=row.parent_code,
            valid_from=valid_from,
            valid_to=valid_to,
            geom=func.ST_GeomFromEWKB(row.geom),
            upload_id=row.upload_id,
            recorded_from=publication.recorded_at,
        )
    )
    session.flush()


def _shorten(session: Session, publication: Publication, place: Place, valid_to: date) -> None:
    """The boundary so far, once more, with the day on which it ended."""
    place.recorded_to = publication.recorded_at
    session.flush()
    session.add(
        Place(
            level=place.level,
            code=place.code,
            name=place.name,
            parent_code=place.parent_code,
            valid_from=place.valid_from,
            valid_to=valid_to,
            geom=place.geom,
            upload_id=place.upload_id,
            recorded_from=publication.recorded_at,
        )
    )
    session.flush()
