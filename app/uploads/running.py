"""Uploads as jobs: what is large outlives its request, and is checked and committed once, however often it is begun.

The job's one transaction holds the upload's row from its first look until all is done. So a second run waits, and then
finds nothing left to do; and a killed one leaves the upload as it was. Progress is written beside it, at once.
"""

import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app import files, jobs
from app.auth import Actor, Role, audit
from app.db import unit_of_work
from app.errors import LandbankError, Refused, Unavailable
from app.settings import Settings
from app.uploads import progress, records, service, states
from app.uploads.findings import Finding
from app.uploads.models import Upload, UploadProgress
from app.uploads.options import UploadOptions

SMALL_BYTES = 1 << 20
"""Files of at most 1 MiB together are worked at once, within their request; larger ones become a job."""
TASK = "upload"
_LOG = logging.getLogger(__name__)


def bring_in(
    session: Session, settings: Settings, actor: Actor, incoming: Sequence[tuple[str, Path]], options: UploadOptions
) -> Upload:
    """Receive an upload; a small one is checked, and committed if it asks for that, at once, a larger one by a job."""
    upload = service.receive(session, settings, actor, incoming, options)
    _go_on(session, settings, actor, upload)
    return upload


def change(session: Session, settings: Settings, actor: Actor, upload: Upload, changes: dict[str, Any]) -> None:
    """Check an upload again with other parameters or decisions: a small one at once, a larger one by a job."""
    service.reopen(session, actor, upload, changes)
    _go_on(session, settings, actor, upload)


def _go_on(session: Session, settings: Settings, actor: Actor, upload: Upload) -> None:
    if sum(path.stat().st_size for path in _originals(settings, upload)) <= SMALL_BYTES:
        service.finish(session, settings, actor, upload)
    else:
        jobs.enqueue(session, TASK, lock=f"{TASK}:{upload.id}", upload=upload.id, actor=asdict(actor))


def _originals(settings: Settings, upload: Upload) -> list[Path]:
    return [files.path_of(settings.files_path, file["sha256"]) for file in upload.files]


@dataclass(frozen=True)
class UploadTask:
    """The task of the queue. Its arguments: ``upload``, an id, and ``actor``, who brought it in or changed it."""

    settings: Settings
    engine: Engine

    def run(self, stopping: Callable[[], bool], arguments: Mapping[str, Any]) -> None:
        """Check an upload and commit it if it asks for that; an upload that is at its end stays as it is.

        Raises what another try may mend; everything else ends the upload, which then says why.
        """
        upload, actor = _read(arguments)
        try:
            if self._begin(upload, actor):
                with progress.told_to(_Writer(self.engine, upload, stopping)):
                    self._finish(upload, actor)
        except Unavailable:
            raise
        except LandbankError as error:
            self._end(upload, "refused" if isinstance(error, Refused) else "failed", _finding(error), actor)

    def give_up(self, reason: BaseException | None, arguments: Mapping[str, Any]) -> None:
        """End an upload as ``failed``, with the reason as its finding."""
        upload, actor = _read(arguments)
        self._end(upload, "failed", _finding(reason), actor)

    def _begin(self, upload_id: int, actor: Actor) -> bool:
        """Show that the upload is being read, for everybody to see at once."""
        with unit_of_work(self.engine) as session:
            upload = _taken(session, upload_id)
            if not upload.underway:
                return False
            upload.progress = 0.0
            states.enter(session, upload, "reading", actor.name)
            _write(session, upload_id, "reading", 0.0)
        return True

    def _finish(self, upload_id: int, actor: Actor) -> None:
        with unit_of_work(self.engine) as session:
            upload = _taken(session, upload_id)
            if not upload.underway:
                return
            if not all(path.is_file() for path in _originals(self.settings, upload)):
                raise Unavailable("upload_original_missing")
            service.finish(session, self.settings, actor, upload)

    def _end(self, upload_id: int, state: str, finding: Finding, actor: Actor) -> None:
        with unit_of_work(self.engine) as session:
            upload = _taken(session, upload_id)
            if not upload.underway:
                return
            records.replace(session, self.settings, upload_id, [finding], [])
            upload.progress = 1.0
            states.enter(session, upload, state, actor.name)
            upload.finding_counts = records.counts([finding])
            audit(session, actor, f"upload.{state}", f"upload:{upload_id}", {"code": finding.code})


def _read(arguments: Mapping[str, Any]) -> tuple[int, Actor]:
    actor = arguments["actor"]
    return arguments["upload"], Actor(actor["id"], actor["name"], Role(actor["role"]))


def _taken(session: Session, upload_id: int) -> Upload:
    """The upload, held until the transaction ends; what refers to it (its progress) can still be written."""
    statement = select(Upload).where(Upload.id == upload_id).with_for_update(of=Upload, key_share=True)
    return session.scalars(statement).one()


def _finding(reason: BaseException | None) -> Finding:
    """What the uploader is told: our own errors by their code, everything else by the number of a log entry."""
    if reason is None:
        return Finding("upload_worker_died", "refuse", values={"tries": str(jobs.TRIES)})
    if isinstance(reason, LandbankError):
        return Finding(reason.code, "refuse", values={name: str(value) for name, value in reason.values.items()})
    number = secrets.token_hex(6)
    _LOG.error("an upload failed: %s", number, exc_info=reason)
    return Finding("upload_failed", "refuse", values={"id": number, "tries": str(jobs.TRIES)})


@dataclass
class _Writer:
    """Listens to a job and writes what it tells, in transactions of its own, so that it is seen while the job runs."""

    engine: Engine
    upload_id: int
    stopping: Callable[[], bool]
    share: float = 0.0

    def __call__(self, step: str, share: float) -> None:
        """Raises ``Interrupted`` when the worker wants to stop. A step tried again does not lead backwards."""
        if self.stopping():
            raise jobs.Interrupted
        if share > self.share:
            self.share = share
            with unit_of_work(self.engine) as session:
                _write(session, self.upload_id, step, share)


def _write(session: Session, upload_id: int, step: str, share: float) -> None:
    values = {"step": step, "progress": share}
    statement = insert(UploadProgress).values(upload_id=upload_id, **values)
    session.execute(statement.on_conflict_do_update(index_elements=["upload_id"], set_=values))
