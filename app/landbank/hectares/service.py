"""Answers: the rows and the total of a question with names, units and links, and the pieces behind them."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

import orjson
from sqlalchemy.orm import Session

from app.errors import BadRequest
from app.geometry import balanced, convert, from_e4, round_half_up
from app.geometry import hectares as to_hectares
from app.landbank.hectares import queries, rollup, tree
from app.landbank.hectares.clip import clip, clipped
from app.landbank.hectares.facts import Facts
from app.landbank.hectares.labels import Label, Names, labels
from app.landbank.hectares.links import Links
from app.landbank.hectares.query import HectaresQuery, Key
from app.landbank.hectares.region import region_of
from app.landbank.hectares.shapes import Shape
from app.landbank.models import RecognitionRule as Rule
from app.landbank.rules.queries import basis_of, rules
from app.settings import Settings

PRINTED_PLACES = 2
"""Decimals of a printed table: reports of the bureau have two."""
MAX_PIECES = 10_000
_UNIT_PLACES = {"ha": 8, "m2": 4, "mu": 8}


class HectaresRow(NamedTuple):
    """One row, or the total. ``keys`` are the dimensions asked for with their codes; ``e4`` whole 1e-4 m².

    An answer may have thousands: what is told of them all, and cheap to keep, is kept as numbers.
    """

    keys: tuple[Key, ...]
    label: Label
    e4: int
    overlap_e4: int
    parcels: int
    unit: str
    printed: Decimal | None
    href: str

    @property
    def square_metres(self) -> Decimal:
        """The plain sum of the row's pieces."""
        return from_e4(self.e4)

    @property
    def overlap_square_metres(self) -> Decimal:
        """What pieces share: their sum without their union."""
        return from_e4(self.overlap_e4)

    @property
    def hectares(self) -> Decimal:
        """Unrounded: 8 decimals."""
        return to_hectares(self.square_metres)

    @property
    def land_square_metres(self) -> Decimal:
        """The union of the row's pieces."""
        return from_e4(self.e4 - self.overlap_e4)

    @property
    def value(self) -> Decimal:
        """In the unit that was asked for."""
        return self.hectares if self.unit == "ha" else convert(self.square_metres, self.unit, _UNIT_PLACES[self.unit])


@dataclass(frozen=True)
class HectaresTable:
    """The answer to a question. ``residual`` is the printed total minus the sum of the printed rows."""

    query: HectaresQuery
    figures: queries.Columns | list[queries.Figure]
    total: HectaresRow
    basis: str
    rules: tuple[Rule, ...]
    names: Names
    links: Links

    @cached_property
    def rows(self) -> tuple[HectaresRow, ...]:
        """The rows one by one."""
        figures = self.figures if isinstance(self.figures, list) else self.figures.figures()
        told = [_told(self.query, row, self.names.of(row.keys), self.links) for row in figures]
        return tuple(_printed(self.query, told))

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


def hectares(
    session: Session,
    settings: Settings,
    query: HectaresQuery,
    facts: Facts | None = None,
    shape: Shape | None = None,
) -> HectaresTable:
    """The answer. The roll-up, the tree and the pieces themselves give the same figures; the first two are quick.

    ``facts``: what is kept of the question's moment, where anything is: the newest publication's. Then the roll-up is
    read once for all questions. ``shape``: the question's, where it is at hand.
    """
    kept = facts or Facts()
    known = kept.once(("rules", query.programme), lambda: rules(session, query.known_at, query.programme))
    basis = basis_of(query, known)
    rows, total = _summed(session, settings, query, basis, facts, shape)
    links = Links(query, kept.once("tops", lambda: queries.tops(session, query.known_at)))
    names = Names(kept.once(("labels", query.by, query.zones), lambda: labels(session, query)))
    of_all = _printed_total(query, _told(query, total, Label("合计", "Total"), links))
    return HectaresTable(query, rows, of_all, basis, known, names, links)


def _told(query: HectaresQuery, row: queries.Figure, label: Label, links: Links) -> HectaresRow:
    keys, size, parcels, overlap = row
    return HectaresRow(keys, label, size, overlap, parcels, query.unit, None, links.href(keys))


def _summed(
    session: Session, settings: Settings, query: HectaresQuery, basis: str, facts: Facts | None, shape: Shape | None
) -> tuple[queries.Columns | list[queries.Figure], queries.Figure]:
    """The rows of a question by the quickest way that can answer it."""
    if rollup.answers(session, query, facts):
        found = None if facts is None else rollup.from_memory(session, query, facts)
        return found or queries.figures(query, rollup.rolled_up(session, query))
    if not query.is_cut:
        return queries.figures(query, queries.summed(session, query))
    region = region_of(session, settings.srid, query, shape)
    kept = facts or Facts()
    if tree.may_answer(session, query, basis, kept):
        rows = tree.summed(session, settings.srid, query, region, basis, kept)
        if rows is not None:
            return queries.figures(query, rows)
    inside = clipped(session, settings.srid, query, region)
    return queries.figures(query, queries.summed(session, query, inside), inside.rows)


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


def _printed(query: HectaresQuery, rows: Sequence[HectaresRow]) -> list[HectaresRow]:
    if query.rounding == "none":
        return list(rows)
    values = [row.value for row in rows]
    if query.rounding == "balanced":
        printed = balanced(values, PRINTED_PLACES)
    else:
        printed = [round_half_up(value, PRINTED_PLACES) for value in values]
    return [row._replace(printed=value) for row, value in zip(rows, printed, strict=True)]


def _printed_total(query: HectaresQuery, total: HectaresRow) -> HectaresRow:
    if query.rounding == "none":
        return total
    return total._replace(printed=round_half_up(total.value, PRINTED_PLACES))
