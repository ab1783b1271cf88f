"""Recognition rules as sent and as answered."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from app.landbank.events.schemas import MAX_TEXT, DocumentType
from app.landbank.models import RecognitionRule as Rule

CODE = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
Programme = Literal["renewal", "consolidation"]
Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT, pattern=r"^[^\x00]*\S[^\x00]*$")]
Year = Annotated[int, Field(ge=1900, le=2100, strict=True)]


def _once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Sorted, so that two lists of the same things are the same rule."""
    return tuple(sorted(set(values)))


class RuleIn(BaseModel):
    """``POST /rules``: a new rule, or a new version of one. It replaces what holds for its programmes and years.

    A bank entry counts when its document is of one of ``document_types`` and when, by the day that it counts on, its
    parcel has live events of every type in ``required_events`` and documents of every type in ``required_documents``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: str = Field(pattern=CODE, max_length=100)
    name_zh: Text
    name_en: Text
    programmes: Annotated[tuple[Programme, ...], Field(min_length=1), AfterValidator(_once)]
    document_types: Annotated[tuple[DocumentType, ...], Field(min_length=1), AfterValidator(_once)]
    required_events: Annotated[tuple[Literal["handover", "supply"], ...], AfterValidator(_once)] = ()
    required_documents: Annotated[tuple[DocumentType, ...], AfterValidator(_once)] = ()
    date_field: Literal["document_date", "effective_date"] = "document_date"
    basis: Literal["declared", "document", "plane", "ellipsoidal"] = "ellipsoidal"
    category_at: Literal["entry", "report"] = "entry"
    from_year: Year | None = None
    to_year: Year | None = None

    @model_validator(mode="after")
    def _years(self) -> "RuleIn":
        if self.from_year is not None and self.to_year is not None and self.from_year > self.to_year:
            raise ValueError("from_year comes after to_year")
        return self

    def values(self) -> dict[str, Any]:
        """What a stored rule says, beside its programme and version."""
        return self.model_dump(exclude={"programmes"}) | {
            name: list(getattr(self, name)) for name in ("document_types", "required_events", "required_documents")
        }


def rule_document(rule: Rule) -> dict[str, Any]:
    """A recognition rule as answered; ``recorded_to`` is left out: it says what came later."""
    return {
        "code": rule.code,
        "version": rule.version,
        "programme": rule.programme,
        "labels": {"zh": rule.name_zh, "en": rule.name_en},
        "document_types": rule.document_types,
        "required_events": rule.required_events,
        "required_documents": rule.required_documents,
        "date_field": rule.date_field,
        "basis": rule.basis,
        "category_at": rule.category_at,
        "from_year": rule.from_year,
        "to_year": rule.to_year,
    }


def rules_document(rules: Iterable[Rule]) -> list[dict[str, Any]]:
    """``GET /rules``: each rule with when it was in force."""
    return [
        rule_document(rule) | {"recorded_from": rule.recorded_from, "recorded_to": rule.recorded_to} for rule in rules
    ]
