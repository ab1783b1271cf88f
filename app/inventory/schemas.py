"""The documents of the inventory."""

from typing import Any
from urllib.parse import quote

from app.inventory.models import Parcel, ParcelVersion, Portion
from app.inventory.queries import Descent

ATTRIBUTES = (
    "name",
    "programme",
    "project_code",
    "role",
    "layer",
    "land_category",
    "land_use_scheme",
    "land_use_code",
    "cadastral_code",
    "effective_date",
    "source_crs",
    "upload_id",
    "upload_row",
    "recorded_from",
    "recorded_to",
    "retired",
    "attributes",
)
FIGURES = ("declared_square_metres", "document_square_metres", "plane_square_metres", "ellipsoidal_square_metres")
PLACES = ("district", "sub_district", "community")


def history_document(
    parcel: Parcel, versions: list[ParcelVersion], portions: list[Portion], genealogy: list[Descent]
) -> dict[str, Any]:
    """``GET /parcels/{code}/history``: every version, newest last, each with its portions and its origin.

    ``parents`` and ``children`` are the nearest ones; ``genealogy`` is every step before and after, oldest first.
    """
    others = [step for step in genealogy if step.parent != step.child]
    return {
        "code": parcel.code,
        "versions": [
            {"version": version.version}
            | {name: getattr(version, name) for name in ATTRIBUTES}
            | {name: _text(getattr(version, name)) for name in FIGURES}
            | {"portions": [_portion(portion) for portion in portions if portion.parcel_version_id == version.id]}
            | {"links": links_of_origin(version.upload_id)}
            for version in versions
        ],
        "parents": sorted({step.parent for step in others if step.child == parcel.code}),
        "children": sorted({step.child for step in others if step.parent == parcel.code}),
        "genealogy": [_step(step) for step in genealogy],
        "links": [{"rel": "events", "href": parcel_path(parcel.code, "events")}],
    }


def _step(step: Descent) -> dict[str, Any]:
    return {
        "operation": step.operation_id,
        "type": step.type,
        "effective_date": step.effective_date,
        "parent": step.parent,
        "child": step.child,
        "links": [{"rel": "operation", "href": f"/lineage/{step.operation_id}"}],
    }


def _portion(portion: Portion) -> dict[str, Any]:
    return {name: getattr(portion, name) for name in PLACES} | {name: _text(getattr(portion, name)) for name in FIGURES}


def parcel_path(code: str, page: str) -> str:
    """The address of a page about a parcel; a code may hold any sign."""
    return f"/parcels/{quote(code, safe='')}/{page}"


def links_of_origin(upload_id: int | None) -> list[dict[str, str]]:
    """The upload that something came with; the row in it stands beside, as ``upload_row``."""
    return [] if upload_id is None else [{"rel": "upload", "href": f"/uploads/{upload_id}"}]


def _text(value: object) -> str | None:
    return None if value is None else str(value)
