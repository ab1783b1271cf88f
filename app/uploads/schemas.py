"""The documents of uploads and findings, as CONTRACT has them."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from app.errors import message
from app.uploads import states
from app.uploads.models import Finding, Upload
from app.uploads.originals import file_links

COUNTS = ("read", "new", "changed", "unchanged", "missing", "refused")


class ChangeIn(BaseModel):
    """POST's parameters again, and decisions on findings. What is absent stays; null takes back what was stated."""

    model_config = ConfigDict(extra="forbid")

    collection: str | None = None
    crs: str | None = None
    encoding: str | None = None
    layer: str | None = None
    mapping: dict[str, Any] | str | None = None
    dry_run: bool | None = None
    on_existing: str | None = None
    scope: str | None = None
    rows: str | None = None
    commit: str | None = None
    name: str | None = None
    restrictive: bool | None = None
    slivers: str | None = None
    gap_width: float | None = None
    decisions: dict[str, Literal["accept", "refuse"]] | None = None


class UndoIn(BaseModel):
    """Nothing: an undo takes no parameters."""

    model_config = ConfigDict(extra="forbid")


class CommitIn(BaseModel):
    """``rows=good`` leaves the refused rows out, and says so for ever."""

    model_config = ConfigDict(extra="forbid")

    rows: Literal["all", "good"] | None = None


def progress_document(upload: Upload) -> dict[str, Any]:
    """How far an upload has come."""
    step, share = upload.position
    return {"id": upload.id, "state": upload.state, "step": step, "progress": share}


def upload_document(upload: Upload) -> dict[str, Any]:
    """``GET /uploads/{id}``."""
    counts = dict.fromkeys(COUNTS, 0) | upload.counts
    step, share = upload.position
    path = f"/uploads/{upload.id}"
    return {
        "id": upload.id,
        "state": upload.state,
        "step": step,
        "progress": share,
        "collection": upload.collection,
        "filename": upload.filename,
        "sha256": upload.sha256,
        "crs": upload.crs,
        "encoding": upload.encoding,
        "layer": upload.layer,
        "location": upload.location,
        "on_existing": upload.options["on_existing"],
        "scope": upload.options.get("scope"),
        "rows": upload.options["rows"],
        "dry_run": upload.options["dry_run"],
        "slivers": upload.options.get("slivers", "keep"),
        "gap_width": upload.options.get("gap_width"),
        "actor": upload.actor,
        "received_at": upload.received_at,
        "counts": {name: counts[name] for name in COUNTS},
        "findings": dict.fromkeys(("refuse", "warn", "note"), 0) | upload.finding_counts,
        "hectares_before": upload.hectares_before,
        "hectares_after": upload.hectares_after,
        "hectares": upload.hectares,
        "states": [{"state": one.state, "at": one.entered_at, "actor": one.actor} for one in upload.states],
        "commit_asked_by": upload.commit_asked_by,
        "suggested": upload.suggested,
        "links": [
            {"rel": "self", "href": path},
            {"rel": "findings", "href": f"{path}/findings"},
            {"rel": "rows", "href": f"{path}/rows"},
            *file_links(upload),
            *([{"rel": "refused", "href": f"{path}/refused"}] if counts["refused"] else []),
            *({"rel": name, "href": f"{path}/{name}"} for name in _possible(upload)),
        ],
    }


def _possible(upload: Upload) -> list[str]:
    if upload.underway:
        return ["events"]
    if upload.state in states.COMMITTABLE and not upload.options["dry_run"]:
        return ["commit"]
    return ["undo"] if upload.state == "committed" else []


def finding_document(finding: Finding) -> dict[str, Any]:
    """One finding; ``geometry`` is GeoJSON in CRS84."""
    texts = message(finding.code, **finding.parameters)
    return {
        "id": finding.id,
        "code": finding.code,
        "severity": finding.severity,
        "row": finding.row,
        "feature": finding.feature,
        "geometry": finding.geometry,
        "message": {"zh": texts.zh.what, "en": texts.en.what},
        "action": {"zh": texts.zh.do, "en": texts.en.do},
        "square_metres_before": _text(finding.square_metres_before),
        "square_metres_after": _text(finding.square_metres_after),
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)
