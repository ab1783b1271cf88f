"""``landbank check``, ``rules`` and ``changes`` at a terminal."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from app.cli import app
from app.db import unit_of_work
from app.errors import BadRequest, NotFound, Refused
from app.settings import Settings
from tests.spec.maps import Bank
from tests.spec.test_rules import DEFAULT

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(database: Settings, database_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Run:
    assert database.database_url is not None
    assert database.database_owner_url is not None
    monkeypatch.setenv("DATABASE_URL", database.database_url.get_secret_value())
    monkeypatch.setenv("DATABASE_OWNER_URL", database.database_owner_url.get_secret_value())
    monkeypatch.setenv("LANDBANK_HOME", str(database.home))
    with unit_of_work(database_engine) as session:
        bank = Bank(session)
        bank.parcels("AAB", category={"A": "industrial", "B": "road"})
        bank.event("bank_entry", "A", "2026-03-01")

    def invoke(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, arguments)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout

    return invoke


def test_check_tells_by_its_exit_code(run: Run, owner_engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check")[0] == 0
    with owner_engine.begin() as connection:
        connection.execute(text("UPDATE portion SET plane_square_metres = 1"))
    assert run("check")[0] == Refused.exit_code
    with capsys.disabled():
        code, told = run("check", "--json")
    assert code == Refused.exit_code
    assert "check_portions" in {one["properties"]["code"] for one in json.loads(told)["features"]}


def test_what_is_derived_is_rebuilt_and_the_planner_told(run: Run, owner_engine: Engine) -> None:
    with owner_engine.begin() as connection:
        connection.execute(text("DELETE FROM hectares_rollup"))
    assert run("check")[0] == Refused.exit_code
    assert run("db", "rebuild")[0] == 0
    assert run("check")[0] == 0
    counted = text("SELECT reltuples FROM pg_class WHERE relname IN ('hectares_key', 'hectares_rollup', 'tree_parcel')")
    with owner_engine.connect() as connection:
        assert min(connection.execute(counted).scalars()) > 0


def test_rules_are_set_from_a_file_and_changes_told(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rule.json"
    file.write_text(json.dumps(DEFAULT | {"document_types": ["approval"]}), "utf-8")
    with capsys.disabled():
        since = json.loads(run("hectares", "--json")[1])["known_at"]
        assert json.loads(run("rules", "set", str(file), "--json")[1])["rules"][0]["code"] == "other"
        listed = json.loads(run("rules", "list", "--json")[1])["rules"]
        assert {rule["code"] for rule in listed} == {"other", "handover_accepted"}
        assert len(json.loads(run("rules", "show", "handover_accepted", "--json")[1])["rules"]) == 2
        trial = json.loads(run("rules", "try", "handover_accepted:1", "--year", "2026", "--json")[1])
        assert trial["difference"]["hectares"] == "2.00000000"
        told = json.loads(run("changes", "--from-known", since, "--json")[1])
        assert [(one["cause"], one["difference"]["hectares"]) for one in told["changes"]] == [
            ("rule_change", "-2.00000000")
        ]
    assert run("changes", "--from-known", since, "--csv")[1].startswith("cause,parcel,category")
    for command in (
        ["rules", "try", str(file), "--year", "2026"],
        ["rules", "list"],
        ["rules", "show", "other"],
        ["changes", "--from-known", since],
    ):
        assert run(*command)[0] == 0
    with pytest.raises(NotFound):
        run("rules", "show", "none")
    file.write_text("{", "utf-8")
    with pytest.raises(BadRequest):
        run("rules", "set", str(file))
    file.write_text("{}", "utf-8")
    with pytest.raises(BadRequest):
        run("rules", "set", str(file))
