"""Which rows of an answer a piece is in, and square metres by row."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy.orm import Session

from app.errors import BadRequest
from app.landbank.hectares.clip import clip
from app.landbank.hectares.queries import Part, PieceRow, every_piece
from app.landbank.hectares.query import HectaresQuery
from app.landbank.hectares.service import HectaresTable
from app.settings import Settings


@dataclass(frozen=True)
class Row:
    """A row by its codes, in the order of the question's dimensions; ``in_total``: its pieces are in the total too.

    A stock by year or month has rows for past periods, which are not.
    """

    codes: tuple[str | None, ...]
    in_total: bool


Sums = dict[tuple[str, int | None, Row], Decimal]
"""Square metres by parcel, the event that counts, and row."""


def sums(session: Session, settings: Settings, query: HectaresQuery, parcels: Sequence[int] | None) -> Sums:
    """Square metres of the pieces that the question counts, of some parcels or of all.

    Raises ``BadRequest`` where features or zones share land: their rows count more than the total does.
    """
    found: Sums = defaultdict(Decimal)
    if parcels is not None and not parcels:
        return found
    cut = clip(session, settings.srid, query)
    if cut is not None and cut.portions.in_rows != cut.portions.in_total:
        raise BadRequest("changes_by_outline", parameter="by")
    for piece in every_piece(session, query, cut, parcels):
        for row in rows_of(query, piece, None if cut is None else cut.rows[cut.row_of[piece.part]]):
            found[(piece.code, piece.event, row)] += piece.square_metres
    return found


def rows_of(query: HectaresQuery, piece: PieceRow, part: Part | None) -> Iterator[Row]:
    """The rows that count a piece: one, or for a stock by year or month one for each period at whose end it is held.

    ``part``: the feature and the zone that the piece lies in, where the question has outlines.
    """
    if not (query.is_stock and query.step):
        yield Row(_codes(query, piece, part, piece.date), in_total=True)
        return
    for day in _ends(query.step, piece.date, query.last_day):
        if piece.until is None or piece.until > day:
            yield Row(_codes(query, piece, part, day), in_total=day == query.last_day)


def rows_of_table(table: HectaresTable) -> dict[tuple[str | None, ...], Decimal]:
    """Square metres of an answer's rows by their codes."""
    return {codes_of(row.keys): row.square_metres for row in table.rows}


def codes_of(keys: Iterable[tuple[str, object]]) -> tuple[str | None, ...]:
    """The codes of an answer's row, as texts: a feature's id may be a number."""
    return tuple(None if code is None else str(code) for _, code in keys)


def _codes(query: HectaresQuery, piece: PieceRow, part: Part | None, day: date) -> tuple[str | None, ...]:
    told: dict[str, object] = {"year": f"{day.year:04d}", "month": f"{day.year:04d}-{day.month:02d}"}
    if part is not None:
        told |= {"feature": part.feature, "zone": part.zone}
    return codes_of((name, told[name] if name in told else getattr(piece, name)) for name in query.by)


def _ends(step: str, first: date, last: date) -> Iterator[date]:
    """The last day of each year or month from ``first`` on; the last one is ``last``."""
    begun = first.replace(day=1) if step == "month" else first.replace(month=1, day=1)
    while begun <= last:
        following = (begun + timedelta(days=32 if step == "month" else 366)).replace(day=1)
        yield min(following - timedelta(days=1), last)
        begun = following
