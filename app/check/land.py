"""No land twice, from the outlines alone: overlaid anew in the limited child process, whatever pairs are on record."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import combinations

from sqlalchemy.orm import Session

from app.check.outlines import outlines_of
from app.check.values import Deviation
from app.settings import Settings
from app.sql import Query
from app.uploads.child import run_overlay
from app.uploads.overlaying import Outlines, OverlayJob

TOLERANCE, SHARE = Decimal(1), Decimal("0.001")
"""Square metres, and share of the smaller parcel: the smaller of the two is let pass (DESIGN §3, rule 2)."""


@dataclass(frozen=True)
class Stay:
    """Land in the bank from a day until before another one (None: for good)."""

    version_id: int
    parcel: str
    programme: str
    layer: str
    event: int
    entered_on: date
    left_on: date | None

    def meets(self, other: "Stay") -> bool:
        """Whether both are in on some day."""
        before = self.left_on is None or other.entered_on < self.left_on
        return before and (other.left_on is None or self.entered_on < other.left_on)


_BANKED = Query("app.check", "banked.sql", Stay)


def land_twice(session: Session, settings: Settings, known_at: datetime) -> tuple[int, list[Deviation]]:
    """How many stays there are, and the land that two of them hold on the same day."""
    stays: dict[int, list[Stay]] = defaultdict(list)
    for stay in _BANKED.all(session, known_at=known_at):
        stays[stay.version_id].append(stay)
    read = sum(map(len, stays.values()))
    found = [*_same_land(stays)]
    if stays:
        found += _other_land(session, settings, known_at, stays)
    return read, found


def _same_land(stays: dict[int, list[Stay]]) -> Iterator[Deviation]:
    for listed in stays.values():
        for one, other in combinations(listed, 2):
            # One entry may be held in several stretches, as its category or its place changes.
            if one.event != other.event and one.meets(other):
                told = {"first": one.event, "second": other.event}
                yield Deviation("check_banked_again", one.parcel, told)


def _other_land(
    session: Session, settings: Settings, known_at: datetime, stays: dict[int, list[Stay]]
) -> Iterator[Deviation]:
    rows = outlines_of(session, known_at, list(stays))
    sizes = {row.id: row.ellipsoidal for row in rows}
    kinds = [f"{stays[row.id][0].programme} {stays[row.id][0].layer}" for row in rows]
    banked = Outlines([row.id for row in rows], kinds, [bytes(row.outline) for row in rows])
    del rows
    overlaid = run_overlay(OverlayJob(settings.srid, banked, Outlines([], [], []), [], []))
    for pair in overlaid.pairs:
        together = [(a, b) for a in stays[pair.a] for b in stays[pair.b] if a.meets(b)]
        allowed = min(TOLERANCE, SHARE * min(sizes[pair.a], sizes[pair.b]))
        if together and pair.ellipsoidal > allowed:
            one, other = together[0]
            since = max(one.entered_on, other.entered_on)
            told = {"other": other.parcel, "square_metres": f"{pair.ellipsoidal:f}", "since": since}
            yield Deviation("check_land_twice", one.parcel, told, pair.geometry)
