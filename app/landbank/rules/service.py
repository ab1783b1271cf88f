"""Setting recognition rules. A rule that is set ends what held for its programmes and years; nothing is forgotten."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from app.auth import Actor, audit
from app.db import Publication, last_publication, lock_publication, publish
from app.errors import Refused
from app.inventory.models import ParcelVersion
from app.landbank.events import queries as events
from app.landbank.hectares.rollup import append_rollup
from app.landbank.models import LandEvent
from app.landbank.models import RecognitionRule as Rule
from app.landbank.rules.queries import last_version, rules
from app.landbank.rules.schemas import RuleIn

_TOLD = 10
"""Parcels named in one message; the problem document lists them all."""
_FIRST, _LAST = 0, 9999


@dataclass(frozen=True)
class BankedTwice:
    """A parcel that a rule would bank while it is in the bank, or whose land ``other`` holds then."""

    parcel: str
    other: str | None


def set_rule(session: Session, actor: Actor, asked: RuleIn) -> tuple[Rule, ...]:
    """Put a rule into force, as the next version of its code. Saying what already holds changes nothing.

    Raises ``Refused`` when land would be in the bank twice under it.
    """
    lock_publication(session)
    same = _already(session, asked)
    if same:
        return same
    publication = publish(session, actor.name, "rule.set", asked.code)
    made = put_in_force(session, publication, asked)
    twice = banked_twice(session, publication, asked.programmes)
    if twice:
        codes = ", ".join(one.parcel for one in twice[:_TOLD])
        listed = [{"parcel": one.parcel, "other": one.other} for one in twice]
        raise Refused("rule_banks_twice", rule=asked.code, n=len(twice), parcels=codes, extra={"parcels": listed})
    append_rollup(session, publication)
    audit(session, actor, "rule.set", f"rule:{asked.code}", {"version": made[0].version} | asked.values())
    return made


def put_in_force(session: Session, publication: Publication, asked: RuleIn) -> tuple[Rule, ...]:
    """End what held for the rule's programmes and years and write the rule; other years keep theirs."""
    version = last_version(session, asked.code) + 1
    at = publication.recorded_at
    for rule in rules(session, at, asked.programmes):
        left = list(_years_left(rule, asked))
        if left == [(rule.from_year, rule.to_year)]:
            continue
        rule.recorded_to = at
        session.flush()
        session.add_all(_copy(rule, from_year=first, to_year=last, recorded_from=at) for first, last in left)
    made = [
        Rule(**asked.values(), programme=programme, version=version, recorded_from=at) for programme in asked.programmes
    ]
    session.add_all(made)
    session.flush()
    return tuple(made)


def banked_twice(session: Session, publication: Publication, programmes: Sequence[str]) -> list[BankedTwice]:
    """What would be in the bank twice, as known at a publication not yet committed."""
    entered = select(LandEvent.parcel_id).join(ParcelVersion, ParcelVersion.id == LandEvent.parcel_version_id)
    parcels = list(
        session.scalars(
            entered.where(LandEvent.type == "bank_entry", ParcelVersion.programme.in_(programmes)).distinct()
        )
    )
    again = [
        BankedTwice(found.parcel, None)
        for found in events.entry_problems(session, parcels, publication.recorded_at)
        if found.code == "already_banked"
    ]
    pairs = [
        BankedTwice(pair.first_parcel, pair.second_parcel)
        for pair in events.entry_conflicts(session, parcels, publication.recorded_at)
    ]
    return again + pairs


def _already(session: Session, asked: RuleIn) -> tuple[Rule, ...]:
    """The rules in force, where they say what is asked, for every programme."""
    values = asked.values()
    found = [
        rule
        for rule in rules(session, last_publication(session), asked.programmes)
        if all(getattr(rule, name) == value for name, value in values.items())
    ]
    return tuple(found) if len(found) == len(asked.programmes) else ()


def _years_left(rule: Rule, asked: RuleIn) -> Iterator[tuple[int | None, int | None]]:
    """The years of a rule that another one leaves to it."""
    if asked.from_year is not None and (rule.from_year or _FIRST) < asked.from_year:
        yield rule.from_year, min(rule.to_year or _LAST, asked.from_year - 1)
    if asked.to_year is not None and (rule.to_year or _LAST) > asked.to_year:
        yield max(rule.from_year or _FIRST, asked.to_year + 1), rule.to_year


def _copy(rule: Rule, **changes: object) -> Rule:
    names = [column.key for column in inspect(Rule).column_attrs if column.key not in {"id", "recorded_to"}]
    return Rule(**({name: getattr(rule, name) for name in names} | changes))
