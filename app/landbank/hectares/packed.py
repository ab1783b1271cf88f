"""How the tree packs parcels and sums: little-endian records, read by numpy without looking at one after another."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

PARCEL = np.dtype(
    [
        ("parcel", "<i8"), ("version", "<i8"), ("west", "<f8"), ("south", "<f8"), ("east", "<f8"), ("north", "<f8"),
        ("settled", "<i4"), ("inventory", "<i2"), ("banked", "<i2"), ("plane", "<i8"), ("ellipsoidal", "<i8"),
    ]
)  # fmt: skip
"""A parcel of a leaf: the version that counts in the end, its key in each measure (or NO_KEY), 1e-4 m²."""
SUM = np.dtype([("measure", "<i2"), ("key", "<i2"), ("parcels", "<i4"), ("plane", "<i8"), ("ellipsoidal", "<i8")])
MEASURES = ("inventory", "banked")
NO_KEY = -1
NEVER = 2**31 - 1
"""The day on which a parcel settles that is always counted from its pieces."""
Packed = NDArray[Any]


def unpack(raw: bytes | None, kind: np.dtype[Any]) -> Packed:
    """The records of a column."""
    return np.frombuffer(raw or b"", dtype=kind)


def sums_of(parcels: Packed) -> Packed:
    """The sums of some parcels by measure and key."""
    found = []
    for number, measure in enumerate(MEASURES):
        held = parcels[parcels[measure] != NO_KEY]
        rows = np.zeros(len(held), dtype=SUM)
        rows["measure"], rows["key"], rows["parcels"] = number, held[measure], 1
        rows["plane"], rows["ellipsoidal"] = held["plane"], held["ellipsoidal"]
        found.append(rows)
    return added(np.concatenate(found))


def added(sums: Packed) -> Packed:
    """Sums with those of one measure and key added up; what comes to nothing is left away."""
    if not len(sums):
        return sums
    code = sums["measure"].astype(np.int64) << 16 | sums["key"]
    codes, place = np.unique(code, return_inverse=True)
    found = np.zeros(len(codes), dtype=SUM)
    found["measure"], found["key"] = codes >> 16, codes & 0xFFFF
    for name in ("parcels", "plane", "ellipsoidal"):
        np.add.at(found[name], place, sums[name])
    kept: Packed = found[(found["parcels"] != 0) | (found["plane"] != 0) | (found["ellipsoidal"] != 0)]
    return kept


def taken(sums: Packed) -> Packed:
    """Sums to be taken off."""
    found = sums.copy()
    for name in ("parcels", "plane", "ellipsoidal"):
        found[name] = -found[name]
    return found
