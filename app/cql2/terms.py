"""The terms of a filter: what a collection offers to ask for, and values with their kinds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from math import isfinite
from typing import Any, Literal

from sqlalchemy import ARRAY, Boolean, ColumnElement, Date, DateTime, Numeric, Text, cast, literal
from sqlalchemy.orm import InstrumentedAttribute

from app.errors import BadRequest

Kind = Literal["string", "number", "boolean", "date", "timestamp", "geometry", "array"]
INSTANTS = frozenset({"date", "timestamp"})


@dataclass(frozen=True)
class Queryable:
    """A property that a filter may name: the column behind it, and the kind of its values."""

    column: ColumnElement[Any] | InstrumentedAttribute[Any]
    kind: Kind


@dataclass(frozen=True)
class Queryables:
    """What filters over one collection may name, and how a literal outline becomes a geometry like the columns'.

    ``place`` takes a shapely geometry in the filter's CRS and gives one in the CRS of the geometry columns, or raises
    ``BadRequest``; ``srid`` is that CRS.
    """

    named: Mapping[str, Queryable]
    srid: int
    place: Callable[[Any], Any]

    def find(self, name: object) -> Queryable:
        """The queryable of a name. Raises ``BadRequest``."""
        found = self.named.get(name) if isinstance(name, str) else None
        if found is None:
            raise BadRequest(
                "filter_property_unknown", parameter="filter", name=str(name), known=", ".join(sorted(self.named))
            )
        return found


@dataclass(frozen=True)
class Term:
    """A value within a filter. ``text`` is kept of a literal string, which may yet turn out to be a date."""

    sql: Any
    kind: Kind
    text: str | None = None


def wrong(what: str) -> BadRequest:
    """A filter that can be read and makes no sense; ``what`` quotes the part meant."""
    return BadRequest("filter_makes_no_sense", parameter="filter", detail=what)


def string(value: str) -> Term:
    """A literal string."""
    if "\0" in value:
        raise wrong("NUL")
    return Term(literal(value, Text), "string", value)


def number(value: float) -> Term:
    """A literal number, exact as written: it is compared with exact decimals."""
    if not isfinite(value):
        raise wrong(str(value))
    exact = Decimal(repr(value))
    return Term(literal(exact, Numeric), "number")


def boolean(value: bool) -> Term:
    """TRUE or FALSE."""
    return Term(literal(value, Boolean), "boolean")


def array(values: list[Any]) -> Term:
    """A literal array of strings."""
    if not all(isinstance(value, str) and "\0" not in value for value in values):
        raise wrong("array")
    return Term(cast(literal(values, ARRAY(Text)), ARRAY(Text)), "array")


def day(value: object) -> Term:
    """A literal date, yyyy-mm-dd."""
    return Term(literal(to_day(value), Date), "date")


def moment(value: object) -> Term:
    """A literal timestamp, RFC 3339 with its offset from UTC."""
    return Term(literal(to_moment(value), DateTime(timezone=True)), "timestamp")


def to_day(value: object) -> date:
    """A date as CQL2 writes it. Raises ``BadRequest``."""
    try:
        return datetime.strptime(str(value), "%Y-%m-%d").date()  # noqa: DTZ007  a day has no zone
    except ValueError as error:
        raise wrong(f"DATE('{value}')") from error


def to_moment(value: object) -> datetime:
    """A timestamp as CQL2 writes it. Raises ``BadRequest``, also where the offset is left out."""
    try:
        found = datetime.fromisoformat(str(value).upper())
    except ValueError as error:
        raise wrong(f"TIMESTAMP('{value}')") from error
    if found.tzinfo is None:
        raise wrong(f"TIMESTAMP('{value}')")
    try:
        return found.astimezone(UTC)
    except OverflowError as error:
        raise wrong(f"TIMESTAMP('{value}')") from error


def alike(one: Term, other: Term) -> tuple[Term, Term]:
    """Two terms as values of one kind, to be compared. A literal string beside an instant is read as one."""
    if one.kind in INSTANTS and other.text is not None:
        return one, _as_instant(other.text, one.kind)
    if other.kind in INSTANTS and one.text is not None:
        return _as_instant(one.text, other.kind), other
    if one.kind != other.kind:
        raise wrong(f"{one.kind} : {other.kind}")
    return one, other


def _as_instant(text: str, kind: Kind) -> Term:
    return day(text) if kind == "date" else moment(text)
