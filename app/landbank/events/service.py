"""Recording documents and events: append-only, one at a time or an upload's rows together.

The rules are looked at after writing and before the commit, under the publish lock, so that what is checked is what
will be known; whatever breaks one is raised, and the transaction takes it all back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from sqlalchemy import func
from sqlalchemy.orm import Session

from app.auth import Actor, audit
from app.db import Publication, last_publication, lock_publication, publish
from app.errors import NotFound, Refused
from app.files import keep
from app.inventory.models import Parcel
from app.inventory.queries import ancestors, parcel_by_code, retirement
from app.landbank.events import queries
from app.landbank.events.queries import EntryConflict, EventProblem
from app.landbank.events.schemas import Credit, DocumentIn, DocumentRow, EventIn, EventRow, Remark
from app.landbank.hectares.query import EARLIEST, LATEST
from app.landbank.hectares.rollup import append_rollup
from app.landbank.models import Document, DocumentFile, LandEvent
from app.settings import Settings

MAX_PAGE = 10_000
_BUILT_UPON = frozenset({"exit_without_entry", "already_banked", "reversal_built_upon"})


@dataclass(frozen=True)
class Recorded:
    """What was recorded, and what to know about it."""

    row: EventRow
    remarks: tuple[Remark, ...]


@dataclass(frozen=True)
class StagedEvents:
    """What became of an upload's events. With problems or conflicts the caller takes the transaction back."""

    recorded: int
    problems: tuple[EventProblem, ...]
    conflicts: tuple[EntryConflict, ...]
    uncounted: tuple[EventProblem, ...] = ()


def record_event(session: Session, actor: Actor, asked: EventIn) -> Recorded:
    """Append one event. Raises ``Refused`` when the ledger would be wrong with it, ``NotFound`` for no such parcel."""
    lock_publication(session)
    document = named_document(session, actor, asked.document)
    supporting = {named_document(session, actor, named).id for named in asked.supporting} - {document.id}
    event = _reversal(session, asked, document) if asked.type == "reversal" else _event(session, asked, document)
    before = last_publication(session)
    publication = publish(session, actor.name, "event.record", asked.type)
    event.actor, event.recorded_at = actor.name, publication.recorded_at
    event.supporting_ids = sorted(supporting)
    session.add(event)
    session.flush()
    if event.type == "reversal":
        _refuse_built_upon(session, event, before, publication)
    refuse_problems(session, publication)
    append_rollup(session, publication)
    audit(session, actor, "event.record", str(event.id), {"type": event.type})
    row = queries.event(session, event.id)
    return Recorded(row, _remarks(session, row, publication))


def refuse_problems(session: Session, publication: Publication, others: Sequence[int] = ()) -> None:
    """Raise ``Refused`` for the first thing that a publication makes wrong, with its events and to ``others``."""
    checked = check_entries(session, publication, others)
    if checked.problems:
        first = checked.problems[0]
        raise Refused(first.code, parcel=first.parcel, detail=first.detail or "")
    if checked.conflicts:
        pair = checked.conflicts[0]
        raise Refused(
            "overlap_banked", parcel=pair.first_parcel, other=pair.second_parcel, square_metres=pair.square_metres,
            programme=pair.programme, layer=pair.layer,
        )  # fmt: skip


def _refuse_built_upon(session: Session, event: LandEvent, before: datetime, publication: Publication) -> None:
    """Raise ``Refused`` where later events stand on the one that a reversal takes back."""
    at = publication.recorded_at
    problems = [
        *queries.entry_problems(session, [event.parcel_id], at),
        *queries.no_longer_counted(session, [event.parcel_id], before, at),
    ]
    for problem in problems:
        if problem.code in _BUILT_UPON:
            raise Refused(
                "reversal_built_upon",
                parameter="reverses",
                event=event.reverses_id,
                parcel=problem.parcel,
                detail=problem.detail or "",
            )


def left_wrong(session: Session, before: datetime, publication: Publication) -> list[str]:
    """The codes of parcels on which the ledger is wrong once a publication has taken events back, first ones first.

    ``before``: the publication before it. What came later may stand on what was taken back.
    """
    at = publication.recorded_at
    parcels = queries.parcels_with_events(session, at)
    checked = check_entries(session, publication)
    problems = [*checked.problems, *queries.no_longer_counted(session, parcels, before, at)]
    codes = [problem.parcel for problem in problems]
    codes += [code for pair in checked.conflicts for code in (pair.first_parcel, pair.second_parcel)]
    return sorted(set(codes))


def check_entries(session: Session, publication: Publication, others: Sequence[int] = ()) -> StagedEvents:
    """Everything that a publication's events, and what it did to other parcels, make wrong, before its commit."""
    parcels = [*queries.parcels_with_events(session, publication.recorded_at), *others]
    if not parcels:
        return StagedEvents(0, (), ())
    return StagedEvents(
        0,
        tuple(queries.entry_problems(session, parcels, publication.recorded_at)),
        tuple(queries.entry_conflicts(session, parcels, publication.recorded_at)),
    )


def record_staged_events(
    session: Session, publication: Publication, actor: Actor, upload_id: int, rows: Sequence[int] | None = None
) -> StagedEvents:
    """Record the events of an upload's staged rows (all, or those numbered), after its parcels, portions and overlaps.

    Set-based: a hundred thousand rows take a few statements. The caller appends the roll-up and commits, or takes
    everything back when there are problems or conflicts.
    """
    problems = queries.staged_problems(session, upload_id, rows)
    if problems:
        return StagedEvents(0, tuple(problems), ())
    recorded = queries.insert_staged(session, upload_id, rows, actor.name, publication.recorded_at)
    checked = check_entries(session, publication)
    uncounted = tuple(queries.uncounted_entries(session, publication.recorded_at)) if recorded else ()
    return StagedEvents(recorded, checked.problems, checked.conflicts, uncounted)


def events(session: Session, *, parcel: str | None, kind: str | None, after: int, limit: int) -> list[EventRow]:
    """A page of events."""
    return queries.events(session, parcel=parcel, kind=kind, after=after, limit=min(limit, MAX_PAGE))


def events_of(session: Session, code: str) -> list[EventRow]:
    """Every event of a parcel. Raises ``NotFound``."""
    return queries.events_of(session, parcel_by_code(session, code))


def credits_held(session: Session, code: str) -> list[Credit]:
    """What a parcel has or had in the bank, entry by entry, its parents' entries included. Raises ``NotFound``."""
    return queries.credits_of(session, [parcel_by_code(session, code).id])


def add_document(
    session: Session, settings: Settings, actor: Actor, asked: DocumentIn, file: tuple[Path, str] | None
) -> tuple[DocumentRow, bool]:
    """Record a document, with its file if there is one; whether it is new. A document already recorded is kept."""
    found, made = _document(session, actor, asked)
    if file is not None:
        return add_file(session, settings, actor, found.id, *file), made
    return queries.documents(session, after=found.id - 1, limit=1)[0], made


def named_document(session: Session, actor: Actor, named: int | DocumentIn) -> Document:
    """The document of an id, or the one described, recorded if it is new. Raises ``Refused`` for an unknown id."""
    if isinstance(named, DocumentIn):
        return _document(session, actor, named)[0]
    found = session.get(Document, named)
    if found is None:
        raise Refused("document_unknown", parameter="document", document=named)
    return found


def _document(session: Session, actor: Actor, asked: DocumentIn) -> tuple[Document, bool]:
    lock_publication(session)
    plausible(asked.date, "date")
    found = queries.document_like(session, asked.type, asked.number, asked.date, asked.issuer)
    if found is not None:
        return found, False
    made = Document(
        type=asked.type, number=asked.number, date=asked.date, issuer=asked.issuer, recorded_at=func.clock_timestamp()
    )
    session.add(made)
    session.flush()
    audit(session, actor, "document.add", str(made.id), {"type": made.type, "number": made.number})
    return made, True


def add_file(
    session: Session, settings: Settings, actor: Actor, document_id: int, path: Path, filename: str
) -> DocumentRow:
    """Keep the file of a document; the newest counts, earlier ones stay. Raises ``NotFound``."""
    before = document(session, document_id)
    sha256 = keep(settings.files_path, path)
    if before.file_sha256 != sha256:
        session.add(
            DocumentFile(document_id=document_id, sha256=sha256, filename=filename, recorded_at=func.clock_timestamp())
        )
        session.flush()
        audit(session, actor, "document.file", str(document_id), {"sha256": sha256})
    return queries.documents(session, after=document_id - 1, limit=1)[0]


def document(session: Session, document_id: int) -> DocumentRow:
    """One document with its newest file. Raises ``NotFound``."""
    if not 0 < document_id < 2**63 or session.get(Document, document_id) is None:
        raise NotFound("document_unknown", parameter="id", document=document_id)
    return queries.documents(session, after=document_id - 1, limit=1)[0]


def documents(session: Session, *, after: int, limit: int) -> list[DocumentRow]:
    """A page of documents."""
    return queries.documents(session, after=after, limit=min(limit, MAX_PAGE))


def document_remarks(row: DocumentRow) -> tuple[Remark, ...]:
    """A document without its file says so."""
    return () if row.file_sha256 else (Remark("note", "document_file_missing", (("number", row.document.number),)),)


def _event(session: Session, asked: EventIn, document: Document) -> LandEvent:
    if asked.reverses is not None:
        raise Refused("reverses_without_reversal", parameter="reverses")
    if asked.parcel is None:
        raise Refused("event_without_parcel", parameter="parcel")
    if asked.kind is not None and asked.type != "supply":
        raise Refused("event_kind_wrong", parameter="kind", detail=asked.kind)
    day = plausible(asked.effective_date or document.date)
    parcel = parcel_by_code(session, asked.parcel)
    version = queries.version_on(session, parcel.id, day)
    if version is None:
        raise NotFound("parcel_unknown", parameter="parcel", parcel=asked.parcel)
    if version.retired:
        raise Refused("parcel_gone", parameter="parcel", parcel=parcel.code, day=version.effective_date)
    gone = retirement(session, parcel.id)
    if gone is not None and (max(day, document.date) >= gone.retired_on or not queries.carried_on(session, version.id)):
        children = ", ".join(gone.children)
        raise Refused("parcel_retired", parameter="parcel", parcel=parcel.code, day=gone.retired_on, children=children)
    return LandEvent(
        type=asked.type,
        parcel_id=parcel.id,
        parcel_version_id=version.id,
        land_category=version.land_category,
        effective_date=day,
        document_id=document.id,
        kind=asked.kind,
        reason=asked.reason,
    )


def _reversal(session: Session, asked: EventIn, document: Document) -> LandEvent:
    if asked.reverses is None:
        raise Refused("reversal_without_event", parameter="reverses")
    target = session.get(LandEvent, asked.reverses)
    if target is None:
        raise Refused("event_unknown", parameter="reverses", event=asked.reverses)
    if target.type == "reversal":
        raise Refused("reversal_of_reversal", parameter="reverses", event=asked.reverses)
    if queries.reversal_of(session, target.id) is not None:
        raise Refused("event_already_reversed", parameter="reverses", event=asked.reverses)
    parcel = session.get_one(Parcel, target.parcel_id)
    if asked.parcel not in {None, parcel.code}:
        raise Refused("reversal_of_another_parcel", parameter="parcel", event=asked.reverses, parcel=parcel.code)
    if asked.kind is not None:
        raise Refused("event_kind_wrong", parameter="kind", detail=asked.kind)
    return LandEvent(
        type="reversal",
        parcel_id=target.parcel_id,
        parcel_version_id=target.parcel_version_id,
        land_category=target.land_category,
        effective_date=plausible(asked.effective_date or target.effective_date),
        document_id=document.id,
        reverses_id=target.id,
        reason=asked.reason,
    )


def plausible(day: date, name: str = "effective_date") -> date:
    """The day. Raises ``Refused`` for one that no land event can have."""
    if not EARLIEST <= day <= LATEST:
        raise Refused("date_implausible", parameter=name, date=day, earliest=EARLIEST, latest=LATEST)
    return day


def _remarks(session: Session, row: EventRow, publication: Publication) -> tuple[Remark, ...]:
    event, document = row.event, row.document.document
    uncounted = queries.uncounted_entries(session, publication.recorded_at)
    remarks = [Remark("warn", one.code, (("type", one.detail or ""), ("parcel", one.parcel))) for one in uncounted]
    line = ancestors(session, event.parcel_id)
    before = [other.event.type for other in queries.events_on(session, line) if other.reversed_by is None]
    if event.type == "supply" and "bank_entry" not in before:
        remarks.append(Remark("warn", "supply_without_entry", (("parcel", row.parcel),)))
    if event.type == "supply" and before.count("supply") > 1:
        remarks.append(Remark("warn", "supplied_before", (("parcel", row.parcel),)))
    if event.type != "reversal" and event.effective_date != document.date:
        dates = (("effective_date", str(event.effective_date)), ("document_date", str(document.date)))
        remarks.append(Remark("note", "event_dates_differ", dates))
    return (*remarks, *document_remarks(row.document))
