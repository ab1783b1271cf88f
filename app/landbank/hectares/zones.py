"""Zones of a question: those that land must lie in, and those that rows tell apart.

They are those in force on the question's day, as known at its moment.
"""

from typing import Any

import shapely
from sqlalchemy.orm import Session

from app.errors import BadRequest
from app.landbank.hectares.frame import polygons_of
from app.landbank.hectares.query import NONE, HectaresQuery
from app.reference import zones as reference


def within_zones(session: Session, query: HectaresQuery) -> Any:
    """The land of the zones among ``within``; None where there is none. Raises ``BadRequest`` for one unknown."""
    if not query.zones_within:
        return None
    found = []
    for asked in query.zones_within:
        name, slash, code = asked.partition("/")
        fitting = [outline for own, outline in _zones(session, query, name, "within") if not slash or own == code]
        if not fitting:
            raise BadRequest("zone_unknown", parameter="within", zone=asked[:80])
        found += fitting
    return polygons_of(shapely.union_all(found))


def zones_of(session: Session, query: HectaresQuery) -> tuple[tuple[str, Any], ...] | None:
    """The zones to tell apart, by code; None where none are asked for. Raises ``BadRequest`` for one unknown."""
    if not query.tells_zones or query.zones is None:
        return None
    found = _zones(session, query, query.zones, "zones")
    if query.zone not in {None, NONE, *(code for code, _ in found)}:
        raise BadRequest("zone_unknown", parameter="zone", zone=f"{query.zones}/{query.zone}"[:80])
    return tuple(found)


def _zones(session: Session, query: HectaresQuery, name: str, parameter: str) -> list[tuple[str, Any]]:
    day = query.boundaries_on or query.last_day
    found = [(zone.code, shapely.from_wkb(wkb)) for zone, wkb in reference.zones(session, name, day, query.known_at)]
    if not found:
        raise BadRequest("zone_unknown", parameter=parameter, zone=name[:80])
    return found
