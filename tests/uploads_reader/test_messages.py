"""Every code that the reader can tell has texts in both languages, filled by what the reader gives."""

import ast
import json
import re
from pathlib import Path

import pytest

import app.uploads
from app.errors import message

FOLDER = Path(app.uploads.__file__).parent
READING = ("archive", "shapefile", "rings", "dbf", "encoding", "crs", "place", "registered", "reader", "sniff")
MODULES = [FOLDER / f"{name}.py" for name in READING] + sorted(FOLDER.glob("formats/*.py"))
CATALOGUE = {
    code: texts
    for name in ("reader", "formats")
    for code, texts in json.loads((FOLDER.parent / "messages" / f"{name}.json").read_text()).items()
}

TABLES = set(json.loads((FOLDER.parent / "messages" / "tables.json").read_text()))
"""Codes that tables of events and targets tell as well."""


def used() -> set[str]:
    """Every string of the reader's modules that is a code of the catalogue, plus every literal given as a code."""
    found = set()
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if name in {"Problem", "refusal", "tell"}:
                    found.add(str(node.args[0].value))
            if isinstance(node, ast.Constant) and node.value in CATALOGUE:
                found.add(str(node.value))
    return found


def test_the_catalogue_holds_exactly_what_is_used() -> None:
    assert used() - TABLES == set(CATALOGUE)


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_both_languages_say_the_same_things(code: str) -> None:
    texts = CATALOGUE[code]
    fields = {language: set(re.findall(r"{(\w+)}", " ".join(texts[language].values()))) for language in ("zh", "en")}
    assert fields["zh"] == fields["en"]
    assert message(code, **dict.fromkeys(fields["zh"], "x")).zh.do
