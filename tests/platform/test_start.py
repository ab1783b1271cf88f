"""``./start`` as a person meets it: twice, two at once, stopped, killed, and from a fresh clone."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from app import embedded
from app.console import guarded
from app.embedded_bootstrap import cluster_of
from app.settings import Settings, load_settings

ROOT = Path(__file__).parents[2]
LANDBANK = [sys.executable, "-c", "from app.cli import main; main()"]
KEY = re.compile(r"lb_[\w-]{43}")


@pytest.fixture
def home() -> Iterator[Settings]:
    path = Path(tempfile.mkdtemp(prefix="landbank-start-"))
    path.chmod(0o711)
    settings = load_settings(home=path)
    yield settings
    embedded.stop(settings)
    shutil.rmtree(path)


def environment(home: Settings) -> dict[str, str]:
    return {**os.environ, "LANDBANK_HOME": str(home.home), "COLUMNS": "200"}


def landbank(home: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LANDBANK, *arguments],
        env=environment(home),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def serving(home: Settings, port: int) -> subprocess.Popen[str]:
    """A service that says where it serves and answers there."""
    process = subprocess.Popen(
        [*LANDBANK, "up", "--no-demo", "--port", str(port)],
        env=environment(home),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if line.startswith("Serving on"):
            break
    assert any(f"http://127.0.0.1:{port}/" in line for line in said), "".join(said)
    return process


def answers(port: int) -> bool:
    """Whether the service answers, which it does at the latest a moment after it said so."""
    for _ in range(100):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
                return bool(answer.status == 200)
        except OSError:
            time.sleep(0.1)
    return False


def contents(home: Settings) -> dict[str, int]:
    """How many rows each table has."""
    with embedded.running(home) as urls, psycopg.connect(urls.owner) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        counted = {}
        for (name,) in tables:
            query = psycopg.sql.SQL("SELECT count(*) FROM {}").format(psycopg.sql.Identifier(name))
            row = connection.execute(query).fetchone()
            assert row is not None
            counted[name] = row[0]
        return counted


def test_the_second_start_says_the_same_and_changes_nothing(home: Settings) -> None:
    first = landbank(home, "up", "--once")
    assert first.returncode == 0, first.stdout + first.stderr
    assert len(KEY.findall(first.stdout)) >= 1
    loaded = contents(home)
    assert loaded["parcel"] >= 300
    assert loaded["target"] > 0
    second = landbank(home, "up", "--once")
    assert second.returncode == 0, second.stdout + second.stderr
    assert KEY.findall(second.stdout) == []
    assert "公顷 ha" in second.stdout
    assert first.stdout.endswith(second.stdout)
    assert contents(home) == loaded
    assert not embedded.status(home).running


def test_without_the_demo_nothing_of_it_is_there(home: Settings) -> None:
    done = landbank(home, "up", "--once", "--no-demo")
    assert done.returncode == 0, done.stdout + done.stderr
    counted = contents(home)
    assert {name: counted[name] for name in ("parcel", "place", "project", "target", "upload")} == {
        "parcel": 0,
        "place": 0,
        "project": 0,
        "target": 0,
        "upload": 0,
    }


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_a_service_lets_commands_in_refuses_a_second_one_and_ends_in_order(home: Settings, end: signal.Signals) -> None:
    port = free_port()
    process = serving(home, port)
    try:
        assert answers(port)
        second = landbank(home, "up", "--port", str(free_port()))
        assert second.returncode == 1
        assert f"A service already runs on {home.home}" in second.stderr
        assert landbank(home, "hectares").returncode == 0
        assert embedded.status(home).running
    finally:
        process.send_signal(end)
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert embedded.status(home) == embedded.Status(running=False, serving=False, pid=None)


def test_after_kill_9_of_everything_start_recovers_by_itself(home: Settings) -> None:
    process = serving(home, free_port())
    before = contents(home)
    for victim in (process.pid, *embedded._processes(cluster_of(home))):
        os.kill(victim, signal.SIGKILL)
    process.communicate()
    port = free_port()
    again = serving(home, port)
    try:
        assert answers(port)
        assert contents(home) == before
    finally:
        again.terminate()
        again.communicate()


def test_a_port_in_use_is_said_before_anything_is_done(home: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for command in (["up"], ["serve"]):
            done = landbank(home, *command, "--port", str(port))
            assert done.returncode == 1
            assert f"cannot listen on 127.0.0.1:{port}" in done.stderr


@pytest.mark.parametrize("command", [["serve", "--port", "1"], ["hectares"], ["uploads"], ["user", "list"]])
def test_serving_and_commands_want_a_migrated_database(home: Settings, command: list[str]) -> None:
    if command[0] == "serve":
        command[-1] = str(free_port())
    done = landbank(home, *command)
    assert done.returncode == 1
    assert "landbank db migrate" in done.stderr


def test_a_command_in_another_crs_than_the_databases_is_refused(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert landbank(home, "db", "migrate").returncode == 0
    monkeypatch.setenv("LANDBANK_CRS", "EPSG:31287")
    done = landbank(home, "hectares")
    assert done.returncode != 0
    assert "The database was made for EPSG:4547" in done.stderr


def test_something_unforeseen_shows_no_stack_trace_where_nothing_can_be_logged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("LANDBANK_HOME", str(tmp_path / "nowhere"))

    def fail() -> None:
        raise ZeroDivisionError("by nothing")

    assert guarded(fail) == 1
    told = capsys.readouterr().err
    assert "ZeroDivisionError" in told
    assert "Traceback" not in told


def test_a_wrong_option_is_wrong_usage() -> None:
    for script in ("start", "test"):
        done = subprocess.run([ROOT / script, "--frobnicate"], capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert f"./{script}" in done.stderr


@pytest.mark.all
def test_two_commands_from_a_fresh_clone(home: Settings, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone)], check=True)
    command = [str(clone / "start"), "--once"]
    first, second = (
        subprocess.run(
            command,
            env=environment(home),
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        for _ in range(2)
    )
    assert first.returncode == 0, first.stdout + first.stderr
    assert KEY.search(first.stdout)
    assert second.returncode == 0
    assert second.stderr == ""
    assert first.stdout.endswith(second.stdout)
    kept = subprocess.run(["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True, check=True)
    assert kept.stdout == ""
