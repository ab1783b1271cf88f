"""The documents of hectares and pieces, as JSON and as rows of a table."""

from decimal import Decimal
from typing import Any

import orjson
from starlette.responses import Response

from app.edge import answer, public_url
from app.geometry import hectares as to_hectares
from app.inventory.schemas import parcel_path
from app.landbank.hectares.queries import PieceRow
from app.landbank.hectares.query import HectaresQuery, moment
from app.landbank.hectares.service import HectaresRow, HectaresTable, PiecePage
from app.landbank.hectares.telling import rows_in_json
from app.landbank.rules.schemas import rule_document

_NOTHING = "0.0000"
_FIGURES = ("hectares", "square_metres", "overlap_square_metres", "land_square_metres")


def plain(value: Decimal | None, places: int | None = None) -> str | None:
    """A decimal as text without an exponent, with ``places`` decimals where given; figures never pass a float."""
    if value is None:
        return None
    return format(value, "f" if places is None else f".{places}f")


def hectares_answer(table: HectaresTable) -> Response:
    """``GET /hectares`` as it is sent; where rows are at hand as columns, in one go."""
    query, figures = table.query, table.figures
    if isinstance(figures, list) or query.unit != "ha" or query.rounding != "none" or figures.is_odd:
        return answer(hectares_document(table))
    rows = rows_in_json(figures, table.names, table.links, public_url.get())
    return answer(hectares_document(table, rows))


def hectares_document(table: HectaresTable, rows: orjson.Fragment | None = None) -> dict[str, Any]:
    """``GET /hectares``: figures in text, codes in dimensions, every default that was filled in.

    ``rows``: the table's rows, where they are told already.
    """
    query = table.query
    return {
        "measure": query.measure,
        "by": list(query.by),
        "unit": query.unit,
        "as_of": query.as_of,
        **({} if query.is_stock else {"from": query.first_day, "to": query.last_day}),
        "known_at": moment(query.known_at),
        "boundaries": query.boundaries,
        "basis": table.basis,
        "rule": [rule_document(rule) for rule in table.rules],
        "rows": [_row(query, row) for row in table.rows] if rows is None else rows,
        "total": _row(query, table.total),
        "residual": plain(table.residual, 2),
        **({} if table.repeated is None else {"repeated_square_metres": plain(table.repeated, 4)}),
    }


def _row(query: HectaresQuery, row: HectaresRow) -> dict[str, Any]:
    hectares, metres, overlap, land = _figures(row)
    document: dict[str, Any] = {
        **dict(row.keys),
        "labels": {"zh": row.label.zh, "en": row.label.en},
        "hectares": hectares,
        "square_metres": metres,
        "overlap_square_metres": overlap,
        "land_square_metres": land,
    }
    if query.unit != "ha":
        document["value"] = plain(row.value)
    if row.printed is not None:
        document["printed"] = plain(row.printed)
    document["parcels"] = row.parcels
    document["links"] = [{"rel": "parcels", "href": row.href}]
    return document


def _figures(row: HectaresRow) -> tuple[str, str, str, str]:
    """The figures that every row has, in the order of ``_FIGURES``."""
    metres = _text(row.e4, 4)
    if not row.overlap_e4:
        return _text(row.e4, 8), metres, _NOTHING, metres
    return _text(row.e4, 8), metres, _text(row.overlap_e4, 4), _text(row.e4 - row.overlap_e4, 4)


def _text(number: int, places: int) -> str:
    """A whole number of the last place, with that many places. There are thousands: most do without ``Decimal``."""
    digits = str(number)
    if number < 0 or len(digits) <= places:
        return plain(Decimal(number).scaleb(-places)) or ""
    return f"{digits[:-places]}.{digits[-places:]}"


def hectares_cells(table: HectaresTable) -> tuple[list[str], list[list[object]]]:
    """Columns and rows for CSV: the rows, then the total, which alone has the residual of rounding."""
    query = table.query
    extra = [*(["value"] if query.unit != "ha" else []), *(["printed"] if query.rounding != "none" else [])]
    columns = [*query.by, "label_zh", "label_en", *_FIGURES, *extra, "parcels", "residual"]
    rows: list[list[object]] = []
    for row in (*table.rows, table.total):
        keys = dict(row.keys)
        figures = [plain(getattr(row, name)) for name in extra]
        rows.append(
            [
                *(keys.get(name) for name in query.by),
                row.label.zh,
                row.label.en,
                *_figures(row),
                *figures,
                row.parcels,
                plain(table.residual, 2) if row is table.total else None,
            ]
        )
    return columns, rows


def pieces_document(query: HectaresQuery, page: PiecePage, next_href: str | None) -> dict[str, Any]:
    """``GET /parcels``: the pieces behind a figure."""
    links = [] if next_href is None else [{"rel": "next", "href": next_href}]
    return {
        "measure": query.measure,
        "as_of": query.as_of,
        "known_at": moment(query.known_at),
        "parcels": [_piece(piece) for piece in page.pieces],
        "cursor": page.cursor,
        "links": links,
    }


PIECE_COLUMNS = (
    "code", "version", "event", "date", "programme", "project", "category", "subcategory", "district", "sub_district",
    "community", "square_metres", "hectares",
)  # fmt: skip


def pieces_cells(page: PiecePage) -> list[list[object]]:
    """The pieces of a page as rows of a table, in the order of ``PIECE_COLUMNS``."""
    return [[document[name] for name in PIECE_COLUMNS] for document in map(_piece, page.pieces)]


def _piece(piece: PieceRow) -> dict[str, Any]:
    return {
        "code": piece.code,
        "version": piece.version,
        "event": piece.event,
        "date": piece.date,
        "programme": piece.programme,
        "project": piece.project,
        "category": piece.category,
        "subcategory": piece.subcategory,
        "district": piece.district,
        "sub_district": piece.sub_district,
        "community": piece.community,
        "square_metres": plain(piece.square_metres, 4),
        "hectares": plain(to_hectares(piece.square_metres), 8),
        "links": [
            {"rel": "history", "href": parcel_path(piece.code, "history")},
            {"rel": "events", "href": parcel_path(piece.code, "events")},
        ],
    }
