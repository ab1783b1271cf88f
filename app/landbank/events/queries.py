"""Reading and writing the ledger: events with their parcels and documents, and what is wrong with new ones."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import ColumnElement, Select, case, select
from sqlalchemy.orm import Session, aliased

from app.db import last_publication
from app.inventory.models import LineageLink, Parcel, ParcelVersion
from app.landbank.events.figures import figures_of
from app.landbank.events.schemas import Credit, DocumentRow, EventRow
from app.landbank.models import Document, DocumentFile, LandEvent
from app.sql import Query, run

PACKAGE = "app.landbank.events"


@dataclass(frozen=True)
class EventProblem:
    """What is wrong with an event: message code, the row of the upload, the parcel's code, what stands there."""

    code: str
    row: int | None
    parcel: str
    detail: str | None


@dataclass(frozen=True)
class EntryConflict:
    """Two banked parcels that share land while both are in: ellipsoidal square metres."""

    first_event: int
    second_event: int
    first_row: int | None
    second_row: int | None
    first_parcel: str
    second_parcel: str
    programme: str
    layer: str
    first_version_id: int
    second_version_id: int
    square_metres: Decimal
    first_is_new: bool
    second_is_new: bool


_CREDITS = Query(PACKAGE, "credits.sql", Credit)
_STAGED_PROBLEMS = Query(PACKAGE, "staged_event_problems.sql", EventProblem)
_ENTRY_PROBLEMS = Query(PACKAGE, "entry_problems.sql", EventProblem)
_LAND_CREDITED = Query(PACKAGE, "land_credited.sql", EventProblem)
_NO_LONGER = Query(PACKAGE, "no_longer_counted.sql", EventProblem)
_UNCOUNTED = Query(PACKAGE, "uncounted_entries.sql", EventProblem)
_CONFLICTS = Query(PACKAGE, "entry_conflicts.sql", EntryConflict)


def staged_problems(session: Session, upload_id: int, rows: Sequence[int] | None) -> list[EventProblem]:
    """Rows of an upload whose event cannot be recorded as it stands."""
    return _STAGED_PROBLEMS.all(session, upload_id=upload_id, rows=None if rows is None else list(rows))


def insert_staged(
    session: Session, upload_id: int, rows: Sequence[int] | None, actor: str, recorded_at: datetime
) -> int:
    """Record the documents and events of an upload's rows; how many events."""
    chosen = None if rows is None else list(rows)
    run(session, PACKAGE, "record_staged_documents.sql", upload_id=upload_id, rows=chosen, recorded_at=recorded_at)
    return run(
        session,
        PACKAGE,
        "record_staged_events.sql",
        upload_id=upload_id,
        rows=chosen,
        actor=actor,
        recorded_at=recorded_at,
    )


def parcels_with_events(session: Session, recorded_at: datetime) -> list[int]:
    """The parcels of the events of one publication."""
    return list(session.scalars(select(LandEvent.parcel_id).where(LandEvent.recorded_at == recorded_at).distinct()))


def entry_problems(session: Session, parcels: Sequence[int], recorded_at: datetime) -> list[EventProblem]:
    """What makes the ledger of some parcels wrong, as of a publication not yet committed."""
    asked = {"parcels": list(parcels), "recorded_at": recorded_at}
    return [*_ENTRY_PROBLEMS.all(session, **asked), *_LAND_CREDITED.all(session, **asked)]


def no_longer_counted(
    session: Session, parcels: Sequence[int], before: datetime, recorded_at: datetime
) -> list[EventProblem]:
    """Bank entries of some parcels that a publication made count no longer, although they hold."""
    return _NO_LONGER.all(session, parcels=list(parcels), before=before, recorded_at=recorded_at)


def uncounted_entries(session: Session, recorded_at: datetime) -> list[EventProblem]:
    """Bank entries of a publication that are stored and not counted."""
    return _UNCOUNTED.all(session, recorded_at=recorded_at)


def entry_conflicts(session: Session, parcels: Sequence[int], recorded_at: datetime) -> list[EntryConflict]:
    """Land that some parcels and others would have in the bank twice."""
    return _CONFLICTS.all(session, parcels=list(parcels), recorded_at=recorded_at)


def credits_of(session: Session, parcels: Sequence[int]) -> list[Credit]:
    """What parcels have or had in the bank, as now known."""
    return _CREDITS.all(session, parcels=list(parcels), known_at=last_publication(session)) if parcels else []


def version_on(session: Session, parcel_id: int, day: date) -> ParcelVersion | None:
    """The parcel's version of a day, the last recorded of those that hold by then; before the first one, the first."""
    before = ParcelVersion.effective_date <= day
    return session.scalars(
        select(ParcelVersion)
        .where(
            ParcelVersion.parcel_id == parcel_id,
            ParcelVersion.recorded_to.is_(None),
            ParcelVersion.part_of_id.is_(None),
        )
        .order_by(
            before.desc(),
            case((before, ParcelVersion.version)).desc(),
            ParcelVersion.effective_date,
            ParcelVersion.version.desc(),
        )
        .limit(1)
    ).one_or_none()


def reversal_of(session: Session, event_id: int) -> int | None:
    """The event that reversed an event, if one did."""
    return session.scalars(select(LandEvent.id).where(LandEvent.reverses_id == event_id)).one_or_none()


def _events() -> Select[LandEvent, str, int, Document, int]:
    reversal = aliased(LandEvent)
    return (
        select(LandEvent, Parcel.code, ParcelVersion.version, Document, reversal.id)
        .join(Parcel, Parcel.id == LandEvent.parcel_id)
        .join(ParcelVersion, ParcelVersion.id == LandEvent.parcel_version_id)
        .join(Document, Document.id == LandEvent.document_id)
        .outerjoin(reversal, reversal.reverses_id == LandEvent.id)
        .order_by(LandEvent.id)
    )


def _rows(session: Session, statement: Select[LandEvent, str, int, Document, int]) -> list[EventRow]:
    found = session.execute(statement).all()
    figures = figures_of(session, [row[0].id for row in found], last_publication(session))
    named = {key for row in found for key in (row[3].id, *row[0].supporting_ids)}
    papers = {row.document.id: row for row in _with_files(session, Document.id.in_(named))}
    return [
        EventRow(
            event,
            parcel,
            version,
            papers[paper.id],
            reversed_by,
            tuple(papers[key] for key in event.supporting_ids),
            figures[event.id],
        )
        for event, parcel, version, paper, reversed_by in found
    ]


def event(session: Session, event_id: int) -> EventRow:
    """One event that exists."""
    return _rows(session, _events().where(LandEvent.id == event_id))[0]


def events(session: Session, *, parcel: str | None, kind: str | None, after: int, limit: int) -> list[EventRow]:
    """Events in the order of their recording, of one parcel or of all, after an event's id."""
    statement = _events().where(LandEvent.id > after).limit(limit)
    if parcel is not None:
        statement = statement.where(Parcel.code == parcel)
    if kind is not None:
        statement = statement.where(LandEvent.type == kind)
    return _rows(session, statement)


def events_of(session: Session, parcel: Parcel) -> list[EventRow]:
    """Every event of a parcel."""
    return events_on(session, {parcel.id})


def events_on(session: Session, parcels: Collection[int]) -> list[EventRow]:
    """Every event of some parcels."""
    return _rows(session, _events().where(LandEvent.parcel_id.in_(parcels)))


def carried_on(session: Session, version_id: int) -> bool:
    """Whether somebody carries the land of a version on, so that an event recorded late reaches them."""
    found = select(LineageLink.operation_id).where(LineageLink.parent_version_id == version_id).limit(1)
    return session.execute(found).first() is not None


def documents(session: Session, *, after: int, limit: int) -> list[DocumentRow]:
    """Documents in the order of their recording, each with its newest file."""
    return _with_files(session, Document.id > after, limit)


def _with_files(session: Session, chosen: ColumnElement[bool], limit: int | None = None) -> list[DocumentRow]:
    newest = (
        select(DocumentFile.id)
        .where(DocumentFile.document_id == Document.id)
        .order_by(DocumentFile.id.desc())
        .limit(1)
        .correlate(Document)
        .scalar_subquery()
    )
    statement = (
        select(Document, DocumentFile.sha256, DocumentFile.filename)
        .outerjoin(DocumentFile, DocumentFile.id == newest)
        .where(chosen)
        .order_by(Document.id)
        .limit(limit)
    )
    return [DocumentRow(*row) for row in session.execute(statement)]


def document_like(session: Session, kind: str, number: str, day: date, issuer: str | None) -> Document | None:
    """The document of that type, number, date and issuer, if it is recorded."""
    return session.scalars(
        select(Document).where(
            Document.type == kind,
            Document.number == number,
            Document.date == day,
            Document.issuer.is_not_distinct_from(issuer),
        )
    ).one_or_none()
