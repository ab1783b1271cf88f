"""Projects counted, and the hectares of their scope by boundary role: figures 46 to 48 of the report."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from app.errors import BadRequest
from app.sql import Query

DIMENSIONS = ("programme", "batch", "stage", "key", "category", "project")
ROLES = ("study", "unit", "demolition", "implementation")


@dataclass(frozen=True)
class ProjectScope:
    """One project with the square metres of its boundaries by role; 0 where it has none."""

    project: str
    programme: str
    name: str | None
    stage: str | None
    key: bool
    batch: str | None
    category: str | None
    study: Decimal
    unit: Decimal
    demolition: Decimal
    implementation: Decimal


@dataclass(frozen=True)
class ScopeQuery:
    """Which projects, and by what they are grouped. What is None lets everything through."""

    known_at: datetime
    by: tuple[str, ...] = ()
    programme: str | None = None
    batch: str | None = None
    stage: str | None = None
    key: bool | None = None
    category: str | None = None
    project: str | None = None

    def takes(self, project: ProjectScope) -> bool:
        """Whether a project is asked for."""
        return all(getattr(self, name) in {None, getattr(project, name)} for name in DIMENSIONS)


@dataclass(frozen=True)
class ScopeRow:
    """Projects alike in what was asked for: their number, and plain sums of square metres by boundary role.

    ``taken_down`` is what renewal demolishes and consolidation implements together (拟拆除范围/实施范围).
    """

    keys: tuple[tuple[str, str | bool | None], ...]
    projects: int
    study: Decimal
    unit: Decimal
    demolition: Decimal
    implementation: Decimal

    @property
    def taken_down(self) -> Decimal:
        """Square metres."""
        return self.demolition + self.implementation


_SCOPE = Query("app.landbank.scope", "scope.sql", ProjectScope)


def projects(session: Session, known_at: datetime) -> list[ProjectScope]:
    """Every project known at a moment."""
    return _SCOPE.all(session, known_at=known_at)


def scope(session: Session, query: ScopeQuery) -> tuple[list[ScopeRow], ScopeRow]:
    """The rows asked for and their total."""
    found = [one for one in projects(session, query.known_at) if query.takes(one)]
    groups: dict[tuple[str | bool | None, ...], list[ProjectScope]] = {}
    for one in found:
        groups.setdefault(tuple(getattr(one, name) for name in query.by), []).append(one)
    ordered = sorted(groups.items(), key=lambda item: [(value is None, str(value)) for value in item[0]])
    rows = [summed(tuple(zip(query.by, values, strict=True)), members) for values, members in ordered]
    return rows if query.by else [], summed((), found)


def summed(keys: tuple[tuple[str, str | bool | None], ...], members: Sequence[ProjectScope]) -> ScopeRow:
    """One row of some projects."""
    sums = (sum((getattr(one, role) for one in members), Decimal(0)) for role in ROLES)
    return ScopeRow(keys, len(members), *sums)


def dimensions(value: str | None) -> tuple[str, ...]:
    """What rows are by, in our order. Raises ``BadRequest``."""
    asked = [] if value is None else value.split(",")
    for name in asked:
        if name not in DIMENSIONS:
            allowed = ", ".join(DIMENSIONS)
            raise BadRequest("parameter_not_one_of", parameter="by", name="by", value=name, allowed=allowed)
    return tuple(name for name in DIMENSIONS if name in asked)
