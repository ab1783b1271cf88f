"""``/parcels/split``, ``/parcels/merge``, ``/parcels/{code}/boundary`` and ``/lineage``."""

from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from app.auth import Actor, Role, require
from app.edge import JsonBody, SessionDep, answer, check_if_match_answer
from app.edge import router as make_router
from app.settings import Settings
from app.uploads.lineage import queries, service
from app.uploads.lineage.schemas import BoundaryIn, MergeIn, OperationRow, SplitIn, UndoIn, operation_document

router = make_router(tags=["lineage"])
Editor = Annotated[Actor, Depends(require(Role.EDITOR))]
LIMIT_BYTES = 16 << 20
"""100,000 vertices in degrees take some 4 MB."""
split_body = JsonBody(SplitIn, limit=LIMIT_BYTES)
merge_body = JsonBody(MergeIn, limit=LIMIT_BYTES)
boundary_body = JsonBody(BoundaryIn, limit=LIMIT_BYTES)
undo_body = JsonBody(UndoIn, optional=True)


def settings_of(request: Request) -> Settings:
    """The service's settings."""
    settings: Settings = request.app.state.settings
    return settings


SettingsDep = Annotated[Settings, Depends(settings_of)]


def _made(row: OperationRow) -> Response:
    return answer(operation_document(row), 201, {"Location": f"/lineage/{row.operation.id}"})


@router.post("/parcels/split", status_code=201)
def split_parcel(
    session: SessionDep, settings: SettingsDep, actor: Editor, body: Annotated[SplitIn, Depends(split_body)]
) -> Response:
    """Split a parcel: its children carry its entry date and credit on, each its share."""
    return _made(service.split(session, settings, actor, body))


@router.post("/parcels/merge", status_code=201)
def merge_parcels(
    session: SessionDep, settings: SettingsDep, actor: Editor, body: Annotated[MergeIn, Depends(merge_body)]
) -> Response:
    """Merge parcels: their child carries each one's entry date and credit on."""
    return _made(service.merge(session, settings, actor, body))


@router.post("/parcels/{code:path}/boundary", status_code=201)
def change_boundary(
    session: SessionDep,
    settings: SettingsDep,
    actor: Editor,
    code: str,
    body: Annotated[BoundaryIn, Depends(boundary_body)],
) -> Response:
    """Give a parcel a new outline from a day on; entry date and credit stay."""
    return _made(service.change_boundary(session, settings, actor, code, body))


@router.get("/lineage/{operation}", dependencies=[Depends(require(Role.VIEWER))])
def show_operation(session: SessionDep, operation: int) -> Response:
    """A split, a merge, a boundary change or a reversal, with its parcels and what they have in the bank."""
    return answer(operation_document(queries.operation(session, operation)))


@router.post("/lineage/{operation}/undo", status_code=201)
def undo_operation(
    request: Request, session: SessionDep, actor: Editor, operation: int, body: Annotated[UndoIn, Depends(undo_body)]
) -> Response:
    """Take an operation back, while nothing later stands on it."""
    check_if_match_answer(request, lambda: show_operation(session, operation))
    return _made(service.undo(session, actor, operation, body.reason))
