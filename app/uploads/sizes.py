"""Hectares in the inventory by category: what an upload changes, told before and after."""

from sqlalchemy.orm import Session

from app.landbank.hectares.query import HectaresParams, resolve
from app.landbank.hectares.service import hectares
from app.settings import Settings


def inventory_hectares(session: Session, settings: Settings) -> dict[str, str]:
    """Hectares of every parcel known now, by top-level category, all layers; unrounded."""
    query = resolve(session, settings, HectaresParams(measure="inventory", by="category", layer="surface,above,below"))
    table = hectares(session, settings, query)
    return {str(row.keys[0][1] or ""): str(row.hectares) for row in table.rows}
