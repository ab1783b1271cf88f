"""``/progress``: where the year's targets stand."""

from typing import Annotated, Any

from fastapi import Depends, Query
from starlette.responses import Response

from app.auth import Role, require
from app.edge import SessionDep, answer, csv_answer
from app.edge import router as make_router
from app.landbank import schemas
from app.landbank.api import SettingsDep, format_of
from app.landbank.hectares.query import EARLIEST, LATEST, day, resolve_known_at
from app.landbank.progress import service

router = make_router(tags=["land bank"])
viewer = Depends(require(Role.VIEWER))


@router.get("/progress", dependencies=[viewer])
def progress(
    session: SessionDep,
    settings: SettingsDep,
    year: Annotated[int | None, Query(ge=EARLIEST.year, le=LATEST.year)] = None,
    as_of: str | None = None,
    known_at: str | None = None,
    f: str = "json",
) -> Response:
    """Each target of a year with what there is, what the calendar expects by now, a forecast and a card."""
    form = format_of(f)
    on = day("as_of", as_of) or settings.today()
    found = service.progress(session, settings, year or on.year, on, resolve_known_at(session, known_at))
    if form == "csv":
        name = f"progress-{found.year}-{found.as_of}.csv"
        return csv_answer(schemas.PROGRESS_COLUMNS, schemas.progress_cells(found.rows), name)
    document: dict[str, Any] = schemas.progress_document(found)
    return answer(document)
