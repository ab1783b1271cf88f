"""The rows that ``hectares.sql`` and its companions give."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from app.landbank.hectares.query import DIMENSIONS, HectaresQuery
from app.sql import Query

PACKAGE = "app.landbank.hectares"


@dataclass(frozen=True)
class Clip:
    """What lies inside a box: square metres of each portion and overlap face that it meets."""

    portions: list[int] = field(default_factory=list)
    plane: list[Decimal] = field(default_factory=list)
    ellipsoidal: list[Decimal] = field(default_factory=list)
    faces: list[int] = field(default_factory=list)
    face_plane: list[Decimal] = field(default_factory=list)
    face_ellipsoidal: list[Decimal] = field(default_factory=list)


@dataclass(frozen=True)
class SummedRow:
    """Square metres of one row, or of the total. Keys not asked for are None."""

    is_total: bool
    category: str | None
    subcategory: str | None
    sub_district: str | None
    community: str | None
    programme: str | None
    project: str | None
    year: str | None
    month: str | None
    square_metres: Decimal
    parcels: int
    overlap_square_metres: Decimal


@dataclass(frozen=True)
class PieceRow:
    """One counted piece: the part of a parcel version in one place, by the event that counts it."""

    code: str
    version: int
    event: int | None
    date: date
    programme: str
    project: str | None
    category: str
    subcategory: str
    district: str | None
    sub_district: str | None
    community: str | None
    portion_id: int
    square_metres: Decimal


@dataclass(frozen=True)
class TopRow:
    """A land category and the top of its tree."""

    code: str
    top: str


_TOPS = Query(PACKAGE, "top_category.sql", TopRow)
_SUMMED = Query(PACKAGE, "hectares.sql", SummedRow)
_PIECES = Query(PACKAGE, "parcels.sql", PieceRow)


def _clip(clip: Clip | None) -> dict[str, object]:
    inside = clip or Clip()
    return {
        "clipped": clip is not None,
        "clip_portions": inside.portions,
        "clip_plane": inside.plane,
        "clip_ellipsoidal": inside.ellipsoidal,
    }


def summed(
    session: Session, query: HectaresQuery, clip: Clip | None = None, parcels: Sequence[int] | None = None
) -> list[SummedRow]:
    """The rows of a question and its total, from the pieces themselves; ``parcels`` limits them by id."""
    inside = clip or Clip()
    by = {f"by_{name}": name in query.by for name in DIMENSIONS}
    return _SUMMED.all(
        session,
        **query.sql(),
        **_clip(clip),
        **by,
        is_stock=query.is_stock,
        step=query.step,
        parcels=None if parcels is None else list(parcels),
        face_ids=inside.faces,
        face_square_metres=inside.face_plane if query.basis == "plane" else inside.face_ellipsoidal,
    )


def pieces(
    session: Session, query: HectaresQuery, clip: Clip | None, after: tuple[str, int, int], limit: int
) -> list[PieceRow]:
    """The next ``limit`` pieces of a question after a parcel code, portion and event."""
    code, portion, event = after
    return _PIECES.all(
        session,
        **query.sql(),
        **_clip(clip),
        parcels=None,
        after_code=code,
        after_portion=portion,
        after_event=event,
        page_size=limit,
    )


def tops(session: Session, known_at: datetime) -> dict[str, str]:
    """The top of each land category's tree."""
    return {row.code: row.top for row in _TOPS.all(session, known_at=known_at)}


def key_of(row: SummedRow) -> tuple[object, ...]:
    """What tells a row from the others of its answer."""
    return (row.is_total, *(getattr(row, name) for name in DIMENSIONS))


def with_overlap(row: SummedRow, square_metres: Decimal | None) -> SummedRow:
    """The row with its overlap, if it has one."""
    return row if square_metres is None else replace(row, overlap_square_metres=square_metres)
