"""A parcel's history as one document: its versions, and its genealogy both ways."""

from typing import Any

from sqlalchemy.orm import Session

from app.inventory import queries
from app.inventory.schemas import history_document


def history(session: Session, code: str) -> dict[str, Any]:
    """Every version that was ever recorded, and every step that leads to the parcel and on. Raises ``NotFound``."""
    parcel = queries.parcel_by_code(session, code)
    versions = queries.versions_of(session, parcel)
    portions = queries.portions_of(session, [version.id for version in versions])
    return history_document(parcel, versions, portions, queries.genealogy(session, parcel))
