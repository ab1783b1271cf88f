"""What a report's total holds beyond the categories that it names: 其他, a residual and never a stored category."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.geometry import hectares as to_hectares
from app.landbank.hectares.queries import SummedRow
from app.landbank.hectares.query import HectaresQuery
from app.landbank.models import Target
from app.landbank.targets.nesting import children


@dataclass(frozen=True)
class Summed:
    """A measure's square metres by month and key; for a stock the level at each month's end."""

    query: HectaresQuery
    rows: Sequence[SummedRow]

    def of(self, target: Target) -> Iterator[SummedRow]:
        """The rows that a target asks for."""
        return (
            row
            for row in self.rows
            if row.programme == target.programme
            and target.category in {None, row.category, row.subcategory}
            and target.sub_district in {None, row.sub_district}
        )

    def query_of(self, target: Target) -> HectaresQuery:
        """The question that lists what a target's actual counts."""
        return self.query.narrowed(
            by=(),
            programme=(target.programme,),
            category=() if target.category is None else (target.category,),
            sub_district=() if target.sub_district is None else (target.sub_district,),
        )


@dataclass(frozen=True)
class Residual:
    """What a target and its actual hold beyond the categories named, in hectares. ``target`` is None where none of
    those has a target of its own; ``href`` where the rest has no land.
    """

    named: tuple[str, ...]
    target: Decimal | None
    actual: Decimal
    href: str | None


def residuals(
    target: Target,
    actual: Decimal,
    summed: Summed,
    known: Sequence[Target],
    parents: Mapping[str, str | None],
    named: frozenset[str] | None,
) -> tuple[Residual, ...]:
    """The residual of a target beyond what is named: of a report, else by its children. At most one."""
    parts = children(target, known, "category", parents)
    names = {part.category for part in parts} if named is None else set(named)
    names = {name for name in names if name is not None and name != target.category}
    if not names:
        return ()
    month = f"{summed.query.as_of:%Y-%m}" if summed.query.is_stock else None
    inside, rest = Decimal(0), set[str]()
    for row in summed.of(target):
        if month is not None and row.month != month:
            continue
        if names & {row.category, row.subcategory}:
            inside += to_hectares(row.square_metres)
        else:
            rest.add(str(row.subcategory))
    asked = [part.value for part in parts if part.category in names]
    return (
        Residual(
            named=tuple(sorted(names)),
            target=target.value - sum(asked, Decimal(0)) if asked else None,
            actual=actual - inside,
            href=summed.query_of(target).narrowed(subcategory=tuple(sorted(rest))).parcels_href() if rest else None,
        ),
    )
