"""The committing transaction of a parcel upload: versions, portions, overlaps, events, under the publish lock."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from app.auth import Actor
from app.db import Publication, lock_publication, publish
from app.errors import Refused
from app.landbank.events.queries import EntryConflict, EventProblem
from app.landbank.events.service import StagedEvents, record_staged_events
from app.landbank.hectares.rollup import append_rollup
from app.settings import Settings
from app.sql import hashed_joins, run
from app.uploads import moved_outlines, progress, queries, scopes
from app.uploads.findings import Finding
from app.uploads.models import Upload
from app.uploads.options import UploadOptions
from app.uploads.outcome import Outcome
from app.uploads.overlaps import record_overlaps

METHOD = "polygon"
"""How plane and ellipsoidal square metres came about: measured from the polygon, see app.geometry.measure."""


def commit_parcels(
    session: Session, settings: Settings, upload: Upload, options: UploadOptions, actor: Actor, leave_out: set[int]
) -> Outcome:
    """Store what is staged, without the rows of ``leave_out``; ``Outcome.findings`` holds what stands against it.

    The caller's transaction is taken back when a finding refuses a row. The lock is held until it ends.
    """
    lock_publication(session)
    fates = queries.classify(session, upload.id, leave_out, every_change=options.on_existing == "add")
    outcome = Outcome(fates.counts)
    chosen = moved_outlines.ways(fates.told, options)
    outcome.findings += [one for fate in fates.told for one in _against(session, fate, options, chosen)]
    missing = scopes.absent(session, settings, upload, options) if options.on_existing == "replace" else []
    if options.on_existing == "replace":
        outcome.retired = len(missing)
        outcome.findings += scopes.findings(session, upload, options, missing)
    refused = outcome.refused_rows
    if fates.counts["new"] + fates.counts["changed"] <= len(refused) and not missing:
        return outcome
    progress.begin("storing")
    publication = publish(session, actor.name, "upload", f"upload:{upload.id}")
    outcome.publication = publication
    _insert(session, settings, upload, publication, leave_out | refused, chosen)
    scopes.retire(session, settings, upload, publication, missing)
    progress.begin("overlaps")
    try:
        outcome.findings += record_overlaps(session, settings, publication, upload.id)
    except Refused as error:
        # Too much for the child process: the whole file is refused, with the reason on record.
        values = {name: str(value) for name, value in error.values.items()}
        outcome.findings.append(Finding(error.code, "refuse", values=values))
        return outcome
    progress.begin("events")
    moved_outlines.record(session, publication, actor, upload, chosen)
    with hashed_joins(session):
        eventful = queries.rows_with_events(session, upload.id, publication.recorded_at)
    recorded = record_staged_events(session, publication, actor, upload.id, eventful)
    outcome.findings += ledger_findings(session, recorded)
    progress.begin("totals")
    append_rollup(session, publication)
    return outcome


def ledger_findings(session: Session, recorded: StagedEvents) -> list[Finding]:
    """What stands against events just recorded, and what is stored without being counted."""
    return [
        *(_problem(problem) for problem in recorded.problems),
        *(_conflict(session, conflict) for conflict in recorded.conflicts),
        *(_uncounted(entry) for entry in recorded.uncounted),
    ]


def _against(
    session: Session, fate: queries.StagedFate, options: UploadOptions, chosen: Mapping[int, str]
) -> list[Finding]:
    """What a row would change that must not change: a known code when only additions are asked, an outline in use."""
    if options.on_existing == "add":
        return [Finding("code_exists", "refuse", fate.row, fate.code, values={"parcel": fate.code})]
    return moved_outlines.against(session, fate, chosen)


def _insert(
    session: Session,
    settings: Settings,
    upload: Upload,
    publication: Publication,
    left_out: set[int],
    chosen: Mapping[int, str],
) -> None:
    shared = {"upload_id": upload.id, "recorded_at": publication.recorded_at}
    run(session, "app.uploads", "insert_parcels.sql", upload_id=upload.id, left_out=list(left_out))
    run(
        session,
        "app.uploads",
        "insert_versions.sql",
        **shared,
        left_out=list(left_out),
        source_crs=upload.crs,
        method=METHOD,
        upload_date=settings.today(),
        boundary_rows=[row for row, way in chosen.items() if way == "boundary_change"],
    )
    with hashed_joins(session):
        run(session, "app.uploads", "insert_portions.sql", **shared)


def _problem(problem: EventProblem) -> Finding:
    values = {"parcel": problem.parcel, "detail": problem.detail or ""}
    return Finding(problem.code, "refuse", problem.row, problem.parcel, values=values)


def _uncounted(entry: EventProblem) -> Finding:
    values = {"parcel": entry.parcel, "type": entry.detail or ""}
    return Finding(entry.code, "warn", entry.row, entry.parcel, values=values)


def _conflict(session: Session, conflict: EntryConflict) -> Finding:
    """Land twice in the bank, with the land itself; told at the row that came last."""
    values = {
        "parcel": conflict.first_parcel,
        "other": conflict.second_parcel,
        "square_metres": str(conflict.square_metres),
        "programme": conflict.programme,
        "layer": conflict.layer,
    }
    row, feature = conflict.first_row, conflict.first_parcel
    if conflict.second_is_new and (not conflict.first_is_new or (conflict.second_row or 0) > (row or 0)):
        row, feature = conflict.second_row, conflict.second_parcel
    shared = queries.shared_land(session, conflict.first_version_id, conflict.second_version_id)
    return Finding("overlap_banked", "refuse", row, feature, geometry=shared, values=values)
