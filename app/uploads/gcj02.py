"""The shift of GCJ-02, which Chinese web maps put on every place, taken off again.

The formula is not official: it is the one that every public implementation shares, good to a few metres. It only helps
to show where land would fall; nothing is stored by it.
"""

import numpy as np

from app.geometry import Floats

_SEMI_MAJOR, _ECCENTRICITY_2 = 6378245.0, 0.00669342162296594323
"""Krassovsky 1940, metres; squared eccentricity."""
_ORIGIN = (105.0, 35.0)
_ROUNDS = 3
"""Each round of the inversion gains about three digits."""


def with_shift(points: Floats) -> Floats:
    """Longitudes and latitudes of WGS 84 as GCJ-02 shows them, in degrees."""
    return points + _shift(points)


def without_shift(points: Floats) -> Floats:
    """Longitudes and latitudes of GCJ-02 as WGS 84, in degrees, to about a centimetre of the formula."""
    found = points.copy()
    for _ in range(_ROUNDS):
        found = points - _shift(found)
    return found


def _shift(points: Floats) -> Floats:
    x, y = points[:, 0] - _ORIGIN[0], points[:, 1] - _ORIGIN[1]
    root = np.sqrt(np.abs(x))
    wave = 20.0 * np.sin(6.0 * x * np.pi) + 20.0 * np.sin(2.0 * x * np.pi)
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
    east += (wave + _waves(x, (20.0, 1.0), (40.0, 3.0), (150.0, 12.0), (300.0, 30.0))) * 2.0 / 3.0
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
    north += (wave + _waves(y, (20.0, 1.0), (40.0, 3.0), (160.0, 12.0), (320.0, 30.0))) * 2.0 / 3.0
    latitude = np.radians(points[:, 1])
    magic = 1.0 - _ECCENTRICITY_2 * np.sin(latitude) ** 2
    east *= 180.0 / (_SEMI_MAJOR / np.sqrt(magic) * np.cos(latitude) * np.pi)
    north *= 180.0 / (_SEMI_MAJOR * (1.0 - _ECCENTRICITY_2) / (magic * np.sqrt(magic)) * np.pi)
    return np.column_stack([east, north])


def _waves(value: Floats, *waves: tuple[float, float]) -> Floats:
    """The sum of sines of several heights and lengths."""
    found: Floats = sum((height * np.sin(value / length * np.pi) for height, length in waves), np.zeros_like(value))
    return found
