"""Reading the inventory: a parcel's versions and events, projects and their boundaries."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.inventory.models import Parcel, ParcelVersion, Portion


def parcel_by_code(session: Session, code: str) -> Parcel:
    """The parcel of a code. Raises ``NotFound``."""
    parcel = session.scalars(select(Parcel).where(Parcel.code == code)).one_or_none()
    if parcel is None:
        raise NotFound("parcel_unknown", parameter="code", parcel=code)
    return parcel


def versions_of(session: Session, parcel: Parcel) -> list[ParcelVersion]:
    """Every version ever recorded, also those taken back, oldest first."""
    return list(
        session.scalars(
            select(ParcelVersion).where(ParcelVersion.parcel_id == parcel.id).order_by(ParcelVersion.version)
        )
    )


def portions_of(session: Session, version_ids: list[int]) -> list[Portion]:
    """The current portions of parcel versions."""
    return list(
        session.scalars(
            select(Portion)
            .where(Portion.parcel_version_id.in_(version_ids), Portion.recorded_to.is_(None))
            .order_by(Portion.parcel_version_id, Portion.id)
        )
    )
