"""Where a file's outlines fall: the proof for the CRS that is used, and what each other candidate would come to.

A candidate is shown, never taken: the person states the CRS. What is compared are the middles of the outlines' boxes,
of a large file a thousand of them, spread evenly; they speak for a file, not for a row.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import shapely
from pyproj import CRS, Transformer

from app.reference.values import PlacePolygon
from app.uploads.crs import (
    CGCS2000,
    WEB_MERCATOR,
    ZONE_3_PLAIN,
    ZONE_3_PREFIXED,
    ZONE_6_PLAIN,
    ZONE_6_PREFIXED,
    ZONES_3,
    ZONES_6,
    Floats,
    listed,
)
from app.uploads.gcj02 import without_shift
from app.uploads.rows import Rows

WGS84 = 4326
LOOKED_AT = 1_000
"""Outlines of a file that are tried under every candidate."""
SHOWN = 6
"""Sub-districts named in a text, and candidates."""
MOST = 0.5
"""Share of outlines outside the district beyond which candidates are tried though the CRS is known."""
WITHOUT_CRS = frozenset(
    {"crs_missing", "crs_missing_zone", "crs_missing_degrees", "crs_missing_metres", "axes_swapped"}
    | {"crs_does_not_fit", "crs_fits_nothing", "crs_local", "crs_unknown", "outside_storage_crs"}
)
"""Refusals for which the sender must state another CRS. Not the old datums: their numbers would seem to fit."""
ELSEWHERE = frozenset({"districts", "sub-districts", "communities", "zones"})
"""Collections that are not expected to lie in the district that is loaded."""


@dataclass(frozen=True)
class Ground:
    """The places now in force: the district as one outline, and its sub-districts with code and name."""

    district: shapely.Geometry
    sub_districts: Sequence[tuple[str, str, shapely.Geometry]]

    @staticmethod
    def of(places: Sequence[PlacePolygon]) -> "Ground | None":
        """None where no district is loaded."""
        living = [place for place in places if place.valid_to is None]
        districts = [shapely.from_wkb(bytes(place.geom)) for place in living if place.level == "district"]
        if not districts:
            return None
        finer = [
            (place.code, place.name or place.code, shapely.from_wkb(bytes(place.geom)))
            for place in living
            if place.level == "sub_district"
        ]
        for outline in (*districts, *(outline for _, _, outline in finer)):
            shapely.prepare(outline)
        whole = districts[0] if len(districts) == 1 else shapely.union_all(districts)
        shapely.prepare(whole)
        return Ground(whole, finer)

    def fall(self, points: Floats, crs: str, reading: str = "as_given") -> "Fall":
        """How many points (storage CRS, east first) lie in the district and in each sub-district."""
        inside = shapely.contains_xy(self.district, points[:, 0], points[:, 1])
        within = points[inside]
        counted = [
            Counted(code, name, int(shapely.contains_xy(outline, within[:, 0], within[:, 1]).sum()))
            for code, name, outline in (self.sub_districts if len(within) else ())
        ]
        found = sorted((one for one in counted if one.rows), key=lambda one: (-one.rows, one.code))
        return Fall(crs, reading, len(points), int(inside.sum()), found)


@dataclass(frozen=True)
class Counted:
    """A sub-district and how many outlines fall in it."""

    code: str
    name: str
    rows: int


@dataclass(frozen=True)
class Fall:
    """Where outlines fall under a CRS; ``reading`` is ``as_given``, ``swapped`` (y, x) or ``gcj02`` (its shift off)."""

    crs: str
    reading: str
    rows: int
    inside: int
    sub_districts: list[Counted]

    def places(self, separator: str) -> str:
        """Sub-districts with their counts, for a text; a dash where there are none."""
        named = [f"{one.name} {one.rows}" for one in self.sub_districts[:SHOWN]]
        return separator.join([*named, "…"] if len(self.sub_districts) > SHOWN else named) or "–"


def tell(rows: Rows, crs: str | None, middles: Floats) -> dict[str, Any] | None:
    """Tell where the file's outlines fall; the same as data for the upload's document, None where nothing is known.

    ``middles`` are those of the outlines in the file's own CRS, x first, whether or not it could be read on.
    """
    if rows.collection in ELSEWHERE or not len(middles):
        return None
    lost = bool(WITHOUT_CRS & {one.code for one in rows.findings.kept if one.severity == "refuse"})
    ground = Ground.of(rows.catalogue.places)
    if ground is None:
        if lost:
            rows.tell_file("no_district_loaded", "note")
        return None
    fall = None if lost or crs is None else _used(rows, ground, crs)
    if fall is not None and fall.rows - fall.inside <= MOST * fall.rows:
        return _document(fall, [])
    return _document(fall, _tried(rows, ground, middles)) if lost or fall is not None else None


def _used(rows: Rows, ground: Ground, crs: str) -> Fall | None:
    """The proof for the CRS in use, over every outline that could be placed."""
    placed = rows.geometries[~shapely.is_missing(rows.geometries)]
    bounds = shapely.bounds(placed)
    bounds = bounds[np.isfinite(bounds).all(axis=1)]
    if not len(bounds):
        return None
    fall = ground.fall((bounds[:, :2] + bounds[:, 2:]) / 2.0, crs)
    rows.tell_file("crs_proof", "note", **_values(fall))
    return fall


def _values(fall: Fall) -> dict[str, str]:
    return {
        "crs": fall.crs,
        "inside": str(fall.inside),
        "count": str(fall.rows),
        "places_zh": fall.places("、"),
        "places_en": fall.places(", "),
    }


def _tried(rows: Rows, ground: Ground, middles: Floats) -> list[Fall]:
    """Try every candidate and tell what each would come to."""
    sample = middles[np.linspace(0, len(middles) - 1, min(LOOKED_AT, len(middles))).astype(np.int64)]
    sample = sample[np.isfinite(sample).all(axis=1)]
    if not len(sample):
        return []
    found, outside = [], []
    for code, reading, points in _candidates(sample, rows.srid):
        fall = ground.fall(points[np.isfinite(points).all(axis=1)], f"EPSG:{code}", reading)
        if fall.inside:
            found.append(Fall(fall.crs, reading, len(sample), fall.inside, fall.sub_districts))
        elif reading == "as_given":
            outside.append(code)
    found.sort(key=lambda fall: -fall.inside)
    texts = {language: _listed(found, outside, language) for language in ("zh", "en")}
    rows.tell_file("crs_candidates", "note", tried_zh=texts["zh"], tried_en=texts["en"])
    return found


def _listed(found: Sequence[Fall], outside: Sequence[int], language: str) -> str:
    separator, stop = ("、", "；") if language == "zh" else (", ", "; ")
    said = {
        "zh": {"as_given": "", "swapped": "（X、Y 对调）", "gcj02": "（去除 GCJ-02 偏移）"},
        "en": {"as_given": "", "swapped": " with X and Y swapped", "gcj02": " with the GCJ-02 shift taken off"},
    }[language]
    lines = [
        f"{fall.crs}{said[fall.reading]}：{fall.rows} 个中 {fall.inside} 个在区内（{fall.places(separator)}）"
        if language == "zh"
        else f"{fall.crs}{said[fall.reading]}: {fall.inside} of {fall.rows} in the district ({fall.places(separator)})"
        for fall in found[:SHOWN]
    ]
    rest = listed(sorted(set(outside)))
    if rest:
        lines.append(f"{rest}：在区外" if language == "zh" else f"{rest}: outside the district")
    return stop.join(lines)


def _candidates(sample: Floats, srid: int) -> Iterator[tuple[int, str, Floats]]:
    """EPSG codes with the points in the storage CRS, each as given, swapped, and where it is degrees without GCJ-02."""
    swapped = sample[:, ::-1]
    for code in _codes(srid):
        yield code, "as_given", _moved(sample, code, srid)
        yield code, "swapped", _moved(swapped, code, srid)
    if (np.abs(sample) <= [180.0, 90.0]).all():
        yield WGS84, "gcj02", _moved(without_shift(sample), WGS84, srid)
    else:
        degrees = _moved(sample, srid, WGS84)
        if (np.abs(degrees) <= [180.0, 90.0]).all():
            yield srid, "gcj02", _moved(without_shift(degrees), WGS84, srid)


def _codes(srid: int) -> list[int]:
    """What Chinese data is usually in, the storage CRS first."""
    codes = [srid, CGCS2000, WGS84, WEB_MERCATOR]
    codes += [base + zone for base in (ZONE_3_PLAIN, ZONE_3_PREFIXED) for zone in ZONES_3]
    codes += [base + zone for base in (ZONE_6_PLAIN, ZONE_6_PREFIXED) for zone in ZONES_6]
    return list(dict.fromkeys(codes))


def _moved(points: Floats, source: int, target: int) -> Floats:
    """Points brought from one CRS into another; what cannot be is infinite. Datums count as one: this is a hint."""
    if CRS.from_epsg(source).is_geographic and not (np.abs(points) <= [180.0, 90.0]).all():
        return np.full_like(points, np.inf)
    moved = Transformer.from_crs(source, target, always_xy=True).transform(points[:, 0], points[:, 1])
    return np.column_stack([np.asarray(moved[0]), np.asarray(moved[1])])


def _document(fall: Fall | None, candidates: Sequence[Fall]) -> dict[str, Any]:
    """``location`` of the upload's document."""
    return {"used": None if fall is None else asdict(fall), "candidates": [asdict(one) for one in candidates]}
