"""What people are told: every code that the code raises has its texts, in both languages, with the same values."""

import ast
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from app import errors
from app.errors import LandbankError, catalogue, message

APP = Path(__file__).parents[2] / "app"
MESSAGES = sorted((APP / "messages").glob("*.json"))
ERROR_NAMES = {
    name for name, thing in vars(errors).items() if isinstance(thing, type) and issubclass(thing, LandbankError)
} | {"Unforeseen"}
CHINESE = re.compile(r"[\u4e00-\u9fff]")
PLACE = re.compile(r"\{(\w+)\}")
ENGLISH = re.compile(r"^\W*[A-Za-z{]")


@dataclass(frozen=True)
class Raised:
    """An error made in the source: its code, the values given, and where."""

    code: str
    values: frozenset[str | None]
    place: str


def raised() -> list[Raised]:
    found = []
    for file in APP.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args):
                continue
            first = node.args[0]
            if node.func.id in ERROR_NAMES and isinstance(first, ast.Constant) and isinstance(first.value, str):
                values = frozenset(keyword.arg for keyword in node.keywords)
                found.append(Raised(first.value, values, f"{file.relative_to(APP)}:{node.lineno}"))
    return found


def test_every_raised_code_is_in_the_catalogue() -> None:
    codes = raised()
    assert len(codes) > 40
    assert [item for item in codes if item.code not in catalogue()] == []


def test_every_value_in_a_text_is_given() -> None:
    for item in raised():
        texts = catalogue()[item.code]
        wanted = {name for parts in texts.values() for text in parts.values() for name in PLACE.findall(text)}
        # None stands for **values, which cannot be read from the source.
        assert None in item.values or wanted <= item.values, item


def test_no_code_is_told_twice() -> None:
    counted = Counter(code for file in MESSAGES for code in orjson.loads(file.read_bytes()))
    assert [code for code, times in counted.items() if times > 1] == []


@pytest.mark.parametrize("file", MESSAGES, ids=lambda file: file.name)
def test_both_languages_say_something_with_the_same_values(file: Path) -> None:
    told = {item.code for item in raised()}
    for code, texts in orjson.loads(file.read_bytes()).items():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", code)
        assert set(texts) == {"zh", "en"}, code
        for language, parts in texts.items():
            assert set(parts) == {"what", "do"}, code
            # A fragment that other texts put in says less, and may be empty.
            assert all(parts.values()) or code not in told, code
            script = CHINESE if language == "zh" else ENGLISH
            assert all(script.search(text) for text in parts.values() if text), code
        assert _values(texts["zh"], "_zh") == _values(texts["en"], "_en"), code


def _values(parts: dict[str, str], own: str) -> set[str]:
    """The values in a text; one that ends in the text's own language is the same value in both."""
    return {name.removesuffix(own) for name in PLACE.findall("".join(parts.values()))}


def test_values_are_text_and_not_templates() -> None:
    told = message("user_unknown", name="{0.__class__}{id}")
    assert "{0.__class__}{id}" in told.en.what
