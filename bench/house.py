"""What the benchmarks share: a private cluster in a throw-away home, the command, and memory watched from outside."""

import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from app.embedded import running
from app.migrate import migrate
from app.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parent.parent
LANDBANK = Path(sys.executable).parent / "landbank"
SETTLED = 0.5
ADMIN_KEY = "benchmark-key-of-a-throw-away-database-0000"


@dataclass(frozen=True)
class Home:
    """A running private cluster with our schema in it."""

    settings: Settings
    owner_url: str
    environment: dict[str, str]


@dataclass(frozen=True)
class Run:
    """Seconds on the wall, and the most memory that the process and its children held at one time, MB.

    ``processor``: seconds of processor of the process and its children; ``server``: of the cluster's backends.
    """

    seconds: float
    megabytes: float
    output: str
    processor: float = 0.0
    server: float = 0.0


@contextmanager
def fresh_home() -> Iterator[Home]:
    """A new cluster, migrated and empty; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="landbank-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # the cluster's user enters it
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DATABASE_")}
        environment |= {"LANDBANK_HOME": folder, "LANDBANK_ADMIN_KEY": ADMIN_KEY}
        settings = load_settings(home=Path(folder), database_url=None, database_owner_url=None)
        with running(settings) as urls:
            migrate(urls.owner, "landbank_app", settings.srid)
            yield Home(settings, urls.owner, environment)


def timed(command: list[str | Path], environment: dict[str, str]) -> Run:
    """Run a command to its end. Fails when the command does."""
    started, before, served = time.perf_counter(), _children(), _server(environment)
    with tempfile.TemporaryFile("w+") as output:
        process = psutil.Popen(
            [str(part) for part in command], env=environment, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT
        )
        most = [0]
        watcher = threading.Thread(target=_watch, args=(process, most), daemon=True)
        watcher.start()
        code = process.wait()
        seconds = time.perf_counter() - started
        watcher.join()
        output.seek(0)
        said = output.read()
    if code:
        raise SystemExit(f"{command} ended with {code}:\n{said[-4000:]}")
    time.sleep(SETTLED)  # the backend ends a moment after its client
    return Run(seconds, most[0] / 1e6, said, _children() - before, _server(environment) - served)


def _children() -> float:
    """Seconds of processor of every child that has ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _server(environment: dict[str, str]) -> float:
    """Seconds of processor of every backend of the home's cluster that has ended."""
    noted = Path(environment["LANDBANK_HOME"]) / "pg" / "postmaster.pid"
    times = psutil.Process(int(noted.read_text("ascii").split("\n", 1)[0])).cpu_times()
    return times.children_user + times.children_system


def _watch(process: psutil.Popen, most: list[int]) -> None:
    """Sample the memory of a process and its children, shared pages by share, rarely: a look takes 20 ms of theirs."""
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        held = 0
        try:
            for member in (process, *process.children(recursive=True)):
                held += member.memory_full_info().pss
        except psutil.Error:
            continue
        most[0] = max(most[0], held)
        time.sleep(0.4)
