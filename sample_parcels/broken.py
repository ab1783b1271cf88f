"""Small files that each have one thing wrong. README.md says what each must yield; a test reads its table."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import writer
from shapely.geometry import Polygon, box
from writer import Field, Layer, parts

FIELDS = (
    Field("地块编号", "C", 20),
    Field("用地类别", "C", 24),
    Field("事项", "C", 12),
    Field("文件类型", "C", 30),
    Field("文件文号", "C", 40),
    Field("文件日期", "D", 8),
)
ENTRY = ("入库", "土地移交确认书", "澜试移〔2026〕1号")
NOTHING = (None, None, None, None)


def square(x: float, y: float, side: float = 100.0) -> Polygon:
    """A square whose south-west corner lies x, y metres from a spot inside the district."""
    east, north = 506_900.0 + x, 2_502_900.0 + y
    return box(east, north, east + side, north + side)


def plain(name: str, **changes: object) -> Layer:
    """Three good industrial parcels, no event."""
    rows = [(f"{name.upper()}-{i}", "产业用地", *NOTHING) for i in (1, 2, 3)]
    base = Layer(name, FIELDS, [square(0, 0), square(120, 0), square(240, 0)], rows, "gbk")
    return replace(base, **changes)  # type: ignore[arg-type]


def bow_tie() -> list[list[tuple[float, float]]]:
    """A ring that crosses itself; one triangle is larger, so that it still has a winding."""
    east, north = 507_140.0, 2_502_900.0
    return [
        [
            (east, north),
            (east + 90, north + 100),
            (east + 90, north),
            (east, north + 60),
            (east, north),
        ]
    ]


def files() -> Iterator[tuple[str, str, dict[str, bytes]]]:
    """Name of the zip, stem of its members, its members by extension."""
    for name, without in (("no_prj", "prj"), ("no_shx", "shx")):
        yield (
            name,
            name,
            {extension: content for extension, content in parts(plain(name)).items() if extension != without},
        )
    whole = parts(plain("truncated"))
    yield "truncated", "truncated", whole | {"shp": whole["shp"][:-70]}
    yield "bow_tie", "bow_tie", parts(plain("bow_tie", shapes=[square(0, 0), square(120, 0), bow_tie()]))
    yield "overlap", "overlap", parts(_overlap())
    twice = plain("duplicate_code")
    yield "duplicate_code", "duplicate_code", parts(replace(twice, rows=[twice.rows[0], twice.rows[1], twice.rows[0]]))
    far = [square(0, 0), square(120, 0), square(40_000, 0)]
    yield "outside_district", "outside_district", parts(plain("outside_district", shapes=far))
    unknown = plain("unknown_category")
    strange = [*unknown.rows[:2], ("UNKNOWN_CATEGORY-3", "飞地", *NOTHING)]
    yield "unknown_category", "unknown_category", parts(replace(unknown, rows=strange))
    yield "wrong_zone", "wrong_zone", parts(plain("wrong_zone", prj=writer.CM_117))
    yield "zone_prefix", "zone_prefix", parts(plain("zone_prefix", prj=writer.ZONE_38))
    yield "gbk_no_cpg", "gbk_no_cpg", parts(plain("gbk_no_cpg"))


def _overlap() -> Layer:
    """Two banked parcels that share 20 m × 100 m."""
    rows = [(f"OVERLAP-{i}", "产业用地", *ENTRY, date(2026, 5, 8)) for i in (1, 2)]
    return Layer("overlap", FIELDS, [square(0, 200), square(80, 200)], rows, "gbk")
