"""Filter text to CQL2 JSON, behind guards.

The ``cql2`` package parses in native code, which overflows its stack on deep nesting or on very long chains, and takes
the process with it. What it is given is therefore short, shallow and of few terms.
"""

import re
from typing import Any

import cql2
import orjson

from app.errors import BadRequest

MAX_TEXT = 8 * 1024
"""Bytes of a filter as text."""
MAX_JSON = 64 * 1024
"""Bytes of a filter as JSON."""
MAX_DEPTH = 64
"""Brackets within brackets."""
MAX_TERMS = 500
"""Operators and opening brackets of a filter as text; values of one as JSON outside of coordinates."""
LANGUAGES = ("cql2-text", "cql2-json")
_QUOTED = re.compile(r"'(?:[^'\\]|''|\\.)*'|\"(?:[^\"\\]|\"\"|\\.)*\"", re.DOTALL)
_OPERATOR = re.compile(r"\b(?:and|or|not|div|in|like|between|is)\b|[-+*/%^=<>(]", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?:\s+[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)+")
_LINE_DEEP = 400


def parse(text: str, language: str | None = None) -> Any:
    """The CQL2 JSON of a filter. Without ``language`` a filter that starts with ``{`` is JSON, any other text.

    Raises ``BadRequest``: ``filter_too_heavy``, ``filter_malformed``.
    """
    if language == "cql2-json" or (language is None and text.lstrip().startswith("{")):
        return _json(text)
    return _text(text)


def _text(text: str) -> Any:
    if len(text.encode()) > MAX_TEXT:
        raise _heavy(f"{MAX_TEXT} bytes")
    bare = _NUMBER.sub("0", _QUOTED.sub("''", text))
    depth = deepest = 0
    for sign in bare:
        depth += (sign == "(") - (sign == ")")
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        raise _heavy(f"{MAX_DEPTH} levels of brackets")
    if len(_OPERATOR.findall(bare)) > MAX_TERMS:
        raise _heavy(f"{MAX_TERMS} operators")
    try:
        return cql2.parse_text(text).to_json()
    except (cql2.ParseError, cql2.ValidationError, ValueError) as error:
        raise _malformed(_place(str(error))) from error


def _place(said: str) -> str:
    """Where the parser stopped (line:column), from its message, and what it expected."""
    found = re.search(r"-->\s*(\d+:\d+)", said)
    expected = re.search(r"=\s*expected ([^\n]*)", said)
    return " ".join(filter(None, (found and found[1], expected and f"expected {expected[1]}"))) or said[:_LINE_DEEP]


def _json(text: str) -> Any:
    if len(text.encode()) > MAX_JSON:
        raise _heavy(f"{MAX_JSON} bytes")
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _malformed(f"{error.lineno}:{error.colno}") from error
    _measured(document)
    return document


def _measured(document: Any) -> None:
    """Refuse a document that is too deep or holds too many values; a queue, since recursion is what is guarded."""
    terms = 0
    waiting = [(document, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > 2 * MAX_DEPTH:
            raise _heavy(f"{2 * MAX_DEPTH} levels")
        if isinstance(value, dict):
            terms += 1
            waiting += [(one, depth + 1) for name, one in value.items() if name != "coordinates"]
        elif isinstance(value, list):
            terms += len(value)
            waiting += [(one, depth + 1) for one in value]
        if terms > 4 * MAX_TERMS:
            raise _heavy(f"{4 * MAX_TERMS} values")


def _heavy(limit: str) -> BadRequest:
    return BadRequest("filter_too_heavy", parameter="filter", limit=limit)


def _malformed(place: str) -> BadRequest:
    return BadRequest("filter_malformed", parameter="filter", place=place)
