"""Reference data as HTTP and commands show it."""

from collections.abc import Mapping
from typing import Any

import orjson

from app.reference.models import LandCategory, LandUseCode, Place, Zone
from app.reference.zones import ZoneSet


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


def zone_set_document(row: ZoneSet) -> dict[str, Any]:
    """A set of zones by its name."""
    return {
        "name": row.name,
        "zones": row.zones,
        "restrictive": row.restrictive,
        "valid_from": row.valid_from.isoformat(),
        "recorded_at": row.recorded_at.isoformat().replace("+00:00", "Z"),
    }


def zone_document(zone: Zone) -> dict[str, Any]:
    """A zone without its outline; ``valid_to`` is the first day on which it no longer held."""
    return {
        "name": zone.name,
        "code": zone.code,
        "title": zone.title,
        "restrictive": zone.restrictive,
        "valid_from": zone.valid_from.isoformat(),
        "valid_to": zone.valid_to.isoformat() if zone.valid_to else None,
    }


def zone_feature(zone: Zone, outline: str) -> dict[str, Any]:
    """A zone as a GeoJSON feature in CRS84."""
    return {"type": "Feature", "id": zone.id, "geometry": orjson.loads(outline), "properties": zone_document(zone)}
