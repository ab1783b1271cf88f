"""Which coordinate reference system a file is in: what the file or its sender says, never a guess.

EPSG codes of China: CGCS2000 3-degree zones 25-45 are 4488 + zone (eastings with the zone in front) and
4509 + zone (by central meridian, 3 x zone degrees); 6-degree zones 13-23 are 4478 + zone and 4489 + zone.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError
from pyproj.network import set_network_enabled  # type: ignore[attr-defined] # missing from its __all__

from app.uploads.problems import FileRefusedError, Problem, refusal

set_network_enabled(active=False)

UTF8_NAME = "UTF-8"
Floats = NDArray[np.float64]

CONFIDENCE = 70
"""Percent: PROJ finds the same definition under another name."""
CGCS2000 = 4490
WEB_MERCATOR = 3857
ZONES_3, ZONES_6 = range(25, 46), range(13, 24)
ZONE_3_PREFIXED, ZONE_3_PLAIN, ZONE_6_PREFIXED, ZONE_6_PLAIN = 4488, 4509, 4478, 4489
MILLION = 1_000_000.0
PLAIN_EASTINGS = (150_000.0, 850_000.0)
CHINA_NORTHINGS = (1_800_000.0, 6_000_000.0)
CHINA_LONGITUDES, CHINA_LATITUDES = (73.0, 136.0), (3.0, 54.0)
OLD_DATUMS = re.compile(r"xi'?an|beijing|krass?ovsk|iag[ _]?1975", re.IGNORECASE)

_GRID_FILE = re.compile(r"(nadgrids|geoidgrids|grids|file|xy_grids|init)\s*=\s*(?!@null)", re.IGNORECASE)
"""PROJ parameters that open files: never from an upload."""
_CODE = re.compile(
    r"(?:(?:urn:ogc:def:crs:)?(EPSG|ESRI|IGNF|OGC):{1,2}(?:[0-9.]*:)?)?([A-Za-z0-9_.]{1,20})", re.IGNORECASE
)
_MAX_TEXT = 20_000


@dataclass(frozen=True)
class Declared:
    """The CRS of a file as stated; ``label`` is its EPSG code where it has one, else its name."""

    crs: CRS
    label: str
    problems: list[Problem] = field(default_factory=list)


def declare(from_file: CRS | None, stated: str | None, sample: Floats, storage: int) -> Declared:
    """The CRS stated by the sender, else the one of the file; refuses where there is none, naming likely ones.

    ``sample`` holds one x, y of each feature, for the hint only.
    """
    problems: list[Problem] = []
    if stated is not None:
        chosen = identified(parse_stated(stated))
        if from_file is not None and not _same(chosen.crs, from_file):
            values: dict[str, object] = {"stated": chosen.label, "file": identified(from_file).label}
            problems.append(Problem("crs_differs_from_file", "warn", values=values))
        if from_file is None:
            problems.append(Problem("crs_stated", "warn", values={"crs": chosen.label}))
        return Declared(chosen.crs, chosen.label, problems)
    if from_file is None:
        raise FileRefusedError(missing(sample, storage))
    chosen = identified(from_file)
    return Declared(chosen.crs, chosen.label, problems)


def parse_stated(text: str) -> CRS:
    """The CRS that a person names: ``EPSG:4547``, ``4547``, WKT or a PROJ string."""
    text = text.strip()
    if (match := _CODE.fullmatch(text)) is not None:
        authority = (match[1] or "EPSG").upper()
        text = f"{authority}:{match[2]}"
    crs = _parse(text)
    if crs is None:
        raise refusal("crs_unknown", crs=text[:100])
    return horizontal(crs)


def parse_prj(prj: bytes | None) -> tuple[CRS | None, list[Problem]]:
    """The CRS of a .prj file, or None where it is missing or says nothing."""
    if prj is None:
        return None, []
    text, encoding = _prj_text(prj)
    problems = []
    if not text:
        return None, [Problem("prj_empty", "warn")]
    if encoding != UTF8_NAME:
        problems.append(Problem("prj_encoding", "warn", values={"encoding": encoding}))
    if not re.match(r"[A-Za-z0-9_]+\s*[\[(]", text):
        problems.append(Problem("prj_not_wkt", "warn"))
    crs = _parse(text)
    if crs is None:
        return None, [*problems, Problem("prj_unreadable", "warn", values={"text": text[:80]})]
    try:
        return horizontal(crs), problems
    except FileRefusedError as error:  # a local grid: of no use unless the sender states what it is
        return None, [*problems, *error.problems]


def parse_file(text: str | None) -> CRS | None:
    """The CRS that a file carries, as GDAL tells it; None where it says in so many words that it has none."""
    crs = _parse(text) if text else None
    if crs is None or re.match(r"undefined|unknown|unnamed|nonearth", crs.name, re.IGNORECASE):
        return None
    return horizontal(crs)


def _prj_text(prj: bytes) -> tuple[str, str]:
    """The text, and the encoding it was in: some editors save UTF-16."""
    prj = prj[: 4 * _MAX_TEXT]
    if prj[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return prj.decode("utf-16", "ignore").strip("\x00 \t\r\n"), "UTF-16"
    if b"\x00" in prj.strip(b"\x00"):
        order = "utf-16-be" if prj[:1] == b"\x00" else "utf-16-le"
        return prj.decode(order, "ignore").strip("\x00 \t\r\n"), "UTF-16"
    try:
        return prj.decode("utf-8-sig").strip("\x00 \t\r\n"), UTF8_NAME
    except UnicodeDecodeError:
        return prj.decode("gb18030", "ignore").strip("\x00 \t\r\n"), "GB18030"


def _parse(text: str) -> CRS | None:
    """PROJ's reading of ``text``; nothing that could make PROJ open a file or leave this machine is passed on."""
    if len(text) > _MAX_TEXT or opens_file(text) or "+proj=pipeline" in text:
        return None
    is_code = _CODE.fullmatch(text) is not None and ":" in text
    is_wkt = re.match(r"[A-Za-z0-9_]+\s*[\[(]", text) is not None
    if not (is_code or is_wkt or text.startswith("+proj")):
        return None
    try:
        return CRS.from_string(text)
    except (CRSError, ValueError):
        return None


def opens_file(text: str) -> bool:
    """Whether a definition would make PROJ open a file."""
    return _GRID_FILE.search(text) is not None


def horizontal(crs: CRS) -> CRS:
    """The plane or geographic CRS inside ``crs``; refuses a local grid, which lies nowhere."""
    if crs.is_bound and crs.source_crs is not None:
        crs = crs.source_crs
    if crs.is_compound:
        crs = crs.sub_crs_list[0]
    if crs.is_geographic and len(crs.axis_info) > 2:  # noqa: PLR2004 - longitude, latitude and a height
        crs = crs.to_2d()
    if crs.is_engineering:
        raise refusal("crs_local", name=crs.name)
    if not (crs.is_projected or crs.is_geographic):
        raise refusal("crs_not_horizontal", name=crs.name)
    return crs


@lru_cache(maxsize=64)
def _epsg(wkt: str) -> int | None:
    crs = CRS.from_wkt(wkt)
    return crs.to_epsg(min_confidence=CONFIDENCE) or _chinese_by_parameters(crs)


def identified(crs: CRS) -> Declared:
    """A CRS under its EPSG code where it has one, else under its name."""
    code = _epsg(crs.to_wkt())
    if code is not None:
        return Declared(CRS.from_epsg(code), f"EPSG:{code}")
    authority = crs.to_authority(min_confidence=CONFIDENCE)
    return Declared(crs, f"{authority[0]}:{authority[1]}" if authority else crs.name)


def _chinese_by_parameters(crs: CRS) -> int | None:
    """The code of a CGCS2000 Gauss-Kruger CRS that some program wrote under names of its own."""
    datum = f"{crs.name} {crs.datum.name if crs.datum else ''} {crs.geodetic_crs.name if crs.geodetic_crs else ''}"
    if crs.ellipsoid is None or not re.search(r"cgcs|china|2000", datum, re.IGNORECASE) or OLD_DATUMS.search(datum):
        return None
    if (crs.ellipsoid.semi_major_metre, round(crs.ellipsoid.inverse_flattening, 6)) != (6378137.0, 298.257222):
        return None
    if crs.is_geographic:
        return CGCS2000
    operation = crs.coordinate_operation
    if operation is None or not re.search(r"transverse mercator|gauss", operation.method_name, re.IGNORECASE):
        return None
    values = {parameter.name.lower(): float(parameter.value) for parameter in operation.params}
    if values.get("latitude of natural origin") != 0.0 or values.get("scale factor at natural origin") != 1.0:
        return None
    return _chinese_code(values.get("longitude of natural origin", 0.0), values.get("false easting", 0.0))


def _chinese_code(meridian: float, false_easting: float) -> int | None:
    zone_3, zone_6 = round(meridian / 3), round((meridian + 3) / 6)
    if meridian == 3 * zone_3 and zone_3 in ZONES_3:
        if false_easting == zone_3 * MILLION + 500_000:
            return ZONE_3_PREFIXED + zone_3
        if false_easting == 500_000:  # noqa: PLR2004 - the false easting of every plain zone
            return ZONE_3_PLAIN + zone_3
    if meridian == 6 * zone_6 - 3 and zone_6 in ZONES_6 and false_easting == zone_6 * MILLION + 500_000:
        return ZONE_6_PREFIXED + zone_6
    return None


def _same(one: CRS, other: CRS) -> bool:
    return one.equals(other, ignore_axis_order=True) or identified(one).label == identified(other).label


def missing(sample: Floats, storage: int) -> Problem:
    """The refusal for a file without a CRS: which are likely by the look of its coordinates."""
    code, candidates = likely(sample, storage)
    x, y = np.median(sample, axis=0).tolist() if len(sample) else (0.0, 0.0)
    return Problem(code, "refuse", values={"candidates": listed(candidates), "x": f"{x:.3f}", "y": f"{y:.3f}"})


def likely(sample: Floats, storage: int) -> tuple[str, list[int]]:
    """A message code that says why, and the EPSG codes that coordinates like these are usually in."""
    if not len(sample):
        return "crs_missing", []
    x, y = np.median(sample, axis=0).tolist()
    prefixed = by_prefix(x, y)
    if prefixed:
        return "crs_missing_zone", prefixed
    if CHINA_LONGITUDES[0] <= x <= CHINA_LONGITUDES[1] and CHINA_LATITUDES[0] <= y <= CHINA_LATITUDES[1]:
        return "crs_missing_degrees", [CGCS2000, 4326]
    if abs(x) <= 180 and abs(y) <= 90:  # noqa: PLR2004 - degrees
        return "crs_missing_degrees", [4326]
    if PLAIN_EASTINGS[0] <= x <= PLAIN_EASTINGS[1] and CHINA_NORTHINGS[0] <= y <= CHINA_NORTHINGS[1]:
        plain = [ZONE_3_PLAIN + zone for zone in ZONES_3] + [ZONE_6_PLAIN + zone for zone in ZONES_6]
        return "crs_missing_metres", [storage, *(code for code in plain if code != storage)]
    return "crs_missing", [storage]


def by_prefix(x: float, y: float) -> list[int]:
    """The codes of the zone that stands before the last six digits of an easting, 25-45 or 13-23."""
    zone, rest = divmod(x, MILLION)
    if not (PLAIN_EASTINGS[0] <= rest <= PLAIN_EASTINGS[1] and CHINA_NORTHINGS[0] <= y <= CHINA_NORTHINGS[1]):
        return []
    if zone in ZONES_3:
        return [ZONE_3_PREFIXED + int(zone)]
    return [ZONE_6_PREFIXED + int(zone)] if zone in ZONES_6 else []


def listed(codes: Sequence[int]) -> str:
    """EPSG codes for a message, consecutive ones as a range."""
    runs: list[list[int]] = []
    for code in codes:
        if runs and code == runs[-1][-1] + 1:
            runs[-1].append(code)
        else:
            runs.append([code])
    return ", ".join(f"EPSG:{run[0]}" if len(run) == 1 else f"EPSG:{run[0]}-{run[-1]}" for run in runs)
