"""Answers: JSON, CSV that no spreadsheet can execute, ETags and preconditions."""

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from app.edge.links import with_absolute_links
from app.errors import PreconditionFailed, Unavailable

# Excel takes a cell for a formula when it starts with one of these; the full-width forms too, in Chinese locales.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")
_PLAIN_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


def answer(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer; decimals become strings, so that no figure passes through a float."""
    body = orjson.dumps(with_absolute_links(document), default=_as_text, option=orjson.OPT_NON_STR_KEYS)
    return Response(body, status, headers=headers, media_type="application/json")


def _as_text(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, frozenset | set):
        return sorted(value)
    return str(value)


def csv_safe(cell: str) -> str:
    """The cell as text: a leading apostrophe where a spreadsheet would take it for a formula."""
    if cell.startswith(_FORMULA_STARTS) and not _PLAIN_NUMBER.fullmatch(cell):
        return "'" + cell
    return cell


def csv_answer(columns: Sequence[str], rows: Iterable[Sequence[object]], filename: str) -> Response:
    """A CSV attachment: UTF-8 with a byte order mark, without which Excel shows Chinese as mojibake."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([csv_safe(name) for name in columns])
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(filename, safe='')}"}
    return Response(text.getvalue().encode("utf-8-sig"), headers=headers, media_type="text/csv; charset=utf-8")


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return format(value, "f")
    return csv_safe(str(value))


def file_answer(path: Path, filename: str, sha256: str) -> Response:
    """A kept file as an attachment: bytes that no browser opens in this site's name. Raises ``Unavailable``."""
    if not path.is_file():
        raise Unavailable("kept_file_missing", sha256=sha256)
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(filename, safe='')}",
        "ETag": f'"{sha256}"',
        "Content-Security-Policy": "sandbox",
    }
    return FileResponse(path, headers=headers, media_type="application/octet-stream")


def weak_etag(*parts: object) -> str:
    """A weak entity tag of anything that identifies a representation."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()
    return f'W/"{digest[:32]}"'


def body_etag(response: Response) -> str:
    """A weak entity tag of an answer's bytes."""
    return f'W/"{hashlib.sha256(response.body).hexdigest()[:32]}"'


def _matches(header: str, etag: str) -> bool:
    """Weak comparison (RFC 9110, 8.8.3.2)."""
    opaque = etag.removeprefix("W/")
    return header.strip() == "*" or opaque in {item.strip().removeprefix("W/") for item in header.split(",")}


def check_if_match(request: Request, etag: str) -> None:
    """Raise ``PreconditionFailed`` when the client changed another version than the present one."""
    request.state.if_match_checked = True
    header = request.headers.get("if-match")
    if header is not None and not _matches(header, etag):
        raise PreconditionFailed("changed_meanwhile")


def check_if_match_answer(request: Request, make: Callable[[], Response]) -> None:
    """The same against what a GET would answer now; ``make`` makes that answer, where there is a condition at all."""
    if "if-match" in request.headers:
        check_if_match(request, body_etag(make()))


def if_match_was_checked(request: Request) -> bool:
    """Whether the handler has looked at the condition."""
    return getattr(request.state, "if_match_checked", False)


def with_etag(request: Request, response: Response) -> Response:
    """A GET answer with its entity tag, or 304 when the client has it already."""
    if response.status_code != 200 or not getattr(response, "body", b""):  # noqa: PLR2004  OK
        return response
    etag = response.headers.get("etag")
    if etag is None:
        etag = response.headers["ETag"] = body_etag(response)
    header = request.headers.get("if-none-match")
    if header is None or not _matches(header, etag):
        return response
    kept = {name: response.headers[name] for name in ("etag", "vary", "cache-control") if name in response.headers}
    return Response(status_code=304, headers=kept)
