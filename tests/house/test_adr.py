"""Each decision is told on at most 45 lines: context, decision, consequences, and what holds it."""

import re
from collections.abc import Iterator

from tests.house.tree import ROOT, files, offences, read

LINES = 45
PARTS = ("## Context", "## Decision", "## Consequences", "## What holds it")
INDEX = "docs/adr/README.md"
RECORDS = [name for name in files(".md", under=("docs/adr/",)) if name != INDEX]
PATH = re.compile(r"`((?:app|tests|migrations|bench|docs|bin|sample_parcels)/[\w./-]+)`")


def faults(text: str, number: int) -> Iterator[str]:
    """What is wrong with the text of record ``number``."""
    if len(text.splitlines()) > LINES:
        yield "too long"
    if not text.startswith(f"# {number:04d} "):
        yield "title without its number"
    if [line for line in text.splitlines() if line.startswith("## ")] != list(PARTS):
        yield "other parts"


def missing_paths(text: str) -> list[str]:
    """Paths named that do not exist."""
    return [path for path in PATH.findall(text) if not (ROOT / path).exists()]


def test_records_are_numbered_without_gaps() -> None:
    assert [int(name.removeprefix("docs/adr/")[:4]) for name in RECORDS] == list(range(1, len(RECORDS) + 1))
    assert RECORDS


def test_records_are_short_and_whole() -> None:
    numbers = {name: number for number, name in enumerate(RECORDS, start=1)}
    assert not offences(RECORDS, lambda name: faults(read(name), numbers[name]))


def test_the_index_lists_every_record_in_order() -> None:
    assert re.findall(r"\]\((\d{4}[\w-]+\.md)\)", read(INDEX)) == [name.rsplit("/", 1)[-1] for name in RECORDS]


def test_paths_named_exist() -> None:
    assert not offences(RECORDS, lambda name: missing_paths(read(name)))


def test_the_check_can_fail() -> None:
    good = "# 0001 Title\n" + "\n".join(PARTS)
    assert not list(faults(good, 1))
    assert list(faults(good, 2)) == ["title without its number"]
    assert list(faults(good + "\n" * 45, 1)) == ["too long"]
    assert list(faults("# 0001 Title\n## Context\n", 1)) == ["other parts"]
    assert missing_paths("`app/db.py` and `app/nothing.py`") == ["app/nothing.py"]
