"""Zones: named sets of outlines (control layers, plans), dated, and versioned under recorded time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from app.db import Publication
from app.reference.models import Zone
from app.reference.queries import DEGREES
from app.reference.service import SINCE_EVER
from app.reference.values import ZonePolygon


class ZoneRow(Protocol):
    """What a zone is made of: a staged row of an upload, its outline as EWKB."""

    row: int
    upload_id: int
    code: str
    name: str | None
    valid_from: date | None
    geom: bytes
    content_sha256: bytes


@dataclass(frozen=True)
class ZoneSet:
    """The zones of one name that are known: how many, whether restrictive, and since when."""

    name: str
    zones: int
    restrictive: bool
    valid_from: date
    recorded_at: datetime


def load_zones(
    session: Session, publication: Publication, name: str, rows: Iterable[ZoneRow], *, restrictive: bool, whole: bool
) -> dict[str, int]:
    """Store the zones of one upload under a name; what is the same stays untouched.

    ``whole``: the file is the new version of the set, and zones that it lacks end, on its day where it has one. A row
    with a later ``valid_from`` ends its zone's outline so far on that day; with the same, or without, it corrects it.
    """
    counts = {"new": 0, "changed": 0, "unchanged": 0}
    rows = list(rows)
    held: dict[str, list[Zone]] = {}
    statement = select(Zone).where(Zone.name == name, Zone.recorded_to.is_(None)).order_by(Zone.code, Zone.valid_from)
    for zone in session.scalars(statement):
        held.setdefault(zone.code, []).append(zone)
    for row in rows:
        counts[_load(session, publication, name, row, held.get(row.code, []), restrictive=restrictive)] += 1
    if whole:
        told = {row.code for row in rows}
        on = min((row.valid_from or SINCE_EVER for row in rows), default=SINCE_EVER)
        for code in held.keys() - told:
            _end(session, publication, held[code][-1], on)
    session.flush()
    return counts


def _load(
    session: Session, publication: Publication, name: str, row: ZoneRow, held: Sequence[Zone], *, restrictive: bool
) -> str:
    newest = held[-1] if held else None
    valid_from = row.valid_from or (newest.valid_from if newest else SINCE_EVER)
    same_day = next((zone for zone in held if zone.valid_from == valid_from), None)
    valid_to = next((zone.valid_from for zone in held if zone.valid_from > valid_from), None)
    if same_day is not None:
        if (same_day.content_sha256, same_day.restrictive) == (row.content_sha256, restrictive):
            return "unchanged"
        valid_to = same_day.valid_to
        same_day.recorded_to = publication.recorded_at
    elif earlier := [zone for zone in held if zone.valid_from < valid_from]:
        _end(session, publication, earlier[-1], valid_from)
    session.flush()
    session.add(
        Zone(
            name=name, code=row.code, title=row.name, restrictive=restrictive, valid_from=valid_from,
            valid_to=valid_to, geom=func.ST_GeomFromEWKB(row.geom), content_sha256=row.content_sha256,
            upload_id=row.upload_id, upload_row=row.row, recorded_from=publication.recorded_at,
        )
    )  # fmt: skip
    return "changed" if held else "new"


def _end(session: Session, publication: Publication, zone: Zone, on: date) -> None:
    """End a zone on a day; one that began no earlier is taken back."""
    if zone.valid_to is not None and zone.valid_to <= on:
        return
    zone.recorded_to = publication.recorded_at
    session.flush()
    if zone.valid_from < on:
        session.add(
            Zone(
                name=zone.name, code=zone.code, title=zone.title, restrictive=zone.restrictive,
                valid_from=zone.valid_from, valid_to=on, geom=zone.geom, content_sha256=zone.content_sha256,
                upload_id=zone.upload_id, upload_row=zone.upload_row, recorded_from=publication.recorded_at,
            )
        )  # fmt: skip


def known(known_at: datetime | None) -> ColumnElement[bool]:
    """Zones that the service took for true at a moment, or takes for true now."""
    if known_at is None:
        return Zone.recorded_to.is_(None)
    return and_(Zone.recorded_from <= known_at, or_(Zone.recorded_to.is_(None), Zone.recorded_to > known_at))


def in_force(on: date) -> ColumnElement[bool]:
    """Zones in force on a day."""
    return and_(Zone.valid_from <= on, or_(Zone.valid_to.is_(None), Zone.valid_to > on))


def zone_sets(session: Session, on: date, known_at: datetime | None = None) -> list[ZoneSet]:
    """Every name with zones in force on a day."""
    statement = (
        select(
            Zone.name,
            func.count(),
            func.bool_or(Zone.restrictive),
            func.min(Zone.valid_from),
            func.max(Zone.recorded_from),
        )
        .where(known(known_at), in_force(on))
        .group_by(Zone.name)
        .order_by(Zone.name)
    )
    return [ZoneSet(*row) for row in session.execute(statement)]


def zones(session: Session, name: str, on: date, known_at: datetime | None = None) -> list[tuple[Zone, bytes]]:
    """The zones of a name in force on a day, with their outlines as WKB in the storage CRS, by code."""
    statement = select(Zone, Zone.geom.ST_AsBinary()).where(Zone.name == name, known(known_at), in_force(on))
    return [(zone, bytes(wkb)) for zone, wkb in session.execute(statement.order_by(Zone.code))]


def geojson_of(session: Session, name: str, on: date) -> list[tuple[Zone, str]]:
    """The same with outlines as GeoJSON in CRS84."""
    geojson = func.ST_AsGeoJSON(func.ST_Transform(Zone.geom, 4326), DEGREES)
    statement = select(Zone, geojson).where(Zone.name == name, known(None), in_force(on)).order_by(Zone.code)
    return [(zone, text) for zone, text in session.execute(statement)]


def restrictive_zones(session: Session, on: date) -> list[ZonePolygon]:
    """What parcels are compared with at their upload."""
    statement = (
        select(Zone.name, Zone.code, Zone.geom.ST_AsBinary())
        .where(Zone.restrictive, known(None), in_force(on))
        .order_by(Zone.name, Zone.code)
    )
    return [ZonePolygon(name, code, bytes(wkb)) for name, code, wkb in session.execute(statement)]
