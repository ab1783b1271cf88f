"""The word "area" names nothing of ours: it could mean a place or a size (DESIGN §2: sub_district, hectares).

Names that others gave (``ST_Area``, ``shapely.area``) are theirs, and may be used.
"""

import ast
import csv
import io
import json
import re
from collections.abc import Iterable, Iterator

import pytest

from tests.house.tree import files, offences, read, tree

WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
PYTHON = files(".py")
SQL = files(".sql")
DATA = [name for name in files(".json", ".geojson", ".csv") if not name.startswith("tests/mappings/")]
THEIRS = re.compile(r"\bST_\w*Area\w*\s*\(", re.IGNORECASE)
SQL_SILENT = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)


def has_the_word(name: str) -> bool:
    """Whether "area" is one of the words that make up the name."""
    return bool({"area", "areas"} & {word.lower() for word in WORD.findall(name)})


def defined(module: ast.AST) -> Iterator[str]:
    """Names that Python defines: functions, classes, arguments, variables, attributes, keys, aliases of imports."""
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.alias) and node.asname:
            yield node.asname
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.Dict):
            texts = (str(key.value) for key in node.keys if isinstance(key, ast.Constant))
            # A key with a dot or a slash is the name of a file.
            yield from (text for text in texts if re.fullmatch(r"[\w-]+", text))


def sql_names(source: str) -> Iterator[str]:
    """Every name in SQL that is not a function of PostGIS."""
    yield from re.findall(r"[A-Za-z_]\w*", THEIRS.sub("(", SQL_SILENT.sub(" ", source)))


def keys(document: object) -> Iterator[str]:
    """The keys of a JSON document."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield key
            yield from keys(value)
    elif isinstance(document, list):
        for value in document:
            yield from keys(value)


def data_names(name: str, text: str) -> Iterator[str]:
    if name.endswith(".csv"):
        yield from next(csv.reader(io.StringIO(text)), [])
    else:
        yield from keys(json.loads(text))


def bad(words: Iterable[str]) -> list[str]:
    return [word for word in words if has_the_word(word)]


def test_no_name_in_python() -> None:
    assert not offences(PYTHON, lambda name: bad(defined(tree(name))))


def test_no_name_in_sql() -> None:
    assert not offences(SQL, lambda name: bad(sql_names(read(name))))


def test_no_key_in_data() -> None:
    assert not offences(DATA, lambda name: bad(data_names(name, read(name))))


def test_no_file_is_named_so() -> None:
    assert not bad(files(""))


@pytest.mark.parametrize("name", ["area", "parcel_area", "totalArea", "AREAS", "areaHa", "area2"])
def test_the_word_is_found(name: str) -> None:
    assert has_the_word(name)


@pytest.mark.parametrize("name", ["areal_scale", "square_metres", "subarean"])
def test_other_words_are_not(name: str) -> None:
    assert not has_the_word(name)


def test_the_check_can_fail() -> None:
    source = """
import shapely as area
def area_of(total_area, *, by_area=1):
    class AreaOf: pass
    self.plane_area = shapely.area(x).area
    area2 = {"area_ha": 1}
"""
    assert sorted(bad(defined(ast.parse(source)))) == sorted(
        ["area", "area_of", "total_area", "by_area", "AreaOf", "plane_area", "area2", "area_ha"]
    )
    assert [name for name in sql_names("SELECT ST_Area(geom) AS area -- area\n, 'area'") if has_the_word(name)] == [
        "area"
    ]
    assert list(data_names("x.json", '[{"area": {"b": 1}}]')) == ["area", "b"]
    assert list(data_names("x.csv", "code,area\n1,2\n")) == ["code", "area"]
