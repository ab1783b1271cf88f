"""The tree of sums gives the figures of the pieces: at random outlines, on random days, after random publications."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.landbank.hectares import queries, tree, tree_keep
from app.landbank.hectares.clip import clipped
from app.landbank.hectares.facts import Facts
from app.landbank.hectares.packed import SUM, added, unpack
from app.landbank.hectares.posted import WithinIn, resolve_within
from app.landbank.hectares.query import HectaresParams, HectaresQuery
from app.landbank.hectares.region import region_of
from app.landbank.models import TreeKey, TreeNode
from tests.properties.test_within import CATEGORIES, LAND, OVER, _plain, document, stars
from tests.spec.maps import SRID, Bank


@pytest.fixture(scope="module")
def bank(engine: Engine) -> Iterator[Bank]:
    """A history: parcels, overlapping ones, entries, an exit, new outlines and a category that changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree_keep, "LEAF", 2)
        patch.setattr(tree_keep, "FAN", 2)
        with engine.connect() as connection, connection.begin() as transaction:
            with Session(connection, join_transaction_mode="create_savepoint") as session:
                made = Bank(session)
                made.places("NNNNNSSSSS\nNNNNNSSSSS\nNNNNNSSSS.\n....MMMMMM")
                made.parcels(LAND, category=CATEGORIES)
                for letter, day in zip("ABCDEF", (1, 2, 3, 4, 5, 6), strict=True):
                    made.event("bank_entry", letter, f"2026-0{day}-10")
                made.parcels(OVER, category=CATEGORIES, effective="2026-05-05")
                made.event("bank_exit", "B", "2026-07-01")
                made.parcels("..........\n..........\n..........\nEEEE......", effective="2026-08-01", category="road")
                made.parcels("..........\n..........\n......FF..\n..........", effective="2026-09-01", category="other")
                made.event("bank_entry", "H", "2026-09-09")
                made.parcels("ZZ", category="road", layer="below", programme="renewal")
                yield made
            transaction.rollback()


def question(bank: Bank, outline: shapely.Polygon, **parameters: str) -> HectaresQuery:
    body = WithinIn(within=_plain(document([outline], collected=False)), crs="EPSG:4547")
    return resolve_within(bank.session, bank.settings, HectaresParams.model_validate(parameters), body)


def figures(rows: list[queries.SummedRow]) -> dict[tuple[object, ...], tuple[Decimal, int, Decimal]]:
    return {
        queries.key_of(row)[:-1]: (row.square_metres, row.parcels, row.overlap_square_metres)
        for row in rows
        if row.parcels or row.is_total
    }


def compare(bank: Bank, query: HectaresQuery) -> None:
    region = region_of(bank.session, SRID, query)
    assert tree.may_answer(bank.session, query, "ellipsoidal", Facts())
    quick = tree.summed(bank.session, SRID, query, region, query.basis or "ellipsoidal", Facts())
    slow = queries.summed(bank.session, query, clipped(bank.session, SRID, query, region))
    assert quick is not None
    assert figures(quick) == figures(slow)


DAYS = ("2025-12-31", "2026-03-15", "2026-05-05", "2026-07-01", "2026-08-15", "2026-12-31")


@settings(max_examples=25)
@given(
    outline=stars(),
    day=st.sampled_from(DAYS),
    measure=st.sampled_from(["inventory", "banked"]),
    by=st.sampled_from(["category", "subcategory,programme", None]),
    basis=st.sampled_from(["plane", None]),
    more=st.sampled_from([{}, {"category": "road_rail"}, {"layer": "surface,below"}, {"programme": "renewal"}]),
)
def test_the_tree_gives_the_figures_of_the_pieces(
    bank: Bank,
    outline: shapely.Polygon,
    day: str,
    measure: str,
    by: str | None,
    basis: str | None,
    more: dict[str, str],
) -> None:
    asked = {"measure": measure, "as_of": day, **more}
    asked |= {name: value for name, value in (("by", by), ("basis", basis)) if value is not None}
    compare(bank, question(bank, outline, **asked))


def whole(session: Session) -> tuple[dict[tuple[str, str, str, int], tuple[int, int, int]], int]:
    """What the roots of the tree sum, by key and measure; and how many leaves there are."""
    keys = {key.id: (key.programme, key.land_category, key.layer) for key in session.scalars(select(TreeKey))}
    roots = session.scalars(select(TreeNode).where(TreeNode.parent_id.is_(None))).all()
    import numpy as np  # noqa: PLC0415  only here

    sums = added(np.concatenate([unpack(node.sums, SUM) for node in roots]))
    return {
        (*keys[int(one["key"])], int(one["measure"])): (int(one["parcels"]), int(one["plane"]), int(one["ellipsoidal"]))
        for one in sums
    }, len(roots)


def test_kept_in_step_it_sums_what_a_rebuilt_one_does(bank: Bank) -> None:
    kept, branches = whole(bank.session)
    savepoint = bank.session.begin_nested()
    tree_keep.rebuild_tree(bank.session)
    bank.session.expire_all()
    rebuilt, roots = whole(bank.session)
    savepoint.rollback()
    assert kept == rebuilt
    assert branches > roots == 1


def test_a_day_long_past_is_counted_from_the_pieces(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    query = question(bank, shapely.box(500_000, 2_500_000, 501_000, 2_501_000), measure="inventory", by="category")
    query = query.narrowed(as_of=date(2020, 1, 1), first_day=date(2020, 1, 1), last_day=date(2020, 1, 1))
    monkeypatch.setattr(tree, "MOST_UNSETTLED", 2)
    assert tree.summed(bank.session, SRID, query, region_of(bank.session, SRID, query), "plane", Facts()) is None
