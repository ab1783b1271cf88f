"""A trial of a rule as sent and as answered."""

from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.geometry import hectares as to_hectares
from app.landbank.hectares.labels import Label
from app.landbank.hectares.query import moment
from app.landbank.rules.schemas import CODE, RuleIn
from app.landbank.rules.trial import Compared, Judged, Trial

OUTCOMES = {
    "both": Label("两种口径都计入", "Counted by both"),
    "only_current": Label("仅现行口径计入", "Counted by the rules in force only"),
    "only_tried": Label("仅试用口径计入", "Counted by the rule tried only"),
}
REASONS = {
    "retained": Label("留用地不入库", "Retained land is never banked"),
    "document_type": Label("依据文件类型不计", "Its document is of a type that does not count"),
    "event_missing": Label("缺少要求的事项", "An event that is required is missing"),
    "document_missing": Label("缺少要求的文件", "A document that is required is missing"),
    "other_year": Label("计入其他年度", "It counts in another year"),
    "square_metres": Label("面积口径不同", "Other square metres count"),
    "land_category": Label("用地类别不同", "It counts under another category"),
    "counted_on": Label("认定日期不同", "It counts on another day"),
}


class TrialIn(BaseModel):
    """``POST /rules/try``: a rule as for ``POST /rules``, or the code (and version) of one that was set."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: RuleIn | None = None
    code: str | None = Field(None, pattern=CODE, max_length=100)
    version: int | None = Field(None, ge=1, lt=2**31)
    year: int = Field(ge=1900, le=2100, strict=True)


def trial_document(found: Trial) -> dict[str, Any]:
    """What counts under the rules in force and under the rule tried, entry by entry, with totals."""
    return {
        "rule": found.rule.model_dump(),
        "year": found.year,
        "known_at": moment(found.known_at),
        "current": _size(found.current),
        "tried": _size(found.tried),
        "difference": _size(found.tried - found.current),
        "outcomes": [_outcome(found, name) for name in OUTCOMES],
        "entries": [_entry(found, one) for one in found.entries],
        "banked_twice": [{"parcel": one.parcel, "other": one.other} for one in found.twice],
    }


def _outcome(found: Trial, name: str) -> dict[str, Any]:
    those = [one for one in found.entries if one.outcome == name]
    label = OUTCOMES[name]
    return {
        "outcome": name,
        "labels": {"zh": label.zh, "en": label.en},
        "entries": len(those),
        "current": _size(sum((one.current.counted(found.year) for one in those), Decimal(0))),
        "tried": _size(sum((one.tried.counted(found.year) for one in those), Decimal(0))),
    }


def _entry(found: Trial, one: Compared) -> dict[str, Any]:
    current, tried = one.current.counted(found.year), one.tried.counted(found.year)
    return {
        "parcel": one.current.parcel,
        "event": one.current.event,
        "programme": one.current.programme,
        "outcome": one.outcome,
        "why": [{"code": code, "zh": REASONS[code].zh, "en": REASONS[code].en} for code in one.why],
        "current": _judged(one.current) | _size(current),
        "tried": _judged(one.tried) | _size(tried),
        "difference": _size(tried - current),
        "links": [{"rel": "events", "href": f"/parcels/{one.current.parcel}/events"}],
    }


def _judged(one: Judged) -> dict[str, Any]:
    return {"counts": one.counts, "on": one.counted_on, "basis": one.basis, "land_category": one.land_category} | {
        "missing": [*one.missing_events, *one.missing_documents]
    }


def _size(square_metres: Decimal) -> dict[str, str]:
    return {"hectares": f"{to_hectares(square_metres):.8f}", "square_metres": f"{square_metres:.4f}"}
