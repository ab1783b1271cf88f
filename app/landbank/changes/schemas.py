"""The explained difference as a document and as rows of a table."""

from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any

from app.geometry import hectares as to_hectares
from app.inventory.schemas import parcel_path
from app.landbank.changes.causes import CAUSES
from app.landbank.changes.queries import Happened, Published
from app.landbank.changes.rows import codes_of
from app.landbank.changes.service import Change, Explanation
from app.landbank.hectares.query import moment
from app.landbank.hectares.service import HectaresRow
from app.landbank.schemas import plain


def changes_document(found: Explanation) -> dict[str, Any]:
    """``GET /hectares/changes``: both answers row by row, causes summed up, and every change."""
    query = found.after.query
    return {
        "measure": query.measure,
        "by": list(query.by),
        "as_of": query.as_of,
        **({} if query.is_stock else {"from": query.first_day, "to": query.last_day}),
        "from_known": moment(found.before.query.known_at),
        "to_known": moment(query.known_at),
        "basis": {"before": found.before.basis, "after": found.after.basis},
        "rows": _rows(found),
        "total": _row(found.before.total, found.after.total, _explained(found, None)),
        "causes": _causes(found),
        "changes": [_change(found, change) for change in found.changes],
    }


def _rows(found: Explanation) -> list[dict[str, Any]]:
    before = {row.keys: row for row in found.before.rows}
    after = {row.keys: row for row in found.after.rows}
    # In the order of the later answer, then what is no longer there.
    return [_row(before.get(keys), after.get(keys), _explained(found, codes_of(keys))) for keys in after | before]


def _explained(found: Explanation, codes: tuple[str | None, ...] | None) -> Decimal:
    chosen = (
        change.difference
        for change in found.changes
        if (change.row.in_total if codes is None else change.row.codes == codes)
    )
    return sum(chosen, Decimal(0))


def _row(before: HectaresRow | None, after: HectaresRow | None, explained: Decimal) -> dict[str, Any]:
    shown = after or before
    assert shown is not None  # noqa: S101  a row of one of the two answers
    one = Decimal(0) if before is None else before.square_metres
    other = Decimal(0) if after is None else after.square_metres
    return dict(shown.keys) | {
        "labels": {"zh": shown.label.zh, "en": shown.label.en},
        "before": _size(one),
        "after": _size(other),
        "difference": _size(other - one),
        "explained": _size(explained),
    }


def _size(square_metres: Decimal) -> dict[str, str | None]:
    return {"hectares": plain(to_hectares(square_metres), 8), "square_metres": plain(square_metres, 4)}


def _causes(found: Explanation) -> list[dict[str, Any]]:
    counted = Counter(change.cause for change in found.changes)
    sizes: dict[str, Decimal] = defaultdict(Decimal)
    for change in found.changes:
        sizes[change.cause] += change.difference if change.row.in_total else Decimal(0)
    return [
        {"cause": name, "labels": {"zh": label.zh, "en": label.en}, "changes": counted[name]}
        | {"difference": _size(sizes[name])}
        for name, label in CAUSES.items()
        if name in counted
    ]


def _change(found: Explanation, change: Change) -> dict[str, Any]:
    label = CAUSES[change.cause]
    return {
        "cause": change.cause,
        "labels": {"zh": label.zh, "en": label.en},
        "parcel": change.parcel,
        "row": dict(zip(found.after.query.by, change.row.codes, strict=True)),
        "in_total": change.row.in_total,
        "event": None if change.event is None else _event(change.event),
        "publication": None if change.by is None else _publication(change.by),
        "before": _size(change.before),
        "after": _size(change.after),
        "difference": _size(change.difference),
        "links": [{"rel": rel, "href": parcel_path(change.parcel, rel)} for rel in ("history", "events")],
    }


def _event(event: Happened) -> dict[str, Any]:
    names = ("id", "type", "number", "date", "issuer")
    return {
        "id": event.id,
        "type": event.type,
        "effective_date": event.effective_date,
        "reverses": event.reverses_id,
        "reason": event.reason,
        "document": {name: getattr(event, f"document_{name}") for name in names},
    }


def _publication(by: Published) -> dict[str, Any]:
    return {
        "id": by.id,
        "recorded_at": moment(by.recorded_at),
        "actor": by.actor,
        "action": by.action,
        "subject": by.subject,
    }


_CELLS = ("event", "event_type", "effective_date", "document_type", "document_number", "document_date", "publication")


def changes_cells(found: Explanation) -> tuple[list[str], list[list[object]]]:
    """Columns and rows for CSV: one line for each change."""
    by = found.after.query.by
    sizes = ["square_metres_before", "square_metres_after", "square_metres_difference"]
    columns = ["cause", "parcel", *by, "in_total", *_CELLS, "recorded_at", "actor", *sizes]
    return columns, [
        [change.cause, change.parcel, *change.row.codes, change.row.in_total, *_told(change)]
        + [plain(size, 4) for size in (change.before, change.after, change.difference)]
        for change in found.changes
    ]


def _told(change: Change) -> list[object]:
    event, by = change.event, change.by
    names = ("id", "type", "effective_date", "document_type", "document_number", "document_date")
    told: list[object] = [None if event is None else getattr(event, name) for name in names]
    return told + ([None, None, None] if by is None else [by.id, moment(by.recorded_at), by.actor])
