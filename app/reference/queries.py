"""Reading reference data as it was known at a moment."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from app.reference.models import LandCategory, LandUseCode, Place

Versioned = type[LandCategory] | type[LandUseCode] | type[Place]
DEGREES = 7
"""Decimals of longitude and latitude: about a centimetre."""


def known(table: Versioned, known_at: datetime | None) -> ColumnElement[bool]:
    """Rows that the service took for true at a moment, or takes for true now."""
    if known_at is None:
        return table.recorded_to.is_(None)
    return and_(table.recorded_from <= known_at, or_(table.recorded_to.is_(None), table.recorded_to > known_at))


def categories(session: Session, known_at: datetime | None = None) -> Sequence[LandCategory]:
    """Land categories in their order."""
    statement = select(LandCategory).where(known(LandCategory, known_at)).order_by(LandCategory.position)
    return session.scalars(statement).all()


def land_use_codes(session: Session, known_at: datetime | None = None) -> Sequence[LandUseCode]:
    """Every crosswalk row, by scheme, version and code."""
    order = (LandUseCode.scheme, LandUseCode.scheme_version, LandUseCode.code)
    return session.scalars(select(LandUseCode).where(known(LandUseCode, known_at)).order_by(*order)).all()


def in_force(on: date) -> ColumnElement[bool]:
    """Places whose boundary was in force on a day."""
    return and_(Place.valid_from <= on, or_(Place.valid_to.is_(None), Place.valid_to > on))


def places(
    session: Session, level: str | None = None, on: date | None = None, known_at: datetime | None = None
) -> Sequence[Place]:
    """Places by level and code, those in force on a day or of all times."""
    statement = select(Place).where(known(Place, known_at)).order_by(Place.level, Place.code, Place.valid_from)
    if level is not None:
        statement = statement.where(Place.level == level)
    if on is not None:
        statement = statement.where(in_force(on))
    return session.scalars(statement).all()


def place_wkb(session: Session, known_at: datetime | None = None) -> list[tuple[Place, bytes]]:
    """Places of all times with their polygon as WKB in the storage CRS."""
    statement = select(Place, Place.geom.ST_AsBinary()).where(known(Place, known_at))
    rows = session.execute(statement.order_by(Place.level, Place.code, Place.valid_from))
    return [(place, bytes(wkb)) for place, wkb in rows]


def outlines(session: Session, found: Sequence[Place]) -> dict[int, str]:
    """GeoJSON geometry in CRS84 by place id; CGCS2000 and WGS 84 are taken to be the same place."""
    geojson = func.ST_AsGeoJSON(func.ST_Transform(Place.geom, 4326), DEGREES)
    rows = session.execute(select(Place.id, geojson).where(Place.id.in_([place.id for place in found])))
    return {row[0]: row[1] for row in rows}


def same_outline(session: Session, place: Place, ewkb: bytes) -> bool:
    """Whether a stored polygon is, point for point, this one."""
    statement = select(func.ST_AsEWKB(Place.geom)).where(Place.id == place.id)
    return bytes(session.execute(statement).scalar_one()) == bytes(ewkb)
