"""Reading and writing uploads, their findings, and what surrounds them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import orjson
import shapely
from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased, load_only

from app.errors import Conflict, NotFound
from app.inventory.models import OverlapFace, OverlapFaceMember, Parcel, ParcelVersion
from app.landbank.models import LandEvent
from app.sql import Query
from app.uploads.models import Finding, StagedOverlaps, StagedRow, Upload
from app.uploads.overlaying import Overlaid


@dataclass(frozen=True)
class StagedFate:
    """A staged parcel row that is not simply stored: whether a banked outline would move.

    ``carries``: the parcel carries on what its parents entered. ``retired_on``: it was split or merged itself.
    """

    row: int
    code: str
    outline_in_ledger: bool
    carries: bool
    retired_on: date | None


@dataclass(frozen=True)
class _Classified:
    """A row of ``classify.sql``: how many rows have a fate, or one of them."""

    fate: str
    rows: int
    row: int | None
    code: str | None
    outline_in_ledger: bool
    carries: bool
    retired_on: date | None


@dataclass(frozen=True)
class Fates:
    """How many staged rows are new, changed and unchanged, and those changed ones that have to be looked at."""

    counts: dict[str, int]
    told: list[StagedFate]


@dataclass(frozen=True)
class Missing:
    """How many parcels of the last file of this name are not in this one."""

    missing: int


@dataclass(frozen=True)
class StoredOutline:
    """A stored parcel version as WKB in the storage CRS."""

    id: int
    layer: str
    geom: bytes


@dataclass(frozen=True)
class Near:
    """New versions and stored ones whose boxes meet: ids. ``gone``: retired before their ``successors`` hold."""

    new: list[int]
    stored: list[int]
    successors: list[int]
    gone: list[int]


@dataclass(frozen=True)
class KnownOverlap:
    """A pair of stored versions that share land: ids."""

    one: int
    other: int


@dataclass(frozen=True)
class PublishedRow:
    """The version that a publication made of a row of its file."""

    row: int
    id: int


@dataclass(frozen=True)
class Touched:
    """The code of something that later knowledge builds on."""

    code: str


_NAMED = (ParcelVersion.programme, ParcelVersion.layer, ParcelVersion.upload_row, ParcelVersion.recorded_from)
"""Without the outline, which may be large."""
_CLASSIFY = Query("app.uploads", "classify.sql", _Classified)
MISSING = Query("app.uploads", "missing.sql", Missing)
CANDIDATES = Query("app.uploads", "overlap_candidates.sql", StoredOutline)
OUTLINES = Query("app.uploads", "outlines_of.sql", StoredOutline)
NEAR = Query("app.uploads", "near_stored.sql", Near)
KNOWN_OVERLAPS = Query("app.uploads", "known_overlaps.sql", KnownOverlap)
PUBLISHED_ROWS = Query("app.uploads", "published_rows.sql", PublishedRow)
TOUCHED = Query("app.uploads", "touched_later.sql", Touched)


def classify(session: Session, upload_id: int, left_out: Collection[int], *, every_change: bool) -> Fates:
    """What the staged rows of an upload mean, but for those left out; ``every_change``: each changed row is told."""
    counts, told = dict.fromkeys(("new", "changed", "unchanged"), 0), []
    for one in _CLASSIFY.all(session, upload_id=upload_id, left_out=list(left_out), every_change=every_change):
        if one.row is None or one.code is None:
            counts[one.fate] = one.rows
        else:
            told.append(StagedFate(one.row, one.code, one.outline_in_ledger, one.carries, one.retired_on))
    return Fates(counts, told)


def upload_by_id(session: Session, upload_id: int, *, lock: bool = False) -> Upload:
    """The upload; locked against others until the transaction ends where asked.

    Raises ``NotFound``; asked to lock, ``Conflict`` while a job has it, which would be a long wait.
    """
    statement = select(Upload).where(Upload.id == upload_id)
    upload = session.scalars(statement).one_or_none()
    if upload is None:
        raise NotFound("upload_unknown", parameter="id", upload=upload_id)
    if not lock:
        return upload
    if upload.underway:
        raise Conflict("upload_underway", parameter="id", upload=upload.id)
    return session.scalars(statement.with_for_update(of=Upload).execution_options(populate_existing=True)).one()


def uploads(session: Session, limit: int = 100) -> list[Upload]:
    """The newest uploads."""
    return list(session.scalars(select(Upload).order_by(Upload.id.desc()).limit(limit)))


def suggestion(session: Session, upload: Upload) -> dict[str, Any] | None:
    """How the newest committed upload of the same collection with the same columns was read, if by a mapping."""
    found = session.scalars(
        select(Upload)
        .where(
            Upload.id != upload.id,
            Upload.collection == upload.collection,
            Upload.state == "committed",
            Upload.column_names == upload.column_names,
            Upload.column_names != [],
            func.jsonb_typeof(Upload.options["mapping"]) == "object",
        )
        .order_by(Upload.id.desc())
        .limit(1)
    ).one_or_none()
    if found is None:
        return None
    return {"upload": found.id} | {name: found.options[name] for name in ("mapping", "crs", "encoding")}


def findings_of(session: Session, upload_id: int, limit: int | None = None) -> list[Finding]:
    """An upload's findings, the severest first, in the order of the file's rows."""
    rank = func.array_position(["refuse", "warn", "note"], Finding.severity)
    return list(
        session.scalars(
            select(Finding)
            .where(Finding.upload_id == upload_id)
            .order_by(rank, Finding.row.nulls_first(), Finding.id)
            .limit(limit)
        )
    )


def there_again(session: Session, made_at: datetime) -> list[int]:
    """The versions of parcels that a publication retired, now that what it made has ended."""
    gone = select(ParcelVersion.parcel_id).where(ParcelVersion.recorded_from == made_at, ParcelVersion.retired)
    return list(
        session.scalars(
            select(ParcelVersion.id).where(
                ParcelVersion.parcel_id.in_(gone),
                ParcelVersion.recorded_to.is_(None),
                ParcelVersion.retired.is_(False),
                ParcelVersion.part_of_id.is_(None),
            )
        )
    )


def staged_rows(session: Session, upload_id: int) -> Sequence[StagedRow]:
    """The staged rows of a small upload (places, projects), in file order."""
    return session.scalars(select(StagedRow).where(StagedRow.upload_id == upload_id).order_by(StagedRow.row)).all()


def staged_overlaps(session: Session, upload_id: int) -> Overlaid:
    """What an upload's own parcels share, by row numbers."""
    found = session.get(StagedOverlaps, upload_id)
    return Overlaid([], []) if found is None else Overlaid.from_json(orjson.loads(found.overlaid))


def versions_made(session: Session, recorded_at: datetime) -> set[int]:
    """Every parcel version that a publication made, but for those that retire a parcel."""
    made = ParcelVersion.recorded_from == recorded_at, ParcelVersion.retired.is_(False)
    return set(session.scalars(select(ParcelVersion.id).where(*made)))


def versions_of(session: Session, recorded_at: datetime, rows: Collection[int]) -> dict[int, int]:
    """The version that a publication made of each of some rows."""
    found = PUBLISHED_ROWS.all(session, recorded_at=recorded_at, rows=list(rows), versions=[])
    return {one.row: one.id for one in found}


@dataclass(frozen=True)
class NamedVersion:
    """A parcel version as people know it; ``row`` where the publication at hand made it of a row of its file."""

    parcel: str
    programme: str
    layer: str
    row: int | None


def named_versions(session: Session, recorded_at: datetime, versions: Collection[int]) -> dict[int, NamedVersion]:
    """Some versions by id, whichever publication made them; ``recorded_at`` is that of the file at hand."""
    statement = (
        select(ParcelVersion, Parcel.code)
        .join(Parcel, Parcel.id == ParcelVersion.parcel_id)
        .where(ParcelVersion.id.in_(versions))
        .options(load_only(*_NAMED))
    )
    return {
        one.id: NamedVersion(
            code, one.programme, one.layer, one.upload_row if one.recorded_from == recorded_at else None
        )
        for one, code in session.execute(statement)
    }


def rows_with_events(session: Session, upload_id: int, recorded_at: datetime) -> list[int]:
    """Rows of an upload that a publication made versions of and that bring a land event along."""
    return list(
        session.scalars(
            select(StagedRow.row)
            .join(ParcelVersion, ParcelVersion.upload_row == StagedRow.row)
            .where(
                StagedRow.upload_id == upload_id,
                StagedRow.event.is_not(None),
                ParcelVersion.recorded_from == recorded_at,
                ParcelVersion.retired.is_(False),
            )
            .order_by(StagedRow.row)
        )
    )


def live_events_of(session: Session, upload_id: int) -> list[LandEvent]:
    """Events that an upload recorded and that nobody has reversed."""
    reversed_ids = select(LandEvent.reverses_id).where(LandEvent.reverses_id.is_not(None))
    return list(
        session.scalars(
            select(LandEvent)
            .where(LandEvent.upload_id == upload_id, LandEvent.type != "reversal", LandEvent.id.not_in(reversed_ids))
            .order_by(LandEvent.id)
        )
    )


def missing(session: Session, upload: Upload) -> int:
    """Parcels that the last committed file of the same name had and this one lacks."""
    rows = MISSING.all(session, upload_id=upload.id, filename=upload.filename, collection=upload.collection)
    return rows[0].missing


def live_events_on(session: Session, parcel_ids: Sequence[int]) -> list[LandEvent]:
    """Events of parcels that nobody has reversed."""
    reversed_ids = select(LandEvent.reverses_id).where(LandEvent.reverses_id.is_not(None))
    return list(
        session.scalars(
            select(LandEvent)
            .where(LandEvent.parcel_id.in_(parcel_ids), LandEvent.type != "reversal", LandEvent.id.not_in(reversed_ids))
            .order_by(LandEvent.id)
        )
    )


def shared_land(session: Session, first_version_id: int, second_version_id: int) -> shapely.Geometry | None:
    """The land that two versions share, from the faces that the child process drew of their cluster."""
    first, second = aliased(OverlapFaceMember), aliased(OverlapFaceMember)
    outlines = session.scalars(
        select(OverlapFace.geom.ST_AsBinary())
        .join(first, first.face_id == OverlapFace.id)
        .join(second, second.face_id == OverlapFace.id)
        .where(
            OverlapFace.recorded_to.is_(None),
            first.parcel_version_id == first_version_id,
            second.parcel_version_id == second_version_id,
        )
    ).all()
    parts = [part for outline in outlines for part in shapely.get_parts(shapely.from_wkb(bytes(outline)))]
    return shapely.multipolygons(parts) if parts else None
