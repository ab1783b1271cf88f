"""Stored outlines with the square metres stored beside them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from app.sql import Query

PAGE = 5000


@dataclass(frozen=True)
class Outline:
    """A parcel version: WKB in the storage CRS, square metres as stored; ``shared``: not measured from it."""

    id: int
    parcel: str
    outline: bytes
    plane: Decimal
    ellipsoidal: Decimal
    shared: bool


_OUTLINES = Query("app.check", "outlines.sql", Outline)


def pages(session: Session, known_at: datetime) -> Iterator[list[Outline]]:
    """Every version held for true at a moment, some thousands at a time."""
    after = 0
    while rows := _OUTLINES.all(session, after=after, ids=None, known_at=known_at, page_size=PAGE):
        yield rows
        after = rows[-1].id


def outlines_of(session: Session, known_at: datetime, ids: Sequence[int]) -> list[Outline]:
    """Versions by their ids."""
    if not ids:
        return []
    return _OUTLINES.all(session, after=0, ids=sorted(set(ids)), known_at=known_at, page_size=None)
