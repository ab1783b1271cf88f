"""Hectares within one outline by a tree of sums: what lies inside whole is never looked at parcel by parcel.

It answers for stocks by category or programme, in what is known now. Nodes that the outline covers give their sums,
others are opened down to their parcels; only parcels across the edge are read and cut. A node counts by its sums from
the day on which nothing in it changes any more; before that day its parcels do, and those that are not settled on the
question's day are counted from their pieces, as everything else is: ``hectares.sql`` remains what a figure means.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np
import shapely
from sqlalchemy import ARRAY, BigInteger, any_, func, literal, select
from sqlalchemy.dialects.postgresql import BYTEA
from sqlalchemy.orm import Session

from app.db import last_publication
from app.geometry import from_e4
from app.landbank.hectares import land, queries
from app.landbank.hectares.clip import clipped
from app.landbank.hectares.cut import Integers, cut, sort
from app.landbank.hectares.facts import Facts
from app.landbank.hectares.packed import MEASURES, NO_KEY, PARCEL, SUM, Packed, added, unpack
from app.landbank.hectares.query import GROUPED, HectaresQuery
from app.landbank.hectares.region import Region
from app.landbank.models import TreeKey, TreeNode
from app.sql import Query

_DIMENSIONS = frozenset({"category", "subcategory", "programme"})
_BASES = frozenset({"plane", "ellipsoidal"})
MOST_UNSETTLED = 5_000
"""More parcels than these are counted from their pieces together with all the others."""


@dataclass(frozen=True)
class _Records:
    records: bytes | None


_NODE = np.dtype(
    [(name, ">i8") for name in ("id", "parent", "level", "settled")]
    + [(name, ">f8") for name in ("west", "south", "east", "north")]
)
_NODES = Query(queries.PACKAGE, "tree_nodes.sql", _Records)
_MEMBERS = Query(queries.PACKAGE, "clip_members.sql", queries.ParcelId)


def may_answer(session: Session, query: HectaresQuery, basis: str, facts: Facts) -> bool:
    """Whether the tree keeps what the question asks for."""
    return (
        query.is_cut
        and query.is_stock
        and set(query.by) <= _DIMENSIONS
        and not (query.sub_district or query.community or query.project or query.filter or query.within or query.zones)
        and query.boundaries_on is None
        and query.known_at >= facts.once("newest", lambda: last_publication(session))
        and basis in _BASES
    )


def summed(
    session: Session, srid: int, query: HectaresQuery, region: Region, basis: str, facts: Facts
) -> list[queries.SummedRow] | None:
    """The rows and the total within a region of one outline; None where too little is settled on the day.

    ``facts``: what is kept of the question's moment.
    """
    if len(region.features) != 1 or region.limitless:
        return None
    outline = region.features[0][1]
    around = land.Around(region.bounds, srid, query.known_at, query.today)
    nodes = facts.once("nodes", lambda: _nodes(session))
    sums, parcels = _read(session, *_opened(nodes, outline, query.as_of.toordinal()))
    settled = parcels["settled"] <= query.as_of.toordinal()
    unsettled = parcels["parcel"][~settled].tolist()
    parcels = parcels[settled & (parcels[query.measure] != NO_KEY)]
    if len(unsettled) > MOST_UNSETTLED or len(np.unique(parcels["version"])) < len(parcels):
        return None
    sums = added(np.concatenate([sums, _edge(session, query, around, outline, parcels)]))
    rows = _rows(session, query, basis, sums[sums["measure"] == MEASURES.index(query.measure)], facts)
    if unsettled:
        rows = _merged(rows, _from_pieces(session, srid, query, region, unsettled))
    if not facts.once("overlapping", lambda: queries.overlapping(session, query.known_at)):
        return rows
    met = land.faces(session, around)
    if len(met.ids):
        members = [row.parcel_id for row in _MEMBERS.all(session, ids=met.ids.tolist())]
        overlaps = {
            queries.key_of(row): row.overlap_square_metres
            for row in _from_pieces(session, srid, query, region, members)
        }
        rows = [queries.with_overlap(row, overlaps.get(queries.key_of(row), Decimal(0))) for row in rows]
    return rows


def _from_pieces(
    session: Session, srid: int, query: HectaresQuery, region: Region, parcels: Sequence[int]
) -> list[queries.SummedRow]:
    found = queries.summed(session, query, clipped(session, srid, query, region, parcels), parcels)
    return [replace(row, part=None) for row in found]


def _nodes(session: Session) -> Packed:
    """Every node, those under one node side by side."""
    found = np.frombuffer(_NODES.all(session)[0].records or b"", dtype=_NODE)
    return found[np.argsort(found["parent"], kind="stable")]


def _opened(nodes: Packed, outline: Any, day: int) -> tuple[list[int], list[int]]:
    """The ids of the nodes that lie inside and are settled, and of the leaves that have to be opened."""
    shapely.prepare(outline)
    whole: list[int] = []
    leaves: list[int] = []
    above = np.zeros(1, dtype=np.int64)  # of the roots
    while above.size:
        first, last = (np.searchsorted(nodes["parent"], above, side=side) for side in ("left", "right"))
        here = nodes[np.concatenate([np.arange(*ends) for ends in zip(first, last, strict=True)])]
        boxes = np.asarray(shapely.box(*(here[name] for name in ("west", "south", "east", "north"))))
        met = shapely.intersects(outline, boxes)
        here = here[met]
        inside = shapely.covers(outline, boxes[met]) & (here["settled"] <= day)
        whole += here["id"][inside].tolist()
        opened = here[~inside]
        leaves += opened["id"][opened["level"] == 0].tolist()
        above = opened["id"][opened["level"] > 0]
    return whole, leaves


def _read(session: Session, whole: list[int], leaves: list[int]) -> tuple[Packed, Packed]:
    """The sums of some nodes, and the parcels of some leaves."""
    node = TreeNode.__table__.c
    nothing = literal(b"", BYTEA)
    packed = session.execute(
        select(
            func.string_agg(node.sums, nothing).filter(node.id == _any(whole)),
            func.string_agg(node.parcels, nothing).filter(node.id == _any(leaves)),
        ).where(node.id == _any([*whole, *leaves]))
    ).one()
    return unpack(packed[0], SUM), unpack(packed[1], PARCEL)


def _any(ids: list[int]) -> Any:
    return any_(literal(ids, ARRAY(BigInteger)))


def _edge(session: Session, query: HectaresQuery, around: land.Around, outline: Any, parcels: Packed) -> Packed:
    """The sums of settled parcels of opened leaves: whole where their rectangle lies inside, else what is cut."""
    bounds = np.column_stack([parcels[name] for name in ("west", "south", "east", "north")])
    west, south, east, north = around.bounds
    low, high = bounds[:, :2], bounds[:, 2:]
    near = (low <= (east, north)).all(axis=1) & (high >= (west, south)).all(axis=1)
    whole, across, pieces = sort(bounds, np.flatnonzero(near), outline)
    sums = [_summed(query, parcels[whole], parcels["plane"][whole], parcels["ellipsoidal"][whole])]
    if across.size:
        versions = parcels["version"][across]
        portions, version_of = land.pieces_of(session, around, versions.tolist(), query.as_of)
        order = np.argsort(versions)
        at = order[np.searchsorted(versions, version_of, sorter=order)]
        everything = np.arange(len(portions.ids))
        amounts = cut(portions, np.empty(0, dtype=np.int64), everything, pieces[at])
        plane, ellipsoidal = np.zeros((2, len(across)), dtype=np.int64)
        np.add.at(plane, at[amounts.index], amounts.plane)
        np.add.at(ellipsoidal, at[amounts.index], amounts.ellipsoidal)
        some = plane > 0
        sums.append(_summed(query, parcels[across[some]], plane[some], ellipsoidal[some]))
    return np.concatenate(sums)


def _summed(query: HectaresQuery, parcels: Packed, plane: Integers, ellipsoidal: Integers) -> Packed:
    rows = np.zeros(len(parcels), dtype=SUM)
    rows["measure"], rows["key"], rows["parcels"] = MEASURES.index(query.measure), parcels[query.measure], 1
    rows["plane"], rows["ellipsoidal"] = plane, ellipsoidal
    return added(rows)


def _rows(session: Session, query: HectaresQuery, basis: str, sums: Packed, facts: Facts) -> list[queries.SummedRow]:
    """Sums by key as rows of the question, and their total."""
    tops = facts.once("tops", lambda: queries.tops(session, query.known_at))
    keys = facts.once("tree keys", lambda: {key.id: key for key in session.scalars(select(TreeKey))})
    rows: dict[tuple[object, ...], queries.SummedRow] = {}
    total = _row(None, {}, 0, 0)
    for one in sums:
        key = keys[int(one["key"])]
        told = {
            "category": tops.get(key.land_category, key.land_category),
            "subcategory": key.land_category,
            "programme": key.programme,
        }
        if not _wanted(query, key, told):
            continue
        row = _row(query, told, int(one[basis]), int(one["parcels"]))
        held = rows.get(queries.key_of(row))
        rows[queries.key_of(row)] = row if held is None else _plus(held, row)
        total = _plus(total, row)
    return [*rows.values(), total]


def _wanted(query: HectaresQuery, key: TreeKey, told: dict[str, str]) -> bool:
    return (
        (not query.layer or key.layer in query.layer)
        and (not query.programme or key.programme in query.programme)
        and (not query.category or bool({key.land_category, told["category"]} & set(query.category)))
        and (not query.subcategory or key.land_category in query.subcategory)
    )


def _row(query: HectaresQuery | None, told: dict[str, str], e4: int, parcels: int) -> queries.SummedRow:
    by = () if query is None else query.by
    keys = dict.fromkeys(GROUPED) | {name: told[name] for name in by}
    return queries.SummedRow(
        is_total=query is None,
        part=None,
        square_metres=from_e4(e4),
        parcels=parcels,
        overlap_square_metres=Decimal(0),
        **keys,
    )


def _plus(one: queries.SummedRow, other: queries.SummedRow) -> queries.SummedRow:
    return replace(one, square_metres=one.square_metres + other.square_metres, parcels=one.parcels + other.parcels)


def _merged(rows: list[queries.SummedRow], more: list[queries.SummedRow]) -> list[queries.SummedRow]:
    """Rows of the tree and rows of pieces, of different parcels: added up key by key."""
    found = {queries.key_of(row): row for row in rows}
    for row in more:
        key = queries.key_of(row)
        found[key] = _plus(found[key], row) if key in found else row
    return list(found.values())
