"""How targets lie within each other: child ≤ parent, and what a parent leaves to no child.

Targets of one programme, year, kind and unit nest by category (a child category within its parent), by sub-district
(within the whole district) and by measure (what renewal supplies and hands over, within its total supply).

By definition, and therefore refused: a target above one that it lies within; children by category that sum to more
than their parent. By reading, and therefore told: children by sub-district or by measure that sum to more, since
offices hand down more than they were asked for. The remainder is a residual of the report and no category of its own.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.landbank.models import Target

PARTS = ("category", "sub_district", "measure")
WHOLE_OF = {("renewal", "supplied"): "supply_total", ("renewal", "handed_over"): "supply_total"}
"""Measures that are part of another of the same programme."""
Parents = Mapping[str, str | None]
"""Land category → its parent."""


@dataclass(frozen=True)
class Misfit:
    """Targets that do not fit into the one that they lie within: ``code`` is the message's."""

    severity: str
    code: str
    targets: tuple[Target, ...]
    whole: Target
    summed: Decimal


@dataclass(frozen=True)
class Remainder:
    """What a target leaves beyond its children of one dimension: the report's 其他."""

    by: str
    children: tuple[Target, ...]
    value: Decimal


def within(narrow: Target, wide: Target, parents: Parents) -> bool:
    """Whether all that ``narrow`` asks for is part of what ``wide`` asks for."""
    return (
        narrow.id != wide.id
        and (narrow.programme, narrow.year, narrow.kind, narrow.unit)
        == (wide.programme, wide.year, wide.kind, wide.unit)
        and wide.measure in {narrow.measure, WHOLE_OF.get((narrow.programme, narrow.measure))}
        and (wide.category is None or wide.category in _upwards(narrow.category, parents))
        and wide.sub_district in {None, narrow.sub_district}
    )


def children(whole: Target, known: Sequence[Target], by: str, parents: Parents) -> tuple[Target, ...]:
    """The targets directly within one that differ from it by one dimension alone. They share nothing."""
    inside = [
        one
        for one in known
        if within(one, whole, parents)
        and all((getattr(one, name) == getattr(whole, name)) == (name != by) for name in PARTS)
    ]
    return tuple(one for one in inside if not any(within(one, other, parents) for other in inside))


def remainders(whole: Target, known: Sequence[Target], parents: Parents) -> tuple[Remainder, ...]:
    """What a target leaves beyond its children, for each dimension by which it has some."""
    found = ((by, children(whole, known, by, parents)) for by in PARTS)
    return tuple(
        Remainder(by, parts, whole.value - sum((one.value for one in parts), Decimal(0)))
        for by, parts in found
        if parts
    )


def misfits(known: Sequence[Target], changed: Collection[int], parents: Parents) -> Iterator[Misfit]:
    """What the targets of the ids ``changed`` make wrong among all of those known."""
    for whole in known:
        inside = [one for one in known if within(one, whole, parents)]
        if not ({whole.id, *(one.id for one in inside)} & set(changed)):
            continue
        for one in inside:
            if one.value > whole.value and {one.id, whole.id} & set(changed):
                yield Misfit("refuse", "target_above_whole", (one,), whole, one.value)
        for rest in remainders(whole, known, parents):
            concerned = {whole.id, *(one.id for one in rest.children)} & set(changed)
            if rest.value < 0 and concerned and len(rest.children) > 1:
                defined = rest.by == "category"
                code = "targets_above_whole" if defined else "targets_above_whole_told"
                severity = "refuse" if defined else "warn"
                yield Misfit(severity, code, rest.children, whole, whole.value - rest.value)


def _summed(parts: Sequence[Target]) -> Decimal:
    return sum((one.value for one in parts), Decimal(0))


def _upwards(category: str | None, parents: Parents) -> set[str]:
    found: set[str] = set()
    while category is not None and category not in found:
        found.add(category)
        category = parents.get(category)
    return found
