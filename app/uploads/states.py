"""The way of an upload: each state it comes to, with time and person; and the second person whom a commit may need."""

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from app.auth import Actor, Role, audit
from app.errors import Conflict, Forbidden
from app.settings import Settings
from app.uploads.models import Upload, UploadState

COMMITTABLE = frozenset({"checked", "quarantined"})
RECHECKABLE = frozenset({"checked", "quarantined", "refused"})


def enter(session: Session, upload: Upload, state: str, actor: str) -> None:
    """Put an upload into a state, now and for the record."""
    upload.state = upload.step = state
    upload.changed_at = datetime.now(UTC)
    session.add(UploadState(upload_id=upload.id, state=state, actor=actor, entered_at=upload.changed_at))
    session.flush()


def may_commit(session: Session, settings: Settings, actor: Actor, upload: Upload) -> bool:
    """Whether the commit may go on; where it needs a second person it is put in quarantine, and noted who asked.

    The second person is an approver who neither brought the file in nor asked for its commit (``LANDBANK_FOUR_EYES``).
    Raises ``Conflict`` in another state, ``Forbidden`` for somebody who cannot be the second person.
    """
    if upload.state not in COMMITTABLE or upload.options["dry_run"]:
        raise Conflict("upload_state", parameter="id", upload=upload.id, state=upload.state)
    if not settings.four_eyes:
        return True
    involved = {upload.actor, upload.commit_asked_by}
    if actor.role.includes(Role.APPROVER) and actor.name not in involved:
        return True
    if upload.state == "quarantined":
        raise Forbidden("second_person_needed", upload=upload.id, person=upload.commit_asked_by)
    upload.commit_asked_by = actor.name
    enter(session, upload, "quarantined", actor.name)
    audit(session, actor, "upload.ask_commit", f"upload:{upload.id}", {"rows": upload.options["rows"]})
    return False
