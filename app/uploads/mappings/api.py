"""``/mappings``: what ``mapping=NAME`` of an upload may name."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from app.auth import Actor, Role, require
from app.edge import JsonBody, SessionDep, answer, check_if_match, weak_etag
from app.edge import router as make_router
from app.errors import PreconditionFailed
from app.uploads.mappings import service
from app.uploads.models import SavedMapping

router = make_router(tags=["uploads"])
viewer = Depends(require(Role.VIEWER))
Editor = Annotated[Actor, Depends(require(Role.EDITOR))]


class MappingIn(BaseModel):
    """A mapping as an upload takes it; with the CRS and the encoding of files that do not say so themselves."""

    model_config = ConfigDict(extra="forbid")

    fields: dict[str, Any] | None = None
    values: dict[str, Any] | None = None
    constants: dict[str, Any] | None = None
    crs: str | None = None
    encoding: str | None = None


mapping_body = JsonBody(MappingIn)
MADE: dict[int | str, dict[str, Any]] = {201: {"description": "The name is new"}}


@router.get("/mappings", dependencies=[viewer])
def mappings(session: SessionDep) -> Response:
    """The saved mappings, by name."""
    return answer({"mappings": [service.document(one) for one in service.every(session)]})


def _shown(found: SavedMapping, status: int = 200) -> Response:
    headers = {"ETag": _etag(found), "Location": f"/mappings/{quote(found.name, safe='')}"}
    return answer(service.document(found), status, headers)


def _etag(found: SavedMapping) -> str:
    return weak_etag("mapping", found.name, found.saved_at)


@router.get("/mappings/{name}", dependencies=[viewer])
def mapping(session: SessionDep, name: str) -> Response:
    """One saved mapping."""
    return _shown(service.saved(session, name))


@router.put("/mappings/{name}", responses=MADE)
def save_mapping(
    request: Request,
    session: SessionDep,
    actor: Editor,
    name: str,
    body: Annotated[MappingIn, Depends(mapping_body)],
) -> Response:
    """Keep a mapping under a name; uploads then say ``mapping=NAME``."""
    if "if-match" in request.headers:
        before = service.held(session, name)
        if before is None:
            raise PreconditionFailed("changed_meanwhile")
        check_if_match(request, _etag(before))
    found, made = service.save(session, actor, name, body.model_dump(exclude_none=True))
    return _shown(found, 201 if made else 200)


@router.delete("/mappings/{name}", status_code=204)
def delete_mapping(request: Request, session: SessionDep, actor: Editor, name: str) -> Response:
    """Forget a saved mapping. Uploads that were read with it keep it."""
    check_if_match(request, _etag(service.held(session, name) or service.saved(session, name)))
    service.delete(session, actor, name)
    return Response(status_code=204)
