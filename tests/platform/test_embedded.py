"""The private cluster: what its roles may do, who uses it, and what happens after a kill."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError

from app import embedded
from app.embedded_bootstrap import cluster_of, make_runtime, programs
from app.errors import BadRequest, Conflict, Unavailable
from app.settings import Settings, load_settings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home() -> Iterator[Settings]:
    """A home of its own, under a name that a shell would trip over and too long for a socket; gone at the end."""
    path = Path(tempfile.mkdtemp(prefix=f"landbank 土地 '\"$HOME`{'long-' * 20}"))
    path.chmod(0o711)
    settings = load_settings(home=path)
    runtime = cluster_of(settings).runtime
    yield settings
    embedded.stop(settings)
    shutil.rmtree(path)
    shutil.rmtree(runtime, ignore_errors=True)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id integer)",
        "CREATE TEMPORARY TABLE mine (id integer)",
        "CREATE SCHEMA mine",
        "CREATE EXTENSION hstore",
        "CREATE FUNCTION one() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "ALTER ROLE landbank_app SUPERUSER",
        "ALTER TABLE parcel DISABLE TRIGGER ALL",
        "DROP TABLE parcel",
        "COPY parcel TO PROGRAM 'cat'",
        "SELECT pg_read_file('postgresql.conf')",
        "SET ROLE landbank_owner",
    ],
)
def test_the_apps_role_makes_and_owns_nothing(engine: Engine, statement: str) -> None:
    with engine.connect() as connection, pytest.raises(ProgrammingError) as refused:
        connection.execute(text(statement))
    assert refused.value.orig is not None
    assert getattr(refused.value.orig, "sqlstate", None) == "42501"


def test_the_apps_role_reaches_no_other_database(cluster_settings: Settings) -> None:
    for name in ("postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(embedded.urls(cluster_settings, name).app)


def test_a_password_is_needed_and_there_is_no_network(cluster_settings: Settings) -> None:
    socket = str(cluster_of(cluster_settings).runtime)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(host=socket, user="landbank_app", dbname="landbank", password="guess")  # noqa: S106
    with psycopg.connect(embedded.urls(cluster_settings).app) as connection:
        for name, value in {"listen_addresses": "", "data_checksums": "on", "jit": "off"}.items():
            assert connection.execute("SELECT current_setting(%s)", (name,)).fetchone() == (value,)
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)


def test_files_are_closed_to_others(cluster_settings: Settings) -> None:
    cluster = cluster_of(cluster_settings)
    modes = {path: path.stat().st_mode & 0o777 for path in (cluster.data, cluster.runtime)}
    assert set(modes.values()) == {0o700}
    assert (cluster.home / "passwords.json").stat().st_mode & 0o777 == 0o600
    assert len(os.fsencode(cluster.runtime / ".s.PGSQL.5432")) < 107


def test_the_last_one_out_stops_the_cluster(home: Settings) -> None:
    with embedded.running(home) as first:
        with embedded.running(home) as second:
            assert first == second
        assert embedded.status(home).running
        with psycopg.connect(first.app) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    assert not embedded.status(home).running
    assert not cluster_of(home).runtime.exists()


def test_a_started_cluster_stays_until_it_is_stopped(home: Settings) -> None:
    embedded.start(home)
    with embedded.running(home):
        pass
    assert embedded.status(home).running
    embedded.stop(home)
    assert not embedded.status(home).running
    embedded.stop(home)


def test_a_second_service_is_told_so_and_commands_go_on(home: Settings) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", _SERVE, str(home.home)], cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"serving\n"
    try:
        assert embedded.status(home).serving
        with pytest.raises(Conflict) as refused, embedded.serving(home):
            pass
        assert refused.value.code == "already_running"
        with embedded.running(home) as urls, psycopg.connect(urls.app) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert embedded.status(home).running
    finally:
        holder.communicate(b"\n")
    assert embedded.status(home) == embedded.Status(running=False, serving=False, pid=None)


_SERVE = """
import sys
from app import embedded
from app.settings import load_settings
settings = load_settings(home=sys.argv[1])
with embedded.serving(settings), embedded.running(settings):
    print("serving", flush=True)
    sys.stdin.readline()
"""


def test_after_kill_9_of_everything_the_next_start_recovers(home: Settings) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", _SERVE, str(home.home)], cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.PIPE
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    with psycopg.connect(embedded.urls(home).owner) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS number")
    for process in (holder.pid, *embedded._processes(cluster_of(home))):
        os.kill(process, signal.SIGKILL)
    holder.communicate()
    with embedded.serving(home), embedded.running(home) as urls, psycopg.connect(urls.owner) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (42,)
    assert not embedded.status(home).running


def test_a_cluster_that_outlived_its_service_is_used_and_then_stopped(home: Settings) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", _SERVE, str(home.home)], cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.PIPE
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    holder.kill()
    holder.communicate()
    before = embedded.status(home)
    assert (before.running, before.serving) == (True, False)
    with embedded.serving(home), embedded.running(home):
        assert embedded.status(home).pid == before.pid
    assert not embedded.status(home).running


def test_a_number_in_the_pid_file_that_is_somebody_elses_is_no_obstacle(home: Settings) -> None:
    with embedded.running(home):
        noted = (cluster_of(home).data / "postmaster.pid").read_text("utf-8")
    stale = noted.replace(noted.split("\n", 1)[0], str(os.getpid()), 1)
    (cluster_of(home).data / "postmaster.pid").write_text(stale, "utf-8")
    assert not embedded.status(home).running
    with embedded.running(home):
        assert embedded.status(home).running


def test_a_broken_initdb_is_begun_again(home: Settings) -> None:
    half = home.home / "pg.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("15\n", "ascii")
    with embedded.running(home):
        assert not half.exists()


def test_an_orphaned_backend_is_waited_for(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend stopped with SIGSTOP cannot notice that its postmaster is gone: no second postmaster may start."""
    embedded.start(home)
    with psycopg.connect(embedded.urls(home).app) as connection:
        backend = connection.info.backend_pid
        os.kill(backend, signal.SIGSTOP)
        postmaster = embedded.status(home).pid
        assert postmaster is not None
        os.kill(postmaster, signal.SIGKILL)
        while embedded.status(home).running:
            time.sleep(0.01)
        monkeypatch.setattr(embedded, "START_SECONDS", 1)
        with pytest.raises(Unavailable) as refused, embedded.running(home):
            pass
        assert refused.value.code == "postgres_failed"
        os.kill(backend, signal.SIGCONT)
    monkeypatch.undo()
    with embedded.running(home):
        assert embedded.status(home).running


def test_a_socket_folder_made_by_somebody_else_is_refused(home: Settings) -> None:
    cluster = cluster_of(home)
    cluster.runtime.symlink_to(home.home)
    with pytest.raises(Unavailable) as refused:
        make_runtime(cluster)
    assert refused.value.code == "runtime_directory_unsafe"
    cluster.runtime.unlink()
    make_runtime(cluster)
    cluster.runtime.chmod(0o777)
    with pytest.raises(Unavailable):
        make_runtime(cluster)


def test_what_is_missing_is_said(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = cluster_of(home)
    monkeypatch.setattr("app.embedded_bootstrap._installed", lambda: iter([(14, Path("/usr/lib/postgresql/14/bin"))]))
    with pytest.raises(Unavailable) as refused:
        programs(cluster)
    assert refused.value.code == "postgres_missing"
    cluster.data.mkdir()
    (cluster.data / "PG_VERSION").write_text("14\n", "ascii")
    with pytest.raises(Unavailable) as refused:
        programs(cluster)
    assert refused.value.code == "postgres_other_version"
    shutil.rmtree(cluster.data)


@pytest.mark.parametrize("place", ["a file", "below a file", "below /proc"])
def test_a_home_that_cannot_be_one_is_said(tmp_path: Path, place: str) -> None:
    file = tmp_path / "file"
    file.touch()
    path = {"a file": file, "below a file": file / "home", "below /proc": Path("/proc/landbank")}[place]
    with pytest.raises(Unavailable) as refused, embedded.running(load_settings(home=path)):
        pass
    assert refused.value.code == "home_unusable"


def test_why_postgresql_did_not_start_is_told(home: Settings) -> None:
    with pytest.raises(Unavailable) as refused:
        embedded.start(home, {"shared_buffers": "never"})
    assert refused.value.code == "postgres_failed"
    assert "shared_buffers" in refused.value.messages.en.what


def test_with_a_server_of_ones_own_nothing_is_started(home: Settings) -> None:
    urls = {"database_url": "postgresql://a@db/x", "database_owner_url": "postgresql://o@db/x"}
    own = load_settings(home=home.home, **urls)
    with embedded.serving(own), embedded.serving(own), embedded.running(own) as found:
        assert found == embedded.Urls("postgresql://a@db/x", "postgresql://o@db/x")
    with embedded.running(load_settings(home=home.home, database_url="postgresql://a@db/x")) as found:
        assert found.owner == found.app
    half = load_settings(home=home.home, database_owner_url="postgresql://o@db/x")
    with pytest.raises(BadRequest) as refused, embedded.running(half):
        pass
    assert refused.value.code == "database_url_incomplete"
    assert not (home.home / "pg").exists()
