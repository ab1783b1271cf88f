"""What is checked of a row's outline, in the storage CRS, before anything is measured or stored.

Nothing is repaired silently: every repair is a finding with square metres before and after, and one that changes the
size is refused until a person accepts it.
"""

import numpy as np
import shapely
from shapely.validation import explain_validity

from app.errors import message
from app.geometry import Floats, inside, measure, window
from app.uploads import defects, ring_checks
from app.uploads.findings import Finding, square_metres
from app.uploads.outside import likely_cause
from app.uploads.overlay import SLIVER
from app.uploads.rows import Bools, Ints, Rows

MAX_REPAIR_VERTICES = 5_000
"""make_valid on a star of 801 points takes 30 s and 700 MB."""
MAX_COORDINATE = 1e8
MAX_SQUARE_METRES = 1e11
"""What the tables hold (``ck_parcel_version_square_metres``)."""
TOLERANCE, SHARE = 1.0, 0.001
"""1 m² or 0.1 %, whichever is smaller: beyond it a repair, or a declared size, differs."""
SLIVER_WIDTH = 0.05
"""Metres: 2 × square metres / perimeter of a strip."""
MU = 2000 / 3
UNIT_AS_STATED = "unit_as_stated"
BATCH = 20_000
"""Outlines measured together: 100,000 at once would take 250 MB more."""


def check(rows: Rows) -> None:
    """Every check of outlines, in order; then plane and ellipsoidal square metres of the good rows."""
    geometries = rows.geometries
    rows.good &= ~shapely.is_missing(geometries)
    coordinates(rows)
    repair(rows)
    no_land(rows)
    good = np.flatnonzero(rows.good)
    for at in range(0, len(good), BATCH):
        some = good[at : at + BATCH]
        measured = measure(rows.geometries[some], rows.srid)
        rows.plane[some], rows.ellipsoidal[some] = measured.plane, measured.ellipsoidal
    too_large(rows)
    slivers(rows)
    ring_checks.check(rows)
    same_shape(rows)
    district(rows)
    declared_differs(rows)


def coordinates(rows: Rows) -> None:
    """Coordinates must be numbers, within ±1e8 and near the land that the storage CRS is made for.

    An outline may have 100,000 vertices, or fewer by setting.
    """
    good = np.flatnonzero(rows.good)
    geometries = rows.geometries[good]
    box = window(rows.srid)
    low, high = (np.clip(side, -MAX_COORDINATE, MAX_COORDINATE).tolist() for side in (box[:2], box[2:]))
    box = (low[0], low[1], high[0], high[1])
    far = {"crs": f"EPSG:{rows.srid}"}
    outside = good[~inside(geometries, box)]
    rows.tell(
        "coordinates_outside", "refuse", outside, lambda row: _at(rows, row, first_point(rows.geometries[row]), far)
    )
    good = np.flatnonzero(rows.good)
    counts = shapely.get_num_coordinates(rows.geometries[good])
    many = counts > rows.max_vertices
    for row, count in zip(good[many].tolist(), counts[many].tolist(), strict=True):
        values = {"count": str(count), "limit": str(rows.max_vertices)}
        told = _at(rows, row, first_point(rows.geometries[row]), values)
        rows.tell("too_many_vertices", "refuse", np.array([row]), lambda _, told=told: told)  # type: ignore[misc]


def repair(rows: Rows) -> None:
    """An outline that crosses itself is repaired by structure (shells united, holes taken off); only land is kept.

    Where the size changes by more than 1 m² or 0.1 % the row is refused until the repair is accepted.
    """
    good = np.flatnonzero(rows.good)
    for row in good[~shapely.is_valid(rows.geometries[good])].tolist():
        _repair_row(rows, row)


def _repair_row(rows: Rows, row: int) -> None:
    geometry = rows.geometries[row]
    count = int(shapely.get_num_coordinates(geometry))
    if count > MAX_REPAIR_VERTICES:
        told = _at(rows, row, _where(geometry)[0], {"count": str(count), "limit": str(MAX_REPAIR_VERTICES)})
        rows.tell("repair_too_large", "refuse", np.array([row]), lambda _: told)
        return
    repaired = defects.polygons(shapely.make_valid(geometry, method="structure", keep_collapsed=False))
    before, after = abs(float(shapely.area(geometry))), float(shapely.area(repaired))
    position, reason = _where(geometry)
    if after < SLIVER:
        rows.tell("geometry_no_land", "refuse", np.array([row]), lambda _: _at(rows, row, position, {}))
        return
    rows.geometries[row] = repaired
    differs = abs(after - before) > min(TOLERANCE, SHARE * after)
    accepted = f"geometry_repaired_differs:{row + 1}" in rows.accepted
    code = "geometry_repaired_differs" if differs else "geometry_repaired"

    def make(_: int) -> Finding:
        found = _at(rows, row, position, {"reason": reason})
        sizes = square_metres(before), square_metres(after)
        return Finding(found.code, found.severity, None, found.feature, position, found.values, *sizes)

    defect, place = defects.name(geometry, reason, position)
    told = Finding("", "note", None, rows.feature(row), place, {"reason": reason}, *map(square_metres, (before, after)))
    rows.tell(defect, "warn", np.array([row]), lambda _: told)
    rows.tell(code, "refuse" if differs and not accepted else "warn", np.array([row]), make)


def _where(geometry: shapely.Geometry) -> tuple[shapely.Geometry, str]:
    """Where GEOS sees the defect, and its name for it."""
    text = explain_validity(geometry)
    reason, _, rest = text.partition("[")
    try:
        x, y = (float(number) for number in rest.rstrip("]").split()[:2])
    except ValueError:
        x, y = shapely.get_coordinates(geometry)[0].tolist()
    return shapely.Point(x, y), reason


def _at(rows: Rows, row: int, where: shapely.Geometry | None, values: dict[str, str]) -> Finding:
    return Finding("", "note", feature=rows.feature(row), geometry=where, values=values)


def _whole(rows: Rows, row: int, values: dict[str, str]) -> Finding:
    """A finding whose place is the outline itself, which stays as it is."""
    size = square_metres(float(rows.plane[row]))
    return Finding("", "note", None, rows.feature(row), rows.geometries[row], values, size, size)


def no_land(rows: Rows) -> None:
    """An outline without land (zero square metres) is refused, never dropped."""
    good = np.flatnonzero(rows.good)
    empty = good[shapely.area(rows.geometries[good]) < SLIVER]
    rows.tell("geometry_no_land", "refuse", empty, lambda row: _at(rows, row, first_point(rows.geometries[row]), {}))


def too_large(rows: Rows) -> None:
    """An outline of 100,000 km² or more is a country or a mistake of units, and no parcel."""
    good = np.flatnonzero(rows.good)
    huge = good[np.maximum(rows.plane[good], rows.ellipsoidal[good]) >= MAX_SQUARE_METRES]

    def make(row: int) -> Finding:
        size = square_metres(float(rows.plane[row]))
        return _at(rows, row, first_point(rows.geometries[row]), {"square_metres": str(size)})

    rows.tell("geometry_too_large", "refuse", huge, make)


def first_point(geometry: shapely.Geometry) -> shapely.Geometry | None:
    """Where an outline begins."""
    points = shapely.get_coordinates(geometry)
    return shapely.Point(points[0]) if len(points) else None


def slivers(rows: Rows) -> None:
    """A strip narrower than 5 cm is kept, with a warning: it is usually a drawing error."""
    good = np.flatnonzero(rows.good)
    perimeter = shapely.length(rows.geometries[good])
    width = 2.0 * rows.plane[good] / perimeter
    thin = good[width < SLIVER_WIDTH]
    widths = dict(zip(thin.tolist(), width[width < SLIVER_WIDTH].tolist(), strict=True))
    rows.tell(
        "geometry_sliver",
        "warn",
        thin,
        lambda row: _whole(rows, row, {"width": f"{widths[row]:.3f}"}),
    )


def same_shape(rows: Rows) -> None:
    """Two rows with one outline and different codes are kept, with a warning: one of them is usually a mistake."""
    good = np.flatnonzero(rows.good)
    if not len(good):
        return
    keys = np.column_stack([shapely.bounds(rows.geometries[good]), rows.plane[good]]).round(3)
    _, group, count = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    group = group.reshape(-1)
    suspects = good[count[group] > 1]
    if not len(suspects):
        return
    shapes = shapely.to_wkb(
        shapely.normalize(shapely.set_precision(rows.geometries[suspects], 0.001, mode="pointwise"))
    )
    twins: dict[bytes, list[int]] = {}
    for row, shape in zip(suspects.tolist(), shapes.tolist(), strict=True):
        twins.setdefault(shape, []).append(row)
    groups = {row: members for members in twins.values() if len(members) > 1 for row in members}

    def make(row: int) -> Finding:
        others = [other for other in groups[row] if other != row][:10]
        shown = ", ".join(f"{rows.feature(other)} ({other + 1})" for other in others)
        return _at(rows, row, first_point(rows.geometries[row]), {"parcel": rows.feature(row) or "", "others": shown})

    rows.tell("same_shape", "warn", np.array(sorted(groups), dtype=np.int64), make)


def district(rows: Rows) -> None:
    """Land must lie in a district that is loaded: wholly outside is refused with the likely cause, partly is a warning.

    Where no district is loaded this is a note and nothing more.
    """
    if rows.collection in {"districts", "sub-districts", "communities", "zones"}:
        return
    outlines = [shapely.from_wkb(bytes(p.geom)) for p in rows.catalogue.places if p.level == "district"]
    if not outlines:
        rows.tell_file("no_district_loaded", "note")
        return
    whole = shapely.union_all(outlines)
    shapely.prepare(whole)
    good = np.flatnonzero(rows.good)
    covered = shapely.covers(whole, rows.geometries[good])
    rest = good[~covered]
    apart = ~shapely.intersects(whole, rows.geometries[rest])
    causes = _causes(rows, rest[apart], whole)
    rows.tell("outside_district", "refuse", rest[apart], lambda row: _at(rows, row, _middle(rows, row), causes))
    rows.tell("partly_outside_district", "warn", rest[~apart], lambda row: _at(rows, row, _middle(rows, row), {}))


def _middle(rows: Rows, row: int) -> shapely.Geometry:
    found: shapely.Geometry = shapely.point_on_surface(rows.geometries[row])
    return found


def _causes(rows: Rows, outside: Ints, whole: shapely.Geometry) -> dict[str, str]:
    """One likely cause for all the land outside, in both languages."""
    if not len(outside):
        return {}
    bounds = shapely.bounds(rows.geometries[outside])
    middle: Floats = np.median((bounds[:, :2] + bounds[:, 2:]) / 2.0, axis=0)
    texts = message(likely_cause(middle, whole, rows.srid))
    return {"cause_zh": texts.zh.what, "cause_en": texts.en.what}


def declared_differs(rows: Rows) -> None:
    """A declared size that differs from the ellipsoidal one by more than 1 m² or 0.1 % is noted with both.

    Where the two differ by the factor of another unit (亩, 公顷), the finding is a warning and says so: then it is the
    column that is misread, and not one survey that differs from one drawing.
    """
    if "declared_e4" not in rows.staged:
        return
    stated = rows.staged["declared_e4"].fill_null(-1).to_numpy(zero_copy_only=False) / 10_000.0
    with np.errstate(invalid="ignore"):
        differ: Bools = np.abs(stated - rows.ellipsoidal) > np.minimum(TOLERANCE, SHARE * rows.ellipsoidal).clip(0.01)
    differ &= rows.good & (stated >= 0)
    hints = {
        row: _unit_hint(float(stated[row]), float(rows.ellipsoidal[row])) for row in np.flatnonzero(differ).tolist()
    }

    def make(row: int) -> Finding:
        declared, measured = float(stated[row]), float(rows.ellipsoidal[row])
        hint = message(hints[row])
        values = {"declared": f"{declared:.4f}", "measured": f"{measured:.4f}"}
        values |= {"difference": f"{declared - measured:+.4f}", "hint_zh": hint.zh.what, "hint_en": hint.en.what}
        return _at(rows, row, None, values)

    plain = np.array([row for row, hint in hints.items() if hint == UNIT_AS_STATED], dtype=np.int64)
    rows.tell("declared_differs", "note", plain, make)
    rows.tell("declared_differs", "warn", np.setdiff1d(np.flatnonzero(differ), plain), make)


def _unit_hint(declared: float, measured: float) -> str:
    """Which other unit would make the two agree to 2 %."""
    ratio = measured / declared if declared > 0 else 0.0
    for factor, code in ((MU, "unit_perhaps_mu"), (10_000.0, "unit_perhaps_hectares"), (1 / MU, "unit_perhaps_not_mu")):
        if abs(ratio / factor - 1.0) < 0.02:  # noqa: PLR2004 - surveys differ by less, units by far more
            return code
    return UNIT_AS_STATED
