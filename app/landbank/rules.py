"""Recognition rules: which evidence makes land count, by which date and by which square metres."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.landbank.hectares.query import HectaresQuery
from app.landbank.models import RecognitionRule as Rule

__all__ = ["Rule", "basis_of", "rules"]


def rules(session: Session, known_at: datetime, programmes: Sequence[str] = ()) -> tuple[Rule, ...]:
    """The rules in force at a moment, of some programmes or of all."""
    statement = (
        select(Rule)
        .where(Rule.recorded_from <= known_at, or_(Rule.recorded_to.is_(None), Rule.recorded_to > known_at))
        .order_by(Rule.programme)
    )
    if programmes:
        statement = statement.where(Rule.programme.in_(programmes))
    return tuple(session.scalars(statement))


def basis_of(query: HectaresQuery, known: Sequence[Rule]) -> str:
    """By which square metres a question is answered: as asked, else the rules'; the inventory by ellipsoidal ones.

    ``rule``: the programmes' rules differ, each piece counts by its own.
    """
    if query.basis:
        return query.basis
    bases = {"ellipsoidal"} if query.measure == "inventory" else {rule.basis for rule in known}
    return bases.pop() if len(bases) == 1 else "rule"
