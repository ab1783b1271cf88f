"""Projects and scope as answered."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from app.geometry import hectares
from app.landbank.hectares.query import moment
from app.landbank.scope.service import DIMENSIONS, ROLES, ScopeQuery, ScopeRow

_SIZES = (*ROLES, "taken_down")
_HECTARES_OF_ONE = Decimal(100)


def scope_document(query: ScopeQuery, rows: Sequence[ScopeRow], total: ScopeRow) -> dict[str, Any]:
    """``GET /projects``."""
    return {
        "known_at": moment(query.known_at),
        "by": list(query.by),
        "rows": [_row(query, row) for row in rows],
        "total": _row(query, total),
    }


def _row(query: ScopeQuery, row: ScopeRow) -> dict[str, Any]:
    """A row links to the projects that it counts, one by one."""
    asked = {name: getattr(query, name) for name in DIMENSIONS if getattr(query, name) is not None} | {
        name: value for name, value in row.keys if value is not None
    }
    texts = {name: str(value).lower() if isinstance(value, bool) else value for name, value in asked.items()}
    href = "/projects?" + urlencode(texts | {"by": "project", "known_at": moment(query.known_at)})
    return {
        **dict(row.keys),
        "projects": row.projects,
        "scope": {name: _size(getattr(row, name)) for name in _SIZES},
        "links": [{"rel": "projects", "href": href}],
    }


def _size(square_metres: Decimal) -> dict[str, str]:
    size = hectares(square_metres)
    return {
        "square_metres": format(square_metres, ".4f"),
        "hectares": format(size, ".8f"),
        "square_kilometres": format(size / _HECTARES_OF_ONE, ".10f"),
    }


def scope_cells(query: ScopeQuery, rows: Sequence[ScopeRow], total: ScopeRow) -> tuple[list[str], list[list[object]]]:
    """Columns and rows for CSV, the total last: hectares by boundary role."""
    columns = [*query.by, "projects", *(f"{name}_hectares" for name in _SIZES)]
    cells: list[list[object]] = []
    for row in (*rows, total):
        keys = dict(row.keys)
        sizes = [format(hectares(getattr(row, name)), ".8f") for name in _SIZES]
        cells.append([*(keys.get(name) for name in query.by), row.projects, *sizes])
    return columns, cells
