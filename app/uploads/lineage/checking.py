"""What stands against an operation: codes, days, events, and land that does not add up, with the land itself."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import orjson
import shapely
from sqlalchemy.orm import Session

from app.errors import Conflict, Refused, message
from app.geometry import from_e4
from app.landbank.events.service import plausible
from app.landbank.models import Document
from app.reference import service as reference
from app.settings import Settings
from app.uploads.child import run_draw
from app.uploads.lineage import queries
from app.uploads.lineage.drawing import Difference, DrawJob, Drawn
from app.uploads.lineage.queries import Standing
from app.uploads.outlines import SHARE, TOLERANCE
from app.uploads.records import crs84
from app.uploads.stated import check_crs


def draw(
    session: Session,
    settings: Settings,
    crs: str,
    drawn: Sequence[tuple[str, dict[str, Any]]],
    present: Sequence[int],
    lands: Sequence[bytes] = (),
) -> Drawn:
    """Look at drawn geometries (each with its parameter's name) in the child process.

    Raises ``BadRequest`` for what is no coordinate system, ``Refused`` for the rest.
    """
    check_crs(crs)
    texts = [orjson.dumps(_bare(geometry)).decode() for _, geometry in drawn]
    outlines = [queries.outline(session, version_id) for version_id in present]
    places = reference.place_polygons(session)
    found = run_draw(DrawJob(settings.srid, crs, texts, outlines, list(lands), places))
    for fault in found.faults:
        parameter = "crs" if fault.number is None else drawn[fault.number][0] if drawn else "geometry"
        values: dict[str, Any] = {**fault.values}
        raise Refused(fault.code, parameter=parameter, **values)
    return found


def _bare(geometry: dict[str, Any]) -> Any:
    """The geometry of a Feature."""
    return geometry.get("geometry") if geometry.get("type") == "Feature" else geometry


def day_of(asked: date | None, document: Document, parents: Iterable[Standing]) -> date:
    """From when an operation holds: as asked, else the document's date; never before what it changes was there."""
    day = plausible(asked or document.date)
    return max([day, *(parent.version.effective_date for parent in parents)])


def refuse_later_events(session: Session, parents: Sequence[Standing], day: date) -> None:
    """Raise ``Refused`` where something happened to a parent after the day on which it is to end."""
    later = queries.later_event(session, [parent.parcel.id for parent in parents], day)
    if later is not None:
        raise Refused(
            "lineage_before_event",
            parameter="effective_date",
            parcel=later.parcel,
            type=later.type,
            happened_on=later.happened_on,
            day=day,
        )


def refuse_codes(session: Session, codes: Sequence[str], parameter: str) -> None:
    """Raise unless the codes are new and each is there once."""
    twice = sorted({code for code in codes if codes.count(code) > 1})
    if twice:
        raise Refused("lineage_code_twice", parameter=parameter, codes=", ".join(twice))
    known = queries.known_codes(session, codes)
    if known:
        raise Conflict("lineage_code_exists", parameter=parameter, codes=", ".join(known))


def tolerance(parents: Iterable[Standing], drawn: Drawn) -> Decimal:
    """Square metres by which land may fail to add up: 1, or 0.1 % of the smallest parcel concerned if that is less."""
    sizes = [parent.version.ellipsoidal_square_metres for parent in parents]
    sizes += [from_e4(shape.ellipsoidal) for shape in drawn.shapes]
    return min(Decimal(str(TOLERANCE)), Decimal(str(SHARE)) * min(sizes)).quantize(Decimal("0.0001"))


def refuse_difference(
    settings: Settings, drawn: Drawn, allowed: Decimal, codes: Sequence[str], parents: Sequence[Standing]
) -> None:
    """Raise ``Refused`` where children leave land out, take land that was not the parents', or overlap each other.

    So do parents that share land: their child would have it twice.

    The problem's ``findings`` hold the land itself, in CRS84.
    """
    told = []
    for code, one in (("lineage_gap", drawn.gap), ("lineage_excess", drawn.excess)):
        if one is not None and from_e4(one.square_metres) > allowed:
            told.append(_finding(settings, code, one, allowed, {}))
    before = [parent.parcel.code for parent in parents]
    for code, listed, named in (("lineage_overlap", drawn.overlaps, codes), ("lineage_twice", drawn.twice, before)):
        for one in listed:
            if from_e4(one.square_metres) > allowed and one.pair is not None:
                names = {"one": named[one.pair[0]], "other": named[one.pair[1]]}
                told.append(_finding(settings, code, one, allowed, names))
    if told:
        values = {name: told[0][name] for name in ("square_metres", "tolerance", "one", "other") if name in told[0]}
        raise Refused(told[0]["code"], parameter="geometry", extra={"findings": told}, **values)


def _finding(
    settings: Settings, code: str, land: Difference, allowed: Decimal, names: dict[str, str]
) -> dict[str, Any]:
    values = {"square_metres": str(from_e4(land.square_metres)), "tolerance": str(allowed)} | names
    texts = message(code, **values)
    return values | {
        "code": code,
        "severity": "refuse",
        "geometry": crs84(settings, shapely.from_wkb(land.wkb)),
        "message": {"zh": texts.zh.what, "en": texts.en.what},
        "action": {"zh": texts.zh.do, "en": texts.en.do},
    }
