"""Whatever is split and merged, in whatever order: no sum of any measure changes, on any day, however it is asked."""

from datetime import date, timedelta
from decimal import Decimal

import shapely
import shapely.geometry
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.landbank.hectares import queries, rollup
from app.uploads.lineage import service as lineage
from app.uploads.lineage.schemas import MergeIn, SplitIn
from app.uploads.lineage.sharing import transport
from tests.properties.test_ledger import unshrunk
from tests.spec.maps import ACTOR, CELL, EAST, NORTH, Bank

PLACES = """
    NNNSSS
    NNSSSS
"""
MAP = """
    AAABBB
    AAABBB
"""
MEASURES = ("inventory", "banked", "bank_entries", "supplied")
FIRST = date(2024, 1, 1)
cells = st.integers(1, 40)


class World:
    """Two parcels with entries, on a transaction of its own."""

    def __init__(self, engine: Engine) -> None:
        self.connection = engine.connect()
        self.transaction = self.connection.begin()
        self.session = Session(self.connection, expire_on_commit=False, join_transaction_mode="create_savepoint")
        self.bank = Bank(self.session)
        self.bank.places(PLACES)
        self.bank.parcels(MAP, category={"A": "industrial", "B": "school"}, effective="2024-01-01")
        self.bank.event("bank_entry", "A", "2024-03-01")
        self.bank.event("bank_entry", "B", "2024-09-01")
        self.bank.event("supply", "A", "2024-10-01", kind="grant")
        self.land: dict[str, shapely.Geometry] = {
            "A": shapely.box(EAST, NORTH, EAST + 3 * CELL, NORTH + 2 * CELL),
            "B": shapely.box(EAST + 3 * CELL, NORTH, EAST + 6 * CELL, NORTH + 2 * CELL),
        }

    def close(self) -> None:
        self.session.close()
        self.transaction.rollback()
        self.connection.close()

    def sums(self) -> dict[object, Decimal]:
        """Every measure by category and sub-district on every tenth day of two years."""
        found: dict[object, Decimal] = {}
        for measure in MEASURES:
            for days in range(0, 730, 91):
                # A merged parcel is of one category from then on; what it has in the bank keeps those it came in with.
                by = "sub_district" if measure == "inventory" else "category,sub_district"
                asked = {"measure": measure, "as_of": str(FIRST + timedelta(days=days)), "by": by}
                query = self.bank.query(**asked)
                slow = queries.summed(self.session, query)
                if rollup.answers(self.session, query):
                    told = rollup.rolled_up(self.session, query)
                    assert {queries.key_of(row): row.square_metres for row in told} == {
                        queries.key_of(row): row.square_metres for row in slow
                    }
                found |= {(measure, days, queries.key_of(row)): row.square_metres for row in slow}
        return found

    def split(self, code: str, percent: int, day: date) -> None:
        """Cut by a slanted line, so that neither places nor parcels meet it at a corner."""
        whole = self.land.pop(code)
        west, south, east, north = shapely.bounds(whole).tolist()
        at = west + (east - west) * percent / 41
        cut = shapely.Polygon([(west, south), (at, south), (at + 7.77, north), (west, north)])
        parts = {f"{code}1": shapely.intersection(whole, cut), f"{code}2": shapely.difference(whole, cut)}
        children = [{"code": part, "geometry": shapely.geometry.mapping(land)} for part, land in parts.items()]
        asked = SplitIn.model_validate(self._paper(day) | {"parent": code, "children": children})
        lineage.split(self.session, self.bank.settings, ACTOR, asked)
        self.land |= parts

    def merge(self, one: str, other: str, day: date) -> None:
        child = {"code": f"{one}{other}", "land_category": "industrial"}
        asked = MergeIn.model_validate(self._paper(day) | {"parents": [one, other], "child": child})
        lineage.merge(self.session, self.bank.settings, ACTOR, asked)
        self.land[f"{one}{other}"] = shapely.union_all([self.land.pop(one), self.land.pop(other)])

    def _paper(self, day: date) -> dict[str, object]:
        return {"crs": "EPSG:4547", "document": {"type": "approval", "number": f"on {day}", "date": str(day)}}


@settings(max_examples=4, phases=unshrunk)
@given(taken=st.lists(st.tuples(st.booleans(), cells, cells), min_size=2, max_size=4))
def test_splits_and_merges_keep_every_sum(engine: Engine, taken: list[tuple[bool, int, int]]) -> None:
    world = World(engine)
    try:
        before = world.sums()
        known_at = world.bank.query().known_at
        for number, (merged, which, percent) in enumerate(taken):
            codes = sorted(world.land)
            day = date(2024, 11, 1) + timedelta(days=40 * number)
            if merged and len(codes) > 1:
                first = which % len(codes)
                world.merge(codes[first], codes[first - 1], day)
            else:
                world.split(codes[which % len(codes)], percent, day)
        assert world.sums() == before
        assert world.bank.query(known_at=known_at.isoformat()).known_at == known_at
        rows = world.bank.ask(as_of="2024-10-31", known_at=known_at.isoformat()).rows
        assert sum(row.parcels for row in rows) == 2
    finally:
        world.close()


@given(st.data())
def test_units_are_shared_out_with_both_sums_kept(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5))
    weights = [[data.draw(st.integers(0, 10**6)) for _ in range(width)] for _ in range(height)]
    rows = [data.draw(st.integers(0, 10**6)) for _ in range(height)]
    total = sum(rows)
    cuts = sorted(data.draw(st.integers(0, total)) for _ in range(width - 1))
    columns = [end - start for start, end in zip([0, *cuts], [*cuts, total], strict=True)]
    found = transport(weights, rows, columns)
    assert [sum(row) for row in found] == rows
    assert [sum(row[column] for row in found) for column in range(width)] == columns
    assert min(min(row) for row in found) >= 0
