"""Reading recognition rules."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from app.landbank.hectares.query import HectaresQuery
from app.landbank.models import RecognitionRule as Rule


def _in_force(known_at: datetime) -> ColumnElement[bool]:
    return (Rule.recorded_from <= known_at) & or_(Rule.recorded_to.is_(None), Rule.recorded_to > known_at)


def _ordered() -> Select[Rule]:
    return select(Rule).order_by(Rule.programme, Rule.from_year.nulls_first(), Rule.id)


def rules(session: Session, known_at: datetime, programmes: Sequence[str] = ()) -> tuple[Rule, ...]:
    """The rules in force at a moment, of some programmes or of all, by programme and years."""
    statement = _ordered().where(_in_force(known_at))
    if programmes:
        statement = statement.where(Rule.programme.in_(programmes))
    return tuple(session.scalars(statement))


def every_rule(session: Session, code: str | None = None) -> tuple[Rule, ...]:
    """Every version ever in force, of one code or of all, in the order of their recording."""
    statement = select(Rule).order_by(Rule.recorded_from, Rule.code, Rule.version, Rule.programme, Rule.id)
    if code is not None:
        statement = statement.where(Rule.code == code)
    return tuple(session.scalars(statement))


def last_version(session: Session, code: str) -> int:
    """The newest version of a code; 0 where there is none."""
    return session.execute(select(func.coalesce(func.max(Rule.version), 0)).where(Rule.code == code)).scalar_one()


def basis_of(query: HectaresQuery, known: Sequence[Rule]) -> str:
    """By which square metres a question is answered: as asked, else the rules'; the inventory by ellipsoidal ones.

    ``rule``: the rules differ, each piece counts by its own.
    """
    if query.basis:
        return query.basis
    bases = {"ellipsoidal"} if query.measure == "inventory" else {rule.basis for rule in known}
    return bases.pop() if len(bases) == 1 else "rule"
