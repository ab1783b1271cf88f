"""``landbank hectares``, ``progress``, ``targets`` and ``event`` at a terminal."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from app.cli import app
from app.db import unit_of_work
from app.errors import BadRequest, Refused
from app.settings import Settings
from tests.spec.maps import Bank

Run = Callable[..., Any]
PAPER = {"type": "handover_confirmation", "number": "1", "date": "2026-04-01"}
TARGET = {"programme": "consolidation", "measure": "bank_entries", "year": 2026, "status": "issued", "value": "5"}


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

    def invoke(*arguments: str) -> str:
        result = CliRunner().invoke(app, arguments)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    return invoke


def test_hectares_as_table_json_and_csv(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        document = json.loads(run("hectares", "--as-of", "2026-12-31", "--json"))
    assert document["rows"][0]["hectares"] == "2.00000000"
    rows = list(csv.DictReader(io.StringIO(run("hectares", "--by", "category", "--csv"))))
    assert [row["category"] for row in rows] == ["industrial", ""]
    run("hectares", "--unit", "mu", "--round", "half_up", "--by", "")
    with pytest.raises(BadRequest):
        run("hectares", "--measure", "nothing")


def test_targets_events_and_progress(run: Run, tmp_path: Path) -> None:
    targets = tmp_path / "targets.json"
    targets.write_text(json.dumps([TARGET, TARGET | {"measure": "homes", "unit": "units"}]), "utf-8")
    run("targets", "load", str(targets))
    arguments = [f"--{name}={value}" for name, value in (TARGET | {"value": "4", "category": "road"}).items()]
    assert json.loads(run("targets", "add", *arguments, "--json"))["version"] == 1
    run("targets", "add", *arguments)
    run("targets", "list")
    assert len(json.loads(run("targets", "list", "--year", "2026", "--json"))["targets"]) == 3

    events = tmp_path / "events.json"
    events.write_text(json.dumps([{"type": "bank_entry", "parcel": "B", "document": PAPER}]), "utf-8")
    run("event", "load", str(events))
    document = json.loads(run("event", "load", str(_again(tmp_path)), "--json"))["document"]["id"]
    with pytest.raises(Refused):
        run("event", "add", "--type", "reversal", "--reverses", "999", "--document", str(document))

    found = json.loads(run("progress", "--as-of", "2026-12-31", "--json"))["rows"]
    assert sorted(row["actual"] or "" for row in found) == ["", "1.00000000", "3.00000000"]
    run("progress")
    assert len(list(csv.DictReader(io.StringIO(run("progress", "--csv"))))) == 3


def _again(folder: Path) -> Path:
    file = folder / "supply.json"
    supply = {"type": "supply", "parcel": "B", "document": PAPER | {"type": "grant_contract"}, "kind": "grant"}
    file.write_text(json.dumps([supply]), "utf-8")
    return file


@pytest.mark.parametrize("content", ["{}", "[", None])
def test_a_list_that_cannot_be_read(run: Run, tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "list.json"
    if content is not None:
        file.write_text(content, "utf-8")
    with pytest.raises(BadRequest) as refused:
        run("targets", "load", str(file))
    assert refused.value.code == "list_file_unreadable"


def test_a_wrong_field_is_named(run: Run) -> None:
    with pytest.raises(BadRequest) as refused:
        run("event", "add", "--type", "theft", "--document", "1")
    assert refused.value.parameter == "type"


def test_hectares_within_a_file(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ring = [[500_000, 2_500_000], [500_100, 2_500_000], [500_100, 2_500_100], [500_000, 2_500_000]]
    file = tmp_path / "park.geojson"
    file.write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    with capsys.disabled():
        document = json.loads(run("hectares", "--within-file", str(file), "--crs", "EPSG:4547", "--json"))
    assert float(document["total"]["hectares"]) == pytest.approx(0.5, abs=1e-6)
    with pytest.raises(BadRequest, match="shape_file_unreadable"):
        run("hectares", "--within-file", str(tmp_path / "none.geojson"))
