"""Progress as answered, as JSON and as rows of a table."""

from collections.abc import Sequence
from typing import Any

from app.landbank.hectares.query import moment
from app.landbank.progress.forecast import Forecast
from app.landbank.progress.residuals import Residual
from app.landbank.progress.rules import card_rule_document
from app.landbank.progress.service import Progress, ProgressRow
from app.landbank.schemas import plain
from app.landbank.targets.schemas import REST, target_document


def progress_document(found: Progress) -> dict[str, Any]:
    """``GET /progress``: one row for each target of the year."""
    return {
        "year": found.year,
        "as_of": found.as_of,
        "known_at": moment(found.known_at),
        "card_rule": card_rule_document(found.card_rule),
        "rows": [_row(row, found) for row in found.rows],
    }


def _row(row: ProgressRow, found: Progress) -> dict[str, Any]:
    return {
        "target": target_document(row.known, found.known_at),
        "actual": plain(row.actual),
        "rate": plain(row.rate),
        "gap": plain(row.gap),
        "expected": plain(row.expected),
        "forecast": _forecast(row.forecast),
        "card": row.card,
        "residuals": [_residual(rest) for rest in row.residuals],
        "reason": None if row.reason is None else row.reason.document(),
        "links": [] if row.href is None else [{"rel": _rel(row.href), "href": row.href}],
    }


def _rel(href: str) -> str:
    return href.removeprefix("/").split("?")[0]


def _residual(rest: Residual) -> dict[str, Any]:
    return {
        "labels": REST,
        "named": rest.named,
        "target": plain(rest.target),
        "actual": plain(rest.actual),
        "links": [] if rest.href is None else [{"rel": "parcels", "href": rest.href}],
    }


def _forecast(found: Forecast | None) -> dict[str, Any] | None:
    if found is None:
        return None
    stages: list[dict[str, str | None]] = [
        {"stage": one.stage, **{name: plain(getattr(one, name)) for name in ("hectares", "low", "mid", "high")}}
        for one in found.stages
    ]
    sums = {name: plain(getattr(found, name)) for name in ("low", "mid", "high")}
    return {**sums, "method": dict(found.method), "stages": stages}


PROGRESS_COLUMNS = (
    "programme", "measure", "category", "sub_district", "year", "kind", "status", "comparator", "version", "value",
    "unit", "actual", "rate", "gap", "expected", "low", "mid", "high", "method", "card", "reason",
)  # fmt: skip


def progress_cells(rows: Sequence[ProgressRow]) -> list[list[object]]:
    """Progress as rows for CSV, in the order of ``PROGRESS_COLUMNS``."""
    return [
        [getattr(row.target, name) for name in PROGRESS_COLUMNS[:9]]
        + [plain(row.target.value), row.target.unit, *map(plain, (row.actual, row.rate, row.gap, row.expected))]
        + [plain(getattr(row.forecast, name, None)) for name in ("low", "mid", "high")]
        + [None if row.forecast is None else row.forecast.method["code"], row.card]
        + [None if row.reason is None else row.reason.code]
        for row in rows
    ]
