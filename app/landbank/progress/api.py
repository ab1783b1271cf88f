"""``/progress``: where the year's targets stand."""

from typing import Annotated, Any

from fastapi import Depends, Query, Request
from starlette.responses import Response

from app.auth import Actor, Role, require
from app.edge import JsonBody, SessionDep, answer, check_if_match_answer, csv_answer, workbook_answer
from app.edge import router as make_router
from app.landbank import workbooks
from app.landbank.api import SettingsDep, format_of
from app.landbank.hectares.query import EARLIEST, LATEST, day, moment, resolve_known_at
from app.landbank.progress import rules, schemas, service
from app.landbank.progress.rules import CardRuleIn, StageWeightIn

router = make_router(tags=["land bank"])
viewer = Depends(require(Role.VIEWER))
Admin = Annotated[Actor, Depends(require(Role.ADMIN))]
weight_body = JsonBody(StageWeightIn)
card_body = JsonBody(CardRuleIn)


@router.get("/progress", dependencies=[viewer])
def progress(
    session: SessionDep,
    settings: SettingsDep,
    year: Annotated[int | None, Query(ge=EARLIEST.year, le=LATEST.year)] = None,
    as_of: str | None = None,
    known_at: str | None = None,
    named: Annotated[str | None, Query(description="Categories that the report names; the rest is its 其他")] = None,
    f: str = "json",
) -> Response:
    """Each target of a year with what there is, what the calendar expects by now, a forecast and a card."""
    form = format_of(f)
    on = day("as_of", as_of) or settings.today()
    known = resolve_known_at(session, known_at)
    found = service.progress(session, settings, year or on.year, on, known, service.named_of(named))
    name = f"progress-{found.year}-{found.as_of}.{form}"
    if form == "xlsx":
        return workbook_answer(workbooks.progress_sheets(found), name)
    if form == "csv":
        return csv_answer(schemas.PROGRESS_COLUMNS, schemas.progress_cells(found.rows), name)
    document: dict[str, Any] = schemas.progress_document(found)
    return answer(document)


@router.get("/stage-weights", dependencies=[viewer])
def stage_weights(session: SessionDep, known_at: str | None = None) -> Response:
    """What share of the land at each project stage is expected to count by the year's end."""
    known = resolve_known_at(session, known_at)
    return answer(rules.weights_document(rules.stage_weights(session, known), known))


@router.post("/stage-weights", status_code=201)
def set_stage_weight(
    request: Request, session: SessionDep, actor: Admin, body: Annotated[StageWeightIn, Depends(weight_body)]
) -> Response:
    """Set a stage's weight, or its next version."""
    check_if_match_answer(request, lambda: stage_weights(session))
    return answer(rules.stage_weight_document(rules.set_stage_weight(session, actor, body)), 201)


@router.get("/card-rules", dependencies=[viewer])
def card_rule(session: SessionDep, known_at: str | None = None) -> Response:
    """From which share of the expected a card is green, yellow or red."""
    known = resolve_known_at(session, known_at)
    return answer({"known_at": moment(known), "card_rule": rules.card_rule_document(rules.card_rule(session, known))})


@router.post("/card-rules", status_code=201)
def set_card_rule(
    request: Request, session: SessionDep, actor: Admin, body: Annotated[CardRuleIn, Depends(card_body)]
) -> Response:
    """Set the card rule: its next version."""
    check_if_match_answer(request, lambda: card_rule(session))
    return answer(rules.card_rule_document(rules.set_card_rule(session, actor, body)), 201)
