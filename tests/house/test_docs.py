"""What the documents say can be done can be done: commands, options, files, addresses; and they stay short."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from typing import Any

import typer.main
from fastapi.routing import APIRoute

from app.cli import app
from app.main import ROUTERS
from tests.house.tree import ROOT, files, read

COMMAND: Any = typer.main.get_command(app)
DOCUMENTS = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "GLOSSARY.md"]
PATH = re.compile(r"`((?:app|tests|migrations|bench|docs|bin|sample_parcels)/[\w./-]+)`")
CALL = re.compile(r"(?:\.venv/bin/)?landbank ([a-z][^`\n|#]*)")
ADDRESS = re.compile(r"(?:GET|POST|PATCH|PUT|DELETE|localhost:8000|127\.0\.0\.1:8000) ?(/[\w/{}.-]*)")


def code_of(text: str) -> Iterator[str]:
    """The lines of code blocks, joined where they go on, and whatever else is set as code."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for block in blocks:
        yield from block.replace("\\\n", " ").splitlines()
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


def wrong_calls(text: str) -> list[str]:
    """Calls of ``landbank`` with a command or an option that does not exist."""
    bad = []
    for line in code_of(text):
        for call in CALL.findall(line):
            try:
                words = shlex.split(call.split(" > ")[0])
            except ValueError:
                bad.append(call)
                continue
            if not _exists(words):
                bad.append(call)
    return bad


def _exists(words: list[str]) -> bool:
    """Whether the words lead to a command which has the options that they name."""
    node: Any = COMMAND
    while words and hasattr(node, "get_command"):
        word, *words = words
        if word == "--help" or word in {"…", "..."}:
            return True
        node = node.get_command(None, word)
        if node is None:
            return False
    options = {option for parameter in node.params for option in (*parameter.opts, *parameter.secondary_opts)}
    return {word.split("=")[0] for word in words if word.startswith("--")} <= options | {"--help"}


def addresses() -> set[str]:
    return {_shape(route.path_format) for each in ROUTERS for route in each.routes if isinstance(route, APIRoute)}


def _shape(path: str) -> str:
    return re.sub(r"\{\w+\}|/\d+(?=/|$)", lambda found: "/*" if found[0][0] == "/" else "*", path)


def wrong_addresses(text: str) -> list[str]:
    """Addresses named that nothing answers."""
    named = {found.rstrip(".") for line in code_of(text) for found in ADDRESS.findall(line)}
    return sorted(path for path in named if _shape(path) not in addresses())


def missing_paths(text: str) -> list[str]:
    return [path for path in PATH.findall(text) if not (ROOT / path.rstrip("/")).exists()]


def samples_missing(text: str) -> list[str]:
    named = re.findall(r"\bsample_parcels/[\w./-]+\.(?:zip|csv|json|py|md)", text)
    return [path for path in named if not (ROOT / path).is_file()]


def test_every_command_named_exists() -> None:
    assert {name: bad for name in DOCUMENTS if (bad := wrong_calls(read(name)))} == {}


def test_every_command_is_in_the_readme() -> None:
    text = read("README.md")
    shown = {name for name, one in COMMAND.commands.items() if not one.hidden}
    assert not {name for name in shown if f"landbank {name}" not in text}


def test_every_address_named_answers() -> None:
    assert {name: bad for name in DOCUMENTS if (bad := wrong_addresses(read(name)))} == {}


def test_every_file_named_exists() -> None:
    names = [*DOCUMENTS, *files("README.md")]
    assert {name: bad for name in names if (bad := missing_paths(read(name)) + samples_missing(read(name)))} == {}


def test_architecture_fits_on_a_page() -> None:
    assert len(read("ARCHITECTURE.md").splitlines()) <= 60


def test_changelog_tells_what_was_added_changed_and_fixed() -> None:
    headings = re.findall(r"^### (\w+)$", read("CHANGELOG.md"), re.MULTILINE)
    assert "## [Unreleased]" in read("CHANGELOG.md")
    assert {"Added", "Changed", "Fixed"} <= set(headings) <= {"Added", "Changed", "Fixed", "Removed", "Security"}


def layers(text: str) -> list[list[str]]:
    """The layers of import-linter's contract, top first."""
    contract = tomllib.loads(text)["tool"]["importlinter"]["contracts"][0]
    return [[name.strip().removeprefix("app.") for name in re.split("[:|]", layer)] for layer in contract["layers"]]


def drawn(text: str) -> list[list[str]]:
    """The layers of ARCHITECTURE's table."""
    table = text.split("| layer | what |")[1].split("\n\n", maxsplit=1)[0]
    return [re.findall(r"`(\w+)`", row.split("|")[1]) for row in table.splitlines() if row.startswith("| `")]


def test_architecture_draws_the_layers() -> None:
    assert drawn(read("ARCHITECTURE.md")) == layers(read("pyproject.toml"))


def dependencies(text: str) -> set[str]:
    """The packages that a pyproject's text names directly."""
    project = tomllib.loads(text)
    named = [
        *project["project"]["dependencies"],
        *(one for group in project["dependency-groups"].values() for one in group),
    ]
    return {re.split(r"[\[<>=~! ]", one)[0] for one in named}


def explained(text: str) -> set[str]:
    """The packages that the README gives a reason for: ``- `name`: why``."""
    return {name for line in re.findall(r"^- (`.*?): ", text, re.MULTILINE) for name in re.findall(r"`([\w-]+)`", line)}


def test_every_direct_dependency_has_its_reason() -> None:
    assert not dependencies(read("pyproject.toml")) ^ explained(
        read("README.md").split("## Dependencies")[1].split("\n## ")[0]
    )


def test_the_checks_can_fail() -> None:
    text = "```sh\n.venv/bin/landbank upload x.zip --colour \\\n  red\n```\n`landbank fly`, `landbank undo 3`"
    assert [call.split() for call in wrong_calls(text)] == [["upload", "x.zip", "--colour", "red"], ["fly"]]
    assert wrong_addresses("`GET /nowhere` and `GET /healthz`, `GET /uploads/7`") == ["/nowhere"]
    assert missing_paths("`app/nothing.py` `app/db.py`") == ["app/nothing.py"]
    assert samples_missing("sample_parcels/nothing.zip") == ["sample_parcels/nothing.zip"]
    contract = '[[tool.importlinter.contracts]]\nlayers = ["app.main : cli", "b"]'
    assert (
        layers(contract) == [["main", "cli"], ["b"]] != drawn("| layer | what |\n|---|---|\n| `main` | x |\n\n| `b` |")
    )
    project = '[project]\ndependencies = ["a>=1", "b[x]"]\n[dependency-groups]\ndev = ["c"]'
    assert dependencies(project) - explained("- `a`: why\n- `c`, `d`: why\n") == {"b"}
