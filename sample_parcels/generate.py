"""Make the demo district: ``python sample_parcels/generate.py [FOLDER]``. The same bytes every time.

Everything is invented; see README.md for what each file is and how it is meant to fare.
"""

import json
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import broken
import targets
from district import DISTRICT, Plot, places, plots, schemes
from writer import Field, Layer, Shape, parts, write_zip

UTF8 = "utf-8"
STAGED_2025 = date(2025, 9, 18)
GUIDE_CODES = {
    "产业用地": "100101",
    "居住潜力用地": "070102",
    "学校用地": "080403",
    "医院用地": "080601",
    "养老设施用地": "080701",
    "民生设施用地": "080302",
    "商品住房用地": "070102",
    "公共住房用地": "070102",
    "道路用地": "1207",
    "轨道用地": "1206",
    "其他用地": "0901",
}
"""Codes of the 2023 guide for candidates, whose files come from the planners."""


Column = tuple[str, str, int, int, Callable[[Any], object]]
"""Name, kind, width, decimals, and what fills it from a row."""


def layer(
    name: str,
    rows: Sequence[Any],
    described: Sequence[Column],
    shapes: Sequence[Shape],
    encoding: str = "gbk",
) -> Layer:
    """A layer from rows and column descriptions; UTF-8 files say so in a .cpg, GBK files say nothing."""
    fields = [Field(*column[:4]) for column in described]
    table = [[column[4](row) for column in described] for row in rows]
    return Layer(name, fields, shapes, table, encoding, "UTF-8" if encoding == UTF8 else None)


def place_layers() -> list[Layer]:
    """Districts and sub-districts in UTF-8, communities in GBK."""
    districts, sub_districts, communities = places()
    shapes = [[place.shape for place in level] for level in (districts, sub_districts, communities)]
    pinyin: list[Column] = [
        ("XZQDM", "C", 12, 0, lambda row: row.code),
        ("XZQMC", "C", 60, 0, lambda row: row.name),
    ]
    short: list[Column] = [
        ("代码", "C", 12, 0, lambda row: row.code),
        ("名称", "C", 60, 0, lambda row: row.name),
        ("上级", "C", 12, 0, lambda row: row.parent),
    ]
    chinese: list[Column] = [
        ("社区代码", "C", 12, 0, lambda row: row.code),
        ("社区名称", "C", 40, 0, lambda row: row.name),
        ("街道代码", "C", 12, 0, lambda row: row.parent),
    ]
    return [
        layer("districts", districts, pinyin, shapes[0], UTF8),
        layer("sub_districts", sub_districts, short, shapes[1], UTF8),
        layer("communities", communities, chinese, shapes[2]),
    ]


def scheme_layers() -> list[Layer]:
    """One row per boundary role: study ⊃ unit ⊃ demolition, study ⊃ implementation."""
    made = []
    for programme, name in (("城市更新", "renewal_units"), ("土地整备", "consolidation_projects")):
        rows = [(s, role, m) for s in schemes() if s.programme == programme for role, m in s.margins.items()]
        headings = ("单元编号", "单元名称", "范围类型", "阶段", "重点", "批次", "用地类别")
        pinyin = ("XMBH", "XMMC", "FWLX", "JD", "SFZD", "PC", "YDLB")
        encoding = "gbk" if programme == "城市更新" else UTF8
        names = headings if encoding == "gbk" else pinyin
        widths = (12, 90, 24, 30, 6, 15, 24)
        values: tuple[Callable[[Any], object], ...] = (
            lambda row: row[0].code,
            lambda row: row[0].name,
            lambda row: row[1],
            lambda row: row[0].stage,
            lambda row: "是" if row[0].key else "否",
            lambda row: row[0].batch,
            lambda row: row[0].category + "用地",
        )
        described: list[Column] = [(n, "C", w, 0, v) for n, w, v in zip(names, widths, values, strict=True)]
        made.append(layer(name, rows, described, [row[0].site.scope(row[2]) for row in rows], encoding))
    return made


def _evidence(name: str) -> Callable[[Plot], object]:
    return lambda plot: getattr(plot.document, name) if plot.document else None


CONSOLIDATION: list[Column] = [
    ("地块编号", "C", 20, 0, lambda plot: plot.code),
    ("地块名称", "C", 50, 0, lambda plot: plot.name),
    ("项目编号", "C", 10, 0, lambda plot: plot.scheme.code),
    ("用地类别", "C", 16, 0, lambda plot: plot.category),
    ("地块角色", "C", 8, 0, lambda plot: plot.role),
    ("宗地代码", "C", 19, 0, lambda plot: plot.cadastral_code),
    ("图层", "C", 6, 0, lambda _: "地表"),
    ("面积公顷", "N", 12, 4, lambda plot: plot.shape.area * plot.declared_factor / 10_000),
    ("事项", "C", 8, 0, lambda plot: plot.event),
    ("生效日期", "D", 8, 0, lambda plot: plot.effective),
    ("文件类型", "C", 20, 0, _evidence("type")),
    ("文件文号", "C", 30, 0, _evidence("number")),
    ("文件日期", "D", 8, 0, _evidence("date")),
    ("发文单位", "C", 30, 0, _evidence("issuer")),
]
RENEWAL: list[Column] = [
    ("地块编号", "C", 20, 0, lambda plot: plot.code),
    ("地块名称", "C", 50, 0, lambda plot: plot.name),
    ("单元编号", "C", 10, 0, lambda plot: plot.scheme.code),
    ("用地性质", "C", 16, 0, lambda plot: plot.category),
    ("地块角色", "C", 8, 0, lambda plot: plot.role),
    ("用地面积", "N", 14, 2, lambda plot: plot.shape.area),
    ("事项", "C", 8, 0, lambda plot: plot.event),
    ("供应方式", "C", 10, 0, lambda plot: plot.kind),
    ("文件类型", "C", 20, 0, _evidence("type")),
    ("文件文号", "C", 30, 0, _evidence("number")),
    ("文件日期", "C", 10, 0, _evidence("date")),
    ("发文单位", "C", 30, 0, _evidence("issuer")),
]
CANDIDATES: list[Column] = [
    ("DKBH", "C", 20, 0, lambda plot: plot.code),
    ("DKMC", "C", 60, 0, lambda plot: plot.name),
    ("计划", "C", 12, 0, lambda plot: "城市更新" if plot.code.startswith("GX") else plot.scheme.programme),
    ("XMBH", "C", 10, 0, lambda plot: plot.scheme.code if plot.code.startswith(plot.scheme.code) else None),
    ("YDBZ", "C", 20, 0, lambda _: "land_sea_use:2023"),
    ("YDDM", "C", 10, 0, lambda plot: GUIDE_CODES[plot.category]),
    ("DKJS", "C", 9, 0, lambda plot: plot.role),
    ("TBMJ", "N", 14, 2, lambda plot: plot.shape.area),
]


def parcel_layers() -> list[Layer]:
    """Consolidation parcels of two years, renewal parcels with their events, candidates of both without."""
    everything = plots()
    candidates = [plot for plot in everything if plot.event is None and plot.role != "留用地"]
    rest = [plot for plot in everything if plot not in candidates]
    consolidation = [plot for plot in rest if plot.scheme.programme == "土地整备"]
    early = [plot for plot in consolidation if plot.effective == STAGED_2025]
    chosen = (
        ("consolidation_parcels_2025", early, CONSOLIDATION, "gbk"),
        ("consolidation_parcels_2026", [plot for plot in consolidation if plot not in early], CONSOLIDATION, "gbk"),
        ("renewal_parcels_2026", [plot for plot in rest if plot.scheme.programme == "城市更新"], RENEWAL, "gbk"),
        ("candidate_parcels", candidates, CANDIDATES, UTF8),
    )
    return [
        layer(name, rows, described, [plot.shape for plot in rows], encoding)
        for name, rows, described, encoding in chosen
    ]


def write_json(path: Path, document: object) -> None:
    """Readable JSON with the Chinese as it is."""
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")


def main(folder: Path) -> None:
    """Write every file of the demo below ``folder``."""
    made = [*place_layers(), *scheme_layers(), *parcel_layers()]
    for one in made:
        write_zip(folder / f"{one.name}.zip", one.name, parts(one))
    write_json(folder / "targets.json", targets.targets())
    write_json(folder / "events.json", targets.events(plots()))
    for name, stem, files in broken.files():
        write_zip(folder / "broken" / f"{name}.zip", stem, files)
    print(f"{DISTRICT[1]}: {sum(len(one.rows) for one in made)} rows in {len(made)} layers, {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
