"""Temporal functions of CQL2: relations of instants and intervals, each as its first and its last moment.

A date lasts from its midnight to the last microsecond before the next, in UTC, as CQL2 has it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import TIMESTAMP, ColumnElement, DateTime, Interval, Text, and_, cast, func, literal, not_

from app.cql2.terms import Queryables, Term, day, moment, wrong

OPEN = ".."
_MOMENT = DateTime(timezone=True)
_DAY = timedelta(days=1) - timedelta(microseconds=1)
_DATE_LENGTH = 10


@dataclass(frozen=True)
class Span:
    """From a first to a last moment, both within."""

    first: ColumnElement[datetime]
    last: ColumnElement[datetime]


Relation = Callable[[Span, Span], ColumnElement[bool]]
FUNCTIONS: dict[str, Relation] = {
    "t_after": lambda a, b: a.first > b.last,
    "t_before": lambda a, b: a.last < b.first,
    "t_disjoint": lambda a, b: not_(and_(a.first <= b.last, a.last >= b.first)),
    "t_equals": lambda a, b: and_(a.first == b.first, a.last == b.last),
    "t_intersects": lambda a, b: and_(a.first <= b.last, a.last >= b.first),
    "t_contains": lambda a, b: and_(a.first < b.first, a.last > b.last),
    "t_during": lambda a, b: and_(a.first > b.first, a.last < b.last),
    "t_finishes": lambda a, b: and_(a.first > b.first, a.last == b.last),
    "t_finishedby": lambda a, b: and_(a.first < b.first, a.last == b.last),
    "t_meets": lambda a, b: a.last == b.first,
    "t_metby": lambda a, b: a.first == b.last,
    "t_overlaps": lambda a, b: and_(a.first < b.first, a.last > b.first, a.last < b.last),
    "t_overlappedby": lambda a, b: and_(a.first > b.first, a.first < b.last, a.last > b.last),
    "t_startedby": lambda a, b: and_(a.first == b.first, a.last > b.last),
    "t_starts": lambda a, b: and_(a.first == b.first, a.last < b.last),
}


def compare(name: str, one: Any, other: Any, known: Queryables) -> ColumnElement[bool]:
    """The condition of one temporal function; each side is a node of CQL2 JSON."""
    return FUNCTIONS[name](_span(one, known), _span(other, known))


def _span(node: Any, known: Queryables) -> Span:
    if isinstance(node, dict) and "interval" in node:
        ends = node["interval"]
        if not isinstance(ends, list) or len(ends) != 2:  # noqa: PLR2004  an interval has two ends
            raise wrong("INTERVAL")
        first = _open("-infinity") if ends[0] == OPEN else _ends(ends[0], known).first
        last = _open("infinity") if ends[1] == OPEN else _ends(ends[1], known).last
        return Span(first, last)
    return _ends(node, known)


def _open(end: str) -> ColumnElement[datetime]:
    return cast(literal(end, Text), _MOMENT)


def _ends(node: Any, known: Queryables) -> Span:
    """The moments of an instant: a property, a DATE, a TIMESTAMP, or the text of one within an interval."""
    term = _instant(node, known)
    if term.kind == "timestamp":
        return Span(term.sql, term.sql)
    midnight = func.timezone("UTC", cast(term.sql, TIMESTAMP))
    return Span(midnight, midnight + literal(_DAY, Interval))


def _instant(node: Any, known: Queryables) -> Term:
    if isinstance(node, str):
        return day(node) if len(node) == _DATE_LENGTH else moment(node)
    if isinstance(node, dict) and "date" in node:
        return day(node["date"])
    if isinstance(node, dict) and "timestamp" in node:
        return moment(node["timestamp"])
    if isinstance(node, dict) and "property" in node:
        found = known.find(node["property"])
        if found.kind in {"date", "timestamp"}:
            return Term(found.column, found.kind)
        raise wrong(f"{node['property']} : {found.kind}")
    raise wrong("DATE, TIMESTAMP, INTERVAL")
