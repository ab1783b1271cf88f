"""What an event counts: square metres by each basis, the counted ones, and the rule that counts them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from app.sql import Query

BASES = ("declared", "document", "plane", "ellipsoidal")


@dataclass(frozen=True)
class Figures:
    """The row of ``figures.sql``; ``…_then``: as known when the event was recorded."""

    event_id: int
    declared: Decimal | None
    document: Decimal | None
    plane: Decimal
    ellipsoidal: Decimal
    counts: bool | None
    counted_on: date | None
    basis: str | None
    rule_code: str | None
    rule_version: int | None
    rule_programme: str | None
    counted_then: bool | None
    counted_on_then: date | None
    basis_then: str | None
    rule_code_then: str | None
    rule_version_then: int | None
    rule_programme_then: str | None


_FIGURES = Query("app.landbank.events", "figures.sql", Figures)


def figures_of(session: Session, events: Sequence[int], known_at: datetime) -> dict[int, Figures]:
    """What events count, by their ids."""
    return {row.event_id: row for row in _FIGURES.all(session, events=list(events), known_at=known_at)}


def figures_document(found: Figures) -> dict[str, Any]:
    """Square metres as text, exact; ``counted`` is null for what no rule judges: reversals and what was reversed."""
    return {
        "square_metres": {basis: _said(getattr(found, basis)) for basis in BASES},
        "counted": _counted(found, ""),
        "counted_when_recorded": _counted(found, "_then"),
    }


def _counted(found: Figures, then: str) -> dict[str, Any] | None:
    code = getattr(found, f"rule_code{then}")
    if code is None:
        return None
    counts = found.counted_then if then else found.counts
    basis = getattr(found, f"basis{then}")
    # A rule that counts declared or document square metres counts nothing where none are stated.
    size = (getattr(found, basis) or Decimal(0)) if counts else Decimal(0)
    return {
        "counts": counts,
        "square_metres": _said(size),
        "basis": basis,
        "on": getattr(found, f"counted_on{then}"),
        "rule": {
            "code": code,
            "version": getattr(found, f"rule_version{then}"),
            "programme": getattr(found, f"rule_programme{then}"),
        },
    }


def _said(size: Decimal | None) -> str | None:
    return None if size is None else format(size, ".4f")
