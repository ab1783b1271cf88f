"""What an upload of parcels brings, row by row: what is new, and what changes from what to what, on the map too."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.db import Publication
from app.sql import Query
from app.uploads.models import Upload
from app.uploads.options import PARCEL_COLLECTIONS
from app.uploads.states import COMMITTABLE

FATES = ("new", "changed", "unchanged")
PAGE, MAX_PAGE = 100, 1000
_OURS = frozenset(
    {
        "row", "upload_row", "upload_id", "version", "source_crs", "method", "recorded_from", "recorded_to",
        "part_of_id", "retired", "declared_e4", "document_e4", "plane_e4", "ellipsoidal_e4", "level", "parent_code",
        "valid_from", "boundary_role", "stage", "key", "batch", "kind", "event", "document_type", "document_number",
        "document_date", "document_issuer", "code", "effective_date",
    }
)  # fmt: skip
"""Columns that say how a row was kept, or what comes with it, and not what the parcel is."""


@dataclass(frozen=True)
class Row:
    """A row of ``staged_rows.sql`` or ``stored_rows.sql``."""

    row: int
    code: str
    fate: str
    before: dict[str, Any] | None
    after: dict[str, Any]
    outline_before: dict[str, Any] | None
    outline_after: dict[str, Any] | None


_STAGED = Query("app.uploads", "staged_rows.sql", Row)
_STORED = Query("app.uploads", "stored_rows.sql", Row)


def rows(session: Session, upload: Upload, *, fate: str | None, after: int, limit: int) -> list[Row]:
    """A page of an upload's rows, from what is staged or from what was stored; none for other collections."""
    if upload.collection not in PARCEL_COLLECTIONS:
        return []
    asked = {"upload_id": upload.id, "fate": fate, "after_row": after, "page": min(limit, MAX_PAGE)}
    if upload.state in COMMITTABLE:
        return _STAGED.all(session, **asked)
    if upload.publication_id is None:
        return []
    made = session.get_one(Publication, upload.publication_id)
    return _STORED.all(session, **asked, recorded_at=made.recorded_at)


def document(row: Row) -> dict[str, Any]:
    """A row as answered: each field that changes with what it was and what it becomes, as text."""
    before, after = _flat(row.before), _flat(row.after)
    names = sorted((before.keys() | after.keys()) - _OURS)
    changes = {
        name: {"before": _text(before.get(name)), "after": _text(after.get(name))}
        for name in names
        if _text(before.get(name)) != _text(after.get(name))
    }
    return {
        "row": row.row,
        "code": row.code,
        "fate": row.fate,
        "fields": changes,
        "outline": {"before": row.outline_before, "after": row.outline_after} if row.outline_after else None,
    }


def _flat(said: dict[str, Any] | None) -> dict[str, Any]:
    """Our fields by name, and the file's other columns as ``attributes.NAME``."""
    ours = dict(said or {})
    return ours | {f"attributes.{name}": value for name, value in ours.pop("attributes", {}).items()}


def _text(value: object) -> str | None:
    if value is None:
        return None
    return f"{value:.4f}" if isinstance(value, float) else str(value)
