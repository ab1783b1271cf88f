"""Targets as sent and as answered."""

from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.landbank.events.schemas import MAX_TEXT, DocumentId, DocumentIn
from app.landbank.models import Document, Target


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


def target_document(target: Target, document: Document | None) -> dict[str, Any]:
    """A target as answered; ``recorded_to`` is set once a newer version has replaced it."""
    return {
        "id": target.id,
        "version": target.version,
        "programme": target.programme,
        "measure": target.measure,
        "category": target.category,
        "sub_district": target.sub_district,
        "year": target.year,
        "kind": target.kind,
        "status": target.status,
        "comparator": target.comparator,
        "value": format(target.value, "f"),
        "unit": target.unit,
        "document": None
        if document is None
        else {
            "id": document.id,
            "type": document.type,
            "number": document.number,
            "date": document.date,
            "issuer": document.issuer,
        },
        "actor": target.actor,
        "recorded_from": target.recorded_from,
        "recorded_to": target.recorded_to,
    }
