"""Hectares in the inventory by category: what an upload changes, told before and after."""

from sqlalchemy.orm import Session

from app.geometry import hectares
from app.landbank.hectares import queries, rollup
from app.landbank.hectares.query import HectaresParams, resolve
from app.settings import Settings


def inventory_hectares(session: Session, settings: Settings) -> dict[str, str]:
    """Hectares of every parcel known now, by top-level category, all layers; unrounded."""
    query = resolve(session, settings, HectaresParams(measure="inventory", by="category", layer="surface,above,below"))
    # Only plain sums are told: what parcels share takes as long to find as all the rest of a commit.
    rows = rollup.plain_sums(session, query) if rollup.answers(session, query) else queries.summed(session, query)
    return {row.category or "": str(hectares(row.square_metres)) for row in rows if not row.is_total}
