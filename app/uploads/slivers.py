"""Slivers that parcels of a file share, taken off the later one: only where the uploader chooses ``slivers=clip``."""

import numpy as np
import shapely

from app.geometry import measure
from app.uploads.defects import polygons
from app.uploads.findings import Finding, square_metres
from app.uploads.outlines import SHARE, TOLERANCE
from app.uploads.overlay import SLIVER, Parcels, pairs
from app.uploads.rows import Rows, distinct


def clip(rows: Rows) -> None:
    """Overlaps within tolerance (1 m² or 0.1 % of the smaller parcel) go to the row that comes first in the file.

    Each is told with the land that was taken off and the size before and after; larger overlaps stay as they are.
    """
    good = np.flatnonzero(rows.good)
    _, layers = distinct(rows.staged["layer"])
    found = pairs(Parcels(rows.geometries[good], good, layers[good]), Parcels.none(), rows.srid)
    smaller = np.minimum(rows.ellipsoidal[found.a], rows.ellipsoidal[found.b])
    small = np.flatnonzero(
        (found.ellipsoidal >= SLIVER) & (found.ellipsoidal <= np.minimum(TOLERANCE, SHARE * smaller))
    )
    changed: set[int] = set()
    for number in small.tolist():
        first, later = sorted((int(found.a[number]), int(found.b[number])))
        outline = rows.geometries[later]
        rest = polygons(shapely.difference(outline, rows.geometries[first]))
        before, after = float(shapely.area(outline)), float(shapely.area(rest))
        if after < SLIVER or not shapely.is_valid(rest):
            continue
        rows.geometries[later] = rest
        changed.add(later)
        values = {"other": rows.feature(first) or "", "other_row": str(first + 1)}
        shared, sizes = found.geometries[number], (square_metres(before), square_metres(after))
        rows.findings.add([Finding("sliver_clipped", "warn", later + 1, rows.feature(later), shared, values, *sizes)])
    again = np.array(sorted(changed), dtype=np.int64)
    measured = measure(rows.geometries[again], rows.srid)
    rows.plane[again], rows.ellipsoidal[again] = measured.plane, measured.ellipsoidal
