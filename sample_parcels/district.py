"""The invented district: its places, its units and projects, its parcels and what happened to them.

No name, code, document or person is real. District code 990101 belongs to no place.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise
from random import Random

from shapely.affinity import translate
from shapely.geometry import MultiPolygon, Polygon
from streets import Box, Site, blocks, community, joined, parcel

SEED = 20260101
DISTRICT = ("990101", "澜屏区")
GROUPS: dict[str, tuple[tuple[int, int], ...]] = {
    "青砚街道": ((0, 0), (0, 1)),
    "栎湾街道": ((0, 2), (0, 3)),
    "棠坞街道": ((1, 0), (2, 0), (1, 1)),
    "鹭汀街道": ((2, 1), (2, 2), (1, 2)),
    "望榆街道": ((1, 3), (2, 3)),
    "澜心街道": ((3, 0), (3, 1), (4, 0)),
    "朴渡街道": ((3, 2), (3, 3), (4, 3)),
    "云杉坪街道": ((4, 1), (4, 2), (5, 1), (5, 2)),
    "砚溪街道": ((5, 0), (6, 0), (6, 1)),
    "枫屿街道": ((6, 2), (6, 3), (5, 3)),
}
VILLAGES = [
    "上栎",
    "下栎",
    "石桥头",
    "荷坞",
    "东篱",
    "槐荫",
    "竹溪口",
    "双榆",
    "南陂",
    "北陂",
    "燕子塘",
    "老渡",
    "新渡",
    "樟木背",
    "清源里",
    "桂岭",
    "柏洋",
    "梅坑尾",
    "沙罗塘",
    "松风",
    "水口坝",
    "望澜",
    "金穗埔",
    "浣石",
    "长汀头",
    "凤栖坡",
    "岩角",
    "云归",
]
MAX_VERTICES = 40


@dataclass(frozen=True)
class Place:
    """A district, sub-district or community."""

    code: str
    name: str
    parent: str | None
    shape: Polygon


@dataclass(frozen=True)
class Scheme:
    """A renewal unit or consolidation project; ``margins`` in metres around its blocks, by boundary role."""

    code: str
    name: str
    programme: str
    site: Site
    stage: str
    category: str
    key: bool
    batch: str | None
    weights: dict[str, float]
    margins: dict[str, float]


@dataclass(frozen=True)
class Document:
    """Evidence: its type in the offices' words."""

    type: str
    number: str
    date: date
    issuer: str


@dataclass(frozen=True)
class Plot:
    """A parcel as the offices would write it down. ``lot`` is its number within the community."""

    code: str
    name: str
    scheme: Scheme
    category: str
    role: str
    shape: Polygon | MultiPolygon
    event: str | None = None
    kind: str | None = None
    document: Document | None = None
    effective: date | None = None
    declared_factor: float = 1.0

    @property
    def cadastral_code(self) -> str:
        """Nineteen characters as GB/T 37346-2019 has them: 6 + 3 + 3 + 2 + 5."""
        return f"{DISTRICT[0]}{int(self.scheme.code[-2:]):03d}001GB{int(self.code[-3:]):05d}"


def places() -> tuple[list[Place], list[Place], list[Place]]:
    """Districts, sub-districts, communities; each level is exactly the union of the next."""
    names = iter(VILLAGES)
    sub_districts, communities = [], []
    for number, (name, cells) in enumerate(GROUPS.items(), 1):
        code = f"{DISTRICT[0]}{number:03d}"
        shapes = [community(*cell) for cell in cells]
        sub_districts.append(Place(code, name, DISTRICT[0], joined(shapes)))
        communities += [Place(f"{code}{i:03d}", f"{next(names)}社区", code, shape) for i, shape in enumerate(shapes, 1)]
    district = Place(*DISTRICT, None, joined(place.shape for place in communities))
    return [district], sub_districts, communities


INDUSTRY = {"产业用地": 0.72, "道路用地": 0.1, "居住潜力用地": 0.06, "学校用地": 0.04, "其他用地": 0.08}
HOUSING = {"居住潜力用地": 0.5, "学校用地": 0.14, "医院用地": 0.04, "道路用地": 0.12, "其他用地": 0.2}
FACILITIES = {"民生设施用地": 0.3, "学校用地": 0.2, "养老设施用地": 0.1, "居住潜力用地": 0.1, "其他用地": 0.3}
CORRIDOR = {"轨道用地": 0.25, "道路用地": 0.3, "其他用地": 0.35, "产业用地": 0.1}
RENEWAL = {"商品住房用地": 0.5, "公共住房用地": 0.22, "学校用地": 0.12, "民生设施用地": 0.08, "道路用地": 0.08}


def schemes() -> list[Scheme]:
    """Seven consolidation projects and eight renewal units; five of them key, of a square kilometre and more."""
    consolidation = [
        # name, u, v, turn, bend, stage, category, key, batch, weights
        ("青砚西片区土地整备项目", 2000, 1500, 12, 0, "验收移交", "产业", False, None, INDUSTRY),
        ("棠坞先进制造园整备项目", 5000, 1050, -8, 26, "验收移交", "产业", True, "第一批", INDUSTRY),
        ("澜心科技园连片产业空间整备项目", 9000, 1200, 5, 18, "协议签订", "产业", False, None, INDUSTRY),
        ("砚溪民生设施整备项目", 12900, 1900, 31, 22, "实施方案批准", "民生设施", False, None, FACILITIES),
        ("云杉坪居住潜力用地整备项目", 10000, 4000, -15, 0, "验收移交", "居住潜力", False, None, HOUSING),
        ("望榆利益统筹项目", 4000, 6000, 22, 30, "协议签订", "居住潜力", True, "第二批", HOUSING),
        ("朴渡轨道通道整备项目", 8000, 6800, 3, 24, "验收移交", "道路轨道", False, None, CORRIDOR),
    ]
    renewal = [
        ("上栎旧村城市更新单元", 1000, 3400, 8, 0, "土地供应", False, None, 30),
        ("荷坞城市更新单元", 3000, 3400, -20, 16, "实施主体确认", False, None, 30),
        ("鹭汀中心重点更新单元", 6300, 3200, 10, 20, "土地供应", True, "第一批", 350),
        ("澜心门户城市更新单元", 8150, 3000, 0, 0, "单元规划批准", False, None, 40),
        ("枫屿枢纽重点更新单元", 12150, 4200, -12, 22, "土地供应", True, "第一批", 350),
        ("柏洋旧工业区城市更新单元", 12500, 6500, 25, 18, "土地供应", False, None, 30),
        ("长汀头重点更新单元", 10700, 6300, 14, 14, "计划立项", True, "第二批", 330),
        ("栎湾滨水城市更新单元", 1200, 6200, -5, 24, "单元规划批准", False, None, 35),
    ]
    made = []
    for i, (name, u, v, turn, bend, stage, category, key, batch, weights) in enumerate(consolidation, 1):
        margins = {"研究范围": 150.0, "实施范围": 20.0}
        site = Site(u, v, 1180, 940, turn, bend)
        made.append(Scheme(f"ZB{i:02d}", name, "土地整备", site, stage, category, key, batch, weights, margins))
    for i, (name, u, v, turn, bend, stage, key, batch, study) in enumerate(renewal, 1):
        margins = {"研究范围": study + 60.0, "单元范围": study / 2 + 30.0, "拆除范围": 15.0}
        site = Site(u, v, 570, 450, turn, bend)
        made.append(Scheme(f"GX{i:02d}", name, "城市更新", site, stage, "居住潜力", key, batch, RENEWAL, margins))
    return made


def _grounds(scheme: Scheme, random: Random) -> Iterator[Polygon | MultiPolygon]:
    """Outlines of a scheme's parcels: mostly one block each, some with a hole, some in two parts."""
    size, split = (195.0, 0.22) if scheme.programme == "土地整备" else (125.0, 0.4)
    boxes = blocks(scheme.site, random, size, split)
    number = 0
    while number < len(boxes):
        box = boxes[number]
        following = boxes[number + 1] if number + 1 < len(boxes) else None
        whole = not (box.cut_east or box.cut_west)
        if number % 29 == 7 and whole and following and _across_a_street(box, following):
            yield parcel(scheme.site, replace(box, bends=1), replace(following, bends=1))
            number += 2
            continue
        if number % 31 == 11 and whole:
            yield parcel(scheme.site, replace(box, bends=min(box.bends, 5)), gap=18.0)
        else:
            yield parcel(scheme.site, box)
        number += 1


def _across_a_street(box: Box, following: Box) -> bool:
    return box.t0 == following.t0 and not (following.cut_east or following.cut_west)


def _document(kind: str, scheme: Scheme, number: int, on: date) -> Document:
    letter = {"土地移交确认书": "移", "勘测定界报告": "测", "土地使用权出让合同": "让", "划拨决定书": "划"}[kind]
    issuer = "澜屏区城市更新和土地整备局" if letter in "移测" else "澜屏区规划和自然资源局"
    return Document(kind, f"澜{scheme.code}{letter}〔{on.year}〕{number}号", on, issuer)


def _consolidation(plot: Plot, random: Random, dates: list[date]) -> Plot:
    draw = random.random()
    if draw < 0.07:
        return replace(plot, role="留用地")
    if draw < 0.56:
        batch = random.randrange(len(dates))
        on = date(2025, 9, 18) if draw < 0.11 else dates[batch]
        document = _document("土地移交确认书", plot.scheme, batch + 1, on)
        return replace(plot, role="移交", event="入库", document=document, effective=on)
    return plot


def _renewal(plot: Plot, random: Random, dates: list[date]) -> Plot:
    draw, batch = random.random(), random.randrange(len(dates))
    housing = plot.category in {"商品住房用地", "公共住房用地"}
    if draw > 0.62 or plot.scheme.stage == "计划立项":
        return plot
    if not housing:
        document = _document("土地移交确认书", plot.scheme, batch + 1, dates[batch])
        return replace(plot, event="移交", document=document)
    allocated = plot.category == "公共住房用地" and draw < 0.3
    kind = "划拨决定书" if allocated else "土地使用权出让合同"
    document = _document(kind, plot.scheme, batch + 1, dates[batch])
    return replace(plot, event="供应", kind="划拨" if allocated else "协议出让", document=document)


def plots() -> list[Plot]:
    """Every parcel of the district, in the order of its code."""
    random = Random(SEED)
    found = []
    for scheme in schemes():
        # Handovers cluster on a few days of each quarter, as they do.
        dates = sorted(date(2026, 1, 12) + timedelta(days=random.randrange(305)) for _ in range(5))
        for number, shape in enumerate(_grounds(scheme, random), 1):
            category = random.choices(list(scheme.weights), list(scheme.weights.values()))[0]
            public = scheme.programme == "土地整备" or category not in {"商品住房用地", "公共住房用地"}
            plot = Plot(
                f"{scheme.code}-{number:03d}",
                f"{scheme.name[: scheme.name.index('城' if '城' in scheme.name else scheme.name[4])]}{number}号地块",
                scheme,
                category,
                "移交" if public else "开发",
                shape,
            )
            settle = _consolidation if scheme.programme == "土地整备" else _renewal
            found.append(settle(plot, random, dates))
    return _oddities(found)


def _oddities(plots_: list[Plot]) -> list[Plot]:
    """As in real files: a sliver, a wrong declared size, survey reports as evidence, late effect, two tracks."""
    made = list(plots_)
    banked = [i for i, plot in enumerate(made) if plot.event == "入库" and plot.effective != date(2025, 9, 18)]
    made[banked[3]] = replace(made[banked[3]], declared_factor=1.021)
    for i in banked[20:22]:
        document = made[i].document
        assert document is not None  # noqa: S101  a banked plot has one
        made[i] = replace(made[i], document=_document("勘测定界报告", made[i].scheme, 1, document.date))
    late = made[banked[30]]
    made[banked[30]] = replace(late, effective=late.effective + timedelta(days=3) if late.effective else None)
    first, second = _neighbours(made, banked)
    made[first] = replace(made[first], shape=_nudged(made[first].shape, made[second].shape))
    candidate = next(plot for plot in made if plot.scheme.code == "ZB07" and plot.event is None and plot.role == "移交")
    double = translate(candidate.shape, 24.0, -18.0)
    made.append(replace(candidate, code="GXLT-001", name="朴渡联动1号地块", shape=double, role="开发"))
    return made


def _neighbours(plots_: list[Plot], banked: list[int]) -> tuple[int, int]:
    """The first two banked halves of one block: single parts that share three corners or more."""
    for i, j in pairwise(banked):
        if j == i + 1 and len(_shared(plots_[i].shape, plots_[j].shape)) >= 3:
            return i, j
    raise LookupError("no two banked halves of one block")


def _shared(one: Polygon | MultiPolygon, other: Polygon | MultiPolygon) -> list[tuple[float, float]]:
    if not (isinstance(one, Polygon) and isinstance(other, Polygon)):
        return []
    return sorted(set(one.exterior.coords) & set(other.exterior.coords), key=lambda point: (point[1], point[0]))


def _nudged(one: Polygon | MultiPolygon, other: Polygon | MultiPolygon) -> Polygon:
    """``one`` with a corner moved six millimetres into ``other``: an overlap of a few tenths of a square metre."""
    assert isinstance(one, Polygon)  # noqa: S101  _shared found it so
    shared = _shared(one, other)
    x, y = shared[len(shared) // 2]
    away = math.hypot(x - one.centroid.x, y - one.centroid.y)
    moved = (
        round(x + 0.006 * (x - one.centroid.x) / away, 3),
        round(y + 0.006 * (y - one.centroid.y) / away, 3),
    )
    return Polygon([moved if point == (x, y) else point for point in one.exterior.coords[:-1]])
