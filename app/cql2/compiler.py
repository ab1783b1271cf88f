"""CQL2 JSON to a SQLAlchemy condition. Names become columns by look-up, literals become bound values, nothing else."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Double, and_, cast, func, literal_column, not_, or_

from app.cql2 import spatial, temporal
from app.cql2.terms import Queryables, Term, alike, array, boolean, day, moment, number, string, wrong

_ORDER: dict[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_ARITHMETIC: dict[str, Callable[[Any, Any], ColumnElement[Any]]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / func.nullif(b, 0),
    "div": lambda a, b: func.trunc(a / func.nullif(b, 0)),
    "%": lambda a, b: a - b * func.trunc(a / func.nullif(b, 0)),
    "^": func.power,
}
_ARRAYS: dict[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "a_equals": lambda a, b: a == b,
    "a_contains": lambda a, b: a.op("@>")(b),
    "a_containedby": lambda a, b: a.op("<@")(b),
    "a_overlaps": lambda a, b: a.op("&&")(b),
}
_LITERALS: tuple[tuple[Any, Callable[[Any], Term]], ...] = (
    (bool, boolean),
    (int | float, number),
    (str, string),
    (list, array),
)
_INSTANTS: dict[str, Callable[[object], Term]] = {"date": day, "timestamp": moment}
_FOLDED = "und-x-icu"
_MARKS = "[\u0300-\u036f]"
"""Combining marks: what decomposition leaves of an accent."""


def condition(node: Any, known: Queryables) -> ColumnElement[bool]:
    """The condition of a filter, given as CQL2 JSON. Raises ``BadRequest`` where it makes no sense."""
    if isinstance(node, dict) and "op" in node:
        return _operation(str(node["op"]).lower(), _arguments(node), known)
    term = _term(node, known)
    if term.kind != "boolean":
        raise wrong(f"{term.kind} : boolean")
    made: ColumnElement[bool] = term.sql
    return made


def _arguments(node: dict[str, Any]) -> list[Any]:
    found = node.get("args")
    if not isinstance(found, list):
        raise wrong(str(node["op"]))
    return found


def _operation(name: str, arguments: list[Any], known: Queryables) -> ColumnElement[bool]:
    if name in _OWN:
        return _OWN[name](arguments, known)
    one, other = _pair(name, arguments)
    if name in spatial.FUNCTIONS:
        return spatial.compare(name, one, other, known)
    if name in temporal.FUNCTIONS:
        return temporal.compare(name, one, other, known)
    return _compared(name, _term(one, known), _term(other, known))


def _compared(name: str, one: Term, other: Term) -> ColumnElement[bool]:
    if name in _ARRAYS:
        if not one.kind == other.kind == "array":
            raise wrong(f"{name.upper()}: {one.kind}, {other.kind}")
        return _ARRAYS[name](one.sql, other.sql)
    if name not in _ORDER:
        raise wrong(name)
    one, other = alike(one, other)
    if one.kind in {"geometry", "array"}:
        raise wrong(f"{one.kind} {name} {other.kind}")
    return _ORDER[name](_in_order(one), _in_order(other))


def _in_order(term: Term) -> ColumnElement[Any]:
    """Strings compare by code point, whatever the database's language."""
    made: ColumnElement[Any] = term.sql.collate("C") if term.kind == "string" else term.sql
    return made


def _single(name: str, arguments: list[Any]) -> Any:
    if len(arguments) != 1:
        raise wrong(name.upper())
    return arguments[0]


def _pair(name: str, arguments: list[Any]) -> tuple[Any, Any]:
    if len(arguments) != 2:  # noqa: PLR2004  a pair
        raise wrong(name.upper())
    return arguments[0], arguments[1]


def _all(arguments: list[Any], known: Queryables) -> ColumnElement[bool]:
    if not arguments:
        raise wrong("AND")
    return and_(*(condition(one, known) for one in arguments))


def _any(arguments: list[Any], known: Queryables) -> ColumnElement[bool]:
    if not arguments:
        raise wrong("OR")
    return or_(*(condition(one, known) for one in arguments))


def _not(arguments: list[Any], known: Queryables) -> ColumnElement[bool]:
    return not_(condition(_single("not", arguments), known))


def _null(arguments: list[Any], known: Queryables) -> ColumnElement[bool]:
    made: ColumnElement[bool] = _term(_single("isNull", arguments), known).sql.is_(None)
    return made


def _like(arguments: list[Any], known: Queryables) -> ColumnElement[bool]:
    value, like = (_term(one, known) for one in _pair("like", arguments))
    if value.kind != "string" or like.kind != "string" or like.text is None:
        raise wrong("LIKE")
    if (len(like.text) - len(like.text.rstrip("\\"))) % 2:
        raise wrong(f"LIKE '{like.text}'")
    return _in_order(value).like(_in_order(like))


def _between(arguments: list[Any], known: Queryables) -> ColumnElement[bool]:
    if len(arguments) != 3:  # noqa: PLR2004  a value and two bounds
        raise wrong("BETWEEN")
    value, low, high = (_term(one, known) for one in arguments)
    return and_(_compared(">=", value, low), _compared("<=", value, high))


def _one_of(arguments: list[Any], known: Queryables) -> ColumnElement[bool]:
    one, values = _pair("in", arguments)
    if not isinstance(values, list) or not values:
        raise wrong("IN ()")
    value = _term(one, known)
    return or_(*(_compared("=", value, _term(other, known)) for other in values))


_OWN: dict[str, Callable[[list[Any], Queryables], ColumnElement[bool]]] = {
    "and": _all,
    "or": _any,
    "not": _not,
    "isnull": _null,
    "like": _like,
    "between": _between,
    "in": _one_of,
}


def _term(node: Any, known: Queryables) -> Term:
    """One value: a literal, a property, or an expression."""
    for kinds, made in _LITERALS:
        if isinstance(node, kinds):
            return made(node)
    if not isinstance(node, dict):
        raise wrong(str(node))
    if "property" in node:
        found = known.find(node["property"])
        return Term(found.column, found.kind)
    if "op" in node:
        return _expression(str(node["op"]).lower(), _arguments(node), known)
    for name, instant in _INSTANTS.items():
        if name in node:
            return instant(node[name])
    raise wrong(", ".join(map(str, node)))


def _expression(name: str, arguments: list[Any], known: Queryables) -> Term:
    if name in {"casei", "accenti"}:
        term = _term(_single(name, arguments), known)
        if term.kind != "string":
            raise wrong(f"{name.upper()}({term.kind})")
        made = _lower(term.sql) if name == "casei" else _plain(term.sql)
        return Term(made, "string", term.text)
    if name in _ARITHMETIC:
        one, other = (_term(node, known) for node in _pair(name, arguments))
        if not one.kind == other.kind == "number":
            raise wrong(f"{one.kind} {name} {other.kind}")
        return Term(_ARITHMETIC[name](cast(one.sql, Double), cast(other.sql, Double)), "number")
    return Term(_operation(name, arguments, known), "boolean")


def _lower(value: ColumnElement[Any]) -> ColumnElement[str]:
    return func.lower(value.collate(_FOLDED)).collate("C")


def _plain(value: ColumnElement[Any]) -> ColumnElement[str]:
    return func.regexp_replace(func.normalize(value, literal_column("NFD")), _MARKS, "", "g")
