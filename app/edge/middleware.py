"""Around every answer: a request id, security headers, one access-log line, metrics, and 500 for the unforeseen."""

import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.edge.events import HEAD
from app.edge.links import absolute_url, public_url
from app.edge.problems import Unforeseen, from_database, problem_response, request_id
from app.errors import LandbankError, Unavailable

log = structlog.get_logger("landbank.access")

API_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": API_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "private, no-cache",
}
CLIENT_GONE = 499


class Metrics:
    """Counts and durations by method, route and status; the route is its template, so that labels stay few."""

    def __init__(self) -> None:
        """Each application has its own registry."""
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "landbank_requests", "Answered requests", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "landbank_request_seconds", "Seconds from request to answer", ["method", "route"], registry=self.registry
        )


class Edge:
    """The outermost ASGI layer of ours."""

    def __init__(self, app: ASGIApp, metrics: Metrics, *, secure: bool, public: str = "") -> None:
        """``secure``: we speak TLS ourselves and may say so for good. ``public``: the address that others know."""
        self.app, self.metrics, self.public = app, metrics, public
        self.headers = SECURITY_HEADERS | (
            {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"} if secure else {}
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; anything but HTTP goes straight through."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        identity = str(uuid.uuid4())
        token = request_id.set(identity)
        public_url.set(self.public)
        started, answered = time.perf_counter(), _Answered()
        sender = self._sender(send, identity, answered)
        served = scope
        if scope["method"] == "HEAD":
            # HEAD is GET without its body, whatever the route.
            served, sender = {**scope, "method": "GET", HEAD: True}, _without_body(sender)
        try:
            await self._serve(served, receive, sender, answered)
        finally:
            request_id.reset(token)
            self._account(served, scope["method"], identity, answered.status, time.perf_counter() - started)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, answered: "_Answered") -> None:
        try:
            await self.app(scope, receive, send)
        except ClientDisconnect:
            answered.status = CLIENT_GONE
        except Exception as error:
            problem = foreseen(error)
            if problem.status == Unforeseen.status:
                log.exception("unforeseen", request_id=request_id.get())
            elif isinstance(problem, Unavailable):
                log.warning("unavailable", request_id=request_id.get(), kind=type(error).__name__)
            if answered.status:
                raise
            await problem_response(Request(scope), problem)(scope, receive, send)

    def _sender(self, send: Send, identity: str, answered: "_Answered") -> Callable[[Message], Awaitable[None]]:
        async def sender(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                answered.status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
                headers["X-Request-Id"] = identity
                if "location" in headers:
                    headers["Location"] = absolute_url(headers["location"])
            await send(message)

        return sender

    def _account(self, scope: Scope, method: str, identity: str, status: int, seconds: float) -> None:
        template = _template(scope)
        counted = method if template != "-" else "-"
        self.metrics.requests.labels(counted, template, str(status)).inc()
        self.metrics.seconds.labels(counted, template).observe(seconds)
        actor = scope.get("state", {}).get("actor")
        # The query is left out: a key pasted into an address must not stay in a log.
        log.info(
            "request",
            request_id=identity,
            method=method,
            path=scope["path"],
            status=status,
            milliseconds=round(seconds * 1000, 1),
            actor=getattr(actor, "name", None),
        )


def _without_body(send: Send) -> Send:
    async def sender(message: Message) -> None:
        if message["type"] == "http.response.body":
            message["body"] = b""
        await send(message)

    return sender


class _Answered:
    """The status that went out; 0 while none has."""

    status = 0


def _template(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", "-"))


def foreseen(error: Exception) -> LandbankError:
    """The problem that an exception is to the person who asked; our own errors were told before they come here."""
    if isinstance(error, SQLAlchemyError):
        return from_database(error)
    if isinstance(error, OSError) and error.errno == 28:  # noqa: PLR2004  ENOSPC
        return Unavailable("disk_nearly_full")
    return Unforeseen("unforeseen", id=request_id.get())
