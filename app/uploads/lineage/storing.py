"""Writing an operation: versions of children, parts of land whose credit goes on, portions, and the links between."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from geoalchemy2 import WKBElement
from sqlalchemy import func, insert, inspect, select
from sqlalchemy.orm import Session

from app.db import Publication
from app.geometry import from_e4
from app.inventory.models import LineageLink, LineageOperation, Parcel, ParcelVersion, Portion
from app.uploads.lineage.drawing import Shape
from app.uploads.lineage.queries import FIGURES, Accounts, Standing
from app.uploads.lineage.sharing import Where, share

DRAWN, SHARED = "polygon", "shared"
"""How a version's square metres came about: measured from its polygon; or shared out from its parents'."""


@dataclass(frozen=True)
class Made:
    """A version that an operation made."""

    parcel_id: int
    version_id: int


def shared(source: Accounts, shapes: Sequence[Shape]) -> list[Accounts]:
    """The portions of one land shared out over its parts, figure by figure."""
    found: list[Accounts] = [{} for _ in shapes]
    for name, account in source.items():
        plane = name == "plane"
        weights = [{where: p if plane else e for where, p, e in shape.places} for shape in shapes]
        measured = [shape.plane if plane else shape.ellipsoidal for shape in shapes]
        for part, its in zip(found, share(account, weights, measured), strict=True):
            part[name] = its
    return found


def summed(sources: Sequence[Accounts]) -> Accounts:
    """The portions of several lands as those of one."""
    found: Accounts = {}
    for source in sources:
        for name, account in source.items():
            total = found.setdefault(name, {})
            for where, size in account.items():
                total[where] = total.get(where, 0) + size
    return found


def measured(shape: Shape) -> Accounts:
    """The portions of an outline as measured."""
    return {
        "plane": {where: plane for where, plane, _ in shape.places},
        "ellipsoidal": {where: ellipsoidal for where, _, ellipsoidal in shape.places},
    }


def insert_version(
    session: Session, publication: Publication, shape: Shape, accounts: Accounts, columns: Mapping[str, Any], srid: int
) -> Made:
    """A version with its portions; ``columns`` are those that neither outline nor portions tell."""
    parcel_id = columns["parcel_id"]
    newest = session.execute(select(func.max(ParcelVersion.version)).where(ParcelVersion.parcel_id == parcel_id))
    sizes = {f"{name}_square_metres": _whole(accounts, name) for name in FIGURES}
    row = {
        **columns,
        "version": 1 + (newest.scalar_one() or 0),
        "geom": WKBElement(bytes.fromhex(shape.wkb), srid=srid),
        "content_sha256": b"",
        "recorded_from": publication.recorded_at,
        **sizes,
    }
    version_id = session.execute(insert(ParcelVersion).values(row).returning(ParcelVersion.id)).scalar_one()
    places = sorted({where for account in accounts.values() for where in account}, key=str)
    session.execute(insert(Portion), [_portion(version_id, where, accounts, publication) for where in places])
    return Made(parcel_id, version_id)


def _whole(accounts: Accounts, name: str) -> Any:
    """A figure of the whole version: what its portions sum to in any one epoch."""
    account = accounts.get(name)
    if account is None:
        return None
    first = min(where.boundary_from for where in account) if account else None
    return from_e4(sum(size for where, size in account.items() if where.boundary_from == first))


def _portion(version_id: int, where: Where, accounts: Accounts, publication: Publication) -> dict[str, Any]:
    sizes = {
        f"{name}_square_metres": from_e4(accounts[name].get(where, 0)) if name in accounts else None for name in FIGURES
    }
    return {
        "parcel_version_id": version_id, **where._asdict(), **sizes, "recorded_from": publication.recorded_at
    }  # fmt: skip


def attributes_of(version: ParcelVersion) -> dict[str, Any]:
    """What a version tells beside its outline, its sizes and its origin."""
    left_out = {
        "id", "parcel_id", "version", "geom", "content_sha256", "recorded_from", "recorded_to", "upload_id",
        "upload_row", "part_of_id", "effective_date", *(f"{name}_square_metres" for name in FIGURES),
    }  # fmt: skip
    names = [column.key for column in inspect(ParcelVersion).column_attrs if column.key not in left_out]
    return {name: getattr(version, name) for name in names}


def insert_part(
    session: Session, publication: Publication, land: int, shape: Shape, accounts: Accounts, day: date, srid: int
) -> int:
    """The part of a land that one child carries on, as an account of its own."""
    whole = session.get_one(ParcelVersion, land)
    columns = attributes_of(whole) | {
        "parcel_id": whole.parcel_id, "effective_date": day, "method": SHARED, "part_of_id": whole.id
    }  # fmt: skip
    return insert_version(session, publication, shape, accounts, columns, srid).version_id


def identity(session: Session, code: str) -> int:
    """The id of the parcel of a code, made where nobody has it."""
    found = session.scalars(select(Parcel).where(Parcel.code == code)).one_or_none()
    if found is None:
        found = Parcel(code=code)
        session.add(found)
        session.flush()
    return found.id


def insert_links(
    session: Session, operation: LineageOperation, parent: Standing, rows: Sequence[tuple[int, int, Made]]
) -> None:
    """``rows``: a parent's land, the account that it goes on as, and the child that holds it."""
    session.execute(
        insert(LineageLink),
        [
            {
                "operation_id": operation.id,
                "parent_parcel_id": parent.parcel.id,
                "parent_version_id": land,
                "land_version_id": account,
                "child_parcel_id": child.parcel_id,
                "child_version_id": child.version_id,
            }
            for land, account, child in rows
        ],
    )
