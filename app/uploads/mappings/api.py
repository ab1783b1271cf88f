"""``/mappings``: what ``mapping=NAME`` of an upload may name."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from app.auth import Actor, Role, require
from app.edge import JsonBody, SessionDep, answer
from app.edge import router as make_router
from app.uploads.mappings import service

router = make_router(tags=["uploads"])
viewer = Depends(require(Role.VIEWER))
Editor = Annotated[Actor, Depends(require(Role.EDITOR))]


class MappingIn(BaseModel):
    """A mapping as an upload takes it."""

    model_config = ConfigDict(extra="forbid")

    fields: dict[str, Any] | None = None
    values: dict[str, Any] | None = None
    constants: dict[str, Any] | None = None


mapping_body = JsonBody(MappingIn)


@router.get("/mappings", dependencies=[viewer])
def mappings(session: SessionDep) -> Response:
    """The saved mappings, by name."""
    return answer({"mappings": [service.document(one) for one in service.every(session)]})


@router.get("/mappings/{name}", dependencies=[viewer])
def mapping(session: SessionDep, name: str) -> Response:
    """One saved mapping."""
    return answer(service.document(service.saved(session, name)))


@router.put("/mappings/{name}")
def save_mapping(
    session: SessionDep, actor: Editor, name: str, body: Annotated[MappingIn, Depends(mapping_body)]
) -> Response:
    """Keep a mapping under a name; uploads then say ``mapping=NAME``."""
    found, made = service.save(session, actor, name, body.model_dump(exclude_none=True))
    return answer(service.document(found), 201 if made else 200, {"Location": f"/mappings/{quote(name, safe='')}"})
