"""Saving, finding and forgetting mappings. An upload keeps the mapping that it was read with, whatever comes after."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.auth import Actor, audit
from app.errors import BadRequest, NotFound
from app.uploads.mapping import parse
from app.uploads.models import SavedMapping
from app.uploads.options import UploadOptions
from app.uploads.stated import check_stated

FAMILIES = ("parcels", "renewal-units", "districts")
"""One collection of each set of fields."""
STATED = ("crs", "encoding")
"""What a file of this make does not say itself."""
MAX_NAME = 100


def save(session: Session, actor: Actor, name: str, mapping: dict[str, Any]) -> tuple[SavedMapping, bool]:
    """Keep a mapping; whether the name is new. Raises ``BadRequest`` for a name or a mapping that cannot be one."""
    _check_name(name)
    crs, encoding = (mapping.get(part) for part in STATED)
    mapping = {part: value for part, value in mapping.items() if part not in STATED}
    check_stated(session, UploadOptions(FAMILIES[0], crs=crs, encoding=encoding))
    _check_mapping(mapping)
    known = session.get(SavedMapping, name)
    saved = session.merge(
        SavedMapping(
            name=name, mapping=mapping, crs=crs, encoding=encoding, actor=actor.name, saved_at=func.clock_timestamp()
        )
    )
    session.flush()
    session.refresh(saved)
    audit(session, actor, "mapping.save", f"mapping:{name}", mapping)
    return saved, known is None


def _check_name(name: str) -> None:
    # What begins with a brace or ends in .json is a mapping itself where one is asked for.
    if not name.strip() or len(name) > MAX_NAME or name.startswith("{") or name.endswith(".json") or "/" in name:
        raise BadRequest("mapping_name_invalid", parameter="name", name=name[:MAX_NAME])


def _check_mapping(mapping: dict[str, Any]) -> None:
    refused = None
    for collection in FAMILIES:
        try:
            parse(mapping, collection)
        except BadRequest as error:
            refused = refused or error
        else:
            return
    assert refused is not None  # noqa: S101  there are families
    raise refused


def saved(session: Session, name: str) -> SavedMapping:
    """The mapping of a name. Raises ``NotFound``."""
    found = session.get(SavedMapping, name)
    if found is None:
        raise NotFound("mapping_unknown", parameter="name", mapping=name)
    return found


def held(session: Session, name: str) -> SavedMapping | None:
    """The mapping of a name, if there is one, which nobody else changes until the transaction ends."""
    return session.get(SavedMapping, name, with_for_update=True)


def delete(session: Session, actor: Actor, name: str) -> None:
    """Forget a mapping; uploads that were read with it keep it. Raises ``NotFound``."""
    found = held(session, name) or saved(session, name)
    session.delete(found)
    session.flush()
    audit(session, actor, "mapping.delete", f"mapping:{name}", found.mapping)


def every(session: Session) -> list[SavedMapping]:
    """All saved mappings, by name."""
    return list(session.scalars(select(SavedMapping).order_by(SavedMapping.name)))


def document(found: SavedMapping) -> dict[str, Any]:
    """A saved mapping as answered."""
    return {
        "name": found.name,
        "mapping": found.mapping,
        "crs": found.crs,
        "encoding": found.encoding,
        "actor": found.actor,
        "saved_at": found.saved_at,
    }
