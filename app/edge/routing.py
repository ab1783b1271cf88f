"""The one path of every request: guard, parameter names, body, idempotency, handler, reply kept, commit, answer.

A route class does this in a fixed order, so that no handler can get it wrong: nobody's body is read before the guard
has let them in, and nothing is answered before it is committed.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, TypeVar

import anyio.to_thread
from fastapi import APIRouter, Depends
from fastapi._compat import ModelField
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from app.edge.bodies import JsonBody, Uploads
from app.edge.idempotency import Claim, claim, store_reply, stored_reply
from app.edge.responses import if_match_was_checked, with_etag
from app.errors import BadRequest

_READS = {"GET", "HEAD"}
_SUCCESS = range(200, 300)
Kind = TypeVar("Kind")


class Named(Protocol):
    """Whoever acts, as far as the edge needs to know."""

    @property
    def name(self) -> str:
        """Unique among those who act."""
        ...


class Guard(ABC):
    """A dependency that decides who may pass. Every route has exactly one."""

    @abstractmethod
    def admit(self, request: Request) -> Named | None:
        """Who acts. Raises ``Unauthorised`` or ``Forbidden``; runs in a thread, before anything is read."""

    @abstractmethod
    def record(self, request: Request, session: Session, response: Response) -> None:
        """Called in the transaction of a write that succeeded."""


class Public(Guard):
    """Anyone may pass."""

    def admit(self, request: Request) -> Named | None:  # noqa: ARG002  the guard's signature
        """Nobody in particular."""
        return None

    def record(self, request: Request, session: Session, response: Response) -> None:
        """Nobody to name."""

    async def __call__(self) -> None:
        """For FastAPI's ``Depends``."""


public = Depends(Public())


async def _session(request: Request) -> Session:
    session = request.state.session
    assert isinstance(session, Session)  # noqa: S101  the route opened it
    return session


SessionDep = Annotated[Session, Depends(_session)]
"""The request's one transaction: committed before the answer leaves, rolled back when anything is raised."""


def _flat(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for dependency in dependant.dependencies:
        yield from _flat(dependency)


def _at_most_one(found: list[Kind], what: str, path: str) -> Kind | None:
    if any(other is not found[0] for other in found):
        raise RuntimeError(f"{path} has more than one {what}")
    return found[0] if found else None


@dataclass(frozen=True)
class _Plan:
    """What a route's dependencies ask for, read once when the route is made."""

    guard: Guard
    body: JsonBody[Any] | Uploads | None
    names: frozenset[str]


def _plan(route: APIRoute) -> _Plan:
    if route.body_field is not None:
        raise RuntimeError(f"{route.path} declares a FastAPI body, which is read before the guard: use JsonBody")
    calls: list[object] = [item.call for item in _flat(route.dependant)]
    guard = _at_most_one([call for call in calls if isinstance(call, Guard)], "guard", route.path)
    if guard is None:
        raise RuntimeError(f"{route.path} has no guard: require(Role.…) or public")
    body = _at_most_one([call for call in calls if isinstance(call, JsonBody | Uploads)], "body", route.path)
    names = {name for item in _flat(route.dependant) for field in item.query_params for name in _query_names(field)}
    return _Plan(guard, body, frozenset(names) | (body.query_names if isinstance(body, Uploads) else frozenset()))


def _query_names(field: ModelField) -> Iterator[str]:
    """A parameter's name; a query model's names."""
    model = field.field_info.annotation
    if isinstance(model, type) and issubclass(model, BaseModel):
        for name, info in model.model_fields.items():
            yield info.alias or name
    else:
        yield field.alias


class Route(APIRoute):
    """A route with a guard, strict parameters, a counted body, idempotent writes and entity tags."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The request's path, around FastAPI's own handler."""
        handler = super().get_route_handler()
        plan = _plan(self)
        if plan.body is not None:
            self.openapi_extra = {"requestBody": plan.body.openapi(), **(self.openapi_extra or {})}

        async def run(request: Request) -> Response:
            request.state.actor = await anyio.to_thread.run_sync(plan.guard.admit, request)
            check_names(request, plan.names)
            stack: AsyncExitStack = request.scope["fastapi_function_astack"]
            digest = b""
            if plan.body is not None:
                request.state.body, digest = await plan.body.receive(request, stack)
            session = await stack.enter_async_context(_transaction(request))
            request.state.session = session
            if request.method in _READS:
                return with_etag(request, await handler(request))
            return await self._write(request, session, handler, plan, digest)

        return run

    @staticmethod
    async def _write(
        request: Request,
        session: Session,
        handler: Callable[[Request], Coroutine[Any, Any, Response]],
        plan: _Plan,
        digest: bytes,
    ) -> Response:
        claimed = _claim(request, digest)
        if claimed is not None:
            reply = await anyio.to_thread.run_sync(stored_reply, session, claimed)
            if reply is not None:
                return reply
        response = await handler(request)
        if request.headers.get("if-match", "*") != "*" and not if_match_was_checked(request):
            # The client relies on a condition that nothing has looked at.
            raise BadRequest("if_match_unsupported", parameter="If-Match")
        if response.status_code in _SUCCESS:
            await anyio.to_thread.run_sync(plan.guard.record, request, session, response)
            if claimed is not None:
                await anyio.to_thread.run_sync(store_reply, session, claimed, response)
        else:
            # A refusal that was returned and not raised stores nothing either.
            await anyio.to_thread.run_sync(session.rollback)
        return response


def check_names(request: Request, names: frozenset[str]) -> None:
    """Raise ``BadRequest`` for a query parameter that the route does not know, or that no database can store."""
    for name, value in request.query_params.multi_items():
        if name not in names:
            raise BadRequest("parameter_unknown", parameter=name, name=name)
        if "\0" in value:
            raise BadRequest("value_not_storable", parameter=name)
    for name, value in request.path_params.items():
        if "\0" in str(value):
            raise BadRequest("value_not_storable", parameter=name)


def _claim(request: Request, digest: bytes) -> Claim | None:
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    actor = request.state.actor
    name = actor.name if actor is not None else ""
    # Not request.url, which a Host header can bend.
    address = request.scope["path"].encode("utf-8", "surrogateescape")
    return claim(name, key, request.method.encode(), address, request.scope["query_string"], digest)


@asynccontextmanager
async def _transaction(request: Request) -> AsyncIterator[Session]:
    """One transaction, begun by the first statement. A read sees one snapshot and cannot write."""
    state = request.app.state
    session = Session(state.read_engine if request.method in _READS else state.engine, expire_on_commit=False)
    try:
        yield session
        if request.method not in _READS:
            await anyio.to_thread.run_sync(session.commit)
    finally:
        # Rolls back whatever was not committed, also when the request was cancelled. Where nothing was begun there is
        # nothing to wait for, and the way to a thread and back costs more than all else.
        if session.in_transaction():
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(session.close)
        else:
            session.close()


def allowed_methods(routers: Sequence[APIRouter], path: str) -> str:
    """The methods of every route at ``path``, for the header ``Allow``."""
    routes = [route for each in routers for route in each.routes if isinstance(route, Route)]
    found = {method for route in routes if route.path_regex.match(path) for method in route.methods or ()}
    return ", ".join(sorted(found | {"HEAD"} if "GET" in found else found))


def router(**options: Any) -> APIRouter:
    """A router whose routes are ``Route``."""
    return APIRouter(route_class=Route, redirect_slashes=False, **options)
