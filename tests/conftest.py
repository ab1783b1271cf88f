"""A private cluster for the tests, a migrated template in it, and databases copied from that.

One cluster for each pytest-xdist worker: workers share nothing. It runs without fsync, since it is thrown away.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from pydantic import SecretStr
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app import embedded
from app.auth import Actor, Role, add_key, add_user
from app.db import make_engine, unit_of_work
from app.embedded_bootstrap import APP, cluster_of, create_database, drop_database
from app.migrate import migrate
from app.settings import Settings, load_settings

hypothesis_settings.register_profile("default", deadline=None, max_examples=60, derandomize=True)
hypothesis_settings.register_profile("long", deadline=None, max_examples=200)
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

THROWN_AWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "64MB"}
_numbers = count(1)

MakeDatabase = Callable[..., Settings]


def _without_our_environment() -> None:
    for name in list(os.environ):
        if name.startswith("LANDBANK_") or name in {"DATABASE_URL", "DATABASE_OWNER_URL"}:
            del os.environ[name]


_without_our_environment()


@pytest.fixture(scope="session")
def cluster_settings() -> Iterator[Settings]:
    """The settings of a running private cluster; PostgreSQL's user could not enter pytest's own temporary folder."""
    home = Path(tempfile.mkdtemp(prefix="landbank-test-"))
    home.chmod(0o711)
    settings = load_settings(home=home)
    runtime = cluster_of(settings).runtime
    embedded.start(settings, THROWN_AWAY)
    yield settings
    embedded.stop(settings)
    shutil.rmtree(home)
    shutil.rmtree(runtime, ignore_errors=True)


def _settings_of(cluster: Settings, name: str, crs: str) -> Settings:
    urls = embedded.urls(cluster, name)
    return load_settings(
        home=cluster.home / "homes" / name,
        crs=crs,
        database_url=SecretStr(urls.app),
        database_owner_url=SecretStr(urls.owner),
    )


@pytest.fixture(scope="session")
def template(cluster_settings: Settings) -> Callable[[str], str]:
    """The name of a migrated, empty database for a storage CRS, made when first asked for."""
    made: dict[str, str] = {}

    def of(crs: str) -> str:
        if crs not in made:
            name = f"template_{crs.lower().replace(':', '_')}"
            create_database(cluster_of(cluster_settings), name)
            settings = _settings_of(cluster_settings, name, crs)
            migrate(embedded.urls(cluster_settings, name).owner, APP, settings.srid)
            made[crs] = name
        return made[crs]

    return of


@pytest.fixture(scope="session")
def clone(cluster_settings: Settings, template: Callable[[str], str]) -> Iterator[Callable[[str], Settings]]:
    """A function that copies the template of a CRS into a database of its own."""
    made: list[str] = []

    def of(crs: str) -> Settings:
        name = f"test_{next(_numbers)}"
        create_database(cluster_of(cluster_settings), name, template(crs))
        made.append(name)
        return _settings_of(cluster_settings, name, crs)

    yield of
    for name in made:
        drop_database(cluster_of(cluster_settings), name)


@pytest.fixture(scope="session")
def settings(clone: Callable[[str], Settings]) -> Settings:
    """The database that tests share which roll back what they do: it stays empty."""
    return clone("EPSG:4547")


@pytest.fixture(scope="session")
def engine(settings: Settings) -> Iterator[Engine]:
    """The shared database, as the app's role."""
    yield from _engine(settings)


def _engine(settings: Settings) -> Iterator[Engine]:
    assert settings.database_url is not None
    made = make_engine(settings.database_url.get_secret_value())
    yield made
    made.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A transaction on the shared database, rolled back at the end; a commit inside only ends a savepoint."""
    with engine.connect() as connection, connection.begin() as transaction:
        with Session(connection, expire_on_commit=False, join_transaction_mode="create_savepoint") as made:
            yield made
        transaction.rollback()


@pytest.fixture
def make_database(clone: Callable[[str], Settings]) -> MakeDatabase:
    """``make_database(crs="EPSG:31287")``: settings of a fresh database for tests that commit."""

    def make(crs: str = "EPSG:4547") -> Settings:
        return clone(crs)

    return make


@pytest.fixture
def database(make_database: MakeDatabase) -> Settings:
    """The settings of a fresh, migrated database for a test that commits."""
    return make_database()


@pytest.fixture
def database_engine(database: Settings) -> Iterator[Engine]:
    """The fresh database, as the app's role."""
    yield from _engine(database)


@pytest.fixture
def owner_engine(database: Settings) -> Iterator[Engine]:
    """The fresh database, as its owner."""
    assert database.database_owner_url is not None
    made = make_engine(database.database_owner_url.get_secret_value())
    yield made
    made.dispose()


@dataclass(frozen=True)
class Keys:
    """One key for each role."""

    viewer: str
    editor: str
    approver: str
    admin: str


@pytest.fixture
def keys(database_engine: Engine) -> Keys:
    """Users viewer, editor, approver and admin of the fresh database, with a key each."""
    maker = Actor(None, "cli:test", Role.ADMIN)
    made: dict[str, str] = {}
    with unit_of_work(database_engine) as transaction:
        for role in Role:
            add_user(transaction, maker, role.value, role)
            made[role.value] = add_key(transaction, maker, role.value)[1]
    return Keys(**made)


@pytest.fixture
def anonymous(database: Settings) -> Iterator[TestClient]:
    """The service on the fresh database, asked without a key."""
    from app.main import create_app  # noqa: PLC0415  tests below the service need not load it

    with TestClient(create_app(database), raise_server_exceptions=False) as made:
        yield made


@pytest.fixture
def client(anonymous: TestClient, keys: Keys) -> TestClient:
    """The service on the fresh database, asked with the administrator's key; ``keys`` has those of the others."""
    anonymous.headers["X-API-Key"] = keys.admin
    return anonymous
