"""The table of policies is the whole truth: each code told is in it with its severity, and the page is made of it."""

import ast
import re
from collections.abc import Iterator

import orjson

from app.uploads.policy import POLICIES, page
from tests.house.test_messages import CATALOGUES, KNOWN, codes
from tests.house.tree import files, offences, read, tree

MODULES = files(".py", under=("app/uploads/",))
LEDGER = files(".sql", under=("app/uploads/", "app/landbank/events/"))
SEVERITIES = {"refuse", "warn", "note"}
AT = {"Finding": 1, "Problem": 1, "tell": 1, "tell_file": 1, "add_rows": 1, "refusal": None}
"""Calls that tell a code: where their severity stands; a refusal has none."""
ELSEWHERE = {"mapping_invalid", "zone_name_invalid", "zone_option_elsewhere", "event_already_reversed"}
"""Codes of the same catalogues that answer a request and are no findings."""
FILES_OF_FINDINGS = (
    "reader.json", "formats.json", "tables.json", "prepare.json", "overlay.json", "location.json",
)  # fmt: skip


def told(module: ast.Module) -> Iterator[tuple[int, str, set[str]]]:
    """Line, code and severities of each call that tells a code written on the spot."""
    for node in ast.walk(module):
        name = getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
        if not isinstance(node, ast.Call) or name not in AT or not node.args:
            continue
        at = AT[name]
        found = {"refuse"} if at is None else set(codes(node.args[at])) if len(node.args) > at else set()
        for code in codes(node.args[0]):
            yield node.lineno, code, found & SEVERITIES


def unlisted(module: ast.Module) -> list[str]:
    """Codes told that the table lacks, or tells under another severity; an empty code is filled in by the caller."""
    bad = []
    for line, code, severities in told(module):
        if code and (code not in POLICIES or not severities <= set(POLICIES[code].severities)):
            bad.append(f"line {line}: {code} {' '.join(sorted(severities))}: put it in app/uploads/policy.py")
    return bad


def test_every_code_told_is_in_the_table_with_its_severity() -> None:
    assert not offences(MODULES, lambda name: unlisted(tree(name)))


def test_every_text_of_a_finding_is_in_the_table() -> None:
    catalogues = [name for name in CATALOGUES if name.endswith(FILES_OF_FINDINGS)]
    texts = {code: one for name in catalogues for code, one in orjson.loads(read(name)).items()}
    # A fragment, which is put into another text, says nothing to do.
    alone = {code for code, one in texts.items() if one["en"]["do"].strip()}
    assert len(catalogues) == len(FILES_OF_FINDINGS)
    assert not alone - set(POLICIES) - ELSEWHERE


def test_every_code_that_a_ledger_query_gives_is_in_the_table() -> None:
    named = {text for name in LEDGER for text in re.findall(r"'(\w+)'", read(name)) if text in KNOWN}
    assert len(named) > 10
    assert not named - set(POLICIES) - ELSEWHERE - {"reversal_built_upon"}


def test_every_code_of_the_table_has_its_text() -> None:
    assert not set(POLICIES) - set(KNOWN)


def test_the_page_is_the_table() -> None:
    assert read("docs/findings.md") == page(), "run: .venv/bin/landbank findings --markdown > docs/findings.md"


def test_the_checks_can_fail() -> None:
    source = 'Finding("nowhere_told", "warn")\nrows.tell("geometry_spike", "refuse", x)\nrefusal("geometry_spike")'
    assert len(unlisted(ast.parse(source))) == 3
    assert not unlisted(ast.parse('rows.tell("geometry_spike", "warn", x)\nFinding("", "note")'))
