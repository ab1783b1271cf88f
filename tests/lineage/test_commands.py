"""``landbank parcel`` at a terminal: the same as over HTTP, from GeoJSON files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import shapely.geometry
from sqlalchemy import Engine
from typer.testing import CliRunner

from app.db import unit_of_work
from app.errors import BadRequest, Conflict, NotFound
from app.settings import Settings
from app.uploads.lineage.cli import app
from tests.spec.maps import Bank, read_map

Run = Callable[..., Any]
PAPER = ("--crs", "EPSG:4547", "--document", '{"type": "approval", "number": "1", "date": "2026-06-01"}')


@pytest.fixture
def run(database: Settings, database_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Run:
    assert database.database_url is not None
    assert database.database_owner_url is not None
    monkeypatch.setenv("DATABASE_URL", database.database_url.get_secret_value())
    monkeypatch.setenv("DATABASE_OWNER_URL", database.database_owner_url.get_secret_value())
    monkeypatch.setenv("LANDBANK_HOME", str(database.home))
    with unit_of_work(database_engine) as session:
        bank = Bank(session)
        bank.parcels("AAB")
        bank.event("bank_entry", "A", "2026-03-01")

    def invoke(*arguments: str) -> str:
        result = CliRunner().invoke(app, arguments)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.stdout

    return invoke


def drawn(path: Path, drawing: str) -> str:
    features = [
        {"type": "Feature", "properties": {"code": code}, "geometry": shapely.geometry.mapping(land)}
        for code, land in read_map(drawing).items()
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return str(path)


def test_a_parcel_is_split_merged_redrawn_and_taken_back(run: Run, tmp_path: Path) -> None:
    children = drawn(tmp_path / "children.geojson", "CD")
    made = json.loads(run("split", "--parent", "A", "--children", children, *PAPER, "--json"))
    assert [one["code"] for one in made["children"]] == ["C", "D"]
    merged = json.loads(run("merge", "--parents", "C,D", "--code", "M", *PAPER, "--json"))
    assert [credit["entered_as"] for credit in merged["children"][0]["credits"]] == ["A"]
    with pytest.raises(Conflict):
        run("undo", str(made["id"]))
    assert json.loads(run("undo", str(merged["id"]), "--json"))["type"] == "reversal"
    outline = drawn(tmp_path / "outline.geojson", "..BB")
    assert "boundary_change" in run("boundary", "B", "--geometry", outline, "--cause", "survey", *PAPER)
    history = json.loads(run("history", "C", "--json"))
    assert (history["parents"], history["children"]) == (["A"], [])
    assert "split" in run("history", "A")


def test_what_cannot_be_read_is_told(run: Run, tmp_path: Path) -> None:
    children = drawn(tmp_path / "children.geojson", "CD")
    (tmp_path / "list.json").write_text("[]")
    for arguments in (
        ("split", "--parent", "A", "--children", str(tmp_path / "none.geojson"), *PAPER),
        ("split", "--parent", "A", "--children", str(tmp_path / "list.json"), *PAPER),
        ("split", "--parent", "A", "--children", children, "--document", "移交〔2026〕1号"),
        ("boundary", "A", "--geometry", children, *PAPER),
        ("merge", "--parents", "A,B", *PAPER),
    ):
        with pytest.raises(BadRequest):
            run(*arguments)
    with pytest.raises(NotFound):
        run("history", "none")
