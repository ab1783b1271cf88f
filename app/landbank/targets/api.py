"""``/targets``: what was set for a year, in versions."""

from typing import Annotated

from fastapi import Depends, Path, Query, Request
from starlette.responses import Response

from app.auth import Actor, Role, require
from app.edge import JsonBody, SessionDep, answer, check_if_match
from app.edge import router as make_router
from app.errors import PreconditionFailed
from app.landbank.hectares.query import EARLIEST, LATEST, PROGRAMMES, moment, one_of, resolve_known_at
from app.landbank.targets import service
from app.landbank.targets.schemas import TargetIn, target_document, target_etag

router = make_router(tags=["land bank"])
viewer = Depends(require(Role.VIEWER))
Editor = Annotated[Actor, Depends(require(Role.EDITOR))]
target_body = JsonBody(TargetIn)


@router.get("/targets", dependencies=[viewer])
def targets(
    session: SessionDep,
    year: Annotated[int | None, Query(ge=EARLIEST.year, le=LATEST.year)] = None,
    programme: str | None = None,
    known_at: str | None = None,
    history: bool = False,
) -> Response:
    """The targets known at a moment, each in the version of that moment; with ``history`` every version by then."""
    if programme is not None:
        one_of("programme", programme, PROGRAMMES)
    known = resolve_known_at(session, known_at)
    rows = service.targets(session, known, year=year, programme=programme, history=history)
    return answer({"known_at": moment(known), "targets": [target_document(row, known) for row in rows]})


@router.get("/targets/{target}/versions", dependencies=[viewer])
def target_versions(
    session: SessionDep, target: Annotated[int, Path(ge=1, lt=2**63)], known_at: str | None = None
) -> Response:
    """Every version of the target of which this is one, the newest first. The ETag is the newest version's."""
    known = resolve_known_at(session, known_at)
    rows = service.target_versions(session, target, known)
    document = {"known_at": moment(known), "targets": [target_document(row, known) for row in rows]}
    return answer(document, headers={"ETag": target_etag(rows[0].target)})


@router.post("/targets", status_code=201)
def add_target(
    request: Request, session: SessionDep, actor: Editor, body: Annotated[TargetIn, Depends(target_body)]
) -> Response:
    """Set a target, or its next version. ``If-Match`` with the ETag of the version that it is meant to replace."""
    if "if-match" in request.headers:
        before = service.current_target(session, body)
        if before is None:
            raise PreconditionFailed("changed_meanwhile")
        check_if_match(request, target_etag(before))
    row = service.add_target(session, actor, body)
    return answer(target_document(row), 201, {"ETag": target_etag(row.target)})
