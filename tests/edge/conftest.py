"""The whole application on a real database, with a few routes of the tests' own, and one key per role."""

import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, SecretStr
from sqlalchemy import Engine, text
from starlette.responses import Response, StreamingResponse
from starlette.testclient import TestClient

from app.auth import Actor, Role, add_key, add_user, audit, disable_user, require, revoke_key
from app.db import make_engine, unit_of_work
from app.edge import JsonBody, Received, SessionDep, Uploads, answer, check_if_match, public, router
from app.main import ROUTERS, create_app
from app.settings import Settings

ADMIN_KEY = "an administrator's key of enough length"
TESTER = Actor(None, "cli:tester", Role.ADMIN)
EDITOR = Depends(require(Role.EDITOR))


class Note(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: str = "untitled"
    hectares: Decimal = Decimal(0)


class Filter(BaseModel):
    sub_district: str | None = None
    limit: int = 10


def _probe() -> APIRouter:
    probe = router(prefix="/probe")

    @probe.get("/read", dependencies=[Depends(require(Role.VIEWER))])
    def read(query: Annotated[Filter, Query()], f: str = "json") -> Response:
        return answer({"limit": query.limit, "f": f, "hectares": Decimal("1.50")})

    @probe.get("/version", dependencies=[Depends(require(Role.VIEWER))])
    def version(request: Request) -> Response:
        check_if_match(request, 'W/"7"')
        return answer({"version": 7}, headers={"ETag": 'W/"7"'})

    @probe.post("/notes", status_code=201)
    def note(
        session: SessionDep, actor: Annotated[Actor, EDITOR], body: Annotated[Note, Depends(JsonBody(Note))]
    ) -> Response:
        # The audit trail stands for any effect of a write: one row each time it happens.
        audit(session, actor, "probe", body.title)
        return answer({"id": str(uuid.uuid4()), "title": body.title}, 201, {"Location": "/probe/notes/1"})

    @probe.post("/bare", dependencies=[EDITOR])
    def bare(session: SessionDep) -> Response:
        return answer({"one": session.execute(text("SELECT 1")).scalar_one()})

    @probe.post("/optional", dependencies=[EDITOR])
    def optional(body: Annotated[Note, Depends(JsonBody(Note, optional=True))]) -> Response:
        return answer({"title": body.title})

    @probe.post("/files", dependencies=[EDITOR])
    def files(received: Annotated[Received, Depends(Uploads("crs", "layer"))]) -> Response:
        found = [
            {"name": file.name, "text": file.path.read_bytes().decode(), "sha256": file.sha256, "size": file.size}
            for file in received.files
        ]
        return answer({"files": found, "form": received.form})

    _add_misbehaving(probe)
    return probe


def _add_misbehaving(probe: APIRouter) -> None:
    @probe.post("/uncommittable", status_code=201, dependencies=[EDITOR])
    def uncommittable(session: SessionDep) -> Response:
        session.execute(text("INSERT INTO probe_twice VALUES (1), (1)"))
        return answer({"stored": True}, 201)

    @probe.post("/sql", dependencies=[EDITOR])
    def sql(session: SessionDep, statement: str) -> Response:
        session.execute(text(statement))
        return answer({})

    @probe.get("/write", dependencies=[Depends(require(Role.VIEWER))])
    def write(session: SessionDep, actor: Annotated[Actor, Depends(require(Role.VIEWER))]) -> Response:
        audit(session, actor, "probe", "a read that writes")
        session.flush()
        return answer({})

    @probe.post("/refused", dependencies=[EDITOR])
    def refused(session: SessionDep, actor: Annotated[Actor, EDITOR], title: str) -> Response:
        audit(session, actor, "probe", title)
        session.flush()
        return answer({"refused": True}, 422)

    @probe.post("/public", dependencies=[public])
    def open_to_all() -> Response:
        return answer({})

    @probe.get("/broken-stream", dependencies=[public])
    def broken_stream() -> Response:
        def chunks() -> Iterator[bytes]:
            yield b"begun"
            raise ZeroDivisionError

        return StreamingResponse(chunks())

    @probe.get("/defect", dependencies=[public])
    def defect() -> Response:
        raise ZeroDivisionError("a secret: /srv/landbank SELECT * FROM api_key")


@pytest.fixture(scope="module")
def edge_settings(clone: Callable[[str], Settings]) -> Settings:
    """A database for each file of tests: what one test commits, the next may find."""
    return clone("EPSG:4547").model_copy(update={"admin_key": SecretStr(ADMIN_KEY), "max_upload_bytes": 3 << 20})


@pytest.fixture(scope="module")
def app(edge_settings: Settings) -> Iterator[FastAPI]:
    # A constraint that PostgreSQL checks at the commit, after the handler has returned its 201.
    assert edge_settings.database_owner_url is not None
    owner = make_engine(edge_settings.database_owner_url.get_secret_value())
    with owner.begin() as connection:
        connection.execute(text("CREATE TABLE probe_twice (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)"))
        connection.execute(text("GRANT INSERT ON probe_twice TO PUBLIC"))
    owner.dispose()
    application = create_app(edge_settings, (*ROUTERS, _probe()))
    yield application
    application.state.engine.dispose()


@pytest.fixture
def web(app: FastAPI) -> Iterator[TestClient]:
    # Raised exceptions are what the client must never see: they are to be answers.
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def keys(app: FastAPI) -> dict[str, str]:
    """A key for each role, and keys that open nothing: revoked, and of a disabled user."""
    found: dict[str, str] = {}
    mark = uuid.uuid4().hex[:8]
    with unit_of_work(app.state.engine) as session:
        for role in Role:
            add_user(session, TESTER, f"{role.value}-{mark}", role)
            found[role.value] = add_key(session, TESTER, f"{role.value}-{mark}")[1]
        number, found["revoked"] = add_key(session, TESTER, f"admin-{mark}")
        revoke_key(session, TESTER, number)
        add_user(session, TESTER, f"gone-{mark}", Role.ADMIN)
        found["disabled"] = add_key(session, TESTER, f"gone-{mark}")[1]
        disable_user(session, TESTER, f"gone-{mark}")
    return found


@pytest.fixture
def editor(keys: dict[str, str]) -> dict[str, str]:
    return {"X-API-Key": keys["editor"]}


@pytest.fixture
def viewer(keys: dict[str, str]) -> dict[str, str]:
    return {"X-API-Key": keys["viewer"]}


@pytest.fixture
def app_engine(app: FastAPI) -> Engine:
    engine: Engine = app.state.engine
    return engine
