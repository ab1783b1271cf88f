"""SQL lives in ``.sql`` files; composed queries are SQLAlchemy. A statement in Python is an exception with a reason.

No identifier and no value is ever formatted into SQL.
"""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.house.tree import files, joined, offences, read, strings, tree

STATEMENT = re.compile(
    r"^\s*(SELECT\s|INSERT\s+INTO|UPDATE\s+\S+\s+SET\b|DELETE\s+FROM|WITH\s+(RECURSIVE\s+)?\S+\s+AS\b"
    r"|(CREATE|ALTER|DROP)\s+(OR\s+REPLACE\s+)?(TABLE|VIEW|INDEX|FUNCTION|TRIGGER|ROLE|USER|DATABASE|SCHEMA|TYPE"
    r"|EXTENSION|MATERIALIZED|SEQUENCE|TEMP|TEMPORARY|UNIQUE|POLICY)"
    r"|TRUNCATE\s|COPY\s|GRANT\s|REVOKE\s|SET\s+(LOCAL|SESSION|ROLE|\w+\s*(=|TO))|RESET\s|LOCK\s+TABLE|VACUUM\b"
    r"|ANALYZE\b|CLUSTER\s|REFRESH\s|LISTEN\s|NOTIFY\s|EXPLAIN\b|BEGIN\b|COMMIT\b|ROLLBACK\b)"
)
ALLOWED = {
    "app/embedded_bootstrap.py": "makes roles and databases before anything of ours exists; names quoted by psycopg",
    "app/migrate.py": "tells the repeatable SQL which role to grant to",
    "app/uploads/staging.py": "COPY, which SQLAlchemy does not know; names quoted by psycopg",
}
APP = files(".py", under=("app/",))
COMPOSING = files(".py", under=("app/", "migrations/"))


def statements(module: ast.AST) -> list[str]:
    """String literals that are SQL statements."""
    return [f"line {line}: {text.strip()[:60]}" for line, text in strings(module) if STATEMENT.match(text)]


def formatted(module: ast.AST) -> Iterator[str]:
    """SQL statements made by an f-string with something put in, by %, by + or by ``str.format``."""
    for node in ast.walk(module):
        if isinstance(node, ast.JoinedStr):
            text, made = joined(node), any(isinstance(part, ast.FormattedValue) for part in node.values)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod | ast.Add):
            text, made = _left(node), True
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
            text, made = _left(node.func.value), True
        else:
            continue
        if made and STATEMENT.match(text):
            yield f"line {node.lineno}: {text.strip()[:60]}"


def _left(node: ast.AST) -> str:
    """The literal that the expression starts with, or nothing."""
    while isinstance(node, ast.BinOp):
        node = node.left
    if isinstance(node, ast.JoinedStr):
        return joined(node)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_statements_stand_in_sql_files() -> None:
    assert not offences(set(APP) - set(ALLOWED), lambda name: statements(tree(name)))


def test_nothing_is_formatted_into_sql() -> None:
    assert not offences(COMPOSING, lambda name: formatted(tree(name)))


def test_each_exception_is_needed() -> None:
    assert set(offences(ALLOWED, lambda name: statements(tree(name)))) == set(ALLOWED)


def test_every_sql_file_is_loaded() -> None:
    named = {text for name in files(".py", under=("app/", "bench/")) for _, text in strings(tree(name))}
    assert not [name for name in files(".sql") if name.rsplit("/", 1)[-1] not in named]


def test_every_sql_file_says_what_it_is() -> None:
    assert not [name for name in files(".sql") if not read(name).startswith("-- ")]


@pytest.mark.parametrize(
    "source",
    [
        'text("SELECT 1")',
        'run(f"DELETE FROM {table}")',
        'x = """\n    WITH a AS (SELECT 1) SELECT * FROM a"""',
        'y = "CREATE OR REPLACE FUNCTION f() RETURNS int"',
        'z = b"TRUNCATE land_event"',
    ],
)
def test_a_statement_is_found(source: str) -> None:
    assert statements(ast.parse(source))


@pytest.mark.parametrize(
    "source",
    [
        'f"SELECT * FROM {table}"',
        '"SELECT * FROM %s" % table',
        '"SELECT * FROM " + table',
        '"UPDATE {} SET x = 1".format(table)',
        '"DELETE FROM " + table + " WHERE " + x',
    ],
)
def test_formatting_is_found(source: str) -> None:
    assert list(formatted(ast.parse(source)))


def test_what_is_no_statement_passes() -> None:
    source = '''
"""SELECT in a docstring"""
sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
message = "Select a file"
note = "UPDATE is not granted"
CheckConstraint(f"type IN {TYPES}")
'''
    assert statements(ast.parse(source)) == ["line 3: COPY {} FROM STDIN"]
    assert not list(formatted(ast.parse(source)))
