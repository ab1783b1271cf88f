"""Gaps between the parcels of a file, narrower than a width that the uploader states: shown, never filled.

GEOS's coverage check marks the edges that lie beside a gap; only parcels with such an edge are looked at in pairs. The
gap of a pair is what closing them (growing by half the width, shrinking again) adds, without what other parcels hold.
"""

from typing import Any

import numpy as np
import shapely

from app.geometry import Geometries
from app.uploads.defects import polygons
from app.uploads.findings import Finding, square_metres
from app.uploads.overlay import SLIVER
from app.uploads.rows import Bools, Ints, Rows, distinct

TOUCHING = 1e-6
"""Metres within which a parcel is beside a gap, rather than rounding apart."""
MITRE = 10.0
"""Corners stay sharp when an outline grows and shrinks: a round one would leave land in every bend."""
MAX_PAIRS = 20_000
"""Pairs of parcels that are closed; beyond it the file's gaps are not all sought, and it says so."""
_SHOWN = 10


def check(rows: Rows, width: float) -> None:
    """Tell every gap narrower than ``width`` metres between parcels of one layer, with its outline and size."""
    good = np.flatnonzero(rows.good)
    _, layer = distinct(rows.text("layer") if "layer" not in rows.staged else rows.staged["layer"])
    for one in np.unique(layer[good]).tolist():
        _check_layer(rows, good[layer[good] == one], width)


def _check_layer(rows: Rows, good: Ints, width: float) -> None:
    geometries = rows.geometries[good]
    if len(good) < 2:  # noqa: PLR2004 - a gap has two sides
        return
    left, right, cut = _pairs(geometries, width)
    if cut:
        rows.tell_file("gaps_not_all_sought", "note", limit=str(MAX_PAIRS))
    found = _between(geometries, left, right, width)
    if not len(found):
        return
    at, beside = shapely.STRtree(geometries).query(found, predicate="dwithin", distance=TOUCHING)
    for number, gap in enumerate(found):
        members = np.sort(good[beside[at == number]])
        if len(members) > 1:
            rows.findings.add([_finding(rows, gap, members)])


def _pairs(geometries: Geometries, width: float) -> tuple[Ints, Ints, bool]:
    """Which parcels to close with which; whether there were more than MAX_PAIRS."""
    edges = shapely.coverage_invalid_edges(geometries, gap_width=width)
    marked: Bools = ~(shapely.is_missing(edges) | shapely.is_empty(edges))
    some = np.flatnonzero(marked)
    left, right = shapely.STRtree(geometries[some]).query(geometries[some], predicate="dwithin", distance=width)
    ordered = left < right
    left, right = some[left[ordered]], some[right[ordered]]
    return left[:MAX_PAIRS], right[:MAX_PAIRS], len(left) > MAX_PAIRS


def _between(geometries: Geometries, left: Ints, right: Ints, width: float) -> list[Any]:
    """The gaps as polygons, each once however many pairs stand beside it."""
    one, other = geometries[left], geometries[right]
    both = shapely.union(one, other)
    grown = shapely.buffer(both, width / 2.0, join_style="mitre", mitre_limit=MITRE)
    closed = shapely.buffer(grown, -width / 2.0, join_style="mitre", mitre_limit=MITRE)
    added = shapely.difference(closed, both)
    parts = shapely.get_parts(added)
    parts = parts[(shapely.get_type_id(parts) == shapely.GeometryType.POLYGON) & (shapely.area(parts) >= SLIVER)]
    at, held = shapely.STRtree(geometries).query(parts, predicate="intersects")
    for number in np.unique(at).tolist():
        parts[number] = shapely.difference(parts[number], shapely.union_all(geometries[held[at == number]]))
    gaps = shapely.get_parts(polygons(shapely.union_all(parts)))
    sizes, around = shapely.area(gaps), shapely.length(gaps)
    return list(gaps[(sizes >= SLIVER) & (2.0 * sizes < width * around)])


def _finding(rows: Rows, gap: shapely.Geometry, members: Ints) -> Finding:
    size = float(shapely.area(gap))
    named = [f"{rows.feature(row)} ({row + 1})" for row in members[:_SHOWN].tolist()]
    values = {
        "square_metres": f"{size:.4f}",
        "width": f"{2.0 * size / float(shapely.length(gap)):.3f}",
        "parcels": ", ".join(named),
    }
    first = int(members[0])
    return Finding("gap", "warn", first + 1, rows.feature(first), gap, values, square_metres(size), square_metres(size))
