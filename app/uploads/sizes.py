"""Hectares in the inventory by category and sub-district: what an upload changes, told before and after."""

from decimal import Decimal

from sqlalchemy.orm import Session

from app.geometry import hectares
from app.landbank.hectares import queries, rollup
from app.landbank.hectares.query import HectaresParams, resolve
from app.settings import Settings

Sizes = dict[tuple[str | None, str | None], Decimal]
"""Square metres by top-level category and sub-district."""
BY = "category,sub_district"


def inventory(session: Session, settings: Settings) -> Sizes:
    """Square metres of every parcel known now, all layers; unrounded."""
    query = resolve(session, settings, HectaresParams(measure="inventory", by=BY, layer="surface,above,below"))
    # Only plain sums are told: what parcels share takes as long to find as all the rest of a commit.
    rows = rollup.plain_sums(session, query) if rollup.answers(session, query) else queries.summed(session, query)
    return {(row.category, row.sub_district): row.square_metres for row in rows if not row.is_total}


def by_category(sizes: Sizes) -> dict[str, str]:
    """Hectares by category."""
    sums: dict[str, Decimal] = {}
    for (category, _), square_metres in sizes.items():
        sums[category or ""] = sums.get(category or "", Decimal(0)) + square_metres
    return {category: str(hectares(found)) for category, found in sorted(sums.items())}


def compared(before: Sizes, after: Sizes) -> list[dict[str, str | None]]:
    """Hectares before and after, row by row: category and sub-district, either null where there is none."""
    keys = sorted(before.keys() | after.keys(), key=lambda key: (key[0] or "", key[1] or ""))
    nothing = Decimal(0)
    return [
        {
            "category": category,
            "sub_district": sub_district,
            "before": str(hectares(before.get((category, sub_district), nothing))),
            "after": str(hectares(after.get((category, sub_district), nothing))),
        }
        for category, sub_district in keys
    ]
