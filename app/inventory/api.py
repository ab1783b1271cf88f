"""``/parcels/{code}/history``: what a parcel was, version by version."""

from fastapi import Depends
from starlette.responses import Response

from app.auth import Role, require
from app.edge import SessionDep, answer
from app.edge import router as make_router
from app.inventory import queries
from app.inventory.schemas import history_document

router = make_router(tags=["inventory"])


@router.get("/parcels/{code}/history", dependencies=[Depends(require(Role.VIEWER))])
def parcel_history(session: SessionDep, code: str) -> Response:
    """Every version that was ever recorded, with portions, square metres and the uploaded row it came from."""
    parcel = queries.parcel_by_code(session, code)
    versions = queries.versions_of(session, parcel)
    portions = queries.portions_of(session, [version.id for version in versions])
    return answer(history_document(parcel, versions, portions))
