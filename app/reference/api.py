"""``/land-categories`` and ``/places``."""

from datetime import date
from typing import Literal

from fastapi import Depends, Request
from starlette.responses import Response

from app.auth import Role, require
from app.edge import SessionDep, answer
from app.edge import router as make_router
from app.errors import NotFound
from app.reference import queries, zones
from app.reference.schemas import (
    category_document,
    land_use_document,
    place_document,
    place_feature,
    zone_document,
    zone_feature,
    zone_set_document,
)

router = make_router(tags=["reference"])
viewer = Depends(require(Role.VIEWER))


@router.get("/land-categories", dependencies=[viewer])
def list_land_categories(session: SessionDep) -> Response:
    """The land categories, children after their parents, and the national codes that mean them."""
    found = [category_document(row) for row in queries.categories(session)]
    codes = [land_use_document(row) for row in queries.land_use_codes(session)]
    return answer({"categories": found, "land_use_codes": codes})


@router.get("/zones", dependencies=[viewer])
def list_zones(
    request: Request,
    session: SessionDep,
    name: str | None = None,
    on: date | None = None,
    f: Literal["json", "geojson"] = "json",
) -> Response:
    """The sets of zones in force on a day (default today); ``name=`` lists one, ``f=geojson`` with its outlines."""
    day = on or request.app.state.settings.today()
    if name is None:
        return answer(
            {"on": day.isoformat(), "zones": [zone_set_document(row) for row in zones.zone_sets(session, day)]}
        )
    found = zones.geojson_of(session, name, day)
    if not found:
        raise NotFound("zone_unknown", parameter="name", zone=name[:80])
    if f == "geojson":
        features = [zone_feature(zone, outline) for zone, outline in found]
        return answer({"type": "FeatureCollection", "on": day.isoformat(), "features": features})
    return answer({"on": day.isoformat(), "name": name, "zones": [zone_document(zone) for zone, _ in found]})


@router.get("/places", dependencies=[viewer])
def list_places(
    request: Request,
    session: SessionDep,
    level: Literal["district", "sub_district", "community"] | None = None,
    on: date | None = None,
    f: Literal["json", "geojson"] = "json",
) -> Response:
    """Places in force on a day (default today); ``f=geojson`` brings their polygons in CRS84."""
    day = on or request.app.state.settings.today()
    found = queries.places(session, level, day)
    if f == "geojson":
        outlines = queries.outlines(session, found)
        features = [place_feature(place, outlines) for place in found]
        return answer({"type": "FeatureCollection", "on": day.isoformat(), "features": features})
    return answer({"on": day.isoformat(), "places": [place_document(place) for place in found]})
