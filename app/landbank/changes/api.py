"""``/hectares/changes``."""

from typing import Annotated

from fastapi import Depends, Query
from pydantic import Field
from starlette.responses import Response

from app.auth import Role, require
from app.edge import SessionDep, answer, csv_answer
from app.edge import router as make_router
from app.errors import BadRequest
from app.landbank import service
from app.landbank.api import SettingsDep
from app.landbank.changes.schemas import changes_cells, changes_document
from app.landbank.hectares.query import HectaresParams, one_of

router = make_router(tags=["land bank"])
viewer = Depends(require(Role.VIEWER))


class ChangesParams(HectaresParams):
    """``GET /hectares/changes``: every parameter of ``/hectares`` with two moments in place of ``known_at``."""

    from_known: str = Field(description="The earlier answer: as known at this moment (RFC 3339)")
    to_known: str | None = Field(None, description="The later answer; the newest by default")
    f: str = Field("json", description="json or csv")


@router.get("/hectares/changes", dependencies=[viewer])
def changes(session: SessionDep, settings: SettingsDep, params: Annotated[ChangesParams, Query()]) -> Response:
    """Why the answer known at one moment differs from that known at another, event by event."""
    form = one_of("f", params.f, ("json", "csv"))
    if params.known_at is not None:
        raise BadRequest("parameter_unknown", parameter="known_at", name="known_at")
    to_known = service.resolve_known_at(session, params.to_known, "to_known")
    from_known = service.resolve_known_at(session, params.from_known, "from_known")
    query = service.resolve(session, settings, params).narrowed(known_at=to_known)
    found = service.explain(session, settings, query, from_known)
    if form == "csv":
        return csv_answer(*changes_cells(found), f"changes-{query.measure}-{query.as_of}.csv")
    return answer(changes_document(found))
