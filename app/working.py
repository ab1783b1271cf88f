"""Who works the queue: ``landbank worker``, alone or as the child of ``landbank serve``."""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from app import jobs
from app.db import make_engine
from app.embedded import Urls
from app.release import check_migrated
from app.settings import Settings
from app.uploads.running import TASK, UploadTask

STOP_SECONDS = 25.0
"""How long a child may take to end, after which it is killed; its jobs are then begun again by whoever works next."""
AGAIN_SECONDS = 2.0
_COMMAND = [sys.executable, "-c", "from app.cli import main; main()", "worker", "--with-parent"]


def work(settings: Settings, urls: Urls, *, with_parent: bool = False, until_empty: bool = False) -> None:
    """Work jobs until SIGTERM or Ctrl-C. ``with_parent``: also until standard input ends, as it does with a parent."""
    _log_as_json()
    if with_parent:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    engine = make_engine(urls.app)
    try:
        check_migrated(engine, settings.srid)
        jobs.work(urls.app, {TASK: UploadTask(settings, engine)}, until_empty=until_empty)
    finally:
        engine.dispose()


def _log_as_json() -> None:
    """What the queue and the tasks log, as the service logs: one JSON object per line on standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.stdlib.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ]
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


def _end_with_parent() -> None:
    # Not through a buffer: its lock would be held when the interpreter ends.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def worker_beside(urls: Urls) -> Iterator[None]:
    """A worker in a process of its own while the block runs: requests stay quick whatever becomes of it."""
    stopping = threading.Event()
    keeper = threading.Thread(target=_keep, args=(urls, stopping), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        stopping.set()
        keeper.join()


def _keep(urls: Urls, stopping: threading.Event) -> None:
    """Start the worker, and again whenever it ends, until told to stop."""
    while not stopping.is_set():
        with _started(urls) as process:
            while process.poll() is None and not stopping.wait(0.2):
                pass
        stopping.wait(AGAIN_SECONDS)


@contextmanager
def _started(urls: Urls) -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | {"DATABASE_URL": urls.app}
    # A session of its own: Ctrl-C at the terminal is for the parent, who then ends it in order.
    process = subprocess.Popen(  # noqa: S603  our own interpreter and our own code
        _COMMAND, env=environment, stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
