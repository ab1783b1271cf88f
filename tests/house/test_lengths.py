"""A file has at most 400 lines and a function at most 50, so that either is read in one go. No exceptions."""

import ast

from tests.house.tree import files, offences, read

FILE_LINES = 400
FUNCTION_LINES = 50
PYTHON = files(".py", under=("app/", "tests/", "sample_parcels/", "bench/", "migrations/", "bin/"))
OTHERS = files(".sql", ".sh", "start", "test")


def too_long(source: str, *, python: bool = True) -> list[str]:
    found = []
    count = len(source.splitlines())
    if count > FILE_LINES:
        found.append(f"{count} lines")
    for node in ast.walk(ast.parse(source)) if python else ():
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            length = (node.end_lineno or first) - first + 1
            if length > FUNCTION_LINES:
                found.append(f"{node.name}: {length} lines")
    return found


def test_python_is_short() -> None:
    assert not offences(PYTHON, lambda name: too_long(read(name)))


def test_other_programs_are_short() -> None:
    assert not offences(OTHERS, lambda name: too_long(read(name), python=False))


def test_the_check_can_fail() -> None:
    function = "def long():\n" + "    x = 1\n" * 50
    assert too_long(function) == ["long: 51 lines"]
    assert not too_long("def fits():\n" + "    x = 1\n" * 49)
    assert too_long("x = 1\n" * 401) == ["401 lines"]
    assert not too_long("x = 1\n" * 400)
    assert len(PYTHON) > 50
