"""Taking a committed upload back. Nothing is erased: versions end in recorded time, events are reversed."""

from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from app.auth import Actor, audit
from app.db import Base, Publication, last_publication, lock_publication, publish
from app.errors import Conflict
from app.inventory.models import ProjectBoundary, ProjectVersion
from app.landbank.hectares.rollup import append_rollup
from app.reference.models import Place, Zone
from app.settings import Settings
from app.sql import run
from app.uploads import queries, states
from app.uploads.lineage.queries import operations_of_upload
from app.uploads.lineage.service import reverse
from app.uploads.models import Upload
from app.uploads.options import PARCEL_COLLECTIONS, PROJECT_COLLECTIONS
from app.uploads.overlaps import redraw_faces
from app.uploads.publish_events import take_back_events
from app.uploads.publish_targets import take_back_targets
from app.uploads.recut import recut


def undo(session: Session, settings: Settings, actor: Actor, upload: Upload) -> None:
    """End what an upload stored, reopen what it ended, reverse its events.

    Raises ``Conflict`` in another state than ``committed``, or when something later builds on the same things.
    """
    lock_publication(session)
    if upload.state != "committed":
        raise Conflict("upload_state", parameter="id", upload=upload.id, state=upload.state)
    if upload.publication_id is not None:
        _take_back(session, settings, actor, upload, session.get_one(Publication, upload.publication_id))
    states.enter(session, upload, "undone", actor.name)
    audit(session, actor, "upload.undo", f"upload:{upload.id}", {})


def _take_back(session: Session, settings: Settings, actor: Actor, upload: Upload, made: Publication) -> None:
    touched = queries.TOUCHED.all(session, recorded_at=made.recorded_at, upload_id=upload.id)
    if touched:
        codes = ", ".join(row.code for row in touched[:10])
        raise Conflict("upload_built_upon", parameter="id", upload=upload.id, codes=codes)
    before = last_publication(session)
    publication = publish(session, actor.name, "undo", f"upload:{upload.id}")
    upload.undone_publication_id = publication.id
    if upload.collection in PARCEL_COLLECTIONS:
        take_back_events(session, before, publication, actor, upload)
        for operation in operations_of_upload(session, upload.id):
            reverse(session, publication, actor, operation, f"undo of upload {upload.id}")
        moments = {"made_at": made.recorded_at, "recorded_at": publication.recorded_at}
        run(session, "app.uploads", "end_portions.sql", **moments)
        run(session, "app.uploads", "end_versions.sql", **moments)
        again = queries.there_again(session, made.recorded_at)
        if again:
            redraw_faces(session, settings, publication, again)
    elif upload.collection in PROJECT_COLLECTIONS:
        _reopen(session, ProjectBoundary, made, publication)
        _reopen(session, ProjectVersion, made, publication)
    elif upload.collection == "zones":
        _reopen(session, Zone, made, publication)
    elif upload.collection == "events":
        take_back_events(session, before, publication, actor, upload)
    elif upload.collection == "targets":
        take_back_targets(session, publication, upload, made)
    else:
        _reopen(session, Place, made, publication)
        recut(session, settings, publication)
    append_rollup(session, publication)


def _reopen(session: Session, table: type[Any], made: Publication, publication: Publication) -> None:
    """End the rows that a publication made; write those that it ended once more."""
    ended = session.scalars(select(table).where(table.recorded_to == made.recorded_at)).all()
    for row in session.scalars(select(table).where(table.recorded_from == made.recorded_at)):
        row.recorded_to = publication.recorded_at
    session.flush()
    for row in ended:
        session.add(_copy(row, recorded_from=publication.recorded_at, recorded_to=None))
    session.flush()


def _copy(row: Base, **changes: Any) -> Base:
    names = [column.key for column in inspect(type(row)).column_attrs if column.key != "id"]
    return type(row)(**({name: getattr(row, name) for name in names} | changes))
