"""Parcels as a 勘测定界界址点 TXT, strictly one way: what it writes reads back, and writes the same bytes again.

Coordinates to the millimetre, northing first; rings from their north-western corner, outlines clockwise and holes the
other way (points are numbered from the north-west, clockwise); each ring closed by its first point; GB18030 with CRLF.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from app.uploads.crs import MILLION, ZONES_3

ENCODING, LINE_END = "gb18030", "\r\n"
MILLIMETRES = 1000
_DEGREES = 3
_CORNERS = 3
_FORBIDDEN = frozenset(",[]@=，【】：")

Corners = NDArray[np.int64]
"""Eastings and northings in whole millimetres, the first corner not repeated."""


@dataclass(frozen=True)
class Parcel:
    """One parcel: ``geometry`` in the plane CGCS2000 CRS of its zone, in metres without the zone before the easting."""

    code: str
    geometry: shapely.Geometry
    hectares: Decimal
    name: str = ""
    sheet: str = ""
    use: str = ""
    land_use_code: str = ""


@dataclass(frozen=True)
class Sheet:
    """What a file says of itself: who made it and when, and the 3-degree zone (25 to 45), put before each easting."""

    zone: int
    producer: str
    produced: date


def write(sheet: Sheet, parcels: Iterable[Parcel]) -> bytes:
    """The file. Raises ``ValueError`` for what the format cannot hold: a text with a comma, land without size."""
    if sheet.zone not in ZONES_3:
        raise ValueError(f"zone {sheet.zone}")
    lines = [
        "[属性描述]",
        "格式版本号=1.01版本",
        f"数据产生单位={_text(sheet.producer)}",
        f"数据产生日期={sheet.produced:%Y-%m-%d}",
        "坐标系=2000国家大地坐标系",
        f"几度分带={_DEGREES}",
        "投影类型=高斯克吕格",
        "计量单位=米",
        f"带号={sheet.zone}",
        "精度=0.001",
        "转换参数=0,0,0,0,0,0,0",
        "[地块坐标]",
    ]
    for parcel in parcels:
        lines += _parcel(parcel, sheet.zone)
    return (LINE_END.join(lines) + LINE_END).encode(ENCODING)


def _parcel(parcel: Parcel, zone: int) -> list[str]:
    rings = _rings(parcel.geometry)
    texts = [_text(one) for one in (parcel.code, parcel.name, parcel.sheet, parcel.use, parcel.land_use_code)]
    code, name, map_sheet, use, land_use_code = texts
    if not code:
        raise ValueError("a parcel without a code")
    points = sum(len(ring) + 1 for ring in rings)
    lines = [f"{points},{parcel.hectares:.4f},{code},{name},面,{map_sheet},{use},{land_use_code},@"]
    number = 0
    for ring_number, ring in enumerate(rings, start=1):
        first = number + 1
        for corner in ring.tolist():
            number += 1
            lines.append(_point(number, ring_number, corner, zone))
        lines.append(_point(first, ring_number, ring[0].tolist(), zone))
    return lines


def _point(number: int, ring: int, corner: Sequence[int], zone: int) -> str:
    easting = corner[0] + zone * int(MILLION) * MILLIMETRES
    return f"J{number},{ring},{_metres(corner[1])},{_metres(easting)}"


def _metres(millimetres: int) -> str:
    whole, rest = divmod(millimetres, MILLIMETRES)
    return f"{whole}.{rest:03d}"


def _text(text: str) -> str:
    """A text as it stands; the format has no way to escape what separates."""
    if text != text.strip() or not text.isprintable() or _FORBIDDEN & set(text):
        raise ValueError(f"cannot be written in this format: {text!r}")
    return text


def _rings(geometry: shapely.Geometry) -> list[Corners]:
    """Outline and holes of each part in their order, to the millimetre."""
    parts = shapely.get_parts(geometry)
    rings = []
    for part in parts:
        if part.geom_type != "Polygon" or part.is_empty:
            raise ValueError(f"no polygon: {part.geom_type}")
        rings.append(_corners(part.exterior, clockwise=True))
        rings += [_corners(hole, clockwise=False) for hole in part.interiors]
    if not rings:
        raise ValueError("no polygon: empty")
    return rings


def _corners(ring: Any, *, clockwise: bool) -> Corners:
    """Distinct corners in order from the north-western one; ValueError where fewer than three are left."""
    points = np.rint(shapely.get_coordinates(ring) * MILLIMETRES).astype(np.int64)[:-1]
    points = points[(points != np.roll(points, 1, axis=0)).any(axis=1)]
    if len(points) < _CORNERS or (points < 0).any() or (points[:, 0] >= int(MILLION) * MILLIMETRES).any():
        raise ValueError("a ring without land, or with coordinates outside its zone")
    x, y = points.T - points[0][:, None]
    twice = int((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())
    if not twice:
        raise ValueError("a ring without land")
    if (twice < 0) != clockwise:
        points = points[::-1]
    # The most north-western corner; of several, the most northern: whole numbers, so that a tie is a tie again.
    north_west = np.lexsort((-points[:, 1], points[:, 0] - points[:, 1]))[0]
    return np.roll(points, -int(north_west), axis=0)
