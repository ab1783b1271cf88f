"""Every figure of the report that the service holds, asked for as ``docs/figures.md`` says, on the demo district.

What each must be is computed here from the files of ``sample_parcels/`` by GDAL and GeographicLib, not by our code.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import orjson
import pyogrio
import pytest
import shapely
from pyproj import Geod, Transformer
from starlette.testclient import TestClient

from app import demo
from app.auth import Actor, Role, add_key, add_user
from app.console import Command
from app.db import make_engine, unit_of_work
from app.main import create_app
from app.settings import Settings
from tests.house.tree import ROOT

Figures = dict[int, Decimal]
ACTOR = Actor(None, "cli:test", Role.ADMIN)
AS_OF = "2026-11-30"
SQUARE_METRE = Decimal("0.0001")


@pytest.fixture(scope="module")
def district(request: pytest.FixtureRequest) -> Iterator[TestClient]:
    """The demo behind HTTP, shared by the tests of this file, which only read."""
    settings: Settings = request.getfixturevalue("clone")("EPSG:4547")
    assert settings.database_url is not None
    engine = make_engine(settings.database_url.get_secret_value())
    assert demo.load_demo(Command(settings, engine, ACTOR))
    with unit_of_work(engine) as session:
        add_user(session, ACTOR, "reader", Role.VIEWER)
        key = add_key(session, ACTOR, "reader")[1]
    with TestClient(create_app(settings), headers={"X-API-Key": key}) as client:
        yield client
    engine.dispose()


# --- what the files say -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Parcel:
    """A row of a demo file: our codes, square metres by GeographicLib."""

    category: str
    event: str | None
    kind: str | None
    document: str | None
    on: str
    square_metres: float


def size(shape: Any) -> float:
    """Ellipsoidal square metres of a polygon in EPSG:4547, edges cut to 50 m."""
    dense = shapely.segmentize(shape, 50.0)
    to_degrees = Transformer.from_crs(4547, 4490, always_xy=True)
    longitude, latitude = to_degrees.transform(*shapely.get_coordinates(dense).T)
    degrees = shapely.set_coordinates(dense, np.column_stack([longitude, latitude]))
    return abs(Geod(ellps="GRS80").geometry_area_perimeter(degrees)[0])


@cache
def parcels(name: str) -> list[Parcel]:
    frame = pyogrio.read_dataframe(f"/vsizip/{demo.SAMPLES}/{name}.zip", encoding="GBK")
    category = "用地类别" if "用地类别" in frame else "用地性质"
    return [
        Parcel(
            row[category],
            row["事项"],
            row.get("供应方式"),
            row["文件类型"],
            str(row["文件日期"])[:10],
            size(row["geometry"]),
        )
        for _, row in frame.iterrows()
    ]


def hectares(found: list[Parcel], *categories: str) -> Decimal:
    chosen = [one for one in found if not categories or one.category in categories]
    return Decimal(sum(one.square_metres for one in chosen)) / 10_000


def in_year(found: list[Parcel]) -> list[Parcel]:
    return [one for one in found if "2026-01-01" <= one.on <= AS_OF]


def supplied() -> list[Parcel]:
    return in_year([one for one in parcels("renewal_parcels_2026") if one.event == "供应"])


def handed_over() -> list[Parcel]:
    facilities = {"民生设施用地", "学校用地", "医院用地", "养老设施用地"}
    handovers = [one for one in parcels("renewal_parcels_2026") if one.event == "移交"]
    return in_year([one for one in handovers if one.category in facilities])


def all_handed_over() -> list[Parcel]:
    return in_year([one for one in parcels("renewal_parcels_2026") if one.event == "移交"])


def banked() -> list[Parcel]:
    entries = [one for one in parcels("consolidation_parcels_2026") if one.event == "入库"]
    return in_year([one for one in entries if one.document == "土地移交确认书"])


RESIDENTIAL = ("居住潜力用地", "商品住房用地", "公共住房用地")


@cache
def targets() -> dict[tuple[str, ...], Decimal]:
    """The newest version of each target, as the file has it."""
    rows = orjson.loads((demo.SAMPLES / "targets.json").read_bytes())
    ordered = sorted(rows, key=lambda row: row["status"] == "issued")
    return {
        (row["programme"], row["measure"], row.get("category", ""), row["kind"]): Decimal(row["value"])
        for row in ordered
    }


def target(programme: str, measure: str, category: str = "", kind: str = "city") -> Decimal:
    return targets()[programme, measure, category, kind]


@cache
def scopes() -> list[tuple[bool, str, float]]:
    """Key flag, boundary role and square metres of every boundary."""
    found = []
    for name, encoding, key, role in (
        ("renewal_units", "GBK", "重点", "范围类型"),
        ("consolidation_projects", "UTF-8", "SFZD", "FWLX"),
    ):
        frame = pyogrio.read_dataframe(f"/vsizip/{demo.SAMPLES}/{name}.zip", encoding=encoding)
        found += [(row[key] == "是", row[role], size(row["geometry"])) for _, row in frame.iterrows()]
    return found


def key_scope(*roles: str) -> Decimal:
    return Decimal(sum(square_metres for key, role, square_metres in scopes() if key and role in roles)) / 1_000_000


EXPECTED: dict[int, Callable[[], Decimal]] = {
    2: lambda: target("renewal", "supply_total"),
    3: lambda: target("renewal", "supplied"),
    4: lambda: target("renewal", "supplied", "residential_potential"),
    6: lambda: hectares(supplied()) + hectares(all_handed_over()),
    7: lambda: 100 * (hectares(supplied()) + hectares(all_handed_over())) / target("renewal", "supply_total"),
    8: lambda: hectares(supplied()),
    9: lambda: hectares(supplied(), "商品住房用地"),
    10: lambda: hectares(supplied(), "公共住房用地"),
    11: lambda: hectares(handed_over()),
    12: lambda: target("consolidation", "bank_entries"),
    13: lambda: target("consolidation", "bank_entries", "industrial"),
    14: lambda: target("consolidation", "bank_entries", "residential_potential"),
    15: lambda: target("consolidation", "bank_entries", "public_facility"),
    18: lambda: hectares(banked()),
    19: lambda: 100 * hectares(banked()) / target("consolidation", "bank_entries"),
    20: lambda: hectares(banked(), *RESIDENTIAL),
    21: lambda: hectares(banked()) - hectares(banked(), *RESIDENTIAL),
    46: lambda: Decimal(sum(key for key, role, _ in scopes() if role == "研究范围")),
    47: lambda: key_scope("研究范围"),
    48: lambda: key_scope("拆除范围", "实施范围"),
    54: lambda: target("consolidation", "bank_entries", "industrial", "district_stretch"),
    76: lambda: target("consolidation", "bank_entries", "residential_potential", "district_stretch"),
}


# --- contiguous land ----------------------------------------------------------------------------------------------

LATE = "2099-12-31"
"""Candidates are in the inventory from the day of their upload on, whenever this test runs."""
ROAD_CODES = {"1206", "1207"}


@dataclass(frozen=True)
class Ground:
    """A parcel with its outline, whether it may be part of a block, and whether it is industrial or road."""

    code: str
    project: str | None
    banked: bool
    open: bool
    industrial: bool
    road: bool
    shape: Any


@cache
def grounds() -> list[Ground]:
    """Consolidation parcels and candidates of the demo, at a day after everything."""
    exits = {
        row["parcel"] for row in orjson.loads((demo.SAMPLES / "events.json").read_bytes()) if row["type"] == "bank_exit"
    }
    found = []
    for name in ("consolidation_parcels_2025", "consolidation_parcels_2026"):
        frame = pyogrio.read_dataframe(f"/vsizip/{demo.SAMPLES}/{name}.zip", encoding="GBK")
        for _, row in frame.iterrows():
            code, entered = row["地块编号"], row["事项"] == "入库" and row["文件类型"] == "土地移交确认书"
            kept = row["地块角色"] != "留用地" and code not in exits
            road = row["用地类别"] in {"道路用地", "轨道用地"}
            industrial = row["用地类别"] == "产业用地"
            found.append(Ground(code, row["项目编号"], entered, kept, industrial, road, row["geometry"]))
    frame = pyogrio.read_dataframe(f"/vsizip/{demo.SAMPLES}/candidate_parcels.zip", encoding="UTF-8")
    for _, row in frame.iterrows():
        code, use = row["DKBH"], row["YDDM"]
        found.append(Ground(code, row["XMBH"], False, True, use == "100101", use in ROAD_CODES, row["geometry"]))
    return found


def components(shapes: list[Any], gap: float) -> list[set[int]]:
    """Indices grouped by chains of distances of at most ``gap`` metres, each pair compared."""
    groups: list[set[int]] = []
    for index, shape in enumerate(shapes):
        near = [group for group in groups if any(shapely.distance(shape, shapes[other]) <= gap for other in group)]
        groups = [group for group in groups if group not in near] + [{index}.union(*near)]
    return groups


def blocks_by_hand(gap: float, least: float, project: str | None = None) -> dict[frozenset[str], tuple[float, float]]:
    """Codes of each block with hectares and compactness of its union."""
    chosen = [one for one in grounds() if one.industrial and one.open and project in {None, one.project}]
    found: dict[frozenset[str], tuple[float, float]] = {}
    for group in components([one.shape for one in chosen], gap):
        union = shapely.union_all([chosen[index].shape for index in group])
        hectares_ = sum(size(part) for part in shapely.get_parts(union)) / 10_000
        if hectares_ >= least:
            compact = 4 * np.pi * shapely.area(union) / shapely.length(union) ** 2
            found[frozenset(chosen[index].code for index in group)] = (hectares_, compact)
    return found


def pilot(project: str) -> Decimal:
    return Decimal(sum(hectares_ for hectares_, _ in blocks_by_hand(30, 3, project).values()))


EXPECTED |= {55: lambda: pilot("ZB02"), 56: lambda: pilot("ZB03"), 57: lambda: pilot("ZB01")}

# --- what the service says ----------------------------------------------------------------------------------------

LINE = re.compile(r"^\| (\d+) \| [^|]+ \| `GET (\S+)` \| `([^`]+)` \|$", re.MULTILINE)
STEP = re.compile(r"(\w+)(?:\[([^\]]*)\])?")


def documented() -> dict[int, tuple[str, str]]:
    """Figure → address and where in the answer, from the page that people read."""
    text = (ROOT / "docs" / "figures.md").read_text("utf-8")
    return {int(number): (address, where) for number, address, where in LINE.findall(text)}


def found_at(document: Any, where: str) -> Any:
    """``rows[measure=supplied,category=]`` … ``.actual``: a list's one item of these values, then a key of it."""
    for name, choice in STEP.findall(where):
        document = document[name]
        if choice == "0":
            document = document[0]
        elif choice:
            wanted = dict(part.split("=") for part in choice.split(","))
            [document] = [
                row
                for row in document
                if all(str((row.get("target") or row).get(key) or "") == value for key, value in wanted.items())
            ]
    return document


def figure(client: TestClient, number: int) -> Decimal:
    address, where = documented()[number]
    response = client.get(address + (f"&as_of={LATE}" if address.startswith("/contiguous") else ""))
    assert response.status_code == 200, response.text
    return Decimal(found_at(response.json(), where))


def test_every_figure_is_documented() -> None:
    assert documented().keys() >= EXPECTED.keys()


@pytest.mark.parametrize("number", EXPECTED)
def test_a_figure_is_what_the_files_say(district: TestClient, number: int) -> None:
    assert abs(figure(district, number) - EXPECTED[number]()) < SQUARE_METRE


def test_the_arithmetic_of_the_report(district: TestClient) -> None:
    """By definition, and what it reads as exhaustive: equal on unrounded values."""
    have: Figures = {number: figure(district, number) for number in EXPECTED}
    assert abs(have[7] - 100 * have[6] / have[2]) <= Decimal("0.00005")
    assert abs(have[19] - 100 * have[18] / have[12]) <= Decimal("0.00005")
    assert have[4] <= have[3] <= have[2]
    assert have[13] + have[14] + have[15] <= have[12]
    assert have[8] == have[9] + have[10]
    assert have[18] == have[20] + have[21]
    assert have[54] >= have[13]
    assert have[76] >= have[14]
    assert have[6] >= have[8] + have[11]
    assert have[47] > have[48] > 0


@pytest.mark.parametrize(("gap", "least"), [(0, 0), (20, 5), (60, 10)])
def test_blocks_are_those_found_pair_by_pair(district: TestClient, gap: int, least: int) -> None:
    asked: dict[str, str | int] = {"category": "industrial", "max_gap": gap, "min_hectares": least, "as_of": LATE}
    body = district.get("/contiguous", params=asked).json()
    found = {
        frozenset(member["code"] for member in block["members"]): (
            float(block["hectares"]),
            float(block["compactness"]),
        )
        for block in body["blocks"]
    }
    wanted = blocks_by_hand(gap, least)
    assert found.keys() == wanted.keys() != set()
    for codes, figures in found.items():
        assert figures == pytest.approx(list(wanted[codes]), abs=1e-4)
    status = {member["code"]: member["status"] for block in body["blocks"] for member in block["members"]}
    banked_codes = {one.code for one in grounds() if one.banked}
    assert {code for code, one in status.items() if one == "banked"} == banked_codes & status.keys()
    features = district.get("/contiguous", params=asked | {"f": "geojson"})
    assert features.headers["content-type"] == "application/geo+json"
    assert [one["id"] for one in features.json()["features"]] == [block["id"] for block in body["blocks"]]
    longitude, latitude = shapely.from_geojson(features.content).centroid.coords[0]
    assert (113.9 < longitude < 114.3, 22.4 < latitude < 22.8) == (True, True)


def test_roads_divide_only_what_lies_across_them(district: TestClient) -> None:
    """What roads take apart is taken apart within its block; of two put apart the shortest way crosses a road."""
    asked: dict[str, str | int] = {"category": "industrial", "max_gap": 60, "min_hectares": 0, "as_of": LATE}
    whole, divided = (
        [
            {member["code"] for member in block["members"]}
            for block in district.get("/contiguous", params=asked | {"across_roads": across}).json()["blocks"]
        ]
        for across in ("true", "false")
    )
    assert set().union(*divided) == set().union(*whole)
    assert all(any(part <= block for block in whole) for part in divided)
    shapes = {one.code: one.shape for one in grounds()}
    roads = shapely.union_all([one.shape for one in grounds() if one.road])
    for block in whole:
        parts = [part for part in divided if part <= block]
        for number, part in enumerate(parts):
            for one in part:
                for other in set().union(*parts[number + 1 :]):
                    line = shapely.shortest_line(shapes[one], shapes[other])
                    assert line.length > 60 or shapely.length(shapely.intersection(line, roads)) > 0
