"""``/check``."""

from fastapi import Depends
from starlette.responses import Response

from app.auth import Role, require
from app.check.schemas import report_document
from app.check.service import check as look_over
from app.edge import SessionDep, answer
from app.edge import router as make_router
from app.landbank.api import SettingsDep

router = make_router(tags=["check"])
admin = Depends(require(Role.ADMIN))


@router.get("/check", dependencies=[admin])
def check(session: SessionDep, settings: SettingsDep) -> Response:
    """The whole bank looked over: no land twice, portions, square metres, roll-up, ledger; each deviation in place."""
    return answer(report_document(settings, look_over(session, settings)))
