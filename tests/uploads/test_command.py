"""What ``landbank upload`` shows at a terminal while it works, and what it leaves there."""

import io

import pytest
from rich.console import Console
from typer.testing import CliRunner

from app.cli import app
from app.errors import message
from app.uploads import cli
from tests.uploads.conftest import Desk, Row, square, write


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Standard error as a terminal would have it."""
    shown = io.StringIO()
    monkeypatch.setattr(cli, "err", Console(file=shown, force_terminal=True, width=100))
    return shown


@pytest.fixture
def command(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    assert desk.settings.database_url is not None
    monkeypatch.setenv("DATABASE_URL", desk.settings.database_url.get_secret_value())
    monkeypatch.setenv("LANDBANK_HOME", str(desk.settings.home))
    file = write(desk.folder / "parcels.zip", [Row("A", square(0, 0)), Row("B", square(2, 0))])
    # English names of columns are recognised without a mapping.
    return ["upload", str(file), "--collection", "consolidation-parcels"]


def test_a_bar_names_the_steps_and_goes_away(command: list[str], terminal: io.StringIO) -> None:
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    drawn = terminal.getvalue()
    for step in ("storing", "totals"):
        told = message(f"step_{step}")
        assert f"{told.zh.what} {told.en.what}" in drawn, drawn
    # The cursor comes back, and the bar's line is erased.
    assert drawn.rstrip("\r\n").endswith("\x1b[2K")
    assert "\x1b[?25h" in drawn
    assert "%" not in done.stdout


def test_no_bar_where_a_program_reads(command: list[str], terminal: io.StringIO) -> None:
    assert CliRunner().invoke(app, [*command, "--json"]).exit_code == 0
    assert terminal.getvalue() == ""
