"""Seeded parcels for the benchmarks: a zipped shapefile with a GBK table and Chinese field names.

    python -m bench.make_parcels 100000 parcels.zip

Parcels are the cells of a jittered lattice with streets between the blocks; neighbours share their edges vertex for
vertex, as surveyed parcels do. Aimed at: 9/18/31 vertices (p5, p50, p95; mean 19), 0.36 ha on average, 0.8 % with a
hole, 0.4 % multi-part, 0.3 % grown over their neighbours, all of it at the density of a built-up district
(EPSG:4547, 250 parcels per km²). ``--bowties`` spoils a share of them.
"""

import argparse
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray

SRID = 4547
ORIGIN = (502_000.0, 2_496_000.0)
SIDE = 60.0
BLOCK = 8
STREET = 18.0
PER_SUB_DISTRICT = 10_000
"""What the table says; where the land lies is told by sub_districts()."""
CATEGORIES = ("产业", "居住潜力", "民生", "道路", "其他")
OWNERS = ("区土地整备中心", "街道办事处", "社区股份合作公司", "个人", "国有企业")


@dataclass(frozen=True)
class Parcels:
    """Polygons in EPSG:4547 and the columns of their table."""

    geometry: NDArray[np.object_]
    columns: dict[str, NDArray[np.object_] | NDArray[np.float64] | NDArray[np.int32]]


def make(count: int, seed: int = 20240520, bowties: float = 0.0) -> Parcels:
    """``count`` parcels, the same ones for the same seed."""
    rng = np.random.default_rng(seed)
    across = int(np.ceil(np.sqrt(count)))
    x, y = _lattice(across, rng)
    geometry = _spoil(_cells(x, y, across, count, rng), rng, bowties)
    return Parcels(geometry, _columns(geometry, rng))


def _lattice(across: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Corners of the cells: widths vary like real frontages, a street follows every eighth parcel.

    The cell of column c lies between lattice lines c + streets so far, so that street cells are skipped by _cells.
    """
    lines = across + across // BLOCK + 1

    def ticks() -> NDArray[np.float64]:
        steps = SIDE * rng.lognormal(-0.35, 0.8, lines).clip(0.15, 4.0)
        steps[BLOCK :: BLOCK + 1] = STREET
        return np.concatenate([[0.0], np.cumsum(steps)])

    x, y = np.meshgrid(ticks() + ORIGIN[0], ticks() + ORIGIN[1], indexing="ij")
    return x + rng.uniform(-1.5, 1.5, x.shape), y + rng.uniform(-1.5, 1.5, y.shape)


def _line_of(cell: NDArray[np.int64]) -> NDArray[np.int64]:
    return cell + cell // BLOCK


def _cells(
    x: NDArray[np.float64], y: NDArray[np.float64], across: int, count: int, rng: np.random.Generator
) -> NDArray[np.object_]:
    """Polygons of the first ``count`` cells; every side is bent at up to eight vertices shared with the neighbour."""
    horizontal = _sides(x[:-1], y[:-1], x[1:], y[1:], rng)
    vertical = _sides(x[:, :-1], y[:, :-1], x[:, 1:], y[:, 1:], rng)
    cell = np.arange(count)
    column, row = _line_of(cell % across), _line_of(cell // across)
    found = []
    for i, j in zip(column.tolist(), row.tolist(), strict=True):
        ring = np.concatenate([
            horizontal[i][j][:-1], vertical[i + 1][j][:-1], horizontal[i][j + 1][:0:-1], vertical[i][j][::-1]
        ])  # fmt: skip
        found.append(ring)
    lengths = np.array([len(ring) for ring in found])
    rings = shapely.linearrings(np.concatenate(found).round(3), indices=np.repeat(cell, lengths))
    return np.asarray(shapely.polygons(rings), dtype=object)


def _sides(
    x0: NDArray[np.float64],
    y0: NDArray[np.float64],
    x1: NDArray[np.float64],
    y1: NDArray[np.float64],
    rng: np.random.Generator,
) -> list[list[NDArray[np.float64]]]:
    """Each lattice side as a line from its first corner to its second, bent by up to half a metre."""
    bends = rng.choice([1, 2, 3, 4, 5, 6, 8], size=x0.shape, p=[0.16, 0.2, 0.2, 0.16, 0.12, 0.08, 0.08])
    found = []
    for i in range(x0.shape[0]):
        sides = []
        for j in range(x0.shape[1]):
            t = np.arange(bends[i, j] + 2) / (bends[i, j] + 1)
            bow = np.sin(t * np.pi) * rng.uniform(-0.6, 0.6)
            dx, dy = x1[i, j] - x0[i, j], y1[i, j] - y0[i, j]
            length = float(np.hypot(dx, dy)) or 1.0
            sides.append(
                np.column_stack([x0[i, j] + t * dx - bow * dy / length, y0[i, j] + t * dy + bow * dx / length])
            )
        found.append(sides)
    return found


def _spoil(geometry: NDArray[np.object_], rng: np.random.Generator, bowties: float) -> NDArray[np.object_]:
    """Some parcels with a hole, some in two parts, some grown over their neighbours, some crossing themselves."""
    count = len(geometry)
    order = rng.permutation(count)
    cuts = np.cumsum([int(count * share) for share in (0.0076, 0.0043, 0.003, bowties)])
    holed, parted, grown, crossed = np.split(order, cuts)[:4]
    inner = shapely.buffer(shapely.point_on_surface(geometry[holed]), 1.5, quad_segs=2)
    geometry[holed] = shapely.difference(geometry[holed], inner)
    for index in parted:
        west, south, east, north = geometry[index].bounds
        gap = shapely.box((west + east) / 2 - 0.5, south - 1, (west + east) / 2 + 0.5, north + 1)
        geometry[index] = shapely.difference(geometry[index], gap)
    geometry[grown] = shapely.buffer(geometry[grown], 1.0, join_style="mitre", mitre_limit=2.0)
    for index in crossed:
        points = shapely.get_coordinates(geometry[index])
        points[[1, 2]] = points[[2, 1]]
        geometry[index] = shapely.Polygon(points)
    return shapely.set_precision(geometry, 0.001, mode="pointwise")


def _columns(
    geometry: NDArray[np.object_], rng: np.random.Generator
) -> dict[str, NDArray[np.object_] | NDArray[np.float64] | NDArray[np.int32]]:
    """Thirteen columns as a bureau's table has them. Field names have at most ten bytes in GBK."""
    number = np.arange(len(geometry))
    codes = np.array([f"44030{n % 10}{n // 1000 % 1000:03d}GB{n:08d}" for n in number.tolist()], dtype=object)
    chosen = rng.integers(0, len(CATEGORIES), len(number))
    return {
        "地块编号": codes,
        "地块名称": np.array([f"龙岗区第{n // 97}号街坊{n % 97}地块" for n in number.tolist()], dtype=object),
        "用地类别": np.array(CATEGORIES, dtype=object)[chosen],
        "面积": np.round(shapely.area(geometry), 2),
        "权属单位": np.array(OWNERS, dtype=object)[rng.integers(0, len(OWNERS), len(number))],
        "权属性质": np.where(rng.random(len(number)) < 0.5, "国有", "集体").astype(object),
        "街道": np.array([f"第{n // PER_SUB_DISTRICT}街道" for n in number.tolist()], dtype=object),
        "社区": np.array([f"第{n // 1000}社区" for n in number.tolist()], dtype=object),
        "图幅号": np.array([f"F50G{n // 200:06d}" for n in number.tolist()], dtype=object),
        "容积率": np.round(rng.uniform(0.5, 8.0, len(number)), 2),
        "现状建筑": np.round(rng.uniform(0, 20_000, len(number)), 1),
        "年份": rng.integers(2005, 2025, len(number)).astype(np.int32),
        "备注": np.where(rng.random(len(number)) < 0.2, "经实地核查，权属无争议", "").astype(object),
    }


def sub_districts(parcels: Parcels, across: int) -> NDArray[np.object_]:
    """``across`` × ``across`` rectangles that tile the parcels' extent, their borders cutting through parcels."""
    west, south, east, north = shapely.total_bounds(parcels.geometry)
    x, y = np.linspace(west - 10, east + 10, across + 1), np.linspace(south - 10, north + 10, across + 1)
    return np.array([shapely.box(x[i], y[j], x[i + 1], y[j + 1]) for i in range(across) for j in range(across)], object)


def write(parcels: Parcels, target: Path) -> None:
    """A zip of .shp, .shx, .dbf and .prj; no .cpg, as most such files come."""
    _write(parcels.geometry, dict(parcels.columns), target)


def write_places(polygons: NDArray[np.object_], target: Path) -> None:
    """Sub-districts as a zipped shapefile."""
    numbers = range(len(polygons))
    columns = {
        "code": np.array([f"440307{number:03d}" for number in numbers], dtype=object),
        "name": np.array([f"第{number}街道" for number in numbers], dtype=object),
    }
    _write(polygons, columns, target)


def _write(geometry: NDArray[np.object_], columns: dict[str, NDArray[Any]], target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shapefile = Path(folder) / f"{target.stem}.shp"
        pyogrio.raw.write(
            shapefile,
            geometry=shapely.to_wkb(geometry),
            field_data=list(columns.values()),
            fields=list(columns),
            geometry_type="Polygon",
            crs=f"EPSG:{SRID}",
            driver="ESRI Shapefile",
            encoding="GBK",
        )
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for suffix in (".shp", ".shx", ".dbf", ".prj"):
                archive.write(shapefile.with_suffix(suffix), shapefile.with_suffix(suffix).name)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int)
    parser.add_argument("target", type=Path)
    parser.add_argument("--seed", type=int, default=20240520)
    parser.add_argument("--bowties", type=float, default=0.0, help="share of rows that cross themselves")
    chosen = parser.parse_args()
    parcels = make(chosen.count, chosen.seed, chosen.bowties)
    write(parcels, chosen.target)
    vertices = shapely.get_num_coordinates(parcels.geometry)
    print(
        f"{chosen.count} parcels, {vertices.mean():.1f} vertices, {shapely.area(parcels.geometry).mean() / 1e4:.3f} ha"
    )


if __name__ == "__main__":
    main()
