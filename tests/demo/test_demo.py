"""The demo as a new user meets it: loaded once, its figures as computed without our code, its broken files told."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
from pyproj import Geod, Transformer
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from app import demo
from app.auth import Actor, Role
from app.console import Command
from app.db import make_engine, unit_of_work
from app.errors import Refused
from app.inventory.models import ParcelVersion
from app.landbank import service as landbank
from app.landbank.models import LandEvent, Target
from app.reference.models import LandCategory, Place
from app.settings import Settings
from app.uploads import queries
from app.uploads import service as uploads
from app.uploads.models import Upload
from app.uploads.options import UploadOptions

TABLE = re.compile(r"\| (\w+\.zip) \| (\S+) \| (\w+) \| (\d) \| ([\w, ]+) \| (\d+) \| (\d+) \| (\d+) \|")
AS_OF = "2026-12-31"


def command(settings: Settings, engine: Engine) -> Command:
    return Command(settings, engine, Actor(None, "cli:test", Role.ADMIN))


@dataclass(frozen=True)
class Broken:
    """A row of the README's table."""

    file: str
    collection: str
    state: str
    exit_code: int
    codes: frozenset[str]
    counts: tuple[int, int, int]


def broken() -> list[Broken]:
    rows = TABLE.findall((demo.SAMPLES / "README.md").read_text("utf-8"))
    return [
        Broken(file, collection, state, int(code), frozenset(codes.split(", ")), (int(read), int(new), int(refused)))
        for file, collection, state, code, codes, read, new, refused in rows
    ]


@pytest.fixture(scope="module")
def loaded(request: pytest.FixtureRequest) -> Iterator[Command]:
    """The demo in a database of its own, shared by the tests of this file; those that write roll back."""
    settings: Settings = request.getfixturevalue("clone")("EPSG:4547")
    assert settings.database_url is not None
    engine = make_engine(settings.database_url.get_secret_value())
    work = command(settings, engine)
    try:
        assert demo.load_demo(work)
        yield work
    finally:
        engine.dispose()


def figures(work: Command, **asked: str) -> dict[str, Decimal]:
    """Square metres by the first dimension."""
    with unit_of_work(work.engine) as session:
        params = landbank.HectaresParams(as_of=AS_OF, **asked)
        table = landbank.hectares(session, work.settings, landbank.resolve(session, work.settings, params))
    return {str(row.keys[0][1]): row.square_metres for row in table.rows}


def test_a_second_load_changes_nothing(loaded: Command) -> None:
    with unit_of_work(loaded.engine) as session:
        before = session.scalars(select(func.count()).select_from(Upload)).one()
    assert not demo.load_demo(loaded)
    with unit_of_work(loaded.engine) as session:
        assert session.scalars(select(func.count()).select_from(Upload)).one() == before == len(demo.FILES)


def test_everything_is_there(loaded: Command) -> None:
    with unit_of_work(loaded.engine) as session:
        assert session.scalars(select(func.count()).select_from(Place)).one() == 39
        assert session.scalars(select(func.count()).select_from(ParcelVersion)).one() == 480
        assert set(session.scalars(select(LandEvent.type))) == {"bank_entry", "bank_exit", "supply", "handover"}
        assert session.scalars(select(Target.id).where(Target.recorded_to.is_not(None))).all()


def test_bank_entries_are_what_another_program_computes(loaded: Command) -> None:
    """pyproj's Geod on edges cut to 50 m: GeographicLib, not our formula."""
    frame = pyogrio.read_dataframe(f"/vsizip/{demo.SAMPLES}/consolidation_parcels_2026.zip", encoding="GBK")
    counted = frame[(frame["事项"] == "入库") & (frame["文件类型"] == "土地移交确认书")]
    to_degrees = Transformer.from_crs(4547, 4490, always_xy=True)
    geod = Geod(ellps="GRS80")
    expected: dict[str, float] = {}
    for name, shape in zip(counted["用地类别"], counted.geometry, strict=True):
        dense = shapely.segmentize(shape, 50.0)
        longitude, latitude = to_degrees.transform(*shapely.get_coordinates(dense).T)
        degrees = shapely.set_coordinates(dense, np.column_stack([longitude, latitude]))
        size = abs(geod.geometry_area_perimeter(degrees)[0])
        expected[name] = expected.get(name, 0.0) + size
    with unit_of_work(loaded.engine) as session:
        names = {row.code: row.name_zh for row in session.scalars(select(LandCategory))}
    found = figures(loaded, measure="bank_entries", by="subcategory", programme="consolidation")
    assert {names[code] for code in found} == set(expected)
    for code, square_metres in found.items():
        assert float(square_metres) == pytest.approx(expected[names[code]], abs=0.001 * len(counted))


def test_tables_by_place_and_category_agree(loaded: Command) -> None:
    for measure in ("inventory", "banked", "bank_entries", "supply_total"):
        by_category = figures(loaded, measure=measure, by="category")
        by_place = figures(loaded, measure=measure, by="sub_district")
        assert sum(by_category.values()) == sum(by_place.values()) > 0


def test_targets_are_met_in_part(loaded: Command) -> None:
    with unit_of_work(loaded.engine) as session:
        known_at = landbank.resolve_known_at(session, None)
        rows = landbank.progress(session, loaded.settings, 2026, date(2026, 12, 31), known_at).rows
    whole = [row for row in rows if row.target.measure == "bank_entries" and row.target.category is None]
    assert [(row.target.version, row.target.status) for row in whole] == [(2, "issued")]
    assert whole[0].rate is not None
    assert 50 < whole[0].rate < 100


@pytest.mark.parametrize("case", broken(), ids=lambda case: case.file)
def test_broken_files_are_told_as_the_readme_says(loaded: Command, case: Broken) -> None:
    with Session(loaded.engine) as session:
        upload = uploads.run_upload(
            session,
            loaded.settings,
            loaded.actor,
            [(case.file, demo.SAMPLES / "broken" / case.file)],
            UploadOptions(collection=case.collection, commit="auto"),
        )
        assert upload.state == case.state
        assert case.exit_code == (5 if case.state == "refused" else 0)
        assert case.codes <= {finding.code for finding in queries.findings_of(session, upload.id)}
        assert (upload.counts["read"], upload.counts["new"], upload.counts["refused"]) == case.counts
        session.rollback()


def test_every_broken_file_is_in_the_table() -> None:
    files = sorted(path.name for path in (demo.SAMPLES / "broken").glob("*.zip"))
    assert sorted(case.file for case in broken()) == files


def test_elsewhere_only_the_reference_data_is_loaded(request: pytest.FixtureRequest) -> None:
    settings: Settings = request.getfixturevalue("make_database")("EPSG:31287")
    assert settings.database_url is not None
    engine = make_engine(settings.database_url.get_secret_value())
    assert not demo.load_demo(command(settings, engine))
    with unit_of_work(engine) as session:
        assert demo.is_empty(session)
        assert session.scalars(select(func.count()).select_from(LandCategory)).one() == 12
    engine.dispose()


def test_a_demo_file_that_is_refused_leaves_nothing(
    database: Settings, database_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "FILES", (("districts", "districts"), (str(Path("broken") / "no_prj"), "parcels")))
    with pytest.raises(Refused) as caught:
        demo.load_demo(command(database, database_engine))
    assert caught.value.code == "demo_refused"
    with unit_of_work(database_engine) as session:
        assert demo.is_empty(session)
