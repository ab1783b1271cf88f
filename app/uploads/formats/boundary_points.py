"""勘测定界界址点 TXT to parcels: rings nested, the CRS from the file's own description, never guessed (DESIGN rule 9).

X is the northing and Y the easting, the reverse of everything else; where a file has them swapped, their sizes say so:
in China no northing has the size of an easting, with a zone in front or without.
"""

import re
from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np
import shapely
from pyproj import CRS

from app.uploads.arrow import pa
from app.uploads.crs import CHINA_NORTHINGS, MILLION, ZONES_3, ZONES_6
from app.uploads.encoding import GB18030, UTF8
from app.uploads.formats import shapes
from app.uploads.formats.boundary_lines import (
    COORDINATES,
    DESCRIPTION,
    HEADER_FIELDS,
    MIN_CORNERS,
    Document,
    Parcel,
    Ring,
    parse,
)
from app.uploads.formats.datasets import Dataset
from app.uploads.formats.source import Asked, Source
from app.uploads.problems import FileRefusedError, refusal
from app.uploads.rings import Floats, nest, signed_sizes
from app.uploads.tables import decoded

MAX_BYTES = 128 * 1024**2
MAX_FAULTS = 20
COUNT, HECTARES, CODE = 0, 1, 2
SQUARE_METRES_OF_HECTARE = 10_000
LIKELY = 0.02
"""Relative difference within which a stated size is taken for one in another unit."""
_SECTIONS = (DESCRIPTION, COORDINATES)
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]*)?)\s*(公顷|hm2|ha|平方米|m2|㎡|亩)?", re.IGNORECASE)
_TO_HECTARES = {"平方米": Decimal(10_000), "m2": Decimal(10_000), "㎡": Decimal(10_000), "亩": Decimal(15)}
_CODES = {
    ("2000", 3): (4488, 4509), ("2000", 6): (4478, 4489), ("80", 3): (2324, 2345), ("80", 6): (2314, 2325),
    ("54", 3): (2376, 2397), ("54", 6): (21400, 21440),
}  # fmt: skip
"""EPSG codes less the zone: with the zone before the easting, and without."""
_DATUMS = ((r"2000", "2000"), (r"80", "80"), (r"54", "54"))


def read(dataset: Dataset, asked: Asked, found: Source) -> None:
    """Every parcel of the file; a line that cannot be read refuses the file and is named."""
    asked.choose([dataset.name])
    if dataset.main.stat().st_size > MAX_BYTES:
        raise refusal("table_too_large", limit=f"{MAX_BYTES // 1024**2} MB")
    document = parse(_text(dataset.main.read_bytes(), asked, found))
    fill(document, found)


def _text(raw: bytes, asked: Asked, found: Source) -> str:
    """The text: in the encoding in which its sections are named, else in the one that its bytes look like."""
    for codec, name in (("utf-8-sig", UTF8), ("gb18030", GB18030)):
        if asked.encoding is None and any(section.encode(codec.removesuffix("-sig")) in raw for section in _SECTIONS):
            found.encoding, found.encoding_evidence = name, "bytes"
            try:
                return raw.decode(codec)
            except UnicodeDecodeError:
                break
    text, found.encoding, problems = decoded(raw, asked.encoding)
    found.encoding_evidence = "bytes"
    # GBK and UTF-8 are both usual here, and neither is anything to warn of.
    found.problems += [replace(one, severity="note") if one.code == "encoding_detected" else one for one in problems]
    return text


def fill(document: Document, found: Source) -> None:
    """Fill ``found`` from a document; refuses one with lines that say nothing."""
    found.row_count = len(document.parcels)
    found.problems += document.problems
    if document.faults:
        raise FileRefusedError(*document.faults[:MAX_FAULTS], row_count=found.row_count)
    if not document.parcels:
        raise refusal("no_rows")
    _refuse_repeated(document)
    frame = _Frame.of(document, found)
    found.crs = frame.crs
    geometries = np.empty(found.row_count, dtype=object)
    for row, parcel in enumerate(document.parcels):
        geometries[row] = _outline(parcel, row + 1, frame, found)
        _check_count(parcel, row + 1, found)
    _columns(document, geometries, found)
    told = found.refused
    shapes.polygons(geometries, found)
    assert told <= found.refused  # noqa: S101 - what was refused stays refused


def _refuse_repeated(document: Document) -> None:
    codes = Counter(parcel.fields[CODE] for parcel in document.parcels if len(parcel.fields) > CODE)
    for code, count in codes.items():
        if code and count > 1:
            lines = [parcel.line for parcel in document.parcels if parcel.fields[CODE : CODE + 1] == [code]]
            raise FileRefusedError(
                *refusal("txt_parcel_repeated", parcel=code, lines=", ".join(map(str, lines))).problems,
                row_count=len(document.parcels),
            )


@dataclass(frozen=True)
class _Frame:
    """How the file's numbers are to be read: which is the easting, and in which CRS."""

    crs: CRS | None
    swapped: bool

    @classmethod
    def of(cls, document: Document, found: Source) -> "_Frame":
        """By the description, and by the size of the numbers."""
        points = np.array([corner for parcel in document.parcels for ring in parcel.rings for corner in ring.corners])
        numbers: Floats = points.astype(np.float64).reshape(-1, 2)
        if not len(numbers):
            return cls(None, swapped=False)
        x, y = np.median(numbers, axis=0).tolist()
        swapped = not _northing(x) and _northing(y)
        if swapped:
            found.tell("txt_axes_swapped", "warn", x=f"{x:.3f}", y=f"{y:.3f}")
        eastings = numbers[:, 0 if swapped else 1]
        prefixes = {int(prefix) for prefix in np.unique(eastings // MILLION).tolist()}
        if len(prefixes) > 1:
            raise refusal("txt_several_zones", zones=", ".join(map(str, sorted(prefixes))))
        return cls(_crs(document.description, prefixes.pop(), found), swapped)


def _northing(value: float) -> bool:
    return CHINA_NORTHINGS[0] <= value <= CHINA_NORTHINGS[1]


def _crs(description: dict[str, str], prefix: int, found: Source) -> CRS | None:
    """The CRS that the description names; None where it leaves out what decides."""
    shift = [one for one in re.split(r"[,，\s]+", description.get("转换参数", "")) if one]
    if any(not re.fullmatch(r"[+-]?0*(?:\.0*)?", one) for one in shift):
        found.tell("txt_shift_not_applied", "warn", text=",".join(shift)[:80])
    system = description.get("坐标系", "")
    datum = next((name for pattern, name in _DATUMS if re.search(pattern, system)), None)
    for key, usual in (("投影类型", r"高斯|gauss"), ("计量单位", r"米|m")):
        value = description.get(key, "")
        if value and not re.match(usual, value, re.IGNORECASE):
            found.tell("txt_description_odd", "warn", key=key, text=value[:80])
            return None
    stated = re.sub(r"\D", "", description.get("带号", ""))
    if stated and prefix and int(stated) != prefix:
        raise refusal("txt_zone_contradicts", stated=stated, found=prefix)
    zone = int(stated or prefix)
    degrees = re.sub(r"\D", "", description.get("几度分带", "")) or ("3" if zone in ZONES_3 else "6")
    zones = {"3": ZONES_3, "6": ZONES_6}.get(degrees)
    if zone and (zones is None or zone not in zones):
        raise refusal("txt_zone_unknown", zone=zone, degrees=degrees)
    if datum is None or not zone:
        return None
    prefixed, plain = _CODES[datum, int(degrees)]
    return CRS.from_epsg((prefixed if prefix else plain) + zone)


def _outline(parcel: Parcel, row: int, frame: _Frame, found: Source) -> Any:
    """A parcel's rings by nesting: neither their numbers nor their direction says which is a hole."""
    rings = [_ring(ring, frame) for ring in parcel.rings]
    short = next((len(ring) for ring in rings if len(ring) <= MIN_CORNERS), None)
    if short is not None:
        found.tell("txt_ring_too_short", "refuse", row, line=parcel.line, count=short - 1)
        return None
    if not rings:
        found.tell("txt_parcel_without_points", "refuse", row, line=parcel.line)
        return None
    if any(not ring.closed for ring in parcel.rings):
        found.tell("txt_ring_not_closed", "note", row, line=parcel.line)
    if len(rings) == 1:
        return shapely.Polygon(rings[0])
    sizes = np.array([len(ring) for ring in rings])
    nested = nest(rings, signed_sizes(np.concatenate(rings), np.cumsum(sizes) - sizes, sizes))
    if nested is None:
        return shapely.Polygon(rings[0], rings[1:])  # crossing rings: the checks of outlines say where
    if shapely.get_num_geometries(nested.geometry) > 1:
        found.tell("txt_several_parts", "warn", row, line=parcel.line)
    return nested.geometry


def _ring(ring: Ring, frame: _Frame) -> Floats:
    """Eastings and northings, the first again at the end."""
    points = np.array([*ring.corners, ring.corners[0]]).astype(np.float64)
    return points if frame.swapped else points[:, ::-1]


def _check_count(parcel: Parcel, row: int, found: Source) -> None:
    """The number of points in the parcel's line may count closing points or not."""
    stated = parcel.fields[COUNT] if parcel.fields else ""
    if not stated:
        return
    corners = sum(len(ring.corners) for ring in parcel.rings)
    counted = {parcel.points, corners, corners + len(parcel.rings)}
    if not stated.isdecimal() or int(stated) not in counted:
        found.tell("txt_count_differs", "warn", row, line=parcel.line, stated=stated[:40], found=parcel.points)


def _columns(document: Document, geometries: Any, found: Source) -> None:
    """The fields of the parcels' lines, those of the project beside them, all as text."""
    width = max(len(parcel.fields) for parcel in document.parcels)
    names = [*HEADER_FIELDS, *(f"字段{place}" for place in range(len(HEADER_FIELDS) + 1, width + 1))]
    for place, name in enumerate(names[:width]):
        texts = [parcel.fields[place] if place < len(parcel.fields) else "" for parcel in document.parcels]
        if place == HECTARES:
            texts = [_hectares(text, row, geometries[row], document, found) for row, text in enumerate(texts)]
        found.columns[name] = pa.array([text or None for text in texts], pa.string())
    for key, value in document.project.items():
        if value and key not in found.columns:
            found.columns[key] = pa.array([value] * len(document.parcels), pa.string())


def _hectares(text: str, row: int, geometry: Any, document: Document, found: Source) -> str:
    """The stated size in hectares, empty where there is none; another unit is told, and never taken for granted."""
    match = _SIZE.fullmatch(text)
    if match is None:
        return text  # whatever it is, the check of declared sizes says that it is no number
    number, unit = Decimal(match[1]), (match[2] or "").lower()
    line = document.parcels[row].line
    if number == 0:
        return ""
    if unit in _TO_HECTARES:
        found.tell("txt_size_converted", "warn", row + 1, line=line, text=text)
        return format(number / _TO_HECTARES[unit], "f")
    measured = 0.0 if geometry is None else float(shapely.area(geometry))
    if measured and not unit and abs(float(number) / measured - 1) < LIKELY:
        found.tell("txt_size_in_square_metres", "warn", row + 1, line=line, text=text, measured=f"{measured:.2f}")
    return match[1]
