"""The demo district: made again byte for byte, and what its README says of it."""

import subprocess
import sys
import zipfile
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import orjson
import pyogrio
import pytest
import shapely

SAMPLES = Path(__file__).resolve().parents[2] / "sample_parcels"
PARCELS = ("consolidation_parcels_2025", "consolidation_parcels_2026", "renewal_parcels_2026", "candidate_parcels")
UTF8 = ("districts", "sub_districts", "consolidation_projects", "candidate_parcels")


def read(name: str) -> tuple[list[dict[str, object]], list[shapely.Geometry]]:
    """Rows and geometries as GDAL sees them."""
    path = f"/vsizip/{SAMPLES / name}.zip"
    encoding = None if name in UTF8 else "GBK"
    meta, _, wkb, columns = pyogrio.raw.read(path, encoding=encoding)
    assert meta["crs"] == "EPSG:4547"
    assert all(len(field.encode("utf-8" if name in UTF8 else "gbk")) <= 10 for field in meta["fields"])
    rows = [dict(zip(meta["fields"], row, strict=True)) for row in zip(*columns, strict=True)]
    return rows, list(shapely.from_wkb(wkb))


def vertices(geometry: shapely.Geometry) -> int:
    """Corners of an outline: closing points not counted twice."""
    rings = shapely.get_rings(shapely.get_parts(geometry))
    return int(shapely.get_num_coordinates(rings).sum()) - len(rings)


@pytest.fixture(scope="module")
def parcels() -> dict[str, tuple[list[dict[str, object]], list[shapely.Geometry]]]:
    return {name: read(name) for name in PARCELS}


def test_generator_makes_the_committed_bytes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, SAMPLES / "generate.py", tmp_path], check=True, capture_output=True)
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    kept = {
        path.relative_to(SAMPLES): path.read_bytes() for path in SAMPLES.rglob("*") if path.suffix in {".zip", ".json"}
    }
    assert made.keys() == kept.keys()
    assert [name for name in made if made[name] != kept[name]] == []


def test_files_stay_small() -> None:
    assert sum(path.stat().st_size for path in SAMPLES.rglob("*") if path.suffix in {".zip", ".json"}) < 1_500_000


def test_each_level_of_places_is_the_union_of_the_next() -> None:
    (_, [district]), (sub_rows, subs), (community_rows, communities) = map(
        read, ("districts", "sub_districts", "communities")
    )
    assert (len(subs), len(communities)) == (10, 28)
    assert shapely.equals(district, shapely.union_all(subs))
    for row, sub in zip(sub_rows, subs, strict=True):
        of_it = [
            shape for child, shape in zip(community_rows, communities, strict=True) if child["街道代码"] == row["代码"]
        ]
        assert 2 <= len(of_it) <= 4
        assert shapely.equals(sub, shapely.union_all(of_it))
    assert shapely.area(communities).sum() == pytest.approx(shapely.area(district), abs=1e-3)


def test_boundaries_of_projects_lie_within_each_other() -> None:
    for name, code, role, order in (
        ("renewal_units", "单元编号", "范围类型", ("研究范围", "单元范围", "拆除范围")),
        ("consolidation_projects", "XMBH", "FWLX", ("研究范围", "实施范围")),
    ):
        rows, shapes = read(name)
        by_key = {(row[code], row[role]): shape for row, shape in zip(rows, shapes, strict=True)}
        codes = {row[code] for row in rows}
        assert len(by_key) == len(rows) == len(codes) * len(order)
        for one in codes:
            for outer, inner in pairwise(order):
                assert shapely.contains_properly(by_key[one, outer], by_key[one, inner])


def test_parcels_look_like_parcels(
    parcels: dict[str, tuple[list[dict[str, object]], list[shapely.Geometry]]],
) -> None:
    rows = [row for name in PARCELS for row in parcels[name][0]]
    shapes = np.array([shape for name in PARCELS for shape in parcels[name][1]])
    codes = [row.get("地块编号", row.get("DKBH")) for row in rows]
    assert 380 <= len(rows) <= 500
    assert len(set(codes)) == len(codes)
    assert shapely.is_valid(shapes).all()
    counts = [vertices(shape) for shape in shapes]
    assert min(counts) >= 8
    assert max(counts) <= 40
    assert len(set(counts)) >= 8
    parts = Counter(len(shapely.get_parts(shape)) for shape in shapes)
    assert parts[2] >= 3
    holes = [len(shapely.get_rings(shapely.get_parts(shape))) - len(shapely.get_parts(shape)) for shape in shapes]
    assert sum(count > 0 for count in holes) >= 2
    _, subs = read("sub_districts")
    crossing = sum(sum(shapely.area(shapely.intersection(sub, shape)) > 1 for sub in subs) > 1 for shape in shapes)
    assert crossing >= 10


def test_banked_land_overlaps_within_tolerance_only(
    parcels: dict[str, tuple[list[dict[str, object]], list[shapely.Geometry]]],
) -> None:
    banked = [
        shape
        for name in PARCELS[:2]
        for row, shape in zip(*parcels[name], strict=True)
        if row["事项"] == "入库" and row["地块角色"] == "移交"
    ]
    assert 100 <= len(banked) <= 160
    pairs = shapely.STRtree(banked).query(banked, predicate="intersects").T
    shared = [float(shapely.area(shapely.intersection(banked[i], banked[j]))) for i, j in pairs if i < j]
    overlapping = [size for size in shared if size > 1e-6]
    assert len(overlapping) == 1
    assert overlapping[0] < 1.0


def test_a_year_of_events(parcels: dict[str, tuple[list[dict[str, object]], list[shapely.Geometry]]]) -> None:
    consolidation, renewal = parcels["consolidation_parcels_2026"][0], parcels["renewal_parcels_2026"][0]
    dates = {str(row["文件日期"])[:10] for row in consolidation + renewal if row["事项"]}
    assert all(date.startswith("2026") for date in dates)
    assert len({date[5:7] for date in dates}) >= 9
    assert {row["事项"] for row in renewal} == {"供应", "移交"}
    assert {row["供应方式"] for row in renewal if row["事项"] == "供应"} == {"协议出让", "划拨"}
    assert Counter(row["文件类型"] for row in consolidation)["勘测定界报告"] == 2
    targets = orjson.loads((SAMPLES / "targets.json").read_bytes())
    assert {row["status"] for row in targets} == {"provisional", "issued"}
    assert {row["kind"] for row in targets} == {"city", "district_stretch"}


def test_gbk_files_say_nothing_of_their_encoding() -> None:
    for path in SAMPLES.glob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            has_cpg = any(name.endswith(".cpg") for name in archive.namelist())
        assert has_cpg == (path.stem in UTF8)
