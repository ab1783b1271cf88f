"""Keeping the tree of sums in step: built by ``landbank db rebuild``, and by every publication for what it touched.

Parcels lie in leaves of ``LEAF`` in Hilbert order, eight nodes under each node. A touched parcel stays in its leaf,
whose rectangle grows where it must; new parcels get a branch of their own. Rebuilding packs everything tightly again.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ARRAY, BigInteger, any_, delete, func, insert, literal, select, text
from sqlalchemy.orm import Session

from app.db import Publication, last_publication, lock_publication
from app.landbank.hectares.packed import NO_KEY, PARCEL, SUM, Packed, added, sums_by_leaf, sums_of, taken, unpack
from app.landbank.hectares.queries import PACKAGE
from app.landbank.models import TreeKey, TreeNode, TreeParcel
from app.sql import load, run

LEAF = 64
FAN = 8
_PLAIN = ("parcel", "version", "west", "south", "east", "north", "settled")
_KEY = ("programme", "land_category", "layer")
_BATCH = LEAF * 256
Ids = NDArray[np.int64]


@dataclass
class _Node:
    """A node to be stored."""

    id: int
    level: int
    box: tuple[float, float, float, float]
    settled: int
    sums: Packed
    parcels: bytes | None = None
    parent_id: int | None = None

    def row(self) -> dict[str, Any]:
        """As a row of ``tree_node``."""
        west, south, east, north = self.box
        return {
            "id": self.id, "parent_id": self.parent_id, "level": self.level, "west": west, "south": south,
            "east": east, "north": north, "settled": self.settled, "sums": self.sums.tobytes(),
            "parcels": self.parcels,
        }  # fmt: skip


@dataclass
class _Keys:
    """The keys of the tree: known ones, and new ones as they come."""

    session: Session
    known: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rows = self.session.execute(select(TreeKey.id, TreeKey.programme, TreeKey.land_category, TreeKey.layer))
        self.known = {(programme, category, layer): key for key, programme, category, layer in rows}

    def of(self, programme: str | None, category: str | None, layer: str | None) -> int:
        """The number of a key; NO_KEY where the parcel does not count."""
        if programme is None or category is None or layer is None:
            return NO_KEY
        key = (programme, category, layer)
        if key not in self.known:
            self.known[key] = len(self.known)
            row = {"id": self.known[key], "programme": programme, "land_category": category, "layer": layer}
            self.session.execute(insert(TreeKey), [row])
        return self.known[key]


def rebuild_tree(session: Session) -> None:
    """Derive the whole tree anew, as now known."""
    lock_publication(session)
    for table in (TreeParcel, TreeNode, TreeKey):
        session.execute(delete(table))
    _add(session, _read(session, last_publication(session), None))


def append_tree(session: Session, publication: Publication, parcels: Ids, new_parcels: Ids) -> None:
    """Keep the tree in step with what a publication changed; ``new_parcels`` are new and have no events."""
    added = [_read_new(session, publication.recorded_at, new_parcels)] if len(new_parcels) else []
    if len(parcels):
        batches = list(_read(session, publication.recorded_at, parcels))
        found = np.concatenate(batches) if batches else np.empty(0, dtype=PARCEL)
        leaves = text(load(PACKAGE, "tree_leaves.sql"))
        held = {row.parcel_id: row.leaf_id for row in session.execute(leaves, {"parcels": parcels})}
        known = np.isin(found["parcel"], np.fromiter(held, dtype=np.int64, count=len(held)))
        _replace(session, found[known], held)
        added.append(found[~known])
    _add(session, added)


def _read_new(session: Session, recorded_at: Any, parcels: Ids) -> Packed:
    """Parcels that are new and have no events, in Hilbert order, packed."""
    keys = _Keys(session)
    asked = {"recorded_at": recorded_at, "parcels": parcels}
    columns = session.execute(text(load(PACKAGE, "tree_new_parcels.sql")), asked).one()._mapping  # noqa: SLF001  SQLAlchemy's public name
    found = np.empty(len(parcels), dtype=PARCEL)
    for name in (*_PLAIN, "plane", "ellipsoidal"):
        found[name] = columns[name]
    found["inventory"] = [keys.of(*key) for key in zip(*(columns[name] for name in _KEY), strict=True)]
    found["banked"] = NO_KEY
    return found


def _read(session: Session, after: Any, parcels: Ids | None) -> Iterator[Packed]:
    """Parcels in Hilbert order, packed, in batches of whole leaves."""
    keys = _Keys(session)
    asked = {"after": after, "parcels": parcels}
    statement = text(load(PACKAGE, "tree_parcels.sql")).execution_options(stream_results=parcels is None)
    for rows in session.execute(statement, asked).partitions(_BATCH):
        found = np.empty(len(rows), dtype=PARCEL)
        columns = list(zip(*rows, strict=True))
        for name, column in zip(_PLAIN, columns[:7], strict=True):
            found[name] = column
        found["inventory"] = [keys.of(*key) for key in zip(*columns[7:10], strict=True)]
        found["banked"] = [keys.of(*key) for key in zip(*columns[10:13], strict=True)]
        found["plane"], found["ellipsoidal"] = columns[13], columns[14]
        yield found


def _add(session: Session, batches: Iterable[Packed]) -> None:
    """A branch of new parcels: leaves, and nodes above them up to one root."""
    next_id = 1 + (session.execute(select(func.max(TreeNode.id))).scalar_one() or 0)
    level: list[_Node] = []
    for batch in batches:
        if not len(batch):
            continue
        firsts = np.arange(0, len(batch), LEAF)
        made = _leaves(next_id, batch, firsts)
        next_id += len(made)
        level += made
        of = np.repeat([node.id for node in made], np.diff(firsts, append=len(batch)))
        run(session, PACKAGE, "tree_places.sql", parcels=batch["parcel"], leaves=of)
    while level:
        above = [level[at : at + FAN] for at in range(0, len(level), FAN)] if len(level) > 1 else []
        parents = [_parent(next_id + number, children) for number, children in enumerate(above)]
        next_id += len(parents)
        session.execute(insert(TreeNode), [node.row() for node in level])
        level = parents


def _leaves(number: int, parcels: Packed, firsts: Ids) -> list[_Node]:
    """A node for each run of parcels that begins at one of ``firsts``, numbered from ``number``."""
    leaf = np.repeat(np.arange(len(firsts)), np.diff(firsts, append=len(parcels)))
    low = np.column_stack([np.minimum.reduceat(parcels[name], firsts) for name in ("west", "south")])
    high = np.column_stack([np.maximum.reduceat(parcels[name], firsts) for name in ("east", "north")])
    boxes = np.hstack([low, high]).tolist()
    settled = np.maximum.reduceat(parcels["settled"], firsts).tolist()
    runs = np.split(parcels, firsts[1:])
    sums = sums_by_leaf(parcels, leaf, len(firsts))
    return [
        _Node(number + at, 0, tuple(boxes[at]), settled[at], sums[at], run.tobytes()) for at, run in enumerate(runs)
    ]


def _parent(number: int, children: Sequence[_Node]) -> _Node:
    for child in children:
        child.parent_id = number
    boxes = np.array([child.box for child in children])
    box = (*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist())
    sums = added(np.concatenate([child.sums for child in children]))
    return _Node(number, children[0].level + 1, box, max(child.settled for child in children), sums)


def _box(parcels: Packed) -> tuple[float, float, float, float]:
    low, high = (parcels["west"].min(), parcels["south"].min()), (parcels["east"].max(), parcels["north"].max())
    return (float(low[0]), float(low[1]), float(high[0]), float(high[1]))


def _replace(session: Session, found: Packed, held: dict[int, int]) -> None:
    """Put touched parcels in their leaves in place of what they were; the nodes above change by the difference.

    A parcel that no longer counts in any way stays in its leaf without keys.
    """
    leaf_of = np.array([held[parcel] for parcel in found["parcel"].tolist()], dtype=np.int64)
    gone = held.keys() - set(found["parcel"].tolist())
    nodes: dict[int, TreeNode] = {}
    leaves = sorted({*leaf_of.tolist(), *(held[parcel] for parcel in gone)})
    _load(session, nodes, leaves)
    for leaf in leaves:
        node = nodes[leaf]
        own = found[leaf_of == leaf]
        before = unpack(node.parcels, PARCEL).copy()
        before["inventory"][np.isin(before["parcel"], list(gone))] = NO_KEY
        before["banked"][np.isin(before["parcel"], list(gone))] = NO_KEY
        after = np.concatenate([before[~np.isin(before["parcel"], own["parcel"])], own])
        sums = sums_of(after)
        change = added(np.concatenate([sums, taken(unpack(node.sums, SUM))]))
        node.parcels = after.tobytes()
        box, settled = _box(after), int(after["settled"].max())
        above: int | None = leaf
        while above is not None:
            node = nodes[above]
            node.sums = added(np.concatenate([unpack(node.sums, SUM), change])).tobytes()
            node.west, node.south = min(node.west, box[0]), min(node.south, box[1])
            node.east, node.north = max(node.east, box[2]), max(node.north, box[3])
            node.settled = max(node.settled, settled)
            above = node.parent_id
    session.flush()


def _load(session: Session, nodes: dict[int, TreeNode], wanted: Sequence[int]) -> None:
    """Nodes and all above them."""
    while wanted:
        rows = session.scalars(
            select(TreeNode).where(TreeNode.id == any_(literal(list(wanted), ARRAY(BigInteger))))
        ).all()
        nodes |= {node.id: node for node in rows}
        wanted = sorted({node.parent_id for node in rows if node.parent_id is not None} - nodes.keys())
