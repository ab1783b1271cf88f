"""Contiguous land, drawn: one letter is 100 m × 100 m, so that gaps are told in hundreds of metres."""

from decimal import Decimal

import pytest
from sqlalchemy.orm import Session

from app.errors import BadRequest, Refused
from app.landbank.contiguous import service
from app.landbank.contiguous.params import ContiguousParams, block_query
from app.landbank.contiguous.service import Block, contiguous
from tests.spec.maps import Bank


@pytest.fixture
def bank(session: Session) -> Bank:
    made = Bank(session)
    made.places("""
        NNNNNNNN
        SSSSSSSS
    """)
    return made


def blocks(bank: Bank, **asked: str | bool) -> list[Block]:
    params = {"as_of": "2026-12-31", "max_gap": "100", "min_hectares": "0"} | asked
    query = block_query(bank.session, bank.settings, ContiguousParams.model_validate(params))
    return contiguous(bank.session, query)


def told(found: list[Block]) -> list[str]:
    """``A+b 3``: banked parcels in capitals, candidates in small letters, hectares."""
    return [
        "+".join(one.code if one.status == "banked" else one.code.lower() for one in block.members)
        + f" {(block.square_metres / 10_000).quantize(Decimal(1))}"
        for block in found
    ]


def test_parcels_close_enough_are_one_block_banked_or_not(bank: Bank) -> None:
    bank.parcels("""
        AA.BB..C
        .......C
    """)
    bank.event("bank_entry", "A")
    assert told(blocks(bank)) == ["A+b 4", "c 2"]
    assert told(blocks(bank, max_gap="99.9")) == ["A 2", "b 2", "c 2"]
    assert told(blocks(bank, max_gap="200")) == ["A+b+c 6"]
    assert told(blocks(bank, min_hectares="2.5")) == ["A+b 4"]
    assert told(blocks(bank, min_hectares="6", max_gap="200")) == []  # the ellipsoid: 5.9999…
    assert told(blocks(bank, sub_district="S")) == ["c 2"]


def test_a_road_between_them_divides_where_it_is_asked_to(bank: Bank) -> None:
    bank.parcels("""
        AARBB.CC
        AARBB.CC
    """, category={"A": "industrial", "B": "industrial", "C": "industrial", "R": "road"})  # fmt: skip
    assert told(blocks(bank)) == ["a+b+c 12"]
    assert told(blocks(bank, across_roads=False)) == ["b+c 8", "a 4"]


def test_a_road_that_ends_halfway_leaves_a_way_round_it(bank: Bank) -> None:
    bank.parcels("""
        AARBB...
        AA.BB...
    """, category={"A": "industrial", "B": "industrial", "R": "rail"})  # fmt: skip
    assert told(blocks(bank, across_roads=False)) == ["a+b 8"]


def test_neighbours_that_touch_are_joined_whatever_runs_beside_them(bank: Bank) -> None:
    bank.parcels("""
        AABB....
        RRRR....
    """, category={"A": "industrial", "B": "industrial", "R": "road"})  # fmt: skip
    assert told(blocks(bank, across_roads=False)) == ["a+b 4"]


def test_only_land_of_the_categories_and_open_land_takes_part(bank: Bank) -> None:
    bank.parcels("ABCDE...", category=dict.fromkeys("ACDE", "industrial") | {"B": "school"})
    bank.parcels(".......F", role="retained")
    bank.event("supply", "C")
    bank.event("bank_entry", "D", "2026-02-01")
    bank.event("bank_exit", "D", "2026-05-01")
    assert told(blocks(bank)) == ["a 1", "e 1"]
    assert told(blocks(bank, as_of="2026-04-01", max_gap="0")) == ["D+e 2", "a 1"]
    assert told(blocks(bank, category="school,industrial", max_gap="0")) == ["a+b 2", "e 1"]
    assert told(blocks(bank, category="public_facility", max_gap="0")) == ["b 1"]


def test_land_that_two_candidates_share_counts_once(bank: Bank) -> None:
    bank.parcels("AAA.....")
    bank.parcels("..BBB...", programme="renewal")
    [block] = blocks(bank)
    assert told([block]) == ["a+b 5"]
    assert block.overlap_square_metres.quantize(Decimal(1)) == 10_000
    assert block.outline.area == 50_000


def test_compactness_is_that_of_the_outlines(bank: Bank) -> None:
    bank.parcels("""
        AA.B.CCC
        AA.B...C
    """)
    found = {block.id: round(block.compactness, 4) for block in blocks(bank, max_gap="0")}
    assert found == {"A": 0.7854, "B": 0.6981, "C": 0.5027}  # 4π · 4 ÷ 8², 4π · 2 ÷ 6², 4π · 4 ÷ 10²
    [whole] = blocks(bank)
    assert round(whole.compactness, 4) == 0.2182  # 4π · 10 ÷ 24²: gaps lengthen the outlines


def test_what_was_known_is_told_as_it_was_known(bank: Bank) -> None:
    bank.parcels("AA......")
    before = bank.query().known_at.isoformat()
    bank.parcels("..B.....")
    assert told(blocks(bank, known_at=before)) == ["a 2"]
    assert told(blocks(bank)) == ["a+b 3"]


@pytest.mark.parametrize(
    "wrong", [{"max_gap": "far"}, {"max_gap": "-1"}, {"max_gap": "NaN"}, {"min_hectares": "1e400"}]
)
def test_a_wrong_number_is_named(bank: Bank, wrong: dict[str, str]) -> None:
    with pytest.raises(BadRequest) as refused:
        blocks(bank, **wrong)
    assert refused.value.code == "parameter_not_a_number"
    assert refused.value.parameter in wrong


def test_too_many_parcels_are_refused(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    bank.parcels("AABB....")
    monkeypatch.setattr(service, "MOST", 1)
    with pytest.raises(Refused) as refused:
        blocks(bank)
    assert refused.value.code == "contiguous_too_many"


def test_a_question_that_takes_too_long_is_stopped(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MILLISECONDS", 1)
    bank.parcels("AABB....")
    with pytest.raises(Refused) as refused:
        blocks(bank)
    assert refused.value.code == "contiguous_too_heavy"
