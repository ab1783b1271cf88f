"""The parameters of ``GET /contiguous`` and the question that they ask."""

import math
from decimal import Decimal, InvalidOperation

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from app.errors import BadRequest
from app.landbank.contiguous.service import BlockQuery
from app.landbank.hectares.query import HectaresParams, resolve
from app.settings import Settings

_MOST_METRES = 10_000


class ContiguousParams(BaseModel):
    """Which land, how close, how large. Lists are separated by commas."""

    model_config = ConfigDict(extra="forbid")

    category: str = Field("industrial", description="Land category codes; a parent stands for its children")
    max_gap: str = Field("20", description="Metres between outlines of one block")
    min_hectares: str = Field("10", description="Smaller blocks are left out")
    across_roads: bool = Field(True, description="false: parcels with road or rail land between them are not joined")
    as_of: str | None = Field(None, description="On this day (yyyy-mm-dd); today by default")
    known_at: str | None = Field(None, description="As known at this moment (RFC 3339); the newest by default")
    programme: str | None = Field(None, description="renewal, consolidation")
    sub_district: str | None = Field(None, description="Sub-district codes: parcels with land there, whole")
    community: str | None = Field(None, description="Community codes")
    project: str | None = Field(None, description="Codes of units or projects")
    within: str | None = Field(None, description="Codes of districts, sub-districts or communities")
    f: str = Field("json", description="json or geojson")


def block_query(session: Session, settings: Settings, params: ContiguousParams) -> BlockQuery:
    """The question, every default filled in. Raises ``BadRequest`` naming the parameter at fault."""
    land = HectaresParams(
        measure="inventory", as_of=params.as_of, known_at=params.known_at, programme=params.programme,
        category=params.category, sub_district=params.sub_district, community=params.community,
        project=params.project, within=params.within,
    )  # fmt: skip
    return BlockQuery(
        land=resolve(session, settings, land),
        max_gap=float(_number("max_gap", params.max_gap, _MOST_METRES)),
        min_hectares=_number("min_hectares", params.min_hectares, 10**9),
        across_roads=params.across_roads,
    )


def _number(name: str, value: str, most: int) -> Decimal:
    try:
        found = Decimal(value)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or not 0 <= found <= most or not math.isfinite(float(found)):
        raise BadRequest("parameter_not_a_number", parameter=name, name=name, value=value, most=most)
    return found
