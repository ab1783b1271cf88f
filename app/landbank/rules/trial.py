"""Trying a rule: what it would have counted in a year beside what the rules in force count. Nothing is stored.

The rule is put into force and everything is taken back again, so that it is tried by what would count it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from app.db import last_publication, lock_publication, publish
from app.errors import NotFound
from app.landbank.rules.queries import every_rule
from app.landbank.rules.schemas import RuleIn
from app.landbank.rules.service import BankedTwice, banked_twice, put_in_force
from app.sql import Query

ZERO = Decimal(0)


@dataclass(frozen=True)
class Judged:
    """A bank entry as a rule judges it: the row of ``entries.sql``."""

    event: int
    parcel: str
    programme: str
    counts: bool
    counted_on: date
    basis: str
    square_metres: Decimal
    land_category: str
    role: str
    document_type: str
    document_types: list[str]
    missing_events: list[str]
    missing_documents: list[str]

    def counted(self, year: int) -> Decimal:
        """Square metres that count in a year."""
        return self.square_metres if self.counts and self.counted_on.year == year else ZERO

    def reasons(self, year: int) -> Iterator[str]:
        """Why the entry does not count in a year; nothing where it does."""
        if self.role == "retained":
            yield "retained"
        if self.document_type not in self.document_types:
            yield "document_type"
        if self.missing_events:
            yield "event_missing"
        if self.missing_documents:
            yield "document_missing"
        if self.counts and self.counted_on.year != year:
            yield "other_year"


@dataclass(frozen=True)
class Compared:
    """One entry under the rules in force and under the rule tried. ``why``: reason codes."""

    outcome: str
    current: Judged
    tried: Judged
    why: tuple[str, ...]


@dataclass(frozen=True)
class Trial:
    """What a rule would have counted in a year. ``twice``: land it would bank twice, for which it would be refused."""

    rule: RuleIn
    year: int
    known_at: datetime
    entries: tuple[Compared, ...]
    twice: tuple[BankedTwice, ...]

    @property
    def current(self) -> Decimal:
        """Square metres that the rules in force count."""
        return sum((one.current.counted(self.year) for one in self.entries), ZERO)

    @property
    def tried(self) -> Decimal:
        """Square metres that the rule would count."""
        return sum((one.tried.counted(self.year) for one in self.entries), ZERO)


_ENTRIES = Query("app.landbank.rules", "entries.sql", Judged)


def stored_rule(session: Session, code: str, version: int | None) -> RuleIn:
    """A rule that was set once, its newest version unless one is named. Raises ``NotFound``."""
    known = every_rule(session, code)
    version = version or max((rule.version for rule in known), default=0)
    found = [rule for rule in known if rule.version == version]
    if not found:
        raise NotFound("rule_unknown", parameter="code", rule=code if version == 0 else f"{code}:{version}")
    said = {name: getattr(found[0], name) for name in RuleIn.model_fields if name != "programmes"}
    return RuleIn.model_validate(said | {"programmes": [rule.programme for rule in found]})


def try_rule(session: Session, asked: RuleIn, year: int) -> Trial:
    """Compare a rule with those in force, entry by entry, in one year. The rule's own years are left aside."""
    lock_publication(session)
    known_at = last_publication(session)
    rule = asked.model_copy(update={"from_year": None, "to_year": None})
    current = _judged(session, rule, year, known_at)
    savepoint = session.begin_nested()
    publication = publish(session, "try", "rule.try", rule.code)
    put_in_force(session, publication, rule)
    tried = _judged(session, rule, year, publication.recorded_at)
    twice = banked_twice(session, publication, rule.programmes)
    savepoint.rollback()
    compared = (_compared(one, tried[event], year) for event, one in current.items())
    return Trial(asked, year, known_at, tuple(one for one in compared if one is not None), tuple(twice))


def _judged(session: Session, rule: RuleIn, year: int, known_at: datetime) -> dict[int, Judged]:
    asked = {"known_at": known_at, "category_on": date(year, 12, 31), "programmes": list(rule.programmes)}
    return {row.event: row for row in _ENTRIES.all(session, **asked)}


def _compared(current: Judged, tried: Judged, year: int) -> Compared | None:
    """The entry where one of the rules counts it, with why they differ."""
    in_current, in_tried = (one.counts and one.counted_on.year == year for one in (current, tried))
    if in_current and in_tried:
        names = ("square_metres", "land_category", "counted_on")
        return Compared("both", current, tried, tuple(n for n in names if getattr(current, n) != getattr(tried, n)))
    if in_current:
        return Compared("only_current", current, tried, tuple(tried.reasons(year)))
    if in_tried:
        return Compared("only_tried", current, tried, tuple(current.reasons(year)))
    return None
