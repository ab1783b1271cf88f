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
    return sums_by_leaf(parcels, np.zeros(len(parcels), dtype=np.int64), 1)[0]


def sums_by_leaf(parcels: Packed, leaf: NDArray[np.int64], count: int) -> list[Packed]:
    """The same of each of ``count`` leaves, of which every parcel has one."""
    found, leaves = [], []
    for number, measure in enumerate(MEASURES):
        held = parcels[measure] != NO_KEY
        rows = np.zeros(int(held.sum()), dtype=SUM)
        rows["measure"], rows["key"], rows["parcels"] = number, parcels[measure][held], 1
        rows["plane"], rows["ellipsoidal"] = parcels["plane"][held], parcels["ellipsoidal"][held]
        found.append(rows)
        leaves.append(leaf[held])
    return _added(np.concatenate(found), np.concatenate(leaves), count)


def added(sums: Packed) -> Packed:
    """Sums with those of one measure and key added up; what comes to nothing is left away."""
    return _added(sums, np.zeros(len(sums), dtype=np.int64), 1)[0]


def _added(sums: Packed, leaf: NDArray[np.int64], count: int) -> list[Packed]:
    code = leaf << 32 | sums["measure"].astype(np.int64) << 16 | sums["key"]
    codes, place = np.unique(code, return_inverse=True)
    found = np.zeros(len(codes), dtype=SUM)
    found["measure"], found["key"] = codes >> 16 & 0xFFFF, codes & 0xFFFF
    for name in ("parcels", "plane", "ellipsoidal"):
        np.add.at(found[name], place, sums[name])
    kept = (found["parcels"] != 0) | (found["plane"] != 0) | (found["ellipsoidal"] != 0)
    return np.split(found[kept], np.searchsorted(codes[kept] >> 32, np.arange(1, count)))


def taken(sums: Packed) -> Packed:
    """Sums to be taken off."""
    found = sums.copy()
    for name in ("parcels", "plane", "ellipsoidal"):
        found[name] = -found[name]
    return found
