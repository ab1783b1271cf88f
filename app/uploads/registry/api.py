"""``/crs``: local coordinate reference systems by name. What they stand for goes in and never comes out."""

from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from app.auth import Actor, Role, require
from app.edge import JsonBody, SessionDep, answer
from app.edge import router as make_router
from app.uploads.registry import service

router = make_router(tags=["uploads"])
viewer = Depends(require(Role.VIEWER))
Admin = Annotated[Actor, Depends(require(Role.ADMIN))]


class CrsIn(BaseModel):
    """WKT2, a PROJ string or a pipeline; ``target`` is the EPSG code that a pipeline leads to."""

    model_config = ConfigDict(extra="forbid")

    definition: str
    target: int = service.CGCS2000


crs_body = JsonBody(CrsIn)
MADE: dict[int | str, dict[str, Any]] = {201: {"description": "The name is new"}}


@router.get("/crs", dependencies=[viewer])
def list_crs(session: SessionDep) -> Response:
    """The registered CRSs by name, without their parameters."""
    return answer({"crs": [service.document(one) for one in service.every(session)]})


@router.put("/crs/{name}", responses=MADE)
def register_crs(
    request: Request, session: SessionDep, actor: Admin, name: str, body: Annotated[CrsIn, Depends(crs_body)]
) -> Response:
    """Register a local CRS, or register it anew; uploads then say ``crs=NAME``."""
    srid = request.app.state.settings.srid
    found, made = service.register(session, actor, name, body.definition, body.target, srid)
    return answer(service.document(found), 201 if made else 200)


@router.delete("/crs/{name}", status_code=204)
def remove_crs(session: SessionDep, actor: Admin, name: str) -> Response:
    """Forget a registered CRS; what was stored by it stays as it is."""
    service.remove(session, actor, name)
    return Response(status_code=204)
