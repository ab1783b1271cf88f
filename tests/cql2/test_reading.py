"""The guards before the native parser, and what is told of a filter that cannot be read."""

import subprocess
import sys

import pytest

from app.cql2 import parse
from app.cql2.reading import MAX_DEPTH, MAX_JSON, MAX_TERMS, MAX_TEXT
from app.errors import BadRequest

HEAVY = [
    "(" * 5_000 + "a=1" + ")" * 5_000,
    " and ".join(["a=1"] * 20_000),
    "not " * 2_000 + "a=1",
    "a=" + "-" * 2_000 + "1",
    "a=1" + "+1" * 4_000,
    '{"op":"not","args":[' * 20_000 + "true" + "]}" * 20_000,
    '{"op":"and","args":[' + ",".join(["true"] * 10_000) + "]}",
    '{"a":"' + "x" * MAX_JSON + '"}',
]


@pytest.mark.parametrize("text", HEAVY, ids=lambda text: text[:12])
def test_a_heavy_filter_is_refused_before_it_is_parsed(text: str) -> None:
    with pytest.raises(BadRequest) as told:
        parse(text)
    assert told.value.code == "filter_too_heavy"


@pytest.mark.parametrize(
    "text",
    [
        "(" * MAX_DEPTH + "a=1" + ")" * MAX_DEPTH,
        " and ".join(["a"] * MAX_TERMS),
        " or ".join(["a=1"] * (MAX_TERMS // 2)),
        "not " * (MAX_TERMS - 2) + "a=1",
        "a=" + "-" * (MAX_TERMS - 2) + "1",
        "a=1" + "^1" * (MAX_TERMS - 2),
        "casei(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH + "='x'",
        "s_intersects(g, LINESTRING(" + ",".join(["1.5 2.5"] * ((MAX_TEXT - 40) // 8)) + "))",
        "a in (" + ",".join(["1"] * 4_000) + ")",
        "a='" + "(" * (MAX_TEXT - 10) + "'",
    ],
    ids=lambda text: text[:12],
)
def test_the_heaviest_that_is_let_through_leaves_the_process_alive(text: str) -> None:
    code = (
        "import sys, threading\n"
        "from app.cql2 import parse\n"
        "from app.errors import BadRequest\n"
        "def ask():\n"
        "    try:\n"
        "        parse(sys.stdin.read())\n"
        "    except BadRequest as error:\n"
        "        assert error.code == 'filter_malformed', error.code\n"
        "threading.Thread(target=ask).start()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, input=text, text=True, capture_output=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("text", ["", "a=", "a=1 b", "a = 'x", "(a=1", "{", '{"op":', "a ILIKE 'x'", "\0", "{]"])
def test_what_cannot_be_read_is_told(text: str) -> None:
    with pytest.raises(BadRequest) as told:
        parse(text)
    assert told.value.code == "filter_malformed"


def test_the_place_of_a_mistake_is_told() -> None:
    with pytest.raises(BadRequest) as told:
        parse("a = 1 b = 2")
    assert str(told.value.values["place"]).startswith("1:7")


def test_a_language_is_what_it_says() -> None:
    assert parse("true", "cql2-json") is True
    assert parse('{"op":"=","args":[{"property":"a"},1]}') == parse("a=1", "cql2-text")
    with pytest.raises(BadRequest):
        parse("a=1", "cql2-json")
