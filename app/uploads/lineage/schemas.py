"""Splits, merges and boundary changes as sent and as answered."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.inventory.models import LineageOperation
from app.inventory.schemas import parcel_path
from app.landbank.events.schemas import MAX_TEXT, Credit, DocumentId, DocumentIn, Remark, credit_document
from app.landbank.models import Document

Code = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
Geometry = Annotated[dict[str, Any], Field(description="GeoJSON: a Polygon, a MultiPolygon, or a Feature of one")]
MOST = 1000
"""Parcels of one operation."""


class ChildIn(BaseModel):
    """A parcel that comes of a split or a merge. What is left out, it has from its parents."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: Code
    geometry: Geometry | None = None
    name: str | None = Field(None, max_length=MAX_TEXT)
    land_category: str | None = Field(None, min_length=1, max_length=MAX_TEXT)
    role: Literal["handover", "development", "retained"] | None = None
    project_code: str | None = Field(None, max_length=MAX_TEXT)
    cadastral_code: str | None = Field(None, max_length=MAX_TEXT)


class OperationIn(BaseModel):
    """What every operation has. ``effective_date`` is the document's date unless said otherwise."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    crs: str = Field("OGC:CRS84", min_length=1, max_length=MAX_TEXT, description="Of the geometries: EPSG:n")
    effective_date: date | None = None
    document: DocumentId | DocumentIn
    reason: str | None = Field(None, max_length=MAX_TEXT)


class SplitIn(OperationIn):
    """``POST /parcels/split``."""

    parent: Code
    children: list[ChildIn] = Field(min_length=2, max_length=MOST)


class MergeIn(OperationIn):
    """``POST /parcels/merge``. Without a geometry the child is the union of its parents."""

    parents: list[Code] = Field(min_length=2, max_length=MOST)
    child: ChildIn


class BoundaryIn(OperationIn):
    """``POST /parcels/{code}/boundary``. ``cause``: the land was surveyed anew, or the boundary itself changed."""

    geometry: Geometry
    cause: Literal["survey", "change"] = "change"


class UndoIn(BaseModel):
    """``POST /lineage/{id}/undo``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: str | None = Field(None, max_length=MAX_TEXT)


@dataclass(frozen=True)
class Member:
    """A parcel of an operation, in the version that it had or got; square metres are stored ones."""

    code: str
    version: int
    plane_square_metres: Decimal
    ellipsoidal_square_metres: Decimal


@dataclass(frozen=True)
class OperationRow:
    """An operation with everything that an answer tells of it."""

    operation: LineageOperation
    document: Document | None
    reversed_by: int | None
    parents: Sequence[Member]
    children: Sequence[Member]
    credits: Sequence[Credit]
    remarks: tuple[Remark, ...] = field(default=())


def operation_document(row: OperationRow) -> dict[str, Any]:
    """An operation as answered."""
    operation = row.operation
    return {
        "id": operation.id,
        "type": operation.type,
        "cause": operation.cause,
        "effective_date": operation.effective_date,
        "document": row.document
        and {name: getattr(row.document, name) for name in ("id", "type", "number", "date", "issuer")},
        "reason": operation.reason,
        "parents": [_member(one) for one in row.parents],
        "children": [
            _member(one) | {"credits": [credit_document(credit) for credit in row.credits if credit.parcel == one.code]}
            for one in row.children
        ],
        "difference_square_metres": str(operation.difference_square_metres),
        "reverses": operation.reverses_id,
        "reversed_by": row.reversed_by,
        "actor": operation.actor,
        "upload_id": operation.upload_id,
        "recorded_at": operation.recorded_at,
        "findings": [remark.document() for remark in row.remarks],
        "links": _links(row),
    }


def _links(row: OperationRow) -> list[dict[str, str]]:
    path = f"/lineage/{row.operation.id}"
    possible = [] if row.reversed_by or row.operation.type == "reversal" else [{"rel": "undo", "href": f"{path}/undo"}]
    return [{"rel": "self", "href": path}, *possible]


def _member(one: Member) -> dict[str, Any]:
    return {
        "code": one.code,
        "version": one.version,
        "plane_square_metres": str(one.plane_square_metres),
        "ellipsoidal_square_metres": str(one.ellipsoidal_square_metres),
        "links": [{"rel": "parcel", "href": parcel_path(one.code, "history")}],
    }
