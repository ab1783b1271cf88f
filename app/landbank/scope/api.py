"""``/projects``: renewal units and consolidation projects counted, and the hectares of their scope."""

from typing import Annotated

from fastapi import Depends, Query
from starlette.responses import Response

from app.auth import Role, require
from app.edge import SessionDep, answer, csv_answer
from app.edge import router as make_router
from app.landbank.api import format_of
from app.landbank.hectares.query import PROGRAMMES, one_of, resolve_known_at
from app.landbank.scope import schemas, service

router = make_router(tags=["land bank"])


@router.get("/projects", dependencies=[Depends(require(Role.VIEWER))])
def projects(
    session: SessionDep,
    by: Annotated[str | None, Query(description="programme, batch, stage, key, category, project")] = None,
    programme: str | None = None,
    batch: str | None = None,
    stage: str | None = None,
    key: bool | None = None,
    category: str | None = None,
    project: str | None = None,
    known_at: str | None = None,
    f: str = "json",
) -> Response:
    """How many projects there are and how large their scope is, by boundary role: plain sums, never land banked."""
    form = format_of(f, ("json", "csv"))
    query = service.ScopeQuery(
        known_at=resolve_known_at(session, known_at),
        by=service.dimensions(by),
        programme=None if programme is None else one_of("programme", programme, PROGRAMMES),
        batch=batch, stage=stage, key=key, category=category, project=project,
    )  # fmt: skip
    rows, total = service.scope(session, query)
    if form == "csv":
        return csv_answer(*schemas.scope_cells(query, rows, total), "projects.csv")
    return answer(schemas.scope_document(query, rows, total))
