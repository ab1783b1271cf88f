"""Documents and events as sent and as answered."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.errors import message
from app.inventory.schemas import links_of_origin, parcel_path
from app.landbank.events.figures import Figures, figures_document
from app.landbank.models import Document, LandEvent

EventType = Literal["bank_entry", "bank_exit", "supply", "handover", "reversal"]
DocumentType = Literal[
    "handover_confirmation", "survey_report", "grant_contract", "allocation_decision", "approval", "other"
]
MAX_TEXT = 500
MAX_SUPPORTING = 20
DocumentId = Annotated[int, Field(ge=1, lt=2**63)]


class DocumentIn(BaseModel):
    """The fields of ``POST /documents`` beside the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: DocumentType
    number: str = Field(min_length=1, max_length=MAX_TEXT)
    date: date
    issuer: str | None = Field(None, min_length=1, max_length=MAX_TEXT)


class EventIn(BaseModel):
    """``POST /events``. ``document`` is the id of an evidence document, or the document itself.

    ``supporting``: further documents beside it, such as the survey of a handover.
    A reversal names the event that it ``reverses``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: EventType
    parcel: str | None = Field(None, min_length=1, max_length=MAX_TEXT)
    effective_date: date | None = None
    document: DocumentId | DocumentIn
    supporting: Annotated[tuple[DocumentId | DocumentIn, ...], Field(max_length=MAX_SUPPORTING)] = ()
    kind: Literal["grant", "allocation"] | None = None
    reverses: int | None = Field(None, ge=1, lt=2**63)
    reason: str | None = Field(None, max_length=MAX_TEXT)


@dataclass(frozen=True)
class Remark:
    """Something to know about what was recorded all the same: ``warn`` or ``note``."""

    severity: str
    code: str
    values: tuple[tuple[str, str], ...] = ()

    def document(self) -> dict[str, Any]:
        """The remark with its texts."""
        told = message(self.code, **dict(self.values))
        return {
            "severity": self.severity,
            "code": self.code,
            "message": {"zh": told.zh.what, "en": told.en.what},
            "action": {"zh": told.zh.do, "en": told.en.do},
        }


@dataclass(frozen=True)
class DocumentRow:
    """A document with its newest file."""

    document: Document
    file_sha256: str | None
    filename: str | None


@dataclass(frozen=True)
class EventRow:
    """An event with its parcel's code, its documents, the event that reversed it, and what it counts."""

    event: LandEvent
    parcel: str
    version: int
    document: DocumentRow
    reversed_by: int | None
    supporting: tuple[DocumentRow, ...]
    figures: Figures


@dataclass(frozen=True)
class Credit:
    """What a parcel has or had in the bank by one entry, which a parent may have made: see ``credits.sql``."""

    parcel: str
    event: int
    entered_as: str
    entered_on: date
    land_category: str
    held_from: date
    held_to: date | None
    square_metres: Decimal


def event_document(row: EventRow, remarks: tuple[Remark, ...] = ()) -> dict[str, Any]:
    """An event as answered."""
    event = row.event
    return {
        "id": event.id,
        "type": event.type,
        "parcel": row.parcel,
        "version": row.version,
        "land_category": event.land_category,
        "effective_date": event.effective_date,
        "document": _paper(row.document),
        "supporting": [_paper(paper) for paper in row.supporting],
        **figures_document(row.figures),
        "kind": event.kind,
        "reverses": event.reverses_id,
        "reversed_by": row.reversed_by,
        "reason": event.reason,
        "actor": event.actor,
        "upload_id": event.upload_id,
        "upload_row": event.upload_row,
        "recorded_at": event.recorded_at,
        "findings": [remark.document() for remark in remarks],
        "links": [
            {"rel": "parcel", "href": parcel_path(row.parcel, "history")},
            {"rel": "document", "href": f"/documents/{row.document.document.id}"},
            *links_of_origin(event.upload_id),
        ],
    }


def _paper(row: DocumentRow) -> dict[str, Any]:
    names = ("id", "type", "number", "date", "issuer")
    return {name: getattr(row.document, name) for name in names} | {
        "file_sha256": row.file_sha256,
        "filename": row.filename,
    }


def document_document(row: DocumentRow, remarks: tuple[Remark, ...] = ()) -> dict[str, Any]:
    """A document as answered."""
    found = row.document
    return {
        "id": found.id,
        "type": found.type,
        "number": found.number,
        "date": found.date,
        "issuer": found.issuer,
        "file_sha256": row.file_sha256,
        "filename": row.filename,
        "recorded_at": found.recorded_at,
        "findings": [remark.document() for remark in remarks],
        "links": [
            {"rel": "self", "href": f"/documents/{found.id}"},
            *([{"rel": "file", "href": f"/documents/{found.id}/file"}] if row.file_sha256 else []),
        ],
    }


def credit_document(credit: Credit) -> dict[str, Any]:
    """What a parcel has in the bank by one entry."""
    return {
        "event": credit.event,
        "entered_as": credit.entered_as,
        "entered_on": credit.entered_on,
        "land_category": credit.land_category,
        "held_from": credit.held_from,
        "held_to": credit.held_to,
        "square_metres": str(credit.square_metres),
    }
