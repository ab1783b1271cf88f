"""The service: settings in, an application out, and a server that serves it."""

import logging
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import structlog
import uvicorn
from fastapi import APIRouter, Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from app import __version__, auth
from app.auth import Actor, Role, require
from app.check.api import router as check
from app.db import make_engine
from app.edge import KeptAnswers, Route, allowed_methods, answer, public, router
from app.edge.docs import docs_page
from app.edge.middleware import PAGE_POLICY, Edge, Metrics
from app.edge.problems import install, problem_response
from app.edge.protocol import DeadlineProtocol
from app.errors import BadRequest, LandbankError, Unavailable, message
from app.inventory.api import router as inventory
from app.jobs import queue_state
from app.landbank.api import router as landbank
from app.landbank.changes.api import router as changes
from app.landbank.contiguous.api import router as contiguous
from app.landbank.hectares.facts import Newest
from app.landbank.progress.api import router as progress
from app.landbank.rules.api import router as recognition_rules
from app.landbank.scope.api import router as scope
from app.landbank.targets.api import router as targets
from app.reference.api import router as reference
from app.release import check_migrated
from app.settings import Settings
from app.uploads.api import router as uploads
from app.uploads.lineage.api import router as lineage
from app.uploads.mappings.api import router as mappings
from app.uploads.originals import router as originals
from app.uploads.registry.api import router as registry

MAX_CONNECTIONS = 512
LEFTOVER_SECONDS = 24 * 3600
GRACE_SECONDS = 20

service = router(tags=["service"])
Viewer = Annotated[Actor, Depends(require(Role.VIEWER))]


@service.get("/healthz", dependencies=[public])
def health() -> Response:
    """The process answers."""
    return answer({"status": "ok"})


@service.get("/readyz", dependencies=[public])
def readiness(request: Request) -> Response:
    """The database is there and of this release, and files can be written.

    A hint says whether a worker lives: without one, everything is served and large uploads wait.
    """
    settings: Settings = request.app.state.settings
    checks = {
        "database": _migrated(request.app.state.engine, settings.srid),
        "files": _writable(settings.files_path),
    }
    if set(checks.values()) != {"ok"}:
        return problem_response(request, Unavailable("not_ready", extra={"checks": checks}))
    with Session(request.app.state.read_engine) as session:
        worked = queue_state(session).workers > 0
    return answer({"status": "ok", "checks": checks, "hints": {"worker": "ok" if worked else "none"}})


def _migrated(engine: Any, srid: int) -> str:
    try:
        check_migrated(engine, srid)
    except LandbankError as error:
        return error.code
    except SQLAlchemyError:
        return "database_unavailable"
    return "ok"


def _writable(folder: Path) -> str:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return "ok"
    except OSError:
        return "not_writable"


@service.get("/metrics")
def metrics(request: Request, _actor: Viewer) -> Response:
    """Counts and durations for Prometheus."""
    return Response(generate_latest(request.app.state.metrics.registry), media_type=CONTENT_TYPE_LATEST)


@service.get("/openapi.json")
def openapi(request: Request, _actor: Viewer) -> Response:
    """The interface as an OpenAPI document."""
    return answer(request.app.openapi())


@service.get("/docs")
def docs(request: Request, _actor: Viewer) -> Response:
    """The interface as a page."""
    return _page(docs_page(request.app.openapi()), "text/html; charset=utf-8")


@service.get("/", dependencies=[public], include_in_schema=False)
def landing() -> Response:
    """What this is, in Chinese and English."""
    return _page(_file("landing.html"), "text/html; charset=utf-8")


@service.get("/static/landbank.css", dependencies=[public], include_in_schema=False)
def stylesheet() -> Response:
    """The pages' stylesheet."""
    return _page(_file("landbank.css"), "text/css; charset=utf-8")


def _file(name: str) -> str:
    return resources.files("app.edge").joinpath(name).read_text("utf-8")


def _page(text: str, media_type: str) -> Response:
    return Response(text, media_type=media_type, headers={"Content-Security-Policy": PAGE_POLICY})


ROUTERS: tuple[APIRouter, ...] = (
    service,
    auth.me,
    reference,
    inventory,
    landbank,
    changes,
    recognition_rules,
    targets,
    progress,
    scope,
    contiguous,
    lineage,
    uploads,
    check,
    originals,
    mappings,
    registry,
)


def create_app(settings: Settings, routers: Sequence[APIRouter] = ROUTERS) -> FastAPI:
    """The application on the database of ``settings``, which must name one."""
    if settings.database_url is None:
        told = message("expected_database_address")
        raise BadRequest(
            "setting_invalid",
            parameter="DATABASE_URL",
            name="DATABASE_URL",
            reason_zh=told.zh.what,
            reason_en=told.en.what,
        )
    configure_logging()
    app = FastAPI(
        title="Land bank",
        version=__version__,
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    metrics_of_app = Metrics()
    app.state.settings = settings
    app.state.metrics = metrics_of_app
    app.state.kept_answers = KeptAnswers()
    app.state.newest = Newest()
    app.state.closing = threading.Event()
    app.state.engine = make_engine(settings.database_url.get_secret_value())
    # A read sees one snapshot and cannot write, whatever its handler does.
    app.state.read_engine = app.state.engine.execution_options(
        isolation_level="REPEATABLE READ", postgresql_readonly=True
    )
    install(app, lambda path: allowed_methods(routers, path))
    app.add_middleware(
        Edge, metrics=metrics_of_app, secure=settings.tls_cert is not None, public=settings.public_url or ""
    )
    for each in routers:
        app.include_router(each)
    app.openapi = lambda: _openapi(app, routers)  # type: ignore[method-assign]  # FastAPI documents this way
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    _forget_leftovers(app.state.settings.home / "incoming")
    yield
    app.state.engine.dispose()


def _forget_leftovers(folder: Path) -> None:
    """Remove what killed processes left of uploads; nothing that may still be arriving elsewhere."""
    if not folder.is_dir():
        return
    for item in folder.iterdir():
        if time.time() - item.stat().st_mtime > LEFTOVER_SECONDS:
            shutil.rmtree(item, ignore_errors=True)


def _openapi(app: FastAPI, routers: Sequence[APIRouter]) -> dict[str, Any]:
    """FastAPI's document, with our keys, our problem instead of its 422, and the bodies' definitions in place."""
    if app.openapi_schema:
        return app.openapi_schema
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    components["securitySchemes"] = {
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "bearer": {"type": "http", "scheme": "bearer"},
        "basic": {"type": "http", "scheme": "basic"},
    }
    schemas["Problem"] = _PROBLEM
    problem = {"description": "A problem", "content": {"application/problem+json": {"schema": _REFERENCE}}}
    routes = [route for each in routers for route in each.routes if isinstance(route, Route)]
    open_to_all = {route.path for route in routes if public in route.dependencies}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = problem
            operation["security"] = [] if path in open_to_all else [{"key": []}, {"bearer": []}, {"basic": []}]
            for content in operation.get("requestBody", {}).get("content", {}).values():
                schemas |= content["schema"].pop("$defs", {})
    app.openapi_schema = document
    return document


_REFERENCE = {"$ref": "#/components/schemas/Problem"}
_TEXT = {"type": "object", "properties": {"what": {"type": "string"}, "do": {"type": "string"}}}
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "messages"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "code": {"type": "string"},
        "parameter": {"type": "string"},
        "messages": {"type": "object", "properties": {"zh": _TEXT, "en": _TEXT}},
    },
}


def configure_logging() -> None:
    """One JSON object per line on standard error; stack traces without local variables, which may be keys."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        # Looked up at each line: whoever captures standard error replaces it.
        logger_factory=lambda *_: structlog.WriteLogger(sys.stderr),
    )


class _Stopped(BaseException):
    """SIGTERM came and the server has finished; what follows cleans up."""


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise _Stopped


class _Server(uvicorn.Server):
    """Tells answers that go on for long when it is asked to stop: it would wait for them."""

    def __init__(self, config: uvicorn.Config, closing: threading.Event) -> None:
        super().__init__(config)
        self.closing = closing

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """On SIGINT and SIGTERM."""
        self.closing.set()
        super().handle_exit(sig, frame)


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM, let running requests end (at most 20 s), and return."""
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=DeadlineProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    )
    # uvicorn raises the signal that it caught again once it has finished; without a handler of ours SIGTERM would
    # end the process there, and the private database would not be stopped.
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        _Server(config, app.state.closing).run()
    except (KeyboardInterrupt, _Stopped):
        pass
    finally:
        signal.signal(signal.SIGTERM, before)
