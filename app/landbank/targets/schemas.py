"""Targets as sent and as answered."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.edge import weak_etag
from app.landbank.events.schemas import MAX_TEXT, DocumentId, DocumentIn, Remark
from app.landbank.models import Document, Target
from app.landbank.targets.nesting import Remainder

REST = {"zh": "其他（未列明）", "en": "Other (not named)"}
_SHOWN = ("version", "programme", "measure", "category", "sub_district", "year", "kind", "status", "comparator")


class TargetIn(BaseModel):
    """``POST /targets``: a new target, or a new version of one.

    Programme, measure, category, sub-district, year and kind tell targets apart. ``value`` is in ``unit``.
    ``document`` is an id or the document itself.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    programme: Literal["renewal", "consolidation"]
    measure: str = Field(pattern="^[a-z][a-z0-9_]*$", max_length=MAX_TEXT)
    category: str | None = Field(None, min_length=1, max_length=MAX_TEXT)
    sub_district: str | None = Field(None, min_length=1, max_length=MAX_TEXT)
    year: int = Field(ge=1900, le=2100)
    kind: Literal["city", "district_stretch"] = "city"
    status: Literal["provisional", "issued", "adjusted"]
    comparator: Literal[">=", "="] = ">="
    value: Decimal = Field(ge=0, lt=10**12, decimal_places=8, allow_inf_nan=False)
    unit: Literal["ha", "units", "10k_m2", "count"] = "ha"
    document: DocumentId | DocumentIn | None = None


@dataclass(frozen=True)
class TargetRow:
    """A target with its document, what it leaves beyond its children, and what to know about it.

    ``fate`` is new, changed or unchanged: what setting it did.
    """

    target: Target
    document: Document | None
    remainders: tuple[Remainder, ...] = ()
    remarks: tuple[Remark, ...] = ()
    fate: str = "unchanged"


def target_document(row: TargetRow, known_at: datetime | None = None) -> dict[str, Any]:
    """A target as answered; ``recorded_to`` is set once a newer version has replaced it, as known at a moment."""
    target, document = row.target, row.document
    ended = target.recorded_to
    if known_at is not None and ended is not None and ended > known_at:
        ended = None
    return {
        "id": target.id,
        **{name: getattr(target, name) for name in _SHOWN},
        "value": format(target.value, "f"),
        "unit": target.unit,
        "document": None
        if document is None
        else {name: getattr(document, name) for name in ("id", "type", "number", "date", "issuer")},
        "actor": target.actor,
        "upload_id": target.upload_id,
        "upload_row": target.upload_row,
        "recorded_from": target.recorded_from,
        "recorded_to": ended,
        "remainders": [remainder_document(rest) for rest in row.remainders],
        "findings": [remark.document() for remark in row.remarks],
        "links": [{"rel": "versions", "href": f"/targets/{target.id}/versions"}],
    }


def remainder_document(rest: Remainder) -> dict[str, Any]:
    """What a target leaves beyond its children: named for the report, never a category of its own."""
    return {
        "by": rest.by,
        "labels": REST,
        "targets": [one.id for one in rest.children],
        "value": format(rest.value, "f"),
    }


def target_etag(target: Target) -> str:
    """Tells a version of a target from every other: for ``If-Match``."""
    return weak_etag("target", target.id, target.version)
