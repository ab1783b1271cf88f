"""Posted shapes, kept by content so that a row's link can name the land it was clipped to.

A shape is answered under its SHA-256: the same outline posted again is the same shape. It is kept for ``KEPT`` after it
was last posted; a link older than that says so, and posting the outline again revives it.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

import orjson
import shapely
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.errors import BadRequest, NotFound
from app.landbank.models import PostedShape

Key = int | float | str
"""A feature's id, or its index."""
KEPT = timedelta(days=400)
"""A year's report keeps its links until the next one is out."""
_REFRESHED = timedelta(days=1)


@dataclass(frozen=True)
class Shape:
    """Outlines in the storage CRS; ``keys`` name the features of a collection, or are None for one bare outline."""

    keys: tuple[Key, ...] | None
    outlines: tuple[Any, ...]

    @cached_property
    def name(self) -> str:
        """The SHA-256 of all that it is."""
        digest = hashlib.sha256((self.told_keys or "").encode())
        for outline in self.as_wkb:
            digest.update(len(outline).to_bytes(8, "big") + outline)
        return digest.hexdigest()

    @cached_property
    def as_wkb(self) -> list[bytes]:
        """Its outlines as they are kept."""
        return [shapely.to_wkb(outline) for outline in self.outlines]

    @property
    def told_keys(self) -> str | None:
        """Its keys as JSON."""
        return None if self.keys is None else orjson.dumps(self.keys).decode()


def keep(session: Session, shape: Shape) -> str:
    """Keep a shape and give its name. Shapes that nobody posted for long are forgotten."""
    now = func.now()
    statement = insert(PostedShape).values(id=shape.name, keys=shape.told_keys, outlines=shape.as_wkb, posted_at=now)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[PostedShape.id],
            set_={"posted_at": now},
            where=PostedShape.posted_at < now - _REFRESHED,
        )
    )
    session.execute(delete(PostedShape).where(PostedShape.posted_at < now - KEPT))
    return shape.name


def kept(session: Session, name: str) -> Shape:
    """The shape of a name. Raises ``NotFound`` when it was never posted, or long ago."""
    row = session.execute(select(PostedShape.keys, PostedShape.outlines).where(PostedShape.id == name)).first()
    if row is None:
        raise NotFound("shape_unknown", parameter="shape", shape=name[:80])
    keys = None if row.keys is None else tuple(orjson.loads(row.keys))
    return Shape(keys, tuple(shapely.from_wkb(row.outlines)))


def features_of(shape: Shape, feature: str | None) -> tuple[tuple[Key | None, Any], ...]:
    """The features of a shape with their outlines, or one of them. Raises ``BadRequest`` for one that it has not."""
    if shape.keys is None:
        if feature is not None:
            raise BadRequest("feature_unknown", parameter="feature", feature=feature[:100])
        return ((None, shape.outlines[0]),)
    found = tuple(zip(shape.keys, shape.outlines, strict=True))
    if feature is None:
        return found
    for key, outline in found:
        if str(key) == feature:
            return ((key, outline),)
    raise BadRequest("feature_unknown", parameter="feature", feature=feature[:100])
