"""Zones of a question: those that land must lie in, and those that rows tell apart."""

from typing import Any

from sqlalchemy.orm import Session

from app.errors import BadRequest
from app.landbank.hectares.query import HectaresQuery


def within_zones(session: Session, query: HectaresQuery) -> Any:  # noqa: ARG001  the next step reads them
    """The land of the zones among ``within``; None where there is none."""
    if query.zones_within:
        raise BadRequest("zones_not_known", parameter="within")


def zones_of(session: Session, query: HectaresQuery) -> tuple[tuple[str, Any], ...] | None:  # noqa: ARG001  as above
    """The zones to tell apart; None where none are asked for."""
    if query.tells_zones:
        raise BadRequest("zones_not_known", parameter="zones")
    return None
