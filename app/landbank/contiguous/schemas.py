"""Blocks as answered: a document, features in CRS84, rows of a table."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import numpy as np
import orjson
import pyproj
import shapely
from numpy.typing import NDArray

from app.geometry import hectares
from app.landbank.contiguous.service import Block, BlockQuery, Member
from app.landbank.hectares.query import moment

FORMULA = "4π × A ÷ P² (Polsby–Popper)"
_FILTERS = ("category", "programme", "sub_district", "community", "project", "within")
_DECIMALS = 8
"""Of a degree: about a millimetre."""


def contiguous_document(query: BlockQuery, blocks: Sequence[Block]) -> dict[str, Any]:
    """``GET /contiguous``."""
    return _head(query) | {"blocks": [_properties(block) for block in blocks], "total": _total(blocks)}


def contiguous_features(query: BlockQuery, blocks: Sequence[Block], srid: int) -> dict[str, Any]:
    """``GET /contiguous?f=geojson``: a block's land as one feature, in CRS84."""
    features = [
        {"type": "Feature", "id": block.id, "geometry": _crs84(block.outline, srid), "properties": _properties(block)}
        for block in blocks
    ]
    return {"type": "FeatureCollection", **_head(query), "total": _total(blocks), "features": features}


def _head(query: BlockQuery) -> dict[str, Any]:
    land = query.land
    return {
        **{name: list(getattr(land, name)) for name in _FILTERS if getattr(land, name)},
        "max_gap": query.max_gap,
        "min_hectares": format(query.min_hectares, "f"),
        "across_roads": query.across_roads,
        "as_of": land.as_of,
        "known_at": moment(land.known_at),
        "basis": "ellipsoidal",
        "compactness": FORMULA,
    }


def _properties(block: Block) -> dict[str, Any]:
    return {
        "id": block.id,
        **_size(block.square_metres),
        "overlap_square_metres": format(block.overlap_square_metres, ".4f"),
        "compactness": format(block.compactness, ".4f"),
        "parcels": len(block.members),
        **{status: _part(block, status) for status in ("banked", "candidate")},
        "members": [_member(member) for member in block.members],
    }


def _part(block: Block, status: str) -> dict[str, Any]:
    parcels, square_metres = block.of(status)
    return {"parcels": parcels, **_size(square_metres)}


def _member(member: Member) -> dict[str, Any]:
    href = f"/parcels/{quote(member.code, safe='')}"
    return {
        "code": member.code,
        "version": member.version,
        "status": member.status,
        "programme": member.programme,
        "project": member.project,
        "category": member.category,
        **_size(member.square_metres),
        "links": [{"rel": name, "href": f"{href}/{name}"} for name in ("history", "events")],
    }


def _size(square_metres: Decimal) -> dict[str, str]:
    return {"hectares": format(hectares(square_metres), ".8f"), "square_metres": format(square_metres, ".4f")}


def _total(blocks: Sequence[Block]) -> dict[str, Any]:
    whole = sum((block.square_metres for block in blocks), Decimal(0))
    return {"blocks": len(blocks), "parcels": sum(len(block.members) for block in blocks), **_size(whole)}


def _crs84(outline: Any, srid: int) -> Any:
    """GeoJSON in longitude and latitude of the storage CRS's own geographic CRS, which counts as WGS 84."""
    crs = pyproj.CRS.from_epsg(srid)
    unproject = pyproj.Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)

    def move(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.round(np.column_stack(unproject.transform(points[:, 0], points[:, 1])), _DECIMALS)

    return orjson.loads(shapely.to_geojson(shapely.orient_polygons(shapely.transform(outline, move))))


def contiguous_cells(blocks: Sequence[Block]) -> tuple[list[str], list[list[str]]]:
    """Columns and rows for a terminal."""
    columns = ["block", "公顷 ha", "紧凑度 compactness", "地块 parcels", "在库 banked", "候选 candidate", "parcels"]
    rows = [
        [
            block.id,
            format(hectares(block.square_metres), ".4f"),
            format(block.compactness, ".4f"),
            str(len(block.members)),
            *(str(block.of(status)[0]) for status in ("banked", "candidate")),
            ", ".join(member.code for member in block.members),
        ]
        for block in blocks
    ]
    return columns, rows
