"""New outlines for parcels that are in the ledger: a person says whether one corrects a survey or changes the boundary.

A survey correction reverses the parcel's events and records them anew on the new outline, on the same dates. A boundary
change is lineage: the new outline holds from its day on, entry date and credit stay.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from sqlalchemy import insert, select
from sqlalchemy.orm import Session, aliased

from app.auth import Actor
from app.db import Publication
from app.inventory.models import LineageLink, LineageOperation, ParcelVersion
from app.inventory.queries import parcel_by_code, retirement
from app.landbank.events.corrections import reissue_events
from app.landbank.models import Document
from app.uploads import queries
from app.uploads.findings import Finding
from app.uploads.models import StagedRow, Upload
from app.uploads.options import UploadOptions

WAYS = {"outline_in_ledger": "survey_correction", "outline_as_boundary_change": "boundary_change"}
"""The finding that a person accepts, and what the new outline is then."""


def ways(fates: Sequence[queries.StagedFate], options: UploadOptions) -> dict[int, str]:
    """What each row's new outline is, where a person has accepted exactly one way."""
    found: dict[int, str] = {}
    for fate in fates:
        offered = _offered(fate)
        accepted = [offered[code] for code in offered if options.decisions.get(f"{code}:{fate.row}") == "accept"]
        if len(accepted) == 1:
            found[fate.row] = accepted[0]
    return found


def against(session: Session, fate: queries.StagedFate, chosen: Mapping[int, str]) -> list[Finding]:
    """What stands against one row: its parcel is no longer there, or its outline moves and nobody has said why."""
    values = {"parcel": fate.code}
    if fate.retired_on is not None:
        gone = retirement(session, parcel_by_code(session, fate.code).id)
        children = "" if gone is None else ", ".join(gone.children)
        told = values | {"day": str(fate.retired_on), "children": children}
        return [Finding("parcel_retired", "refuse", fate.row, fate.code, values=told)]
    if fate.row in chosen:
        return [Finding(chosen[fate.row], "warn", fate.row, fate.code, values=values)]
    return [Finding(code, "refuse", fate.row, fate.code, values=values) for code in _offered(fate)]


def _offered(fate: queries.StagedFate) -> dict[str, str]:
    """The ways that are open. What a parcel carries on from its parents is on their record: no correction moves it."""
    if not fate.outline_in_ledger:
        return {}
    return {code: way for code, way in WAYS.items() if way == "boundary_change" or not fate.carries}


def record(session: Session, publication: Publication, actor: Actor, upload: Upload, chosen: Mapping[int, str]) -> None:
    """Do what was chosen, after the new versions were stored."""
    corrected = [row for row, way in chosen.items() if way == "survey_correction"]
    versions = {version.parcel_id: version.id for version in _made(session, publication, upload, corrected)}
    if versions:
        events = queries.live_events_on(session, list(versions))
        reissue_events(session, publication, actor, events, versions, "survey_correction")
    changed = [row for row, way in chosen.items() if way == "boundary_change"]
    for version in _made(session, publication, upload, changed):
        _change_boundary(session, publication, actor, version)


def _made(session: Session, publication: Publication, upload: Upload, rows: Sequence[int]) -> list[ParcelVersion]:
    if not rows:
        return []
    return list(
        session.scalars(
            select(ParcelVersion).where(
                ParcelVersion.recorded_from == publication.recorded_at,
                ParcelVersion.upload_id == upload.id,
                ParcelVersion.upload_row.in_(rows),
            )
        )
    )


def _change_boundary(session: Session, publication: Publication, actor: Actor, version: ParcelVersion) -> None:
    earlier = aliased(ParcelVersion)
    before = session.scalars(
        select(earlier)
        .where(
            earlier.parcel_id == version.parcel_id,
            earlier.version < version.version,
            earlier.recorded_to.is_(None),
            earlier.part_of_id.is_(None),
        )
        .order_by(earlier.version.desc())
        .limit(1)
    ).one()
    difference: Decimal = version.ellipsoidal_square_metres - before.ellipsoidal_square_metres
    operation = LineageOperation(
        type="boundary_change",
        cause="change",
        effective_date=version.effective_date,
        document_id=_document(session, version),
        difference_square_metres=difference,
        actor=actor.name,
        upload_id=version.upload_id,
        upload_row=version.upload_row,
        recorded_at=publication.recorded_at,
    )
    session.add(operation)
    session.flush()
    link = {
        "operation_id": operation.id,
        "parent_parcel_id": version.parcel_id,
        "parent_version_id": before.id,
        "child_parcel_id": version.parcel_id,
        "child_version_id": version.id,
        "land_version_id": version.id,
    }
    session.execute(insert(LineageLink).values(link))


def _document(session: Session, version: ParcelVersion) -> int | None:
    """The row's document, where it is recorded; else the upload itself is the evidence."""
    return session.scalars(
        select(Document.id)
        .join(
            StagedRow,
            (StagedRow.document_type == Document.type)
            & (StagedRow.document_number == Document.number)
            & (StagedRow.document_date == Document.date)
            & StagedRow.document_issuer.is_not_distinct_from(Document.issuer),
        )
        .where(StagedRow.upload_id == version.upload_id, StagedRow.row == version.upload_row)
    ).one_or_none()
