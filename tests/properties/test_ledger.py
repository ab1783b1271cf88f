"""What holds for every ledger: random parcels and events on a drawn map, asked in every way."""

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.errors import Refused
from app.landbank import schemas
from app.landbank.events.schemas import EventRow
from app.landbank.events.service import events
from app.landbank.hectares import queries, rollup
from app.landbank.hectares.facts import Facts
from app.landbank.hectares.links import narrowed as narrow
from app.landbank.hectares.query import HectaresParams, HectaresQuery, resolve
from app.landbank.hectares.service import HectaresTable, hectares, pieces
from tests.spec.maps import Bank

MAP = """
    AABBCC
    AADDCC
    EEDDFF
    EEGGFF
"""
CANDIDATE = """
    ......
    ..HH..
    ..HH..
    ......
"""
PLACES = """
    NNNWWW
    NNNWWW
    NNNSSS
    NNNSSS
"""
CATEGORIES = ("industrial", "school", "hospital", "road", "commodity_housing")
STOCKS = ("banked", "inventory")
FLOWS = ("bank_entries", "supplied", "handed_over", "supply_total")
DIMENSIONS = ("category", "subcategory", "sub_district", "programme", "year", "month")
FIRST = date(2024, 1, 1)

Step = tuple[str, str, int]
steps = st.lists(
    st.tuples(
        st.sampled_from(["bank_entry", "bank_exit", "supply", "handover", "reversal", "version"]),
        st.sampled_from("ABCDEFGH"),
        st.integers(0, 1000),
    ),
    min_size=4,
    max_size=14,
)
dimensions = st.lists(st.sampled_from(DIMENSIONS), unique=True, max_size=3)
unshrunk = (Phase.explicit, Phase.reuse, Phase.generate)
"""A world takes seconds to make: what fails is told as it was found, since making it smaller would take an hour."""
few = settings(max_examples=12, phases=unshrunk)
edges = st.tuples(st.integers(0, 13), st.sampled_from([-1, 0, 1, 31, 366]))
"""A day beside that of one of the steps, where an answer changes."""


OFTEN: list[Step] = [
    ("bank_entry", "A", 40),
    ("supply", "A", 90),
    ("bank_exit", "A", 120),
    ("bank_entry", "A", 300),
    ("supply", "A", 310),
    ("handover", "B", 400),
    ("supply", "A", 500),
]
"""A parcel that enters and is supplied several times: it is one parcel however often it comes."""


class World:
    """A bank on a transaction of its own, taken back at the end."""

    def __init__(self, engine: Engine) -> None:
        self.connection = engine.connect()
        self.transaction = self.connection.begin()
        self.session = Session(self.connection, expire_on_commit=False, join_transaction_mode="create_savepoint")
        self.bank = Bank(self.session)
        self.bank.places(PLACES)
        letters = "ABCDEFG"
        for programme, mine in (("renewal", "ABC"), ("consolidation", "DEFG")):
            drawing = "".join(letter if letter in mine or letter.isspace() else "." for letter in MAP)
            categories = {letter: CATEGORIES[index % len(CATEGORIES)] for index, letter in enumerate(letters)}
            self.bank.parcels(drawing, category=categories, programme=programme, effective="2024-01-01")

        self.bank.parcels(CANDIDATE, category="road", programme="renewal", effective="2024-06-01")

    def close(self) -> None:
        self.session.close()
        self.transaction.rollback()
        self.connection.close()

    def take(self, step: Step) -> None:
        """One step; what the ledger refuses leaves it as it was."""
        kind, letter, number = step
        day = str(FIRST + timedelta(days=number))
        if kind == "version":
            self._version(letter, day, number)
            return
        try:
            with self.session.begin_nested():
                if kind == "reversal":
                    self._reversal(day, number)
                else:
                    self.bank.event(kind, letter, day)
        except Refused:
            self.session.expire_all()

    def _version(self, letter: str, day: str, number: int) -> None:
        drawn = CANDIDATE if letter == "H" else MAP
        drawing = "".join(one if one in {letter, "\n", " "} else "." for one in drawn)
        programme = "renewal" if letter in "ABCH" else "consolidation"
        self.bank.parcels(drawing, category=CATEGORIES[number % 5], programme=programme, effective=day, layer="above")

    def _reversal(self, day: str, number: int) -> None:
        found = [row.event.id for row in self._recorded() if row.event.type != "reversal" and row.reversed_by is None]
        if found:
            self.bank.event("reversal", None, day, reverses=found[number % len(found)])

    def _recorded(self) -> list[EventRow]:
        return events(self.session, parcel=None, kind=None, after=0, limit=1000)

    def query(self, **parameters: str) -> HectaresQuery:
        given = {"as_of": "2026-10-31", "layer": "surface,above"} | parameters
        return resolve(self.session, self.bank.settings, HectaresParams.model_validate(given))

    def ask(self, query: HectaresQuery) -> HectaresTable:
        return hectares(self.session, self.bank.settings, query)


def _world(engine: Engine, taken: list[Step]) -> World:
    world = World(engine)
    for step in taken:
        world.take(step)
    return world


@few
@example(taken=OFTEN, by=["category", "year"], as_of=(6, 0), since=(0, 0))
@given(taken=steps, by=dimensions, as_of=edges, since=edges)
def test_the_roll_up_answers_as_the_pieces_do(
    engine: Engine, taken: list[Step], by: list[str], as_of: tuple[int, int], since: tuple[int, int]
) -> None:
    world = _world(engine, taken)
    try:
        first, last = sorted(
            FIRST + timedelta(days=taken[which % len(taken)][2] + beside) for which, beside in (since, as_of)
        )
        queries_asked = [
            world.query(measure=measure, as_of=str(last), **period, **filters, **({"by": ",".join(by)} if by else {}))
            for measure in (*STOCKS, *FLOWS)
            for period in ([{"from": str(first)}, {"from": str(min(first, FIRST))}] if measure in FLOWS else [{}])
            for filters in ({}, {"sub_district": "N"}, {"category": "public_facility"}, {"programme": "renewal"})
        ]
        before = [_by_key(rollup.rolled_up(world.session, query)) for query in queries_asked]
        for query, found in zip(queries_asked, before, strict=True):
            assert rollup.answers(world.session, query)
            assert found == _by_key(queries.summed(world.session, query))
        rollup.rebuild_rollup(world.session)
        assert [_by_key(rollup.rolled_up(world.session, query)) for query in queries_asked] == before
    finally:
        world.close()


@few
@given(taken=steps, by=dimensions, as_of=st.integers(-10, 1100), earlier=st.integers(0, 900))
def test_the_roll_up_in_memory_answers_as_the_one_in_the_database(
    engine: Engine, taken: list[Step], by: list[str], as_of: int, earlier: int
) -> None:
    world = _world(engine, taken)
    last = FIRST + timedelta(days=as_of)
    facts = Facts()
    try:
        for measure in (*STOCKS, *FLOWS):
            period = {"from": str(last - timedelta(days=earlier))} if measure in FLOWS else {}
            for more in ({}, {"sub_district": "N"}, {"category": "public_facility"}, {"basis": "plane"}):
                asked = {"measure": measure, "as_of": str(last), **period, **more}
                query = world.query(**asked, **({"by": ",".join(by)} if by else {}))
                expected = queries.figures(query, rollup.rolled_up(world.session, query))
                kept = rollup.from_memory(world.session, query, facts)
                assert kept is not None
                assert (kept[0].figures(), kept[1]) == expected
                told = hectares(world.session, world.bank.settings, query, facts)
                assert schemas.hectares_answer(told).body == schemas.hectares_answer(world.ask(query)).body
    finally:
        world.close()


days = st.dates(date(2023, 11, 1), date(2027, 3, 1))


@given(first=days, last=days, whole_years=st.booleans())
def test_periods_hold_each_day_once(first: date, last: date, whole_years: bool) -> None:
    first, last = min(first, last), max(first, last)
    held = [
        day
        for grain, from_day, before_day in rollup.periods(first, last, whole_years=whole_years)
        if grain != "parcel"
        for day in _days(grain, from_day, before_day)
    ]
    assert sorted(held) == _days("day", first, last + timedelta(days=1))


def _days(grain: str, from_day: date, before_day: date) -> list[date]:
    """The days of the periods of a grain that begin within these days."""
    begins = {"day": "", "month": "-01", "year": "-01-01"}[grain]
    count = max(0, (before_day - from_day).days)
    starts = [one for one in (from_day + timedelta(days=n) for n in range(count)) if str(one).endswith(begins)]
    return [start + timedelta(days=n) for start in starts for n in range(_length(grain, start))]


def _length(grain: str, start: date) -> int:
    begun = {"month": start + timedelta(days=31), "year": start + timedelta(days=366)}
    return (begun[grain].replace(day=1) - start).days if grain in begun else 1


def _by_key(rows: list[queries.SummedRow]) -> dict[tuple[object, ...], tuple[Decimal, Decimal, int]]:
    return {
        queries.key_of(row): (row.square_metres.normalize(), row.overlap_square_metres.normalize(), row.parcels)
        for row in rows
    }


@few
@given(taken=steps, by=dimensions, measure=st.sampled_from([*STOCKS, *FLOWS]))
def test_rows_sum_to_the_total_and_links_to_their_row(
    engine: Engine, taken: list[Step], by: list[str], measure: str
) -> None:
    world = _world(engine, taken)
    try:
        asked = {"measure": measure} | ({"from": "2024-01-01"} if measure in FLOWS else {})
        table = world.ask(world.query(**asked, **({"by": ",".join(by)} if by else {})))
        if measure in FLOWS or table.query.step is None:
            assert sum((row.square_metres for row in table.rows), Decimal(0)) == table.total.square_metres
        tops = queries.tops(world.session, table.query.known_at)
        for row in (*table.rows, table.total):
            listed = pieces(world.session, world.bank.settings, narrow(table.query, row.keys, tops), 10_000, None)
            assert sum((piece.square_metres for piece in listed.pieces), Decimal(0)) == row.square_metres
            assert len({piece.code for piece in listed.pieces}) == row.parcels
            assert row.land_square_metres >= 0
    finally:
        world.close()


@few
@given(before=steps, after=steps, measure=st.sampled_from([*STOCKS, *FLOWS]))
def test_what_was_known_never_changes(engine: Engine, before: list[Step], after: list[Step], measure: str) -> None:
    world = _world(engine, before)
    try:
        query = world.query(measure=measure, by="category,sub_district,month")
        first = bytes(schemas.hectares_answer(world.ask(query)).body)
        for step in after:
            world.take(step)
        assert bytes(schemas.hectares_answer(world.ask(query)).body) == first
    finally:
        world.close()


@few
@given(taken=steps)
def test_no_land_is_in_the_bank_twice(engine: Engine, taken: list[Step]) -> None:
    world = _world(engine, taken)
    try:
        for days in range(0, 1100, 50):
            query = world.query(as_of=str(FIRST + timedelta(days=days)), layer="surface", by="programme")
            assert [row.overlap_square_metres for row in world.ask(query).rows if row.overlap_square_metres] == []
    finally:
        world.close()
