"""Committing an upload of events: years of history, several events for a parcel, under the publish lock."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.auth import Actor
from app.db import Publication, lock_publication, publish
from app.errors import Conflict
from app.landbank.events.corrections import reverse_events
from app.landbank.events.service import left_wrong, record_staged_events
from app.landbank.hectares.rollup import append_rollup
from app.sql import Query
from app.uploads import queries
from app.uploads.findings import Finding
from app.uploads.models import Upload
from app.uploads.outcome import Outcome
from app.uploads.publish_parcels import ledger_findings


@dataclass(frozen=True)
class _Fate:
    """What one staged event means: new, unchanged, or the code of what stands against it."""

    row: int
    code: str
    fate: str
    known: str | None
    stated: str | None


_CLASSIFY = Query("app.uploads", "classify_events.sql", _Fate)


def commit_events(session: Session, upload: Upload, actor: Actor, leave_out: set[int]) -> Outcome:
    """Append what is staged, without the rows of ``leave_out``; ``Outcome.findings`` holds what stands against it.

    The caller's transaction is taken back when a finding refuses a row.
    """
    lock_publication(session)
    fates = [fate for fate in _CLASSIFY.all(session, upload_id=upload.id) if fate.row not in leave_out]
    counts = {name: sum(fate.fate == name for fate in fates) for name in ("new", "changed", "unchanged")}
    outcome = Outcome(counts, [_against(fate) for fate in fates if fate.fate not in counts])
    rows = [fate.row for fate in fates if fate.fate == "new"]
    if not rows:
        return outcome
    publication = publish(session, actor.name, "upload", f"upload:{upload.id}")
    outcome.publication = publication
    recorded = record_staged_events(session, publication, actor, upload.id, rows)
    outcome.findings += ledger_findings(session, recorded)
    append_rollup(session, publication)
    return outcome


def _against(fate: _Fate) -> Finding:
    values = {"parcel": fate.code, "known": fate.known or "", "stated": fate.stated or ""}
    return Finding(fate.fate, "refuse", fate.row, fate.code, values=values)


def take_back_events(
    session: Session, before: datetime, publication: Publication, actor: Actor, upload: Upload
) -> None:
    """Reverse what an upload appended; ``before`` is the last publication before.

    Raises ``Conflict`` where the ledger would be wrong without it.
    """
    events = queries.live_events_of(session, upload.id)
    reverse_events(session, publication, actor, events, reason=f"undo of upload {upload.id}")
    session.flush()
    codes = left_wrong(session, before, publication)
    if codes:
        raise Conflict("upload_built_upon", parameter="id", upload=upload.id, codes=", ".join(codes[:10]))
