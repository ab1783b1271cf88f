"""The doctor finds each fault that it looks for."""

import shutil
from collections import namedtuple
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from app import jobs
from app.db import unit_of_work
from app.doctor import Check, doctor
from app.errors import Unavailable, catalogue
from app.settings import Settings, load_settings

Usage = namedtuple("Usage", "total used free")  # noqa: PYI024  what shutil.disk_usage gives


def faults(settings: Settings) -> dict[str, Check]:
    return {check.name: check for check in doctor(settings) if not check.ok}


def test_a_sound_installation_has_no_fault(database: Settings) -> None:
    checks = doctor(database)
    assert [check for check in checks if not check.ok] == []
    assert {check.remedy for check in checks} == {""}
    assert {f"doctor_{check.name}" for check in checks} == {code for code in catalogue() if code.startswith("doctor_")}
    assert all(check.title.endswith(".") and check.found for check in checks)


def test_a_role_that_owns_things_is_found(database: Settings, owner_engine: Engine) -> None:
    with owner_engine.begin() as connection:
        connection.execute(text("GRANT CREATE ON SCHEMA public TO landbank_app"))
    found = faults(database)
    assert set(found) == {"app_role"}
    assert "may create" in found["app_role"].found
    as_owner = database.model_copy(update={"database_url": database.database_owner_url})
    assert "owns" in faults(as_owner)["app_role"].found


def test_a_queue_that_nobody_works_is_found(database: Settings, database_engine: Engine) -> None:
    with unit_of_work(database_engine) as session:
        jobs.enqueue(session, "upload", "upload:1", upload=1)
    found = faults(database)
    assert set(found) == {"queue_worked"}
    assert found["queue_worked"].found == "1 waiting, 0 workers"
    assert "landbank worker" in found["queue_worked"].remedy


def test_another_crs_is_found(database: Settings) -> None:
    other = database.model_copy(update={"crs": "EPSG:31287"})
    other.__dict__.pop("srid", None)
    found = faults(other)
    assert set(found) == {"storage_crs"}
    assert found["storage_crs"].found == "EPSG:4547"
    assert found["storage_crs"].problem is not None
    assert "LANDBANK_CRS" in found["storage_crs"].remedy


def test_a_silent_database_fails_every_check_of_it(
    database: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    silent = database.model_copy(update={"database_url": SecretStr("postgresql://nobody@127.0.0.1:1/none")})
    about_it = {"postgres_version", "postgis_version", "data_checksums", "app_role", "storage_crs", "queue_worked"}
    assert set(faults(silent)) == about_it

    def missing(_settings: Settings) -> None:
        raise Unavailable("postgres_missing")

    monkeypatch.setattr("app.embedded.running", missing)
    found = faults(load_settings(home=tmp_path))
    assert set(found) == about_it
    assert "PostGIS" in found["app_role"].found


def test_a_full_disk_and_a_closed_folder_are_found(
    database: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10**9, 10**9 - 1, 1))
    closed = database.model_copy(update={"files": in_the_way / "files"})
    closed.__dict__.pop("files_path", None)
    assert set(faults(closed)) == {"files_folder", "free_space"}
