"""The real ledger and the one over cells, taken through the same random history by the services themselves."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import shapely
import shapely.geometry
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.db import last_publication
from app.errors import LandbankError
from app.landbank.events.schemas import EventIn
from app.landbank.events.service import record_event
from app.landbank.hectares.query import HectaresParams, HectaresQuery, resolve
from app.landbank.hectares.service import hectares
from app.settings import Settings
from app.uploads import service as uploads
from app.uploads.lineage import service as lineage
from app.uploads.lineage.schemas import MergeIn, SplitIn
from app.uploads.options import UploadOptions
from app.uploads.queries import findings_of
from sample_parcels.writer import Field, Layer, parts, write_zip
from tests.properties.model import Cell, Event, Fact, Ledger, Lineage, Reversal, Version
from tests.spec.maps import ACTOR, CELL, EAST, NORTH

PLACES = """
    NNNWWW
    NNNWWW
    NNNSSS
    NNNSSS
"""
MAP = """
    AABBCC
    AADDCC
    EEDDFF
    EEGGFF
"""
OVER = """
    ......
    .HHII.
    .HHII.
    ......
"""
"""Candidates that share land with parcels of the map."""
CATEGORIES = ("industrial", "public_facility", "other")
FIELDS = (Field("code", "C", 40), Field("category", "C", 30), Field("day", "D", 8), Field("project", "C", 10))
MAPPING = {
    "fields": {"code": "code", "land_category": "category", "effective_date": "day", "project_code": "project"},
    "constants": {"programme": "consolidation"},
}
PAPERS = {"bank_entry": "handover_confirmation", "supply": "grant_contract"}
KINDS = (
    "bank_entry",
    "bank_entry",
    "bank_exit",
    "supply",
    "reversal",
    "reversal",
    "split",
    "merge",
    "version",
    "replace",
)


class Step(NamedTuple):
    """Something that may happen; numbers choose among what is there when it does."""

    kind: str
    which: int
    other: int
    day: int


class Question(NamedTuple):
    """How much of what was known, as of which day."""

    known: int
    day: int
    span: int


def any_step(rng: Random) -> Step:
    """A step of a random history."""
    return Step(rng.choice(KINDS), rng.randrange(10**6), rng.randrange(10**6), rng.randint(0, 20))


def any_question(rng: Random) -> Question:
    """A day of two years, as known at some moment."""
    return Question(rng.randrange(10**6), rng.randint(-10, 760), rng.randint(0, 700))


def cells_of(drawing: str) -> dict[str, frozenset[Cell]]:
    """The cells of each letter, as (column, row) from the south-west."""
    lines = drawing.split()
    found: dict[str, set[Cell]] = {}
    for row, line in enumerate(reversed(lines)):
        for column, letter in enumerate(line):
            found.setdefault(letter, set()).add((column, row))
    return {letter: frozenset(cells) for letter, cells in sorted(found.items()) if letter != "."}


WHERE = {cell: place for place, cells in cells_of(PLACES).items() for cell in cells}


def land(cells: frozenset[Cell]) -> Any:
    """The outline of some cells."""
    boxes = [
        shapely.box(EAST + x * CELL, NORTH + y * CELL, EAST + (x + 1) * CELL, NORTH + (y + 1) * CELL) for x, y in cells
    ]
    return shapely.union_all(boxes)


class NotDoneError(Exception):
    """An upload that was refused."""


class Twins:
    """The real ledger, on a transaction of its own, and the model."""

    def __init__(self, engine: Engine, known: Settings, folder: Path) -> None:
        self.connection = engine.connect()
        self.transaction = self.connection.begin()
        self.session = Session(self.connection, expire_on_commit=False, join_transaction_mode="create_savepoint")
        self.settings, self.folder = known, folder
        self.today = known.today()
        self.first = self.today - timedelta(days=700)
        self.facts: list[Fact] = []
        self.ids: dict[int, int] = {}
        self.project: dict[str, str] = {}
        self.moments: list[tuple[int, datetime]] = []

    def close(self) -> None:
        self.session.close()
        self.transaction.rollback()
        self.connection.close()

    def day(self, number: int) -> date:
        """A day of two years around today, of this fact alone: the model has no order within a day."""
        return self.first + timedelta(days=37 * number + len(self.facts))

    def both(self, facts: Sequence[Fact], possible: bool, real: Callable[[], int | None]) -> None:
        """Do it for real; it must be refused just where the model cannot have it."""
        after = [*self.facts, *facts]
        expected = possible and not Ledger(after).wrong()
        try:
            with self.session.begin_nested():
                done = real()
        except (LandbankError, NotDoneError) as error:
            self.session.expire_all()
            refused: Exception | None = error
        else:
            refused = None
        assert (refused is None) == expected, (refused, facts)
        if refused is not None:
            return
        self.ids[len(self.facts)] = done or 0
        self.facts = after
        self.moments.append((len(after), last_publication(self.session)))

    def take(self, step: Step) -> None:
        """One step, with what the ledger has now."""
        now = Ledger(self.facts)
        every = {one.parcel for one in now.versions}
        standing = {one for one in every if now.newest(one).cells and now.ended(one) == date.max}
        banked = {
            code
            for entry, cell, _, left in now.stays()
            if left == date.max
            for code in now.line(entry.version.parcel, cell)
        }
        likely = {"bank_entry": standing - banked, "bank_exit": standing & banked}.get(step.kind, standing)
        # Now and then what is likely to be refused.
        chosen = sorted(likely if likely and step.which % 5 else every)
        parcel = chosen[step.which // 5 % len(chosen)]
        ways = {
            "reversal": self._reversal, "split": self._split, "merge": self._merge, "version": self._version,
            "replace": self._replace,
        }  # fmt: skip
        ways.get(step.kind, self._event)(step, now, parcel)

    def begin(self) -> None:
        """The drawn parcels, each its own project, and what was known then."""
        rows = []
        for drawing, day in ((MAP, self.first), (OVER, self.first + timedelta(days=90))):
            for code, cells in cells_of(drawing).items():
                rows.append(Version(code, cells, CATEGORIES[ord(code) % 3], day))
                self.project[code] = code
        self.both(rows, True, lambda: self._upload(rows))

    def _upload(self, rows: Sequence[Version], **options: Any) -> int:
        cells = [[one.parcel, one.category, f"{one.day:%Y%m%d}", self.project[one.parcel]] for one in rows]
        layer = Layer("parcels", FIELDS, [land(one.cells) for one in rows], cells)
        path = self.folder / "parcels.zip"
        write_zip(path, "parcels", parts(layer))
        chosen = UploadOptions(**{"collection": "parcels", "mapping": MAPPING, "commit": "auto"} | options)
        upload = uploads.run_upload(self.session, self.settings, ACTOR, [("parcels.zip", path)], chosen)
        if upload.state != "committed":
            raise NotDoneError([one.code for one in findings_of(self.session, upload.id)])
        return upload.id

    def _event(self, step: Step, now: Ledger, parcel: str) -> None:
        day = self.day(step.day)
        effective = day + timedelta(days=15 * (step.other % 3 - 1))
        version = now.version(parcel, effective) or now.earliest(parcel)
        possible = bool(version.cells) and max(day, effective) < now.ended(parcel)
        paper = {"type": PAPERS.get(step.kind, "approval"), "number": f"n{len(self.facts)}", "date": str(day)}
        asked = {"type": step.kind, "parcel": parcel, "effective_date": str(effective), "document": paper}
        self.both([Event(step.kind, version, day, effective)], possible, lambda: self._record(asked))

    def _record(self, asked: dict[str, Any]) -> int:
        return record_event(self.session, ACTOR, EventIn.model_validate(asked)).row.event.id

    def _reversal(self, step: Step, now: Ledger, _: str) -> None:
        live = sorted([*now.events, *now.lineage])
        if not live:
            return
        number = live[step.which % len(live)]
        if number in now.events:
            paper = {"type": "other", "number": f"r{len(self.facts)}", "date": str(self.day(step.day))}
            asked = {"type": "reversal", "reverses": self.ids[number], "document": paper}
            self.both([Reversal(number)], True, lambda: self._record(asked))
            return
        children = {child.parcel for child in now.lineage[number].children}
        later = [one.version.parcel for one in now.events.values()] + [one.parcel for one in now.versions]
        later += [parent for one in now.lineage.values() for parent in one.parents]
        built_upon = any(later.count(child) > 1 for child in children)
        self.both(
            [Reversal(number)], not built_upon, lambda: lineage.undo(self.session, ACTOR, self.ids[number]).operation.id
        )

    def _standing(self, now: Ledger, parcels: Sequence[str], day: date) -> tuple[list[Version], date, bool]:
        """The newest versions of parcels, from when an operation on them holds, and whether it can."""
        newest = [now.newest(parcel) for parcel in parcels]
        day = max([day, *(one.day for one in newest)])
        events = [one for one in now.events.values() if one.version.parcel in parcels]
        possible = all(one.cells and now.ended(one.parcel) == date.max for one in newest)
        return newest, day, possible and all(max(one.day, one.effective) <= day for one in events)

    def _split(self, step: Step, now: Ledger, parcel: str) -> None:
        [version], day, possible = self._standing(now, [parcel], self.day(step.day))
        cells = sorted(version.cells or now.earliest(parcel).cells)
        if len(cells) == 1:
            return
        mine = frozenset(cell for n, cell in enumerate(cells) if n == 0 or (n < len(cells) - 1 and step.other >> n & 1))
        shares = {f"{len(self.facts)}a": mine, f"{len(self.facts)}b": frozenset(cells) - mine}
        made = tuple(Version(code, share, version.category, day) for code, share in shares.items())
        drawn = [{"code": one.parcel, "geometry": shapely.geometry.mapping(land(one.cells))} for one in made]
        asked = self._paper(step) | {"parent": parcel, "children": drawn}
        self.project |= {one.parcel: self.project[parcel] for one in made}
        self.both(
            [Lineage(frozenset([parcel]), made, day)],
            possible,
            lambda: lineage.split(self.session, self.settings, ACTOR, SplitIn.model_validate(asked)).operation.id,
        )

    def _merge(self, step: Step, now: Ledger, parcel: str) -> None:
        others = sorted({one.parcel for one in now.versions} - {parcel})
        pair = [parcel, others[step.other % len(others)]]
        newest, day, possible = self._standing(now, pair, self.day(step.day))
        possible = possible and not newest[0].cells & newest[1].cells
        code, category = f"{len(self.facts)}m", CATEGORIES[step.other % 3]
        made = Version(code, newest[0].cells | newest[1].cells, category, day)
        asked = self._paper(step) | {"parents": pair, "child": {"code": code, "land_category": category}}
        projects = {self.project[one] for one in pair}
        self.project[code] = projects.pop() if len(projects) == 1 else ""
        self.both(
            [Lineage(frozenset(pair), (made,), day)],
            possible,
            lambda: lineage.merge(self.session, self.settings, ACTOR, MergeIn.model_validate(asked)).operation.id,
        )

    def _paper(self, step: Step) -> dict[str, Any]:
        return {
            "crs": "EPSG:4547",
            "document": {"type": "approval", "number": f"n{len(self.facts)}", "date": str(self.day(step.day))},
        }

    def _version(self, step: Step, now: Ledger, parcel: str) -> None:
        """Another category, by an upload; a parcel that was retired comes back so."""
        if parcel[0].isdigit():
            return
        others = [one for one in CATEGORIES if one != now.newest(parcel).category]
        made = Version(parcel, now.earliest(parcel).cells, others[step.other % 2], self.day(step.day))
        self.both([made], now.ended(parcel) == date.max, lambda: self._upload([made]))

    def _replace(self, step: Step, now: Ledger, parcel: str) -> None:
        """A successor on the same land replaces all that the parcel's project has."""
        project = self.project[parcel]
        if not project:
            return
        code = f"{project}{len(self.facts)}"
        made = Version(code, now.earliest(parcel).cells, CATEGORIES[step.other % 3], self.day(step.day))
        newest = [now.newest(one) for one in sorted({one.parcel for one in now.versions})]
        absent = [
            one
            for one in newest
            if one.cells and now.ended(one.parcel) == date.max and self.project[one.parcel] == project
        ]
        self.project[code] = project
        gone = [one._replace(cells=frozenset(), day=self.today) for one in absent]
        self.both(
            [made, *gone],
            not now.holders(self.today + timedelta(days=1)) & {one.parcel for one in absent},
            lambda: self._upload([made], on_existing="replace", scope=f"project:{project}"),
        )

    def asked(self, known_at: datetime, **parameters: str) -> HectaresQuery:
        given = {"by": "category,sub_district", "known_at": known_at.isoformat()} | parameters
        return resolve(self.session, self.settings, HectaresParams.model_validate(given))

    def agree(self, question: Question) -> None:
        """Both say the same, to the square metre."""
        count, known_at = self.moments[question.known % len(self.moments)]
        then = Ledger(self.facts[:count])
        day = self.first + timedelta(days=question.day)
        since = day - timedelta(days=question.span)
        for measure, more, cells in (
            ("inventory", {}, then.inventory(day)),
            ("banked", {}, then.banked(day)),
            ("bank_entries", {"from": str(since)}, then.entries(since, day)),
        ):
            query = self.asked(known_at, measure=measure, as_of=str(day), **more)
            expected: Counter[tuple[object, ...]] = Counter()
            for (category, cell), times in cells.items():
                expected[category, WHERE[cell]] += times
            table = hectares(self.session, self.settings, query)
            found: dict[tuple[object, ...], Decimal] = {
                tuple(code for _, code in row.keys): row.square_metres for row in table.rows
            }
            told = (measure, day, count, known_at)
            for key in expected.keys() | found.keys():
                assert abs(found.get(key, Decimal(0)) - 10_000 * expected[key]) < 1, (told, key, found, expected)
            assert abs(table.total.square_metres - 10_000 * expected.total()) < 1, told
