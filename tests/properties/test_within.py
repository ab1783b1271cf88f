"""Clipping by random polygons: equal to the naive intersection, row by row; the pieces behind a row sum to it."""

import math
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.landbank.hectares.posted import WithinIn, resolve_within
from app.landbank.hectares.query import HectaresParams, resolve
from app.landbank.hectares.service import HectaresTable, hectares, pieces
from app.settings import Settings
from tests.spec.maps import EAST, NORTH, Bank, read_map

LAND = """
AAABBCC.DD
AAABBCCCDD
EEFFFF.GGG
EEHH.IIGGG
"""
OVER = """
..........
..KKK.....
..KKK..LLL
......LLLL
"""
CATEGORIES = {letter: ("industrial", "road", "school")[number % 3] for number, letter in enumerate("ABCDEFGHIKL")}
TOPS = {"industrial": "industrial", "road": "road_rail", "school": "public_facility"}
METRE = Decimal("0.001")


@pytest.fixture(scope="module")
def bank(engine: Engine) -> Iterator[Bank]:
    with engine.connect() as connection, connection.begin() as transaction:
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            made = Bank(session)
            made.places("NNNNNSSSSS\nNNNNNSSSSS\nNNNNNSSSS.\n....MMMMMM")
            made.parcels(LAND, category=CATEGORIES)
            made.parcels(OVER, category=CATEGORIES)
            yield made
        transaction.rollback()


@st.composite
def stars(draw: st.DrawFn) -> shapely.Polygon:
    """A star-shaped polygon over the map, its corners anywhere, sometimes with a hole and many corners."""
    x, y = EAST + draw(st.integers(0, 1000)), NORTH + draw(st.integers(0, 400))
    corners = draw(st.sampled_from([3, 4, 7, 20, 150]))
    radii = draw(st.lists(st.floats(20, 500), min_size=corners, max_size=corners))
    turn = draw(st.floats(0, 1))

    def ring(scale: float) -> list[tuple[float, float]]:
        angles = [2 * math.pi * (place + turn) / corners for place in range(corners)]
        return [(x + scale * r * math.cos(a), y + scale * r * math.sin(a)) for r, a in zip(radii, angles, strict=True)]

    return shapely.Polygon(ring(1.0), [ring(0.4)] if draw(st.booleans()) else [])


def document(outlines: list[shapely.Polygon], *, collected: bool) -> dict[str, Any]:
    geometries = [shapely.geometry.mapping(outline) for outline in outlines]
    if not collected:
        return {"type": "MultiPolygon", "coordinates": [one["coordinates"] for one in geometries]}
    return {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "id": f"f{place}", "geometry": one} for place, one in enumerate(geometries)],
    }


def asked(bank: Bank, body: dict[str, Any], **parameters: str) -> HectaresTable:
    params = HectaresParams.model_validate(
        {"measure": "inventory", "basis": "plane", "as_of": "2026-12-31"} | parameters
    )
    plain = _plain(body)
    return hectares(
        bank.session,
        bank.settings,
        resolve_within(bank.session, bank.settings, params, WithinIn(within=plain, crs="EPSG:4547")),
    )


def _plain(value: Any) -> Any:
    """Tuples as lists: what JSON has."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def naive(outline: Any) -> dict[str, float]:
    """Square metres by top category, every parcel overlaid with the whole outline."""
    found: dict[str, float] = defaultdict(float)
    for letter, land in {**read_map(LAND), **read_map(OVER)}.items():
        found[TOPS[CATEGORIES[letter]]] += shapely.area(shapely.intersection(land, outline))
    return found


def near(figure: Decimal, square_metres: float, parcels: int = 11) -> bool:
    return abs(figure - Decimal(square_metres)) <= METRE * parcels


def behind(bank: Bank, settings_: Settings, href: str) -> Decimal:
    """The sum of the pieces that a row's link lists."""
    from urllib.parse import parse_qsl, urlsplit  # noqa: PLC0415  only here

    params = HectaresParams.model_validate(dict(parse_qsl(urlsplit(href).query)))
    query = resolve(bank.session, settings_, params)
    total, cursor = Decimal(0), None
    while True:
        page = pieces(bank.session, settings_, query, 3, cursor)
        total += sum((piece.square_metres for piece in page.pieces), Decimal(0))
        cursor = page.cursor
        if cursor is None:
            return total


LIMITS = settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])


@LIMITS
@given(outline=stars())
def test_by_category_within_a_polygon_is_the_naive_overlay(bank: Bank, outline: shapely.Polygon) -> None:
    table = asked(bank, document([outline], collected=False), by="category,sub_district")
    expected = naive(outline)
    found: dict[str, Decimal] = defaultdict(Decimal)
    for row in table.rows:
        found[str(row.keys[0][1])] += row.square_metres
    assert all(near(found[category], expected[category]) for category in expected)
    assert sum(found.values()) == table.total.square_metres
    covered = shapely.union_all(list(read_map(LAND).values()) + list(read_map(OVER).values()))
    land = shapely.area(shapely.intersection(covered, outline))
    assert near(table.total.land_square_metres, land, 20)
    for row in (*table.rows, table.total):
        assert behind(bank, bank.settings, row.href) == row.square_metres


@LIMITS
@given(outlines=st.lists(stars(), min_size=1, max_size=3))
def test_features_are_told_each_and_the_total_counts_land_once(bank: Bank, outlines: list[shapely.Polygon]) -> None:
    table = asked(bank, document(outlines, collected=True), by="feature")
    rows = {row.keys[0][1]: row for row in table.rows}
    for place, outline in enumerate(outlines):
        expected = sum(naive(outline).values())
        row = rows.get(f"f{place}")
        assert near(row.square_metres if row else Decimal(0), expected)
    assert near(table.total.square_metres, sum(naive(shapely.union_all(outlines)).values()), 40)
    for row in (*table.rows, table.total):
        assert behind(bank, bank.settings, row.href) == row.square_metres
