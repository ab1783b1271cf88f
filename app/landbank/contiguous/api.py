"""``/contiguous``: blocks of land that lie close together."""

from typing import Annotated

from fastapi import Depends, Query
from starlette.responses import Response

from app.auth import Role, require
from app.edge import SessionDep, answer
from app.edge import router as make_router
from app.landbank.api import SettingsDep
from app.landbank.contiguous import schemas, service
from app.landbank.contiguous.params import ContiguousParams, block_query
from app.landbank.hectares.query import one_of

router = make_router(tags=["land bank"])


@router.get("/contiguous", dependencies=[Depends(require(Role.VIEWER))])
def contiguous(session: SessionDep, settings: SettingsDep, params: Annotated[ContiguousParams, Query()]) -> Response:
    """Blocks of banked and candidate parcels at most ``max_gap`` metres apart, with hectares and compactness."""
    form = one_of("f", params.f, ("json", "geojson"))
    query = block_query(session, settings, params)
    blocks = service.contiguous(session, query)
    if form == "geojson":
        headers = {"Content-Type": "application/geo+json"}
        return answer(schemas.contiguous_features(query, blocks, settings.srid), headers=headers)
    return answer(schemas.contiguous_document(query, blocks))
