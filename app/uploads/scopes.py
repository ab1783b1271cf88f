"""``on_existing=replace``: the file is all that a project or a sub-district has; what it does not name is retired.

Nothing is deleted: a retired parcel has a last version that says so, from the day of the upload on. Before that day,
and to whoever asks what was known before, it is there as ever.
"""

from dataclasses import dataclass

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from app.db import Publication
from app.errors import BadRequest
from app.inventory.models import ParcelVersion, Project
from app.reference.models import Place
from app.settings import Settings
from app.sql import Query, run
from app.uploads.findings import Finding
from app.uploads.models import Upload
from app.uploads.options import UploadOptions


@dataclass(frozen=True)
class Absent:
    """A parcel of the scope that the file does not name; whether it is in the bank."""

    parcel_id: int
    code: str
    banked: bool


@dataclass(frozen=True)
class Outside:
    """A row that is not of the scope."""

    row: int
    code: str


_ABSENT = Query("app.uploads", "absent.sql", Absent)
_OUTSIDE = Query("app.uploads", "outside_scope.sql", Outside)
_PROGRAMMES = {"consolidation-parcels": "consolidation", "renewal-parcels": "renewal"}


def check_scope(session: Session, options: UploadOptions) -> None:
    """Raise ``BadRequest`` for a scope that nobody knows."""
    parameters = _parameters(options)
    if parameters["project"] is not None:
        named = or_(
            exists().where(Project.code == parameters["project"]),
            exists().where(ParcelVersion.project_code == parameters["project"], ParcelVersion.recorded_to.is_(None)),
        )
    elif parameters["sub_district"] is not None:
        named = exists().where(
            Place.level == "sub_district", Place.code == parameters["sub_district"], Place.recorded_to.is_(None)
        )
    else:
        return
    if not session.scalar(select(named)):
        raise BadRequest("scope_unknown", parameter="scope", scope=options.scope)


def _parameters(options: UploadOptions) -> dict[str, str | None]:
    kind, _, code = (options.scope or "").partition(":")
    return {name: code if name == kind else None for name in ("project", "sub_district")}


def absent(session: Session, settings: Settings, upload: Upload, options: UploadOptions) -> list[Absent]:
    """The parcels of the scope that the staged file does not name."""
    programme = _PROGRAMMES.get(upload.collection)
    return _ABSENT.all(
        session, upload_id=upload.id, today=settings.today(), programme=programme, **_parameters(options)
    )


def findings(session: Session, upload: Upload, options: UploadOptions, missing: list[Absent]) -> list[Finding]:
    """What stands against replacing: land in the bank that would vanish, rows of somewhere else."""
    banked = [
        Finding("retires_banked", "refuse", None, one.code, values={"parcel": one.code})
        for one in missing
        if one.banked
    ]
    outside = [
        Finding(
            "row_outside_scope", "refuse", one.row, one.code, values={"parcel": one.code, "scope": options.scope or ""}
        )
        for one in _OUTSIDE.all(session, upload_id=upload.id, **_parameters(options))
    ]
    return banked + outside


def retire(
    session: Session, settings: Settings, upload: Upload, publication: Publication, missing: list[Absent]
) -> None:
    """Give parcels the version that ends them, from today on."""
    run(
        session,
        "app.uploads",
        "retire_parcels.sql",
        parcels=[one.parcel_id for one in missing],
        upload_id=upload.id,
        today=settings.today(),
        recorded_at=publication.recorded_at,
    )
