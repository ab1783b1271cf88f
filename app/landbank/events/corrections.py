"""Corrections of the ledger: a reversal, and where something took its place, a new event. Nothing is changed."""

from collections.abc import Iterable, Mapping

from sqlalchemy import insert
from sqlalchemy.orm import Session

from app.auth import Actor
from app.db import Publication
from app.landbank.models import LandEvent


def reverse_events(
    session: Session, publication: Publication, actor: Actor, events: Iterable[LandEvent], reason: str
) -> None:
    """Append one reversal per event: same parcel, version, document and date."""
    rows = [
        _like(event, publication, actor) | {"type": "reversal", "reverses_id": event.id, "reason": reason}
        for event in events
    ]
    if rows:
        session.execute(insert(LandEvent), rows)


def reissue_events(
    session: Session,
    publication: Publication,
    actor: Actor,
    events: Iterable[LandEvent],
    versions: Mapping[int, int],
    reason: str,
) -> None:
    """Reverse events and record them anew on their parcel's corrected version: ``versions`` by parcel id."""
    found = list(events)
    reverse_events(session, publication, actor, found, reason)
    rows = [
        _like(event, publication, actor)
        | {"type": event.type, "kind": event.kind, "reason": reason, "parcel_version_id": versions[event.parcel_id]}
        for event in found
    ]
    if rows:
        session.execute(insert(LandEvent), rows)


def _like(event: LandEvent, publication: Publication, actor: Actor) -> dict[str, object]:
    return {
        "parcel_id": event.parcel_id,
        "parcel_version_id": event.parcel_version_id,
        "land_category": event.land_category,
        "effective_date": event.effective_date,
        "document_id": event.document_id,
        "supporting_ids": event.supporting_ids,
        "actor": actor.name,
        "recorded_at": publication.recorded_at,
    }
