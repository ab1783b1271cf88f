"""Polygons of a .shp, record by record, none of them lost.

Layout: ESRI Shapefile Technical Description, July 1998. GDAL answers damaged records with empty geometries and no
word; here every record gives a polygon or a reason. The .shx is not needed and only compared.
"""

import mmap
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from app.uploads.problems import FileRefusedError, Problem, refusal
from app.uploads.rings import Floats, nest, polygons_by_direction, signed_sizes
from app.uploads.sniff import HEAD_BYTES, SHAPEFILE_MAGIC, kind

HEADER_BYTES = 100
MAX_VERTICES = 100_000
"""Vertices of one record (CONTRACT)."""
MAX_RINGS = 10_000
MAX_COORDINATE = 1e12
"""Larger numbers, like 1e300, are no place on Earth in any unit."""
MIN_RING_POINTS = 4
NULL, POLYGON, POLYGON_Z, POLYGON_M, MULTIPATCH = 0, 5, 15, 25, 31
POLYGON_TYPES = (POLYGON, POLYGON_Z, POLYGON_M)
SHAPE_NAMES = {
    1: "Point", 3: "PolyLine", 8: "MultiPoint", 11: "PointZ", 13: "PolyLineZ", 18: "MultiPointZ",
    21: "PointM", 23: "PolyLineM", 28: "MultiPointM", 31: "MultiPatch",
}  # fmt: skip
FIXED_BYTES = 44
"""Type, box and counts; ring starts and points follow."""
_HEAD = np.dtype([("type", "<i4"), ("box", "<f8", 4), ("parts", "<i4"), ("points", "<i4"), ("first", "<i4")])
_RECORD_HEADER = struct.Struct(">2i")

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass
class Shapes:
    """One geometry per record in the CRS of the file, None where ``problems`` has a refusal for its row.

    Problems whose squares are compared hold them in squared units of the file's CRS.
    """

    geometries: NDArray[Any]
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True)
class _Records:
    """Where the contents of each record lie in the file."""

    starts: Ints
    lengths: Ints
    problems: list[Problem]


def read_shapes(shp: Path, shx: Path | None = None) -> Shapes:
    """Every record of ``shp`` as a polygon, or None with the reason; refuses files that are no polygon layer."""
    with shp.open("rb") as file:
        head = file.read(HEAD_BYTES)
        _check_header(head)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content, memoryview(content) as view:
            records = _walk(view, head)
            if not len(records.starts):
                raise refusal("no_rows")
            shapes = _Reader(view, records).read()
    shapes.problems[:0] = [*records.problems, *_compare_index(shx, records)]
    return shapes


def record_places(view: memoryview) -> tuple[list[int], list[int]]:
    """Where the contents of each record begin, and how many bytes they are."""
    records = _walk(view, bytes(view[:HEAD_BYTES]))
    return records.starts.tolist(), records.lengths.tolist()


def _check_header(head: bytes) -> None:
    if not head.startswith(SHAPEFILE_MAGIC):
        raise refusal("not_a_shapefile", found=kind(head))
    if len(head) < HEADER_BYTES:
        raise refusal("shp_too_short", size=len(head))
    shape = int.from_bytes(head[32:36], "little", signed=True)
    if shape == MULTIPATCH:
        raise refusal("layer_is_multipatch")
    if shape not in (NULL, *POLYGON_TYPES):
        raise refusal("layer_not_polygons", found=SHAPE_NAMES.get(shape, str(shape)))


def _walk(view: memoryview, head: bytes) -> _Records:
    """Follow the record headers to the end of the file; a broken chain refuses the file and names the record."""
    size, stated = len(view), 2 * int.from_bytes(head[24:28], "big", signed=True)
    starts: list[int] = []
    lengths: list[int] = []
    position = HEADER_BYTES
    problems = []
    while position < size:
        whole = position + _RECORD_HEADER.size <= size
        length = 2 * _RECORD_HEADER.unpack_from(view, position)[1] if whole else -1
        if length < 4 or position + _RECORD_HEADER.size + length > size:  # noqa: PLR2004 - a shape type has four bytes
            if position >= stated >= HEADER_BYTES:
                problems.append(Problem("shp_trailing_bytes", "warn", values={"count": size - position}))
                break
            raise _truncated(len(starts), size, stated)
        starts.append(position + _RECORD_HEADER.size)
        lengths.append(length)
        position += _RECORD_HEADER.size + length
    if position < stated and not problems:
        raise _truncated(len(starts), size, stated)
    return _Records(np.array(starts, dtype=np.int64), np.array(lengths, dtype=np.int64), problems)


def _truncated(readable: int, size: int, stated: int) -> FileRefusedError:
    values: dict[str, object] = {"row": readable + 1, "readable": readable, "size": size, "stated": stated}
    return FileRefusedError(Problem("shp_truncated", "refuse", values=values), row_count=readable)


def _compare_index(shx: Path | None, records: _Records) -> list[Problem]:
    if shx is None:
        return [Problem("shx_missing", "note")]
    entries = shx.read_bytes()[HEADER_BYTES:]
    entries = entries[: len(entries) // 8 * 8]
    pairs = np.frombuffer(entries, dtype=">i4").reshape(-1, 2).astype(np.int64) * 2
    same = len(pairs) == len(records.starts) and np.array_equal(pairs[:, 0] + 8, records.starts)
    return (
        [] if same else [Problem("shx_differs", "note", values={"index": len(pairs), "records": len(records.starts)})]
    )


class _Reader:
    """The records of one file on their way to polygons; each step takes rows out and says why."""

    def __init__(self, view: memoryview, records: _Records) -> None:
        self.view = view
        self.starts = records.starts
        self.lengths = records.lengths
        self.count = len(records.starts)
        self.good: Bools = np.ones(self.count, dtype=bool)
        self.shapes = Shapes(np.full(self.count, None, dtype=object))
        self.damaged: list[int] = []

    def read(self) -> Shapes:
        heads = self._heads()
        self._measures(heads)
        parts, points = heads["parts"].astype(np.int64), heads["points"].astype(np.int64)
        rows = np.flatnonzero(self.good)
        if len(rows):
            self._polygons(rows, parts[rows], points[rows], heads["first"][rows].astype(np.int64))
        if self.damaged:
            rows_text = ", ".join(str(row + 1) for row in self.damaged[:20])
            values: dict[str, object] = {"count": len(self.damaged), "rows": rows_text, "total": self.count}
            self.shapes.problems.insert(0, Problem("shp_damaged", "refuse", values=values))
        return self.shapes

    def _refuse(self, row: int, code: str, **values: object) -> None:
        self.good[row] = False
        self.shapes.problems.append(Problem(code, "refuse", row=row + 1, values=values))

    def _damage(self, row: int, **values: object) -> None:
        """Refuse a record whose bytes contradict themselves: the file is damaged, its other rows are suspect."""
        self._refuse(row, "record_damaged", **values)
        self.damaged.append(row)

    def _slices(self, starts: Iterable[int], ends: Iterable[int]) -> bytes:
        view = self.view
        return b"".join([view[start:end] for start, end in zip(starts, ends, strict=True)])

    def _heads(self) -> NDArray[Any]:
        """Type, box and counts of each record; null, foreign and impossible records are taken out."""
        heads = np.zeros(self.count, dtype=_HEAD)
        long = self.lengths >= _HEAD.itemsize
        at = self.starts[long]
        heads[long] = np.frombuffer(self._slices(at.tolist(), (at + _HEAD.itemsize).tolist()), dtype=_HEAD)
        for row in np.flatnonzero(~long).tolist():
            content = bytes(self.view[self.starts[row] : self.starts[row] + self.lengths[row]])
            heads[row] = np.frombuffer(content.ljust(_HEAD.itemsize, b"\0"), dtype=_HEAD)[0]
        kinds = heads["type"]
        full = np.isin(kinds, POLYGON_TYPES) & (self.lengths >= FIXED_BYTES)
        parts, points = heads["parts"].astype(np.int64), heads["points"].astype(np.int64)
        need = FIXED_BYTES + 4 * parts + 16 * points
        empty = full & (points == 0) & (parts >= 0) & (need <= self.lengths)
        fits = full & (parts >= 1) & (points >= 1) & (parts <= points) & (need <= self.lengths)
        for row in np.flatnonzero((kinds == NULL) | empty).tolist():
            self._refuse(row, "geometry_missing")
        for row in np.flatnonzero(~fits & ~empty & (kinds != NULL)).tolist():
            values = {
                "parts": int(parts[row]),
                "points": int(points[row]),
                "size": int(self.lengths[row]),
                "type": int(kinds[row]),
            }
            self._damage(row, **values)
        for row in np.flatnonzero(self.good & (points > MAX_VERTICES)).tolist():
            self._refuse(row, "too_many_vertices", count=int(points[row]), limit=MAX_VERTICES)
        for row in np.flatnonzero(self.good & (parts > MAX_RINGS)).tolist():
            self._refuse(row, "too_many_rings", count=int(parts[row]), limit=MAX_RINGS)
        return heads

    def _measures(self, heads: NDArray[Any]) -> None:
        """Heights and measures are not kept; say so, and louder where they hold something."""
        kinds = heads["type"]
        flat = self.starts + FIXED_BYTES + 4 * heads["parts"].astype(np.int64) + 16 * heads["points"].astype(np.int64)
        with_z = self.good & (kinds == POLYGON_Z) & (flat + 16 <= self.starts + self.lengths)
        if (kinds[self.good] == POLYGON_Z).any():
            at = flat[with_z].tolist()
            span = np.frombuffer(self._slices(at, [start + 16 for start in at]), dtype="<f8")
            count = int((kinds[self.good] == POLYGON_Z).sum())
            if np.all(span == 0.0):
                self.shapes.problems.append(Problem("z_zero_dropped", "note", values={"count": count}))
            else:
                self.shapes.problems.append(Problem("z_dropped", "warn", values={"count": count}))
        measured = int((kinds[self.good] == POLYGON_M).sum())
        if measured:
            self.shapes.problems.append(Problem("m_dropped", "warn", values={"count": measured}))

    def _polygons(self, rows: Ints, parts: Ints, counts: Ints, begin: Ints) -> None:
        """Polygons of ``rows``, which have ``parts`` rings and ``counts`` points each, the first from ``begin``."""
        at = self.starts[rows] + FIXED_BYTES
        record = np.repeat(np.arange(len(rows)), parts)
        first = np.cumsum(parts) - parts
        offsets = np.empty(len(record), dtype=np.int64)
        offsets[first] = begin
        many = parts > 1
        several = self._slices(at[many].tolist(), (at + 4 * parts)[many].tolist())
        offsets[many[record]] = np.frombuffer(several, dtype="<i4")
        ends = np.empty_like(offsets)
        ends[:-1] = offsets[1:]
        ends[first + parts - 1] = counts
        odd = (offsets < 0) | (ends < offsets)
        odd[first] |= offsets[first] != 0
        bad = np.unique(record[odd])
        for index in bad.tolist():
            self._damage(
                int(rows[index]),
                parts=int(parts[index]),
                points=int(counts[index]),
                size=int(self.lengths[rows[index]]),
                type="",
            )
        if len(bad):
            keep = np.flatnonzero(self.good[rows])
            if len(keep):
                self._polygons(rows[keep], parts[keep], counts[keep], begin[keep])
            return
        at = at + 4 * parts
        raw = self._slices(at.tolist(), (at + 16 * counts).tolist())
        points = np.frombuffer(raw, dtype="<f8").reshape(-1, 2)
        self._rings(rows, record, points, ends - offsets)

    def _rings(self, rows: Ints, record: Ints, points: Floats, sizes: Ints) -> None:
        """Close, check and assemble rings; ``record`` is the index into ``rows`` of each ring."""
        finite = (np.abs(points) < MAX_COORDINATE).all(axis=1)
        if not finite.all():
            for index in np.unique(np.repeat(record, sizes)[~finite]).tolist():
                self._refuse(int(rows[index]), "coordinates_not_finite")
        points, sizes = self._close(rows, record, points, sizes)
        short = np.flatnonzero(sizes < MIN_RING_POINTS)
        for ring in short[np.unique(record[short], return_index=True)[1]].tolist():
            if self.good[rows[record[ring]]]:
                self._refuse(int(rows[record[ring]]), "ring_too_few_points", count=int(sizes[ring]))
        keep = self.good[rows][record]
        if not keep.all():
            points, sizes, record = points[np.repeat(keep, sizes)], sizes[keep], record[keep]
        if len(record):
            self._assemble(rows, record, points, sizes)

    def _close(self, rows: Ints, record: Ints, points: Floats, sizes: Ints) -> tuple[Floats, Ints]:
        """Repeat the first point at the end of open rings, and note it."""
        filled = sizes > 0
        ends = np.cumsum(sizes)
        starts = ends - sizes
        is_open = np.zeros(len(sizes), dtype=bool)
        is_open[filled] = (points[starts[filled]] != points[ends[filled] - 1]).any(axis=1)
        is_open &= self.good[rows][record]
        if not is_open.any():
            return points, sizes
        for row in np.unique(rows[record[is_open]]).tolist():
            self.shapes.problems.append(Problem("ring_closed", "warn", row=row + 1))
        points = np.insert(points, ends[is_open], points[starts[is_open]], axis=0)
        return points, sizes + is_open

    def _assemble(self, rows: Ints, record: Ints, points: Floats, sizes: Ints) -> None:
        offsets = np.append(0, np.cumsum(sizes)).astype(np.int64)
        self._single_points(rows, record, points, offsets[:-1])
        signed = signed_sizes(points, offsets[:-1], sizes)
        polygons, owner = polygons_by_direction(points, offsets, record, signed < 0.0)
        per_record = np.bincount(owner, minlength=len(rows))
        geometries = np.full(len(rows), None, dtype=object)
        alone = per_record[owner] == 1
        geometries[owner[alone]] = polygons[alone]
        if not alone.all():
            several, index = np.unique(owner[~alone], return_inverse=True)
            geometries[several] = shapely.multipolygons(polygons[~alone], indices=index)
        rings = np.bincount(record, minlength=len(rows))
        suspects = np.flatnonzero(rings > 1)
        for index in suspects[~shapely.is_valid(geometries[suspects])].tolist():
            low, high = np.searchsorted(record, [index, index + 1])
            coordinates = [points[offsets[ring] : offsets[ring + 1]] for ring in range(low, high)]
            geometries[index] = self._nested(int(rows[index]), geometries[index], coordinates, signed[low:high])
        good = self.good[rows]
        self.shapes.geometries[rows[good]] = geometries[good]

    def _single_points(self, rows: Ints, record: Ints, points: Floats, starts: Ints) -> None:
        """A record that is one point and nothing else is damage: no editor draws that."""
        spread = np.maximum.reduceat(points, starts) - np.minimum.reduceat(points, starts)
        wide = np.zeros(len(rows), dtype=bool)
        np.logical_or.at(wide, record, spread.any(axis=1))
        present = np.zeros(len(rows), dtype=bool)
        present[record] = True
        for index in np.flatnonzero(present & ~wide).tolist():
            self._refuse(int(rows[index]), "ring_single_point")
            self.damaged.append(int(rows[index]))

    def _nested(self, row: int, geometry: shapely.Geometry, rings: list[Floats], signed: Floats) -> shapely.Geometry:
        nested = nest(rings, signed)
        if nested is None:
            return geometry
        if not nested.differs:
            if signed.sum() > 0.0:
                self.shapes.problems.append(Problem("rings_reversed", "note", row=row + 1))
            return nested.geometry
        x, y = rings[0][0].tolist()
        problem = Problem(
            "rings_read_by_nesting", "warn", row=row + 1, position=(x, y),
            square_metres_before=nested.by_direction, square_metres_after=nested.by_nesting,
        )  # fmt: skip
        self.shapes.problems.append(problem)
        return nested.geometry
