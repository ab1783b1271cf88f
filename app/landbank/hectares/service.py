"""Answers: the rows and the total of a question with names, units and links, and the pieces behind them."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import orjson
from sqlalchemy.orm import Session

from app.errors import BadRequest
from app.geometry import balanced, convert, round_half_up
from app.geometry import hectares as to_hectares
from app.landbank.hectares import queries, rollup, tree
from app.landbank.hectares.clip import clip, clipped
from app.landbank.hectares.labels import Label, label_of, labels
from app.landbank.hectares.links import Code, Links
from app.landbank.hectares.query import HectaresQuery
from app.landbank.hectares.region import region_of
from app.landbank.models import RecognitionRule as Rule
from app.landbank.rules.queries import basis_of, rules
from app.settings import Settings

PRINTED_PLACES = 2
"""Decimals of a printed table: reports of the bureau have two."""
MAX_PIECES = 10_000
_UNIT_PLACES = {"ha": 8, "m2": 4, "mu": 8}


@dataclass(frozen=True)
class HectaresRow:
    """One row, or the total. ``keys`` are the dimensions asked for with their codes."""

    keys: tuple[tuple[str, Code], ...]
    label: Label
    square_metres: Decimal
    overlap_square_metres: Decimal
    parcels: int
    value: Decimal
    printed: Decimal | None
    href: str

    @property
    def hectares(self) -> Decimal:
        """Unrounded: 8 decimals."""
        return to_hectares(self.square_metres)

    @property
    def land_square_metres(self) -> Decimal:
        """The union of the row's pieces."""
        return self.square_metres - self.overlap_square_metres


@dataclass(frozen=True)
class HectaresTable:
    """The answer to a question. ``residual`` is the printed total minus the sum of the printed rows."""

    query: HectaresQuery
    rows: tuple[HectaresRow, ...]
    total: HectaresRow
    basis: str
    rules: tuple[Rule, ...]

    @property
    def residual(self) -> Decimal:
        """What rounding leaves between the printed rows and the printed total; 0 where nothing is rounded.

        Stocks by year or month do not add up over time, nor rows that repeat land to the total, so they have none.
        """
        if self.total.printed is None or self.repeated or (self.query.is_stock and self.query.step):
            return Decimal(0)
        return self.total.printed - sum((row.printed or Decimal(0) for row in self.rows), Decimal(0))

    @property
    def repeated(self) -> Decimal | None:
        """Square metres that rows count more than once, because features or zones share land; None without them."""
        if not {"feature", "zone"} & set(self.query.by) or (self.query.is_stock and self.query.step):
            return None
        return sum((row.square_metres for row in self.rows), Decimal(0)) - self.total.square_metres


@dataclass(frozen=True)
class PiecePage:
    """Some of the pieces behind a figure, and where the next ones begin."""

    pieces: tuple[queries.PieceRow, ...]
    cursor: str | None


def hectares(session: Session, settings: Settings, query: HectaresQuery) -> HectaresTable:
    """The answer. The roll-up, the tree and the pieces themselves give the same figures; the first two are quick."""
    known = rules(session, query.known_at, query.programme)
    basis = basis_of(query, known)
    summed, parts = _summed(session, settings, query, basis)
    links = Links(query, queries.tops(session, query.known_at))
    told = _Telling(query, parts, labels(session, query), links)
    found = sorted((told.row(row) for row in summed if not row.is_total), key=_order)
    total = next(told.row(row) for row in summed if row.is_total)
    return HectaresTable(query, tuple(_printed(query, found)), _printed_total(query, total), basis, known)


def _summed(
    session: Session, settings: Settings, query: HectaresQuery, basis: str
) -> tuple[Sequence[queries.SummedRow], Sequence[queries.Part]]:
    """The rows of a question by the quickest way that can answer it, and what its parts are."""
    if rollup.answers(session, query):
        return rollup.rolled_up(session, query), ()
    if not query.is_cut:
        return queries.summed(session, query), ()
    region = region_of(session, settings.srid, query)
    if tree.may_answer(session, query, basis):
        rows = tree.summed(session, settings.srid, query, region, basis)
        if rows is not None:
            return rows, ()
    inside = clipped(session, settings.srid, query, region)
    return queries.summed(session, query, inside), inside.rows


def pieces(session: Session, settings: Settings, query: HectaresQuery, limit: int, cursor: str | None) -> PiecePage:
    """The next pieces of a question, by parcel code. ``limit`` is at least 1; at most ``MAX_PIECES`` are given."""
    limit = min(limit, MAX_PIECES)
    inside = clip(session, settings.srid, query)
    # A stock by year is asked for at its last day here: that is what its total counts.
    plain = query.narrowed(by=())
    found = queries.pieces(session, plain, inside, _after(cursor), limit + 1)
    if len(found) <= limit:
        return PiecePage(tuple(found), None)
    last = found[limit - 1]
    after = orjson.dumps([last.code, last.portion_id, last.event or 0, last.part])
    return PiecePage(tuple(found[:limit]), base64.urlsafe_b64encode(after).decode().rstrip("="))


def _after(cursor: str | None) -> tuple[str, int, int, int]:
    if cursor is None:
        return "", 0, 0, -1
    try:
        code, portion, event, part = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, TypeError) as error:
        raise BadRequest("cursor_invalid", parameter="cursor") from error
    whole = all(type(number) is int and 0 <= number < 2**63 for number in (portion, event, part)) and part < 2**31
    if not (isinstance(code, str) and "\0" not in code and whole):
        raise BadRequest("cursor_invalid", parameter="cursor")
    return code, portion, event, part


@dataclass(frozen=True)
class _Telling:
    """What turns summed rows into rows of an answer."""

    query: HectaresQuery
    parts: Sequence[queries.Part]
    names: Mapping[tuple[str, str | None], Label]
    links: Links

    def row(self, row: queries.SummedRow) -> HectaresRow:
        part = None if row.part is None else self.parts[row.part]
        keys = () if row.is_total else tuple((name, _code(name, row, part)) for name in self.query.by)
        return HectaresRow(
            keys=keys,
            label=Label("合计", "Total") if row.is_total else label_of(self.names, keys),
            square_metres=row.square_metres,
            overlap_square_metres=row.overlap_square_metres,
            parcels=row.parcels,
            value=_in_unit(row.square_metres, self.query.unit),
            printed=None,
            href=self.links.href(keys),
        )


def _in_unit(square_metres: Decimal, unit: str) -> Decimal:
    return to_hectares(square_metres) if unit == "ha" else convert(square_metres, unit, _UNIT_PLACES[unit])


def _code(name: str, row: queries.SummedRow, part: queries.Part | None) -> Code:
    return getattr(part, name) if name in {"feature", "zone"} and part is not None else getattr(row, name, None)


def _order(row: HectaresRow) -> tuple[tuple[bool, bool, float, str], ...]:
    """Codes in their order, numbers before texts, none last."""
    return tuple(
        (code is None, isinstance(code, str), 0 if isinstance(code, str) else code or 0, str(code))
        for _, code in row.keys
    )


def _printed(query: HectaresQuery, rows: Sequence[HectaresRow]) -> list[HectaresRow]:
    values = [row.value for row in rows]
    if query.rounding == "none":
        return list(rows)
    if query.rounding == "balanced":
        printed = balanced(values, PRINTED_PLACES)
    else:
        printed = [round_half_up(value, PRINTED_PLACES) for value in values]
    return [replace(row, printed=value) for row, value in zip(rows, printed, strict=True)]


def _printed_total(query: HectaresQuery, total: HectaresRow) -> HectaresRow:
    if query.rounding == "none":
        return total
    return replace(total, printed=round_half_up(total.value, PRINTED_PLACES))
