"""``/rules``."""

from typing import Annotated

from fastapi import Depends, Query, Request
from starlette.responses import Response

from app.auth import Actor, Role, require
from app.edge import JsonBody, SessionDep, answer, check_if_match_answer
from app.edge import router as make_router
from app.errors import BadRequest, NotFound
from app.landbank import service
from app.landbank.hectares.query import PROGRAMMES, moment, one_of
from app.landbank.rules.schemas import RuleIn, rules_document
from app.landbank.rules.trial import stored_rule
from app.landbank.rules.trial_schemas import TrialIn, trial_document

router = make_router(tags=["recognition rules"])
viewer = Depends(require(Role.VIEWER))
Admin = Annotated[Actor, Depends(require(Role.ADMIN))]
Editor = Annotated[Actor, Depends(require(Role.EDITOR))]
rule_body = JsonBody(RuleIn)
trial_body = JsonBody(TrialIn)


@router.get("/rules", dependencies=[viewer])
def rules(
    session: SessionDep,
    programme: Annotated[str | None, Query(description="renewal or consolidation")] = None,
    known_at: str | None = None,
) -> Response:
    """The recognition rules in force at a moment, by programme and years."""
    known = service.resolve_known_at(session, known_at)
    chosen = () if programme is None else (one_of("programme", programme, PROGRAMMES),)
    return answer({"known_at": moment(known), "rules": rules_document(service.rules(session, known, chosen))})


@router.get("/rules/{code}", dependencies=[viewer])
def rule(session: SessionDep, code: str) -> Response:
    """Every version of a rule that was ever in force, with when."""
    found = service.every_rule(session, code)
    if not found:
        raise NotFound("rule_unknown", parameter="code", rule=code)
    return answer({"code": code, "rules": rules_document(found)})


@router.post("/rules", status_code=201)
def set_rule(
    request: Request, session: SessionDep, actor: Admin, body: Annotated[RuleIn, Depends(rule_body)]
) -> Response:
    """Put a rule into force for its programmes and years, as the next version of its code."""
    check_if_match_answer(request, lambda: rules(session))
    return answer({"rules": rules_document(service.set_rule(session, actor, body))}, 201)


@router.post("/rules/try")
def try_rule(session: SessionDep, _: Editor, body: Annotated[TrialIn, Depends(trial_body)]) -> Response:
    """What another rule would have counted in a year, parcel by parcel. Nothing is stored."""
    if (body.rule is None) == (body.code is None):
        raise BadRequest("rule_or_code", parameter="rule")
    asked = body.rule or stored_rule(session, body.code or "", body.version)
    return answer(trial_document(service.try_rule(session, asked, body.year)))
