"""Hectares by category and place, as geopandas' overlay and pyproj's Geod have them, on real parcels and a city."""

from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import orjson
import pyogrio
import pytest
import shapely
import shapely.affinity
import shapely.geometry
from pyproj import Transformer

from app.db import unit_of_work
from app.landbank.hectares.posted import WithinIn, resolve_within
from app.landbank.hectares.query import HectaresParams, resolve
from app.landbank.hectares.service import HectaresTable, hectares
from app.settings import Settings
from app.uploads import service
from app.uploads.options import UploadOptions
from app.uploads.queries import findings_of
from tests.conftest import MakeDatabase
from tests.oracle.test_real_parcels import ACTOR, DATA, ROOT, geodesic, opened, outlines, stored, upload

pytestmark = pytest.mark.skipif(not DATA.parent.exists(), reason="the shared data is not beside this checkout")
FILES = (
    ("seoul_gangnam", "real/seoul_gangnam/Parcels.shp", "EPSG:5186", None),
    ("city9k", "city9k/city_gbk_nocpg.zip", "EPSG:4547", "gb18030"),
)
Sums = dict[tuple[str, str | None], float]


def categories(path: Path, mapping: str, encoding: str | None) -> list[str]:
    """The category of each row of a file, as its mapping reads the file's own column."""
    chosen = orjson.loads((ROOT / "tests" / "mappings" / f"{mapping}.json").read_bytes())
    column, values = chosen["fields"]["land_category"], chosen["values"]["land_category"]
    source = f"/vsizip/{path}" if path.suffix == ".zip" else str(path)
    read = pyogrio.read_dataframe(source, columns=[column], read_geometry=False, encoding=encoding)[column]
    return [values.get(str(value).strip(), values.get("*")) for value in read]


def slanted(parcels: geopandas.GeoDataFrame) -> list[shapely.Polygon]:
    """Three neighbours over most of the parcels' land; their borders run through parcels, never along them."""
    _, south, _, north = parcels.total_bounds
    at = np.quantile(parcels.geometry.representative_point().x, [0.0, 0.31, 0.64, 0.9])
    lean = (at[-1] - at[0]) * 0.07
    return [
        shapely.Polygon([(a, south - 1), (b, south - 1), (b + lean, north + 1), (a + lean, north + 1)])
        for a, b in pairwise(at)
    ]


def star(parcels: geopandas.GeoDataFrame) -> shapely.Polygon:
    """An outline of sixty corners over the middle of the parcels' land."""
    points = parcels.geometry.representative_point()
    west, middle_x, east = np.quantile(points.x, [0.1, 0.5, 0.9])
    south, middle_y, north = np.quantile(points.y, [0.1, 0.5, 0.9])
    turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    reach = np.where(np.arange(60) % 2, 0.31, 0.57) * min(east - west, north - south)
    return shapely.Polygon(np.column_stack([middle_x + reach * np.cos(turn), middle_y + reach * np.sin(turn)]))


def bring(settings: Settings, folder: Path, shapes: list[shapely.Polygon], crs: str, **options: Any) -> None:
    """Upload outlines as places or zones named 0, 1, 2 …"""
    path = folder / f"{options['collection']}.shp"
    names = [str(number) for number in range(len(shapes))]
    geopandas.GeoDataFrame({"code": names, "name": names}, geometry=shapes, crs=crs).to_file(path, encoding="utf-8")
    files = [(part.name, part) for part in sorted(folder.glob(f"{path.stem}.*"))]
    asked = UploadOptions(**({"commit": "auto", "mapping": {"fields": {"code": "code", "name": "name"}}} | options))
    with opened(settings) as engine, unit_of_work(engine) as session:
        done = service.run_upload(session, settings, ACTOR, files, asked)
        told_of = [(one.code, one.parameters) for one in findings_of(session, done.id)]
    assert done.state == "committed", told_of


def cut(parcels: geopandas.GeoDataFrame, by: list[shapely.Polygon], crs: str) -> tuple[Sums, int]:
    """Square metres by category and outline, what lies in none under None; and of how many pieces."""
    places = geopandas.GeoDataFrame({"place": [str(n) for n in range(len(by))]}, geometry=by, crs=crs)
    pieces = [
        geopandas.overlay(parcels, places, how="intersection", keep_geom_type=True),
        geopandas.overlay(parcels, places, how="difference", keep_geom_type=True),
    ]
    found: Sums = defaultdict(float)
    for some in pieces:
        named = some["place"] if "place" in some else [None] * len(some)
        for category, place, shape in zip(some["category"], named, some.geometry, strict=True):
            found[category, place] += geodesic(shape, crs)
    return found, sum(map(len, pieces))


def told(table: HectaresTable) -> Sums:
    return {(str(row.keys[0][1]), row.keys[1][1]): float(row.square_metres) for row in table.rows}  # type: ignore[misc]


def assert_same(found: Sums, expected: tuple[Sums, int]) -> None:
    sums, pieces = expected
    assert len([key for key, size in sums.items() if size > 1]) > 3
    for key in found.keys() | sums.keys():
        assert found.get(key, 0.0) == pytest.approx(sums.get(key, 0.0), rel=1e-9, abs=0.001 * pieces), key


@pytest.mark.parametrize(("mapping", "file", "crs", "encoding"), FILES, ids=[name for name, *_ in FILES])
def test_hectares_by_category_and_place_are_those_of_an_overlay(
    make_database: MakeDatabase, tmp_path: Path, mapping: str, file: str, crs: str, encoding: str | None
) -> None:
    settings = make_database(crs=crs)
    shapes = outlines(DATA / file, crs, encoding)
    done = upload(settings, DATA / file, mapping, "good")
    assert done.state == "committed", done.counts
    named = categories(DATA / file, mapping, encoding)
    kept = [row - 1 for row, *_ in stored(settings)]
    parcels = geopandas.GeoDataFrame(
        {"category": [named[row] for row in kept]}, geometry=[shapes[row] for row in kept], crs=crs
    )
    places, middle = slanted(parcels), star(parcels)
    zones = [middle, shapely.affinity.translate(middle, middle.length / 7, 11.0)]
    bring(settings, tmp_path, places, crs, collection="sub-districts")
    bring(settings, tmp_path, zones, crs, collection="zones", name="made")
    degrees = Transformer.from_crs(crs, "OGC:CRS84", always_xy=True)
    posted = shapely.transform(middle, lambda p: np.column_stack(degrees.transform(p[:, 0], p[:, 1])))
    body = WithinIn(within=orjson.loads(orjson.dumps(shapely.geometry.mapping(posted))))
    with opened(settings) as engine, unit_of_work(engine) as session:

        def ask(**more: str) -> HectaresTable:
            params = HectaresParams.model_validate({"measure": "inventory"} | more)
            return hectares(session, settings, resolve(session, settings, params))

        by_place = ask(by="category,sub_district")
        by_zone = ask(by="category,zone", zones="made", within="zone:made")
        outside = ask(by="category,zone", zones="made")
        asked = HectaresParams.model_validate({"measure": "inventory", "by": "category,sub_district"})
        within = hectares(session, settings, resolve_within(session, settings, asked, body))
    assert_same(told(by_place), cut(parcels, places, crs))
    back = Transformer.from_crs("OGC:CRS84", crs, always_xy=True)
    middle = shapely.transform(posted, lambda p: np.column_stack(back.transform(p[:, 0], p[:, 1])))
    assert_same(told(within), cut(parcels.clip(middle, keep_geom_type=True), places, crs))
    everywhere = cut(parcels, zones, crs)
    assert_same(told(outside), everywhere)
    inside = {key: size for key, size in everywhere[0].items() if key[1] is not None}
    assert_same(told(by_zone), (inside, everywhere[1]))
