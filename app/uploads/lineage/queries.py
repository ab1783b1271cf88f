"""What an operation must know of the parcels that it takes, and the operations on record."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from app.errors import Conflict, NotFound
from app.geometry import decimal_to_e4
from app.inventory.models import LineageLink, LineageOperation, Parcel, ParcelVersion, Portion
from app.inventory.queries import parcel_by_code, retirement
from app.landbank.events.queries import credits_of
from app.landbank.models import Document
from app.sql import Query
from app.uploads.catalogue import EVER_AFTER, EVER_BEFORE
from app.uploads.lineage.schemas import Member, OperationRow
from app.uploads.lineage.sharing import Where

PACKAGE = "app.uploads.lineage"
FIGURES = ("plane", "ellipsoidal", "declared", "document")
Accounts = dict[str, dict[Where, int]]
"""By figure: the portions of a land in 1e-4 m². A figure that nobody stated is absent."""


@dataclass(frozen=True)
class Land:
    """A version whose land a parcel holds; see ``held_lands.sql``."""

    version_id: int
    wkb: bytes
    own: bool
    same_outline: bool
    credited: bool


@dataclass(frozen=True)
class LaterEvent:
    """An event after an operation's day."""

    parcel: str
    type: str
    happened_on: date


@dataclass(frozen=True)
class BuiltUpon:
    """The code of a parcel on which something later stands."""

    code: str


@dataclass(frozen=True)
class Standing:
    """A parcel with its present version."""

    parcel: Parcel
    version: ParcelVersion


_LANDS = Query(PACKAGE, "held_lands.sql", Land)
_LATER = Query(PACKAGE, "later_events.sql", LaterEvent)
_BUILT_UPON = Query(PACKAGE, "built_upon.sql", BuiltUpon)


def standing(session: Session, code: str, parameter: str) -> Standing:
    """The parcel as it now is. Raises ``NotFound``; ``Conflict`` once it was split, merged or retired."""
    parcel = parcel_by_code(session, code)
    gone = retirement(session, parcel.id)
    if gone is not None:
        children = ", ".join(gone.children)
        raise Conflict("parcel_retired", parameter=parameter, parcel=code, day=gone.retired_on, children=children)
    version = session.scalars(
        select(ParcelVersion)
        .where(
            ParcelVersion.parcel_id == parcel.id,
            ParcelVersion.recorded_to.is_(None),
            ParcelVersion.part_of_id.is_(None),
        )
        .order_by(ParcelVersion.version.desc())
        .limit(1)
    ).one_or_none()
    if version is None:
        raise NotFound("parcel_unknown", parameter=parameter, parcel=code)
    if version.retired:
        raise Conflict("parcel_gone", parameter=parameter, parcel=code, day=version.effective_date)
    return Standing(parcel, version)


def outline(session: Session, version_id: int) -> bytes:
    """A version's outline as WKB."""
    statement = select(ParcelVersion.geom.ST_AsBinary()).where(ParcelVersion.id == version_id)
    return bytes(session.scalars(statement).one())


def lands(session: Session, one: Standing) -> list[Land]:
    """The land that a parcel holds, version by version."""
    return [
        Land(row.version_id, bytes(row.wkb), row.own, row.same_outline, row.credited)
        for row in _LANDS.all(session, parcel_id=one.parcel.id, version_id=one.version.id)
    ]


def later_event(session: Session, parcels: Sequence[int], day: date) -> LaterEvent | None:
    """The first event of parcels that happened after a day."""
    found = _LATER.all(session, parcels=list(parcels), day=day)
    return found[0] if found else None


def built_upon(session: Session, operation: LineageOperation) -> list[str]:
    """Parcels on which something stands that came after an operation."""
    return [row.code for row in _BUILT_UPON.all(session, made_at=operation.recorded_at)]


def known_codes(session: Session, codes: Iterable[str]) -> list[str]:
    """Those of the codes that parcels have, unless all of it was taken back."""
    return list(
        session.scalars(
            select(Parcel.code)
            .join(ParcelVersion, ParcelVersion.parcel_id == Parcel.id)
            .where(Parcel.code.in_(list(codes)), ParcelVersion.recorded_to.is_(None))
            .distinct()
            .order_by(Parcel.code)
        )
    )


def accounts(session: Session, versions: Sequence[int]) -> dict[int, Accounts]:
    """The present portions of versions, by version and figure."""
    found: dict[int, Accounts] = defaultdict(lambda: defaultdict(dict))
    rows = session.execute(
        select(
            Portion.parcel_version_id,
            Portion.district,
            Portion.sub_district,
            Portion.community,
            func.greatest(Portion.boundary_from, EVER_BEFORE),
            func.least(Portion.boundary_to, EVER_AFTER),
            *(getattr(Portion, f"{name}_square_metres") for name in FIGURES),
        ).where(Portion.parcel_version_id.in_(versions), Portion.recorded_to.is_(None))
    )
    for version_id, *where, plane, ellipsoidal, declared, document in rows:
        sizes: tuple[Decimal | None, ...] = (plane, ellipsoidal, declared, document)
        for name, size in zip(FIGURES, sizes, strict=True):
            if size is not None:
                found[version_id][name][Where(*where)] = decimal_to_e4(size)
    return found


def operation(session: Session, operation_id: int, *, lock: bool = False) -> OperationRow:
    """An operation on record. Raises ``NotFound``."""
    statement = select(LineageOperation).where(LineageOperation.id == operation_id)
    found = session.scalars(statement.with_for_update() if lock else statement).one_or_none()
    if found is None:
        raise NotFound("lineage_unknown", parameter="id", operation=operation_id)
    of = found.reverses_id or found.id
    parents, children = (_members(session, of, side) for side in ("parent", "child"))
    reversed_by = session.scalars(
        select(LineageOperation.id).where(LineageOperation.reverses_id == found.id)
    ).one_or_none()
    paper = None if found.document_id is None else session.get(Document, found.document_id)
    ids = session.scalars(select(LineageLink.child_parcel_id).where(LineageLink.operation_id == of).distinct()).all()
    return OperationRow(found, paper, reversed_by, parents, children, credits_of(session, ids))


def _members(session: Session, operation_id: int, side: str) -> list[Member]:
    """The parcels on one side of an operation, each in its newest version there."""
    version = aliased(ParcelVersion)
    parcel_id = LineageLink.parent_parcel_id if side == "parent" else LineageLink.child_parcel_id
    version_id = LineageLink.parent_version_id if side == "parent" else LineageLink.child_version_id
    rows = session.execute(
        select(Parcel.code, version)
        .join(LineageLink, parcel_id == Parcel.id)
        # A parent's links also name land that it had taken over: its own version is what is told.
        .join(version, (version.id == version_id) & (version.parcel_id == Parcel.id))
        .where(LineageLink.operation_id == operation_id)
        .order_by(Parcel.code, version.version)
    )
    return list(
        {
            code: Member(code, one.version, one.plane_square_metres, one.ellipsoidal_square_metres)
            for code, one in rows
        }.values()
    )


def retained_code(session: Session, version_id: int) -> str | None:
    """The code of a version's parcel where its role is retained."""
    return session.scalars(
        select(Parcel.code)
        .join(ParcelVersion, ParcelVersion.parcel_id == Parcel.id)
        .where(ParcelVersion.id == version_id, ParcelVersion.role == "retained")
    ).one_or_none()


def operations_of_upload(session: Session, upload_id: int) -> list[LineageOperation]:
    """The boundary changes that came with an upload."""
    return list(session.scalars(select(LineageOperation).where(LineageOperation.upload_id == upload_id)))
