"""The files of the project as the house tests see them: what git keeps, and what it would keep."""

import ast
import subprocess
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def kept() -> tuple[str, ...]:
    """Paths of files that are or may be committed; git reads its own ignore list."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return tuple(sorted({name for name in listed.split("\0") if name and (ROOT / name).is_file()}))


def files(*endings: str, under: tuple[str, ...] = ("",)) -> list[str]:
    """Paths with one of the endings below one of the folders."""
    return [name for name in kept() if name.endswith(endings) and name.startswith(under)]


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(read(name), name)


def offences(names: Iterable[str], check: Callable[[str], Iterable[object]]) -> dict[str, list[object]]:
    """What ``check`` finds in each of the files, without those in which it finds nothing."""
    found = {name: list(check(name)) for name in names}
    return {name: bad for name, bad in found.items() if bad}


def strings(module: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of every string literal that is no docstring; the fixed parts of an f-string are one text."""
    silent = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
    silent |= {id(part) for node in ast.walk(module) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(module):
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, joined(node)
        elif isinstance(node, ast.Constant) and id(node) not in silent:
            if isinstance(node.value, str):
                yield node.lineno, node.value
            elif isinstance(node.value, bytes):
                yield node.lineno, node.value.decode("latin-1")


def joined(node: ast.JoinedStr) -> str:
    """An f-string's fixed parts, with {} where something is put in."""
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
