"""The private PostgreSQL + PostGIS cluster: used when ``DATABASE_URL`` is not set.

Unix socket only, data under ``LANDBANK_HOME/pg``. Who uses it holds a shared lock on ``lock/users``; the last one out
stops it. So a command may come and go while the service runs, two commands may overlap, and a cluster that outlived a
killed service is stopped by the next one out. ``serve`` also holds ``lock/serve`` alone, so that a second service on
the same home is told so. Locks are the kernel's (flock): they end with their process, however it ends.
"""

import fcntl
import os
import pwd
import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote, urlencode

from app.embedded_bootstrap import (
    APP,
    DATABASE,
    OWNER,
    Cluster,
    bootstrap,
    cluster_of,
    last_line,
    make_data,
    make_home,
    make_runtime,
    passwords,
    programs,
)
from app.errors import BadRequest, Conflict, Unavailable
from app.settings import Settings

START_SECONDS = 120
"""Time to start or stop: recovery after a crash replays at most ``max_wal_size`` of log."""

TUNING: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "effective_cache_size": "1GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "max_wal_size": "4GB",
    "wal_compression": "on",
    "checkpoint_completion_target": "0.9",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "password_encryption": "scram-sha-256",
    "logging_collector": "on",
    "log_directory": "log",
    "log_filename": "postgresql-%a.log",
    "log_rotation_age": "1d",
    "log_truncate_on_rotation": "on",
}
"""Fits a 2 GB machine; a bureau that wants more runs its own server and sets ``DATABASE_URL``."""


@dataclass(frozen=True)
class Urls:
    """How the app's role and the owner's role connect (``postgresql://``)."""

    app: str
    owner: str


@dataclass(frozen=True)
class Status:
    """Whether the private cluster runs, and whether a service runs on it."""

    running: bool
    serving: bool
    pid: int | None


@contextmanager
def running(settings: Settings) -> Iterator[Urls]:
    """The database, started if it must be; the last user of the private cluster stops it.

    With ``DATABASE_URL`` set that server is used; without ``DATABASE_OWNER_URL`` the app's role is taken for the
    owner's too.
    """
    if settings.database_url is not None:
        app = settings.database_url.get_secret_value()
        owner = settings.database_owner_url
        yield Urls(app, app if owner is None else owner.get_secret_value())
        return
    if settings.database_owner_url is not None:
        raise BadRequest("database_url_incomplete", parameter="DATABASE_URL")
    cluster = cluster_of(settings)
    make_home(cluster)
    with _lock(cluster, "users") as users:
        with _locked(cluster, "control"):
            fcntl.flock(users, fcntl.LOCK_SH)
            _ensure_started(cluster, {})
        try:
            yield urls(settings)
        finally:
            with _locked(cluster, "control"):
                fcntl.flock(users, fcntl.LOCK_UN)
                if _nobody_uses(users) and not _kept(cluster).exists():
                    _stop(cluster)


@contextmanager
def serving(settings: Settings) -> Iterator[None]:
    """Held by the one service of a private cluster; the second one is refused as ``already_running``.

    On a server of its own (``DATABASE_URL``) any number of services may run.
    """
    if settings.database_url is not None:
        yield
        return
    cluster = cluster_of(settings)
    make_home(cluster)
    with _lock(cluster, "serve") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict("already_running", path=settings.home) from None
        yield


def start(settings: Settings, options: Mapping[str, str] | None = None) -> Urls:
    """Start the private cluster and leave it running until ``stop``. ``options`` are PostgreSQL settings."""
    cluster = cluster_of(settings)
    make_home(cluster)
    with _locked(cluster, "control"):
        _ensure_started(cluster, options or {})
        _kept(cluster).touch()
    return urls(settings)


def stop(settings: Settings) -> None:
    """Stop the private cluster, whoever uses it; harmless when it does not run."""
    cluster = cluster_of(settings)
    make_home(cluster)
    with _locked(cluster, "control"):
        _kept(cluster).unlink(missing_ok=True)
        _stop(cluster)


def status(settings: Settings) -> Status:
    """What runs on this home now; changes nothing."""
    cluster = cluster_of(settings)
    pid = _postmaster(cluster)
    served = False
    if (cluster.home / "lock" / "serve").exists():
        with _lock(cluster, "serve") as lock:
            served = not _nobody_uses(lock)
    return Status(pid is not None, served, pid)


def urls(settings: Settings, database: str = DATABASE) -> Urls:
    """Where both roles find ``database`` of the private cluster."""
    cluster = cluster_of(settings)
    known = passwords(cluster)
    query = urlencode({"host": str(cluster.runtime)})

    def url(role: str, password: str) -> str:
        return f"postgresql://{role}:{quote(password, safe='')}@/{database}?{query}"

    return Urls(url(APP, known.app), url(OWNER, known.owner))


def _kept(cluster: Cluster) -> Path:
    return cluster.home / "lock" / "keep"


@contextmanager
def _lock(cluster: Cluster, name: str) -> Iterator[IO[bytes]]:
    try:
        file = (cluster.home / "lock" / name).open("ab")
    except OSError as error:
        user = pwd.getpwuid(os.geteuid()).pw_name
        raise Unavailable("home_unusable", path=cluster.home, user=user) from error
    with file:
        yield file


@contextmanager
def _locked(cluster: Cluster, name: str) -> Iterator[None]:
    with _lock(cluster, name) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _nobody_uses(lock: IO[bytes]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(lock, fcntl.LOCK_UN)
    return True


def _ensure_started(cluster: Cluster, options: Mapping[str, str]) -> None:
    if _postmaster(cluster) is not None:
        return
    bin_folder = programs(cluster)
    make_runtime(cluster)
    if not (cluster.data / "PG_VERSION").exists():
        make_data(cluster, bin_folder)
    _clear_stale_pid(cluster)
    values = {**TUNING, "unix_socket_directories": str(cluster.runtime), "port": "5432", **options}
    arguments = shlex.join(part for name, value in values.items() for part in ("-c", f"{name}={value}"))
    started = cluster.run(
        bin_folder / "pg_ctl",
        "start",
        "--wait",
        f"--timeout={START_SECONDS}",
        # Relative: pg_ctl hands both to a shell between double quotes, where a home's own quotes and dollars would act.
        "--pgdata=.",
        f"--log={cluster.log.name}",
        f"--options={arguments}",
        timeout=START_SECONDS + 30,
        folder=cluster.data,
    )
    if started.returncode:
        raise Unavailable("postgres_failed", step="start", reason=_last_fatal(cluster), log=cluster.data / "log")
    bootstrap(cluster)


def _stop(cluster: Cluster) -> None:
    if _postmaster(cluster) is None:
        return
    stopped = cluster.run(
        programs(cluster) / "pg_ctl",
        "stop",
        "--mode=fast",
        "--wait",
        f"--timeout={START_SECONDS}",
        f"--pgdata={cluster.data}",
        timeout=START_SECONDS + 30,
    )
    if stopped.returncode and _postmaster(cluster) is not None:
        raise Unavailable("postgres_failed", step="stop", reason=last_line(stopped.stderr), log=cluster.log)
    with suppress(OSError):  # nothing is lost when something else stands in it
        cluster.runtime.rmdir()


def _postmaster(cluster: Cluster) -> int | None:
    """The process of our postmaster, or None: a number in ``postmaster.pid`` may by now be anybody's."""
    pid = _noted_pid(cluster)
    return pid if pid is not None and pid in _processes(cluster) else None


def _noted_pid(cluster: Cluster) -> int | None:
    try:
        # Bytes: the file's second line is the data folder, in whatever letters.
        return int((cluster.data / "postmaster.pid").read_bytes().split(b"\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def _processes(cluster: Cluster) -> list[int]:
    """PostgreSQL's processes on this data folder: each of them stands in it, and nobody else enters it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                standing, program = (entry / "cwd").readlink(), (entry / "comm").read_text("utf-8", "replace").strip()
            except OSError:  # gone, a zombie, or another user's
                continue
            if standing == cluster.data and program in {"postgres", "postmaster"}:
                found.append(int(entry.name))
    return found


def _clear_stale_pid(cluster: Cluster) -> None:
    """After a kill: wait for orphaned backends, then drop the pid files, whose number may be another process's by now.

    PostgreSQL removes a stale file by itself unless the number is in use; and while an orphan lives, the file is what
    keeps a second postmaster from writing to the same data. So it goes only once no process stands in the folder.
    """
    deadline = time.monotonic() + START_SECONDS
    while _processes(cluster):
        if time.monotonic() > deadline:
            raise Unavailable("postgres_failed", step="stop", reason=str(_processes(cluster)), log=cluster.log)
        time.sleep(0.05)
    (cluster.data / "postmaster.pid").unlink(missing_ok=True)
    for left in cluster.runtime.glob(".s.PGSQL.*"):
        left.unlink()


def _last_fatal(cluster: Cluster) -> str:
    """Why PostgreSQL did not start, from its newest log."""
    logs = sorted(
        (*cluster.data.glob("log/*.log"), cluster.log), key=lambda path: path.exists() and path.stat().st_mtime
    )
    lines = [line for log in logs if log.exists() for line in log.read_text("utf-8", "replace").splitlines()]
    return last_line("\n".join(line for line in lines if "FATAL" in line or "PANIC" in line))
