"""Reference data as HTTP and commands show it."""

from collections.abc import Mapping
from typing import Any

import orjson

from app.reference.models import LandCategory, LandUseCode, Place


def category_document(category: LandCategory) -> dict[str, Any]:
    """A land category."""
    return {
        "code": category.code,
        "parent_code": category.parent_code,
        "name": {"zh": category.name_zh, "en": category.name_en},
        "colour": category.colour,
        "position": category.position,
    }


def land_use_document(row: LandUseCode) -> dict[str, Any]:
    """A crosswalk row."""
    return {
        "scheme": row.scheme,
        "version": row.scheme_version,
        "code": row.code,
        "name_zh": row.name_zh,
        "land_category": row.land_category,
    }


def place_document(place: Place) -> dict[str, Any]:
    """A place without its polygon; ``valid_to`` is the first day on which it no longer held."""
    return {
        "level": place.level,
        "code": place.code,
        "name": place.name,
        "parent_code": place.parent_code,
        "valid_from": place.valid_from.isoformat(),
        "valid_to": place.valid_to.isoformat() if place.valid_to else None,
    }


def place_feature(place: Place, outlines: Mapping[int, str]) -> dict[str, Any]:
    """A place as a GeoJSON feature in CRS84."""
    return {
        "type": "Feature",
        "id": place.id,
        "geometry": orjson.loads(outlines[place.id]),
        "properties": place_document(place),
    }
