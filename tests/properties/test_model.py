"""The real ledger beside a small one over sets of cells (``model.py``): whatever happens, both say the same.

Histories are random and the same every time; the long ones run with ``./test --all``. Each is also looked over by
``landbank check``, and the differences between what was known at any two moments are explained.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Engine

from app.check.service import check
from app.db import make_engine, unit_of_work
from app.landbank.changes.service import explain
from app.settings import Settings
from tests.properties.model import Event, Fact, Lineage, Reversal
from tests.properties.twins import PLACES, Twins, any_question, any_step
from tests.spec.maps import Bank
from tests.spec.test_changes import adds_up

SEEDS = [1901, 1868, 783, 653, *(pytest.param(seed, marks=pytest.mark.all) for seed in range(8))]
"""The first ones hold, between them, exits and entries of children and of parents, re-entries, merges split again,
reversals of events and of operations, and retired parcels."""
MEASURES = ("inventory", "banked", "bank_entries", "supplied")
DIMENSIONS = ("category,sub_district", "project", "subcategory,month", "year", "")


@pytest.fixture(scope="module")
def known(clone: Callable[[str], Settings]) -> Settings:
    """A database with categories and places, for histories that are taken back."""
    found = clone("EPSG:4547")
    for engine in _engine(found):
        with unit_of_work(engine) as session:
            Bank(session, found).places(PLACES)
    return found


def _engine(known: Settings) -> Iterator[Engine]:
    assert known.database_url is not None
    made = make_engine(known.database_url.get_secret_value())
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def own_engine(known: Settings) -> Iterator[Engine]:
    yield from _engine(known)


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_both_ledgers_say_the_same(
    own_engine: Engine, known: Settings, tmp_path: Path, seed: int
) -> None:
    rng = Random(seed)
    twins = Twins(own_engine, known, tmp_path)
    try:
        twins.begin()
        for _ in range(rng.randint(12, 20)):
            twins.take(any_step(rng))
        for _ in range(6):
            question = any_question(rng)
            twins.agree(question)
            twins.agree(question._replace(known=len(twins.moments) - 1))
        assert check(twins.session, known).deviations == ()
        for measure in MEASURES:
            explained(twins, rng, measure)
    finally:
        twins.close()


def explained(twins: Twins, rng: Random, measure: str) -> None:
    """The difference between what was known at two moments, to the square metre and by what happened in between."""
    (earlier, since), (later, until) = sorted(rng.choice(twins.moments) for _ in range(2))
    flow = {"from": str(twins.first)} if measure in {"bank_entries", "supplied"} else {}
    asked = {"measure": measure, "by": rng.choice(DIMENSIONS), "as_of": str(twins.day(rng.randint(0, 20)))} | flow
    found = explain(twins.session, twins.settings, twins.asked(until, **{k: v for k, v in asked.items() if v}), since)
    adds_up(found)
    happened = {cause for fact in twins.facts[earlier:later] for cause in causes(fact, twins.facts)}
    assert {change.cause for change in found.changes} <= happened, asked


def causes(fact: Fact, facts: list[Fact]) -> set[str]:
    """What a change may be put down to that a fact brought about."""
    if isinstance(fact, Event):
        return {"new_event", "late_document"}
    if isinstance(fact, Lineage):
        return {"split" if len(fact.parents) == 1 else "merge"}
    if isinstance(fact, Reversal):
        return {"reversal" if isinstance(facts[fact.of], Event) else "undone"}
    return {"parcel_new", "category_change"} if fact.cells else {"parcel_retired"}
