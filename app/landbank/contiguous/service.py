"""Blocks of contiguous land: parcels of the categories asked for that lie close together.

The database finds who belongs together (one pass over the categories asked for) and leaves out what is too small; only
the blocks that are left are divided by roads, united and measured for compactness here. A question that takes the
database too long is refused with what to narrow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import shapely
from psycopg.errors import QueryCanceled
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.errors import Refused
from app.geometry import hectares as to_hectares
from app.landbank.contiguous.joining import compactness, parts_apart, united
from app.landbank.hectares.query import HectaresQuery
from app.sql import Query, hashed_joins

PACKAGE = "app.landbank.contiguous"
MILLISECONDS = 30_000
MOST = 50_000
"""Parcels in blocks of one answer."""
MOST_BYTES = 100_000_000
"""Of their outlines: some six million vertices."""
ROADS = "road_rail"


@dataclass(frozen=True)
class Member:
    """A parcel of a block: ellipsoidal square metres, the outline as WKB in the storage CRS."""

    version_id: int
    code: str
    version: int
    status: str
    programme: str
    project: str | None
    category: str
    square_metres: Decimal
    block: int
    outline: bytes


@dataclass(frozen=True)
class _Face:
    face_id: int
    square_metres: Decimal
    versions: list[int]


@dataclass(frozen=True)
class _Road:
    version_id: int
    outline: bytes


@dataclass(frozen=True)
class BlockQuery:
    """Which land (a question for stocks: category, place, day, moment), how close, how large, and roads or not."""

    land: HectaresQuery
    max_gap: float
    min_hectares: Decimal
    across_roads: bool


@dataclass(frozen=True)
class Block:
    """Parcels that lie together. ``square_metres`` is their union; ``outline`` that union in the storage CRS."""

    members: tuple[Member, ...]
    square_metres: Decimal
    overlap_square_metres: Decimal
    compactness: float
    outline: Any

    @property
    def id(self) -> str:
        """The lowest code of its parcels."""
        return self.members[0].code

    def of(self, status: str) -> tuple[int, Decimal]:
        """How many parcels are banked, or candidates, and their square metres, overlaps counted in each."""
        found = [member.square_metres for member in self.members if member.status == status]
        return len(found), sum(found, Decimal(0))


_MEMBERS = Query(PACKAGE, "members.sql", Member)
_FACES = Query(PACKAGE, "overlaps.sql", _Face)
_ROADS = Query(PACKAGE, "roads.sql", _Road)


def contiguous(session: Session, query: BlockQuery) -> list[Block]:
    """The blocks, the largest first. Raises ``Refused`` where there is too much land to look through."""
    session.execute(select(func.set_config("statement_timeout", f"{MILLISECONDS}ms", True)))
    try:
        return _blocks(session, query)
    except OperationalError as error:
        if isinstance(error.orig, QueryCanceled):
            raise Refused("contiguous_too_heavy", parameter="category", seconds=MILLISECONDS // 1000) from error
        raise


def _blocks(session: Session, query: BlockQuery) -> list[Block]:
    land = query.land
    asked = land.sql()
    filters = ("programme", "category", "subcategory", "sub_district", "community", "project", "layer", "within")
    with hashed_joins(session):
        members = _MEMBERS.all(
            session,
            known_at=land.known_at,
            as_of=land.as_of,
            **{name: asked[name] for name in filters},
            max_gap=query.max_gap,
            min_square_metres=query.min_hectares * 10_000,
            most=MOST + 1,
        )
    if len(members) > MOST or sum(len(member.outline) for member in members) > MOST_BYTES:
        raise Refused("contiguous_too_many", parameter="min_hectares", most=MOST)
    groups: dict[int, list[Member]] = {}
    for member in members:
        groups.setdefault(member.block, []).append(member)
    found = [list(group) for group in groups.values()]
    if not query.across_roads and ROADS not in land.category:
        found = _divided(session, query, found)
    overlaps = _overlaps(session, query, found)
    made = [_block(group, off) for group, off in zip(found, overlaps, strict=True)]
    large = [block for block in made if to_hectares(block.square_metres) >= query.min_hectares]
    return sorted(large, key=lambda block: (-block.square_metres, block.id))


def _divided(session: Session, query: BlockQuery, groups: Sequence[list[Member]]) -> list[list[Member]]:
    """The blocks with their parcels taken apart where road or rail land lies between."""
    versions = [member.version_id for group in groups for member in group]
    land = query.land
    near = _ROADS.all(
        session, known_at=land.known_at, as_of=land.as_of, layer=list(land.layer), max_gap=query.max_gap,
        versions=versions,
    )  # fmt: skip
    roads = np.array([shapely.from_wkb(road.outline) for road in near], dtype=object)
    if not len(roads):
        return list(groups)
    found: list[list[Member]] = []
    for group in groups:
        outlines = np.array([shapely.from_wkb(member.outline) for member in group], dtype=object)
        parts = parts_apart(outlines, roads, query.max_gap)
        found += [[group[index] for index in part] for part in parts]
    return found


def _overlaps(session: Session, query: BlockQuery, groups: Sequence[list[Member]]) -> list[Decimal]:
    """For each block what its parcels count more than once: stored overlap faces, no geometry."""
    block_of = {member.version_id: number for number, group in enumerate(groups) for member in group}
    found = [Decimal(0)] * len(groups)
    land = query.land
    for face in _FACES.all(session, versions=list(block_of), known_at=land.known_at, as_of=land.as_of):
        blocks = [block_of[version] for version in face.versions]
        for number in set(blocks):
            found[number] += face.square_metres * (blocks.count(number) - 1)
    return found


def _block(group: list[Member], overlap: Decimal) -> Block:
    outline = united([shapely.from_wkb(member.outline) for member in group])
    whole = sum((member.square_metres for member in group), Decimal(0))
    return Block(tuple(group), whole - overlap, overlap, compactness(outline), outline)
