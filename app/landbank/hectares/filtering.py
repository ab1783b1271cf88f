"""``filter=``: CQL2 over what a parcel version says of itself."""

from functools import partial

from sqlalchemy import func, select
from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

from app.cql2 import Queryable, Queryables, condition, parse
from app.cql2.terms import Kind
from app.errors import BadRequest
from app.inventory.models import Parcel, ParcelVersion
from app.landbank.hectares.frame import CRS84, frame, to_storage

_KINDS: dict[str, Kind] = {
    "name": "string", "programme": "string", "project_code": "string", "role": "string", "land_category": "string",
    "land_use_scheme": "string", "land_use_code": "string", "cadastral_code": "string", "layer": "string",
    "declared_square_metres": "number", "document_square_metres": "number", "plane_square_metres": "number",
    "ellipsoidal_square_metres": "number", "effective_date": "date", "version": "number",
}  # fmt: skip
"""Columns of a parcel version under the names that mappings and answers use."""


def queryables(srid: int) -> Queryables:
    """What a filter may name: the properties of a parcel version, ``code`` and ``geometry``.

    Outlines in a filter are in degrees of CRS84; edges are straight there.
    """
    named = {name: Queryable(getattr(ParcelVersion, name), kind) for name, kind in _KINDS.items()}
    named |= {
        "code": Queryable(Parcel.code, "string"),
        "geometry": Queryable(ParcelVersion.geom, "geometry"),
    }
    return Queryables(named, srid, partial(to_storage, given=frame(CRS84, srid)))


def matching_versions(session: Session, srid: int, text: str, language: str | None) -> tuple[int, ...]:
    """The ids of every parcel version, of any time, that a filter lets through. Raises ``BadRequest``.

    What was recorded of a version never changes, so the same filter lets the same versions through for ever.
    """
    asked = condition(parse(text, language), queryables(srid))
    ids = select(func.array_agg(ParcelVersion.id)).join(Parcel, Parcel.id == ParcelVersion.parcel_id).where(asked)
    try:
        found = session.execute(ids).scalar_one()
    except DataError as error:
        raise BadRequest("filter_beyond_numbers", parameter="filter") from error
    return tuple(found or ())
