"""docker-compose.yml runs the same app: its settings are the app's, its secrets have no defaults."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from pydantic import AliasChoices

from app import embedded
from app.embedded_bootstrap import cluster_of
from app.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]


def setting_names() -> set[str]:
    """The environment names of the settings."""
    names = set()
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        names.add(str(alias.choices[0]) if isinstance(alias, AliasChoices) else f"LANDBANK_{name.upper()}")
    return names


def test_compose_sets_only_settings_that_exist() -> None:
    given = set(SERVICES["app"]["environment"])
    assert given <= setting_names()
    assert {"DATABASE_URL", "DATABASE_OWNER_URL", "LANDBANK_ADMIN_KEY", "LANDBANK_HOME"} <= given


def test_readme_has_a_row_for_every_setting_and_for_no_other() -> None:
    rows = re.findall(r"^\| *`((?:LANDBANK|DATABASE)_[A-Z_]+)`", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(setting_names())


def test_every_secret_must_be_given() -> None:
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    secrets = set(re.findall(r"\$\{(\w*(?:PASSWORD|KEY))[^}]*\}", text))
    assert secrets == {
        "DATABASE_SUPERUSER_PASSWORD",
        "DATABASE_OWNER_PASSWORD",
        "DATABASE_APP_PASSWORD",
        "LANDBANK_ADMIN_KEY",
    }
    for use in re.findall(r"\$\{\w*(?:PASSWORD|KEY)[^}]*\}", text):
        assert ":?" in use, use


def test_app_waits_for_a_healthy_database_on_a_named_volume() -> None:
    database, app = SERVICES["database"], SERVICES["app"]
    assert re.fullmatch(r"postgis/postgis:\d+-\d+\.\d+", database["image"])
    assert "--data-checksums" in database["environment"]["POSTGRES_INITDB_ARGS"]
    assert database["healthcheck"]["test"][:2] == ["CMD", "pg_isready"]
    assert "ports" not in database
    assert app["depends_on"]["database"]["condition"] == "service_healthy"
    named = {volume.partition(":")[0] for service in SERVICES.values() for volume in service["volumes"]}
    assert {"database", "files"} <= named
    assert set(COMPOSE["volumes"]) == {"database", "files"}


def test_every_mounted_and_copied_file_is_in_the_repository() -> None:
    mounted = [volume.split(":")[0] for volume in SERVICES["database"]["volumes"] if volume.startswith("./")]
    copied = re.findall(r"^COPY (\S+) ", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert mounted
    assert copied
    for name in [*mounted, *copied]:
        assert (ROOT / name).exists(), name


def test_the_images_roles_are_those_of_the_private_cluster(
    cluster_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """``docker/roles.sh`` on a second private cluster whose database has been dropped: it makes it again."""
    home = cluster_settings.home / "compose"
    home.mkdir(mode=0o711)
    home.chmod(0o711)
    settings = cluster_settings.model_copy(update={"home": home})
    embedded.start(settings, {"fsync": "off"})
    try:
        socket = cluster_of(settings).runtime
        with psycopg.connect(host=str(socket), user="postgres", dbname="postgres", autocommit=True) as connection:
            connection.execute("DROP DATABASE landbank")
            connection.execute("DROP ROLE landbank_app")
            connection.execute("DROP ROLE landbank_owner")
        environment = {
            "PATH": os.environ["PATH"],
            "PGHOST": str(socket),
            "SCRIPTS": str(ROOT / "app"),
            "OWNER_PASSWORD": "owner-secret",
            "APP_PASSWORD": "app-secret",
        }
        subprocess.run([ROOT / "docker" / "roles.sh"], env=environment, check=True, cwd=tmp_path_factory.mktemp("x"))
        url = f"postgresql://landbank_app:app-secret@/landbank?host={socket}"
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT postgis_lib_version() >= '3.3'").fetchone() == (True,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("CREATE TABLE mine (id integer)")
    finally:
        embedded.stop(settings)
