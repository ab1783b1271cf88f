"""Parcels against restrictive zones: where they meet, with the land in question. Runs in the limited child process."""

import numpy as np
import shapely

from app.geometry import measure
from app.uploads.findings import Finding
from app.uploads.rows import Rows

TOLERANCE = 1.0
SHARE = 0.001
"""Square metres, or this share of the parcel, that drawings of one border may differ by."""


def check(rows: Rows) -> None:
    """A parcel in a zone that is marked restrictive (such as 生态保护红线) is kept, with a warning that shows the land.

    Less than 1 m², or 0.1 % of the parcel where that is less, is the drawing of a common border and not told.
    """
    zones = rows.catalogue.zones
    good = np.flatnonzero(rows.good)
    if not zones or not len(good):
        return
    outlines = np.array([shapely.from_wkb(zone.geom) for zone in zones], dtype=object)
    # The parcels are the tree: each zone, which may have many vertices, is prepared once.
    zone, parcel = shapely.STRtree(rows.geometries[good]).query(outlines, predicate="intersects")
    order = np.lexsort((zone, parcel))
    zone, row = zone[order], good[parcel[order]]
    shared = shapely.intersection(rows.geometries[row], outlines[zone])
    square_metres = measure(shared, rows.srid).ellipsoidal
    told = np.flatnonzero(square_metres > np.minimum(TOLERANCE, SHARE * rows.ellipsoidal[row]))
    rows.findings.add(
        Finding(
            "zone_restrictive",
            "warn",
            int(row[one]) + 1,
            rows.feature(int(row[one])),
            geometry=shared[one],
            values={
                "zone": zones[zone[one]].name,
                "code": zones[zone[one]].code,
                "square_metres": f"{square_metres[one]:.4f}",
            },
        )
        for one in told.tolist()
    )
