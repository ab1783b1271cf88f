"""The rows that ``hectares.sql`` and its companions give."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.geometry import decimal_to_e4
from app.landbank.hectares.query import GROUPED, Code, HectaresQuery, Key
from app.sql import Query

PACKAGE = "app.landbank.hectares"
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """A feature of a posted collection, a zone, or the land of one in the other; None: none of them."""

    feature: int | float | str | None
    zone: str | None


@dataclass(frozen=True)
class Listed:
    """What of portions or overlap faces lies in which part, in 1e-4 m²; ``in_total``: also counted in the total."""

    ids: list[int] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)
    plane: list[int] = field(default_factory=list)
    ellipsoidal: list[int] = field(default_factory=list)
    in_rows: list[bool] = field(default_factory=list)
    in_total: list[bool] = field(default_factory=list)


@dataclass(frozen=True)
class Clip:
    """What lies inside the outlines of a question, by parts.

    ``rows``: the features and zones that rows tell apart; ``row_of``: the place there of each part. ``elsewhere``: the
    part of whatever is not listed; None where that does not count.
    """

    rows: tuple[Part, ...] = ()
    row_of: list[int] = field(default_factory=list)
    elsewhere: int | None = None
    portions: Listed = field(default_factory=Listed)
    faces: Listed = field(default_factory=Listed)


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
    part: int | None
    square_metres: Decimal
    parcels: int
    overlap_square_metres: Decimal


class Figure(NamedTuple):
    """A row of an answer, or its total: the codes of its dimensions, and whole numbers of 1e-4 m²."""

    keys: tuple[Key, ...]
    square_metres: int
    parcels: int
    overlap: int = 0


class Told(NamedTuple):
    """One dimension of many rows: its codes, and the place among them of each row's."""

    keys: Sequence[Key]
    places: Integers


class Columns(NamedTuple):
    """The rows of an answer column by column: thousands of them without a Python object for each."""

    told: Sequence[Told]
    square_metres: Integers
    parcels: Integers
    overlap: Integers

    @property
    def is_odd(self) -> bool:
        """Whether any figure is negative, as none should be."""
        return bool((self.square_metres < self.overlap).any() or (self.overlap < 0).any())

    def figures(self) -> list[Figure]:
        """The rows one by one."""
        keys = [[told.keys[place] for place in told.places.tolist()] for told in self.told]
        numbers = (column.tolist() for column in self[1:])
        return list(map(Figure, zip(*keys, strict=True) if keys else [()] * len(self.parcels), *numbers))


Figures = tuple[list[Figure], Figure]
"""The rows of an answer, in their order, and its total."""


@dataclass(frozen=True)
class PieceRow:
    """One counted piece: the part of a parcel version in one place, by the event that counts it."""

    code: str
    version: int
    event: int | None
    until: date | None
    date: date
    programme: str
    project: str | None
    category: str
    subcategory: str
    district: str | None
    sub_district: str | None
    community: str | None
    portion_id: int
    part: int
    square_metres: Decimal


@dataclass(frozen=True)
class ParcelId:
    """A parcel."""

    parcel_id: int


@dataclass(frozen=True)
class TopRow:
    """A land category and the top of its tree."""

    code: str
    top: str


_TOPS = Query(PACKAGE, "top_category.sql", TopRow)
_OVERLAPPING = Query(PACKAGE, "overlapping_parcels.sql", ParcelId)
_SUMMED = Query(PACKAGE, "hectares.sql", SummedRow)
_PIECES = Query(PACKAGE, "parcels.sql", PieceRow)


def _clip(clip: Clip | None) -> dict[str, object]:
    found = clip or Clip()
    listed = found.portions
    return {
        "clipped": clip is not None,
        "elsewhere": found.elsewhere,
        "clip_ids": listed.ids,
        "clip_parts": listed.parts,
        "clip_plane": listed.plane,
        "clip_ellipsoidal": listed.ellipsoidal,
        "clip_in_total": listed.in_total,
    }


def summed(
    session: Session, query: HectaresQuery, clip: Clip | None = None, parcels: Sequence[int] | None = None
) -> list[SummedRow]:
    """The rows of a question and its total, from the pieces themselves; ``parcels`` limits them by id."""
    found = clip or Clip()
    by = {f"by_{name}": name in query.by for name in GROUPED}
    return _SUMMED.all(
        session,
        **query.sql(),
        **_clip(clip),
        **by,
        is_stock=query.is_stock,
        step=query.step,
        parcels=None if parcels is None else list(parcels),
        row_of=found.row_of,
        clip_in_rows=found.portions.in_rows,
        face_ids=found.faces.ids,
        face_parts=found.faces.parts,
        face_plane=found.faces.plane,
        face_ellipsoidal=found.faces.ellipsoidal,
    )


def pieces(
    session: Session, query: HectaresQuery, clip: Clip | None, after: tuple[str, int, int, int], limit: int
) -> list[PieceRow]:
    """The next ``limit`` pieces of a question after a parcel code, portion, event and part."""
    code, portion, event, part = after
    return _PIECES.all(
        session,
        **query.sql(),
        **_clip(clip),
        parcels=None,
        after_code=code,
        after_portion=portion,
        after_event=event,
        after_part=part,
        page_size=limit,
    )


def every_piece(
    session: Session, query: HectaresQuery, clip: Clip | None, parcels: Sequence[int] | None
) -> list[PieceRow]:
    """The pieces of a question, of some parcels by id or of all; for a stock by year or month those of all days."""
    return _PIECES.all(
        session,
        **query.sql(),
        **_clip(clip),
        parcels=None if parcels is None else list(parcels),
        after_code="",
        after_portion=0,
        after_event=0,
        after_part=0,
        page_size=None,
    )


def overlapping(session: Session, known_at: datetime) -> list[int]:
    """The parcels that share land with another one."""
    return [row.parcel_id for row in _OVERLAPPING.all(session, known_at=known_at)]


def tops(session: Session, known_at: datetime) -> dict[str, str]:
    """The top of each land category's tree."""
    return {row.code: row.top for row in _TOPS.all(session, known_at=known_at)}


def figures(query: HectaresQuery, summed_rows: Sequence[SummedRow], parts: Sequence[Part] = ()) -> Figures:
    """The rows of a question, in their order, and its total; ``parts``: what the rows' parts are."""
    made = [_figure(query, row, parts) for row in summed_rows if not row.is_total]
    total = next(_figure(query, row, parts) for row in summed_rows if row.is_total)
    return sorted(made, key=_order), total


def _figure(query: HectaresQuery, row: SummedRow, parts: Sequence[Part]) -> Figure:
    part = None if row.part is None else parts[row.part]
    keys = () if row.is_total else tuple((name, _code(name, row, part)) for name in query.by)
    return Figure(keys, decimal_to_e4(row.square_metres), row.parcels, decimal_to_e4(row.overlap_square_metres))


def _code(name: str, row: SummedRow, part: Part | None) -> Code:
    return getattr(part, name) if name in {"feature", "zone"} and part is not None else getattr(row, name, None)


def _order(row: Figure) -> tuple[tuple[bool, bool, float, str], ...]:
    """Codes in their order, numbers before texts, none last."""
    return tuple(
        (code is None, isinstance(code, str), 0 if isinstance(code, str) else code or 0, str(code))
        for _, code in row.keys
    )


def key_of(row: SummedRow) -> tuple[object, ...]:
    """What tells a row from the others of its answer."""
    return (row.is_total, *(getattr(row, name) for name in GROUPED), row.part)


def with_overlap(row: SummedRow, square_metres: Decimal | None) -> SummedRow:
    """The row with its overlap, if it has one."""
    return row if square_metres is None else replace(row, overlap_square_metres=square_metres)
