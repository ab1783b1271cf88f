"""A ledger over sets of cells, to hold the real one against: what is in the bank, and nothing of how it is stored.

A fact is known once it stands in the list. A cell is in the bank from an entry of a parcel that has it, until the next
exit by whoever holds the cell: that parcel, or what became of it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise
from typing import NamedTuple

Cell = tuple[int, int]


class Version(NamedTuple):
    """What a parcel is from a day on; without cells it is there no longer."""

    parcel: str
    cells: frozenset[Cell]
    category: str
    day: date


class Event(NamedTuple):
    """A land event on a version, by the day of its document."""

    type: str
    version: Version
    day: date
    effective: date


class Lineage(NamedTuple):
    """A split or a merge: parents end, children begin."""

    parents: frozenset[str]
    children: tuple[Version, ...]
    day: date


class Reversal(NamedTuple):
    """Takes back an event or a lineage, by its number."""

    of: int


Fact = Version | Event | Lineage | Reversal


class Ledger:
    """The facts that hold, by number."""

    def __init__(self, facts: Sequence[Fact]) -> None:
        back = {fact.of for fact in facts if isinstance(fact, Reversal)}
        live = [(number, fact) for number, fact in enumerate(facts) if number not in back]
        self.lineage = {number: fact for number, fact in live if isinstance(fact, Lineage)}
        self.events = {number: fact for number, fact in live if isinstance(fact, Event)}
        made = [fact.children if isinstance(fact, Lineage) else (fact,) for _, fact in live]
        self.versions = [one for some in made for one in some if isinstance(one, Version)]

    def version(self, parcel: str, day: date) -> Version | None:
        """A parcel's version of a day: the last one recorded of those that hold by then."""
        return next((one for one in reversed(self.versions) if one.parcel == parcel and one.day <= day), None)

    def newest(self, parcel: str) -> Version:
        """The last one recorded."""
        return next(one for one in reversed(self.versions) if one.parcel == parcel)

    def earliest(self, parcel: str) -> Version:
        """The one that a parcel began as."""
        return min((one for one in reversed(self.versions) if one.parcel == parcel), key=lambda one: one.day)

    def ended(self, parcel: str) -> date:
        """From when its children stand for it."""
        return min((one.day for one in self.lineage.values() if parcel in one.parents), default=date.max)

    def line(self, parcel: str, cell: Cell) -> set[str]:
        """Whoever holds a cell, from this parcel on."""
        line = {parcel}
        for one in self.lineage.values():
            line |= {child.parcel for child in one.children if line & one.parents and cell in child.cells}
        return line

    def stays(self) -> Iterator[tuple[Event, Cell, int | None, date]]:
        """Each entry cell by cell, with the exit that ended it and the day of that."""
        exits = sorted((one.day, number) for number, one in self.events.items() if one.type == "bank_exit")
        for entry in self.events.values():
            for cell in entry.version.cells if entry.type == "bank_entry" else ():
                line = self.line(entry.version.parcel, cell)
                mine = ((day, n) for day, n in exits if day > entry.day and self.events[n].version.parcel in line)
                left, number = next(mine, (date.max, None))
                yield entry, cell, number, left

    def holders(self, day: date) -> set[str]:
        """Whoever holds land that no exit has taken out of the bank before a day."""
        stays = [(one.version.parcel, cell) for one, cell, _, left in self.stays() if left >= day]
        return {code for parcel, cell in stays for code in self.line(parcel, cell)}

    def wrong(self) -> bool:
        """Land in the bank twice on some day, or an exit of what is not in it, or that its parcel did not have yet."""
        born = {child.parcel: one.day for one in self.lineage.values() for child in one.children}
        spans, used = defaultdict(list), set()
        for entry, cell, number, left in self.stays():
            spans[cell].append((entry.day, left))
            used.add(number)
            holder = entry.version.parcel if number is None else self.events[number].version.parcel
            if holder != entry.version.parcel and left < born[holder]:
                return True
        twice = any(one[1] > other[0] for some in spans.values() for one, other in pairwise(sorted(some)))
        return twice or any(one.type == "bank_exit" and n not in used for n, one in self.events.items())

    def inventory(self, day: date) -> Counter[tuple[str, Cell]]:
        """Cells under the category of the parcels that have them."""
        codes = {one.parcel for one in self.versions}
        held = [self.version(code, day) for code in codes if self.ended(code) > day]
        return Counter((one.category, cell) for one in held if one is not None for cell in one.cells)

    def banked(self, day: date) -> Counter[tuple[str, Cell]]:
        """Cells in the bank, under the category of their entry."""
        return Counter((e.version.category, cell) for e, cell, _, left in self.stays() if e.day <= day < left)

    def entries(self, first: date, last: date) -> Counter[tuple[str, Cell]]:
        """Cells that entered, under the category of then."""
        found = [one for one in self.events.values() if one.type == "bank_entry" and first <= one.day <= last]
        return Counter((one.version.category, cell) for one in found for cell in one.version.cells)
