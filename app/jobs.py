"""Work that outlives its request: a queue in the same database (procrastinate, in a schema of its own).

A job is enqueued in the transaction of what it is about, so that neither exists without the other. A job may run more
than once: its worker may be killed, or seem dead. So a task must have its effect once, however often it runs.
"""

import asyncio
import logging
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import procrastinate
import psycopg
from procrastinate.exceptions import ConnectorException, JobAborted
from procrastinate.jobs import Job, Status
from procrastinate.schema import SchemaManager
from sqlalchemy import Connection, func, make_url, select
from sqlalchemy.orm import Session
from sqlalchemy.schema import CreateSchema

from app.sql import Query

SCHEMA = "jobs"
QUEUE = "landbank"
TRIES = 5
"""How often a job is begun before it is given up: restarts of the service count too."""
AT_ONCE = 2
HEARTBEAT_SECONDS = 5.0
SILENT_SECONDS = 15.0
"""A worker that has not been heard of for so long counts as dead, and its jobs are begun again."""
GRACE_SECONDS = 10.0
"""How long running jobs may go on when a worker is asked to stop; then they are put back into the queue."""
PAUSE_SECONDS = 2
ONE_DAY = 86_400.0
_LOG = logging.getLogger(__name__)


class Interrupted(JobAborted):
    """The worker stops: the job goes back into the queue."""


class Task(Protocol):
    """What is done for a job. Both functions get the arguments that the job was enqueued with."""

    def run(self, stopping: Callable[[], bool], arguments: Mapping[str, Any]) -> None:
        """Do it. ``stopping``: the worker wants to stop; raise ``Interrupted`` at the next chance."""

    def give_up(self, reason: BaseException | None, arguments: Mapping[str, Any]) -> None:
        """Say that it will not be done: it failed with ``reason``, or its worker died, ``TRIES`` times."""


@dataclass(frozen=True)
class QueueState:
    """The row of ``queue.sql``."""

    waiting: int
    workers: int


_STATE = Query("app", "queue.sql", QueueState)


def install(connection: Connection) -> None:
    """Make the queue's tables and functions, as the owner, in a new schema ``jobs``."""
    before = connection.scalar(select(func.current_setting("search_path")))
    connection.execute(CreateSchema(SCHEMA))
    connection.execute(select(func.set_config("search_path", SCHEMA, True)))
    connection.exec_driver_sql(SchemaManager.get_schema().replace("%", "%%"))
    connection.execute(select(func.set_config("search_path", before, True)))


def enqueue(session: Session, task: str, lock: str, **arguments: Any) -> None:
    """Enqueue a job in the session's transaction. Jobs of one ``lock`` are worked one after the other."""
    connection = session.connection().connection.driver_connection
    assert isinstance(connection, psycopg.Connection)  # noqa: S101  a session in a transaction has a connection
    queue = procrastinate.App(connector=procrastinate.SyncPsycopgConnector())
    queue.configure_task(task, queue=QUEUE, lock=lock, connection=connection).defer(**arguments)


def queue_state(session: Session) -> QueueState:
    """Jobs that wait or whose worker is dead, and workers that live."""
    return _STATE.all(session, silent_seconds=SILENT_SECONDS)[0]


def work(url: str, tasks: Mapping[str, Task], *, until_empty: bool = False) -> None:
    """Work jobs until SIGTERM or SIGINT, whatever becomes of the database meanwhile; or until none is left."""
    asyncio.run(_work(url, tasks, until_empty=until_empty))


async def _work(url: str, tasks: Mapping[str, Task], *, until_empty: bool) -> None:
    if until_empty:
        await _session(url, tasks, wait=False)
        return
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    stopped = asyncio.create_task(stop.wait())
    while not stop.is_set():
        session = asyncio.create_task(_session(url, tasks, wait=True))
        await asyncio.wait({session, stopped}, return_when=asyncio.FIRST_COMPLETED)
        session.cancel()
        [ended] = await asyncio.gather(session, return_exceptions=True)
        if not stop.is_set():
            # The database was restarted, or is not there yet.
            _LOG.warning("the worker lost its database: %r", ended)
            await asyncio.wait({stopped}, timeout=PAUSE_SECONDS)


async def _session(url: str, tasks: Mapping[str, Task], *, wait: bool) -> None:
    """One registration as a worker."""
    options = {"options": f"-c search_path={SCHEMA} -c timezone=UTC", "connect_timeout": 10}
    conninfo = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    connector = procrastinate.PsycopgConnector(conninfo=conninfo, kwargs=options, min_size=1, max_size=4, timeout=10)
    app = procrastinate.App(connector=connector)
    for name, task in tasks.items():
        retry = procrastinate.RetryStrategy(max_attempts=TRIES - 1, wait=PAUSE_SECONDS)
        app.task(name=name, queue=QUEUE, pass_context=True, retry=retry)(_guarded(task))
    async with app.open_async():
        await _rescue(app, tasks)
        rescuing = asyncio.create_task(_rescue_for_ever(app, tasks))
        try:
            await app.run_worker_async(
                queues=[QUEUE],
                wait=wait,
                concurrency=AT_ONCE,
                install_signal_handlers=False,
                shutdown_graceful_timeout=GRACE_SECONDS if wait else ONE_DAY,
                update_heartbeat_interval=HEARTBEAT_SECONDS,
                stalled_worker_timeout=SILENT_SECONDS,
                delete_jobs="successful",
            )
        finally:
            rescuing.cancel()


def _guarded(task: Task) -> Callable[..., None]:
    """The task as procrastinate calls it: at the last try, what went wrong is told before the job ends."""

    def run(context: procrastinate.JobContext, **arguments: Any) -> None:
        try:
            task.run(context.should_abort, arguments)
        except Exception as error:
            if context.job.attempts + 1 >= TRIES and not isinstance(error, Interrupted):
                task.give_up(error, arguments)
            raise

    return run


async def _rescue_for_ever(app: procrastinate.App, tasks: Mapping[str, Task]) -> None:
    while True:
        await asyncio.sleep(HEARTBEAT_SECONDS)
        try:
            await _rescue(app, tasks)
        except Exception:  # noqa: BLE001  whatever it was: the next round tries again
            _LOG.exception("jobs of dead workers could not be begun again")


async def _rescue(app: procrastinate.App, tasks: Mapping[str, Task]) -> None:
    """Begin the jobs of dead workers again, or give them up."""
    await app.job_manager.prune_stalled_workers(SILENT_SECONDS)
    for job in await app.job_manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=SILENT_SECONDS):
        try:
            await _begin_again(app, tasks, job)
        except ConnectorException:
            # Another worker was quicker, or the database is gone: then the next round finds the job again.
            _LOG.warning("job %s was not begun again", job.id)


async def _begin_again(app: procrastinate.App, tasks: Mapping[str, Task], job: Job) -> None:
    if job.attempts + 1 < TRIES or job.task_name not in tasks:
        await app.job_manager.retry_job(job)
        return
    task = tasks[job.task_name]
    await asyncio.to_thread(task.give_up, None, job.task_kwargs)
    await app.job_manager.finish_job(job, Status.FAILED, delete_job=False)
