"""What is checked of the rings of good outlines: spikes, repeated vertices, tiny rings. All are kept, and told."""

from dataclasses import dataclass

import numpy as np
import shapely

from app.geometry import Floats, Geometries
from app.uploads.findings import Finding, square_metres
from app.uploads.rings import signed_sizes
from app.uploads.rows import Ints, Rows

SPIKE_ANGLE, SPIKE_LEG = np.radians(1.0), 1.0
"""A corner sharper than this, with both legs longer than SPIKE_LEG metres, is hardly a boundary."""
TINY = 1.0
"""Square metres below which a ring, a hole or a part is hardly meant."""
BATCH = 20_000


@dataclass(frozen=True)
class _Rings:
    """Good outlines taken apart: ring, polygon and outline of each vertex by offsets; signed square metres per ring."""

    good: Ints
    points: Floats
    ring_offsets: Ints
    polygon_offsets: Ints
    feature_offsets: Ints
    signed: Floats

    @staticmethod
    def of(rows: Rows, good: Ints) -> "_Rings":
        _, points, offsets = shapely.to_ragged_array(multi(rows.geometries[good]))
        ring_offsets, polygon_offsets, feature_offsets = (part.astype(np.int64) for part in offsets)
        signed = signed_sizes(points, ring_offsets[:-1], np.diff(ring_offsets))
        return _Rings(good, points, ring_offsets, polygon_offsets, feature_offsets, signed)

    def row(self, ring: Ints) -> Ints:
        """The row (0-based) that each ring belongs to."""
        polygon = np.searchsorted(self.polygon_offsets, ring, side="right") - 1
        return self.good[np.searchsorted(self.feature_offsets, polygon, side="right") - 1]

    def grows_with(self, ring: int) -> int:
        """1 where the outline has more land when the ring has more: a shell; -1 for a hole."""
        return 1 if ring in self.polygon_offsets else -1


def check(rows: Rows) -> None:
    """A corner below 1° and a ring below 1 m² are warned of; a vertex that repeats the one before is noted."""
    everything = np.flatnonzero(rows.good)
    for at in range(0, len(everything), BATCH):
        rings = _Rings.of(rows, everything[at : at + BATCH])
        _spikes(rows, rings)
        _duplicates(rows, rings)
        _tiny(rows, rings)


def _spikes(rows: Rows, rings: _Rings) -> None:
    """A corner sharper than 1° with legs longer than a metre; the finding says the size without it."""
    points = rings.points
    step = np.diff(points, axis=0)
    before, after = step[:-1], step[1:]
    dot = -(before[:, 0] * after[:, 0] + before[:, 1] * after[:, 1])
    cross = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    corner = np.flatnonzero((dot > 0.0) & (np.abs(cross) < np.tan(SPIKE_ANGLE) * dot)) + 1
    legs = np.minimum(np.hypot(*step[corner - 1].T), np.hypot(*step[corner].T))
    corner = corner[legs > SPIKE_LEG]
    ring = np.searchsorted(rings.ring_offsets, corner, side="right") - 1
    within = (corner > rings.ring_offsets[ring]) & (corner + 1 < rings.ring_offsets[ring + 1])  # not across two rings
    corner, ring = corner[within], ring[within]
    row, first = np.unique(rings.row(ring), return_index=True)
    at = dict(zip(row.tolist(), zip(corner[first].tolist(), ring[first].tolist(), strict=True), strict=True))

    def make(row: int) -> Finding:
        vertex, ring = at[row]
        # Without the vertex the ring loses the triangle that it spans with its neighbours.
        lost = abs(rings.signed[ring] - cross[vertex - 1] / 2.0) - abs(rings.signed[ring])
        size = float(rows.plane[row])
        return _finding(rows, row, shapely.Point(points[vertex]), size, size + rings.grows_with(ring) * float(lost))

    rows.tell("geometry_spike", "warn", row, make)


def _duplicates(rows: Rows, rings: _Rings) -> None:
    """A vertex given twice in a row: it stays, and changes no size."""
    same = np.flatnonzero((np.diff(rings.points, axis=0) == 0.0).all(axis=1))
    ring = np.searchsorted(rings.ring_offsets, same, side="right") - 1
    within = same + 1 < rings.ring_offsets[ring + 1]
    same, ring = same[within], ring[within]
    row, first, count = np.unique(rings.row(ring), return_index=True, return_counts=True)
    at = dict(zip(row.tolist(), zip(same[first].tolist(), count.tolist(), strict=True), strict=True))

    def make(row: int) -> Finding:
        vertex, count = at[row]
        size = float(rows.plane[row])
        return _finding(rows, row, shapely.Point(rings.points[vertex]), size, size, count=str(count))

    rows.tell("geometry_duplicate_vertex", "note", row, make)


def _tiny(rows: Rows, rings: _Rings) -> None:
    """A shell or a hole below 1 m²; the finding says the size of the outline without it."""
    tiny = np.flatnonzero(np.abs(rings.signed) < TINY)
    row, first = np.unique(rings.row(tiny), return_index=True)
    at = dict(zip(row.tolist(), tiny[first].tolist(), strict=True))

    def make(row: int) -> Finding:
        ring = at[row]
        outline = shapely.Polygon(rings.points[rings.ring_offsets[ring] : rings.ring_offsets[ring + 1]])
        size, own = float(rows.plane[row]), abs(float(rings.signed[ring]))
        without = max(0.0, size - rings.grows_with(ring) * own)
        return _finding(rows, row, outline, size, without, square_metres=f"{own:.4f}")

    rows.tell("geometry_tiny_ring", "warn", row, make)


def _finding(rows: Rows, row: int, where: shapely.Geometry, before: float, after: float, **values: str) -> Finding:
    sizes = square_metres(before), square_metres(after)
    return Finding("", "note", None, rows.feature(row), where, values, *sizes)


def multi(geometries: Geometries) -> Geometries:
    """Every outline as a multipolygon, as it is stored."""
    found = geometries.copy()
    single = np.flatnonzero(shapely.get_type_id(found) == shapely.GeometryType.POLYGON)
    found[single] = shapely.multipolygons(found[single], indices=np.arange(len(single)))
    return found
