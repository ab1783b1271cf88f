"""``landbank reference``: its tables and its JSON."""

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from app.errors import Refused
from app.reference.cli import app
from app.settings import Settings


@pytest.fixture
def run(database: Settings, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    assert database.database_url is not None
    assert database.database_owner_url is not None
    monkeypatch.setenv("DATABASE_URL", database.database_url.get_secret_value())
    monkeypatch.setenv("DATABASE_OWNER_URL", database.database_owner_url.get_secret_value())
    monkeypatch.setenv("LANDBANK_HOME", str(database.home))
    return CliRunner()


def test_load_and_show(run: CliRunner) -> None:
    loaded = orjson.loads(run.invoke(app, ["load", "--json"]).stdout)
    assert loaded["land_categories.json"]["new"] == 12
    assert "unchanged" in run.invoke(app, ["load"], env={"COLUMNS": "160"}).stdout
    shown = orjson.loads(run.invoke(app, ["show", "--json"]).stdout)
    assert {row["code"] for row in shown["categories"]} >= {"industrial", "school", "rail"}
    table = run.invoke(app, ["show"], env={"COLUMNS": "160"})
    assert table.exit_code == 0
    assert "land_sea_use" in table.stdout


def test_a_file_of_the_bureau_that_is_wrong_is_refused(run: CliRunner, tmp_path: Path) -> None:
    own = tmp_path / "own.csv"
    own.write_text("scheme,version,code,name_zh,land_category\nown,1,A1,甲,nowhere\n", "utf-8")
    result = run.invoke(app, ["load", "--crosswalk", str(own)])
    assert isinstance(result.exception, Refused)
    assert result.exception.exit_code == 5
