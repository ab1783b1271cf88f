"""Looking the whole bank over. Nothing is changed, and what can be computed is never taken from what is stored."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import numpy as np
import shapely
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.check.land import land_twice
from app.check.outlines import outlines_of, pages
from app.check.values import Deviation, Report
from app.db import last_publication
from app.geometry import decimal_to_e4, from_e4, measure, to_e4
from app.inventory.models import Parcel
from app.landbank.events.queries import entry_problems
from app.landbank.hectares import queries, rollup
from app.landbank.hectares.query import EARLIEST, MEASURES, STOCKS, HectaresParams, HectaresQuery, resolve
from app.landbank.models import LandEvent
from app.settings import Settings
from app.sql import Query

_PACKAGE = "app.check"
_NEAR_E4, _NEAR = 10, 1e-9
"""0.001 m², or 1e-9 of the parcel: what two releases of the libraries may differ by."""
_SHARED_E4, _SHARE = 10_000, 0.001
"""1 m², or 0.1 % of the parcel if that is less: what children of a split or a merge may fail to add up by."""


@dataclass(frozen=True)
class _Unequal:
    id: int
    parcel: str
    basis: str
    found: Decimal | None
    expected: Decimal | None


@dataclass(frozen=True)
class _Wrong:
    code: str
    parcel: str
    event: int | None


@dataclass(frozen=True)
class _Grain:
    measure: str
    grain: str
    first_day: date
    summed: Decimal
    kept: Decimal


_PORTIONS = Query(_PACKAGE, "portions.sql", _Unequal)
_LEDGER = Query(_PACKAGE, "ledger.sql", _Wrong)
_GRAINS = Query(_PACKAGE, "grains.sql", _Grain)


def check(session: Session, settings: Settings) -> Report:
    """Every deviation from what must hold, as now known.

    Raises ``Refused`` when the banked outlines are too heavy for the limited child process.
    """
    known_at = last_publication(session)
    banked, twice = land_twice(session, settings, known_at)
    versions, sizes = _sizes(session, settings, known_at)
    deviations = [
        *twice,
        *sizes,
        *_portions(session, known_at),
        *_ledger(session, known_at),
        *_rolled_up(session, settings),
    ]
    events = session.execute(select(func.count()).select_from(LandEvent)).scalar_one()
    counts = {"versions": versions, "banked": banked, "events": events}
    return Report(known_at, counts, tuple(deviations))


def _sizes(session: Session, settings: Settings, known_at: datetime) -> tuple[int, list[Deviation]]:
    """Stored square metres against those of the stored outline; how many were measured."""
    found: list[Deviation] = []
    read = 0
    for rows in pages(session, known_at):
        read += len(rows)
        shapes = np.asarray(shapely.from_wkb(np.array([row.outline for row in rows], dtype=object)), dtype=object)
        measured = measure(shapes, settings.srid)
        for basis, values in (("plane", measured.plane), ("ellipsoidal", measured.ellipsoidal)):
            again = to_e4(values)
            for index, row in enumerate(rows):
                stored, size = decimal_to_e4(getattr(row, basis)), int(again[index])
                # Children's may differ from their outline by what a split or a merge lets pass.
                near = min(_SHARED_E4, _SHARE * size) if row.shared else _NEAR * size
                if abs(stored - size) > max(_NEAR_E4, near):
                    told = {"basis": basis, "stored": from_e4(stored), "measured": from_e4(size)}
                    found.append(Deviation("check_square_metres", row.parcel, told, shapes[index]))
    return read, found


def _portions(session: Session, known_at: datetime) -> Iterator[Deviation]:
    wrong = _PORTIONS.all(session, known_at=known_at)
    rows = outlines_of(session, known_at, [row.id for row in wrong])
    shapes = {row.id: shapely.from_wkb(row.outline) for row in rows}
    for row in wrong:
        told = {"basis": row.basis, "portions": _said(row.found), "parcel_has": _said(row.expected)}
        yield Deviation("check_portions", row.parcel, told, shapes.get(row.id))


def _said(size: Decimal | None) -> str:
    return "–" if size is None else f"{size:f}"


def _ledger(session: Session, known_at: datetime) -> Iterator[Deviation]:
    for wrong in _LEDGER.all(session, known_at=known_at):
        yield Deviation(wrong.code, wrong.parcel, {"event": wrong.event or "–"})
    parcels = list(session.scalars(select(Parcel.id)))
    for problem in entry_problems(session, parcels, known_at):
        yield Deviation("check_entries", problem.parcel, {"problem": problem.code})


def _rolled_up(session: Session, settings: Settings) -> Iterator[Deviation]:
    """The roll-up against the pieces themselves, at the end of every month until nothing more happens."""
    for wrong in _GRAINS.all(session):
        told = {"measure": wrong.measure, "row": f"{wrong.grain} {wrong.first_day}"}
        yield Deviation("check_roll_up", None, told | {"rolled_up": _said(wrong.kept), "pieces": _said(wrong.summed)})
    last = session.execute(select(func.max(LandEvent.effective_date))).scalar_one()
    as_of = str(max(settings.today(), last or EARLIEST))
    for measure_name in MEASURES:
        given = {"measure": measure_name, "as_of": as_of, "by": "category,sub_district,programme,month"}
        if measure_name not in STOCKS:
            given["from"] = str(EARLIEST)
        for layer in ("surface", "above", "below"):
            query = resolve(session, settings, HectaresParams.model_validate(given | {"layer": layer}))
            if rollup.answers(session, query):
                yield from _compared(session, query)


def _compared(session: Session, query: HectaresQuery) -> Iterator[Deviation]:
    fast = {queries.key_of(row): row.square_metres for row in rollup.rolled_up(session, query)}
    slow = {queries.key_of(row): row.square_metres for row in queries.summed(session, query)}
    for key in sorted(fast.keys() | slow.keys(), key=str):
        one, other = fast.get(key, Decimal(0)), slow.get(key, Decimal(0))
        if one != other:
            row = " · ".join(str(part) for part in key[1:] if part is not None) or "total"
            told = {"measure": query.measure, "row": row, "rolled_up": _said(one), "pieces": _said(other)}
            yield Deviation("check_roll_up", None, told)
