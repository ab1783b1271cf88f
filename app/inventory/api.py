"""``/parcels/{code}/history``: what a parcel was, version by version."""

from fastapi import Depends
from starlette.responses import Response

from app.auth import Role, require
from app.edge import SessionDep, answer
from app.edge import router as make_router
from app.inventory.service import history

router = make_router(tags=["inventory"])


@router.get("/parcels/{code:path}/history", dependencies=[Depends(require(Role.VIEWER))])
def parcel_history(session: SessionDep, code: str) -> Response:
    """Every version ever recorded, with portions and the uploaded row it came from; parents and children, both ways."""
    return answer(history(session, code))
