"""What people are told over HTTP: every error becomes an RFC 9457 problem, in Chinese and English, in one place."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    LandbankError,
    NotAllowed,
    NotFound,
    TooLarge,
    Unauthorised,
    Unavailable,
)
from app.expected import expected

PROBLEM_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5
_NOT_ALLOWED = 405
request_id: ContextVar[str] = ContextVar("request_id", default="")

TITLES_ZH: Mapping[int, str] = {
    400: "请求有误",
    401: "需要密钥",
    403: "权限不足",
    404: "不存在",
    405: "不支持该方法",
    409: "状态冲突",
    412: "已被他人修改",
    413: "内容过大",
    415: "不支持的内容类型",
    422: "数据被拒绝",
    500: "服务内部错误",
    503: "暂时无法服务",
}


def problem_document(error: LandbankError, *, language: str = "zh", instance: str | None = None) -> dict[str, Any]:
    """The problem of ``error``; ``language`` chooses title and detail, ``messages`` always has both."""
    messages = error.messages
    told = messages.en if language == "en" else messages.zh
    title = HTTPStatus(error.status).phrase if language == "en" else TITLES_ZH[error.status]
    document: dict[str, Any] = {
        "type": f"urn:landbank:problem:{error.code}",
        "title": title,
        "status": error.status,
        "detail": f"{told.what} {told.do}".strip(),
    }
    if instance:
        document["instance"] = instance
    document["code"] = error.code
    if error.parameter is not None:
        document["parameter"] = error.parameter
    document["messages"] = {
        "zh": {"what": messages.zh.what, "do": messages.zh.do},
        "en": {"what": messages.en.what, "do": messages.en.do},
    }
    # What the error adds never replaces what every problem has.
    return document | {name: value for name, value in error.extra.items() if name not in document}


def preferred_language(accept_language: str) -> str:
    """``zh`` or ``en`` by the weights of an Accept-Language header; Chinese where nothing is asked."""
    best, weight = "zh", 0.0
    for item in accept_language.split(","):
        tag, _, parameters = item.strip().partition(";")
        language = tag.strip().lower().split("-")[0]
        try:
            quality = float(parameters.partition("=")[2] or "1")
        except ValueError:
            continue
        if language in {"zh", "en"} and quality > weight:
            best, weight = language, quality
    return best


def problem_response(request: Request, error: LandbankError, headers: Mapping[str, str] | None = None) -> Response:
    """The answer that tells ``error``."""
    language = preferred_language(request.headers.get("accept-language", ""))
    document = problem_document(error, language=language, instance=f"urn:uuid:{request_id.get()}")
    response = Response(orjson.dumps(document, default=str), error.status, media_type=PROBLEM_TYPE)
    response.headers["Content-Language"] = language
    response.headers["Vary"] = "Accept-Language"
    response.headers["Cache-Control"] = "no-store"
    if isinstance(error, Unauthorised):
        response.headers["WWW-Authenticate"] = 'Basic realm="landbank", charset="UTF-8"'
    if isinstance(error, Unavailable):
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    response.headers.update(headers or {})
    return response


class Unforeseen(LandbankError):
    """A defect of ours. The id finds the log entry, which alone says more."""


def from_database(error: Exception) -> LandbankError:
    """What a failure of the database means to the person; never its SQL, which only the log has."""
    state = _sqlstate(error)
    if state == "42501":
        return Forbidden("append_only")
    if state in {"42P01", "42703"}:
        return Unavailable("database_not_migrated")
    if isinstance(error, OperationalError | InterfaceError | PoolTimeout):
        return Unavailable("database_unavailable")
    if isinstance(error, IntegrityError):
        return Conflict("conflicting_change")
    if isinstance(error, DataError):
        return BadRequest("value_not_storable")
    return Unforeseen("unforeseen", id=request_id.get())


def _sqlstate(error: BaseException | None) -> str | None:
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None)
        return state if isinstance(state, str) else None
    return None


def from_validation(error: Mapping[str, Any]) -> BadRequest:
    """The first thing that Pydantic found wrong. Its input is not repeated: it may be a secret."""
    names = [str(part) for part in error["loc"] if part not in {"query", "path", "body", "header"}]
    name = ".".join(names) or "body"
    if error["type"] == "missing":
        return BadRequest("parameter_missing", parameter=name, name=name)
    if error["type"] == "extra_forbidden":
        return BadRequest("parameter_unknown", parameter=name, name=name)
    told = expected(error)
    return BadRequest("parameter_invalid", parameter=name, name=name, reason_zh=told.zh.what, reason_en=told.en.what)


def from_http(error: HTTPException) -> LandbankError:
    """The framework's own refusals in our words."""
    match error.status_code:
        case 404:
            return NotFound("no_such_address")
        case 405:
            return NotAllowed("method_not_allowed")
        case 413:
            return TooLarge("body_too_large", limit="?")
        case _:
            return BadRequest("request_malformed")


def install(app: FastAPI, allowed: Callable[[str], str]) -> None:
    """Render every foreseen error as a problem; the middleware renders the others.

    ``allowed`` names the methods of a path: the framework knows those of its first route only.
    """

    async def landbank(request: Request, error: Exception) -> Response:
        assert isinstance(error, LandbankError)  # noqa: S101  registered for this class only
        return problem_response(request, error)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101  registered for this class only
        return problem_response(request, from_validation(error.errors()[0]))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101  registered for this class only
        headers = {"Allow": allowed(request.scope["path"])} if error.status_code == _NOT_ALLOWED else error.headers
        return problem_response(request, from_http(error), headers)

    app.add_exception_handler(LandbankError, landbank)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
