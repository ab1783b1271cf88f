"""The corpus of odd and broken files: the decision on each against the expected one.

Judged as its SOURCE.txt says, for what the reader decides: overlaps, repairs and sizes are judged with the checks.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.uploads.archive import Upload
from app.uploads.reader import Read
from tests.uploads_reader.making import SHARED, codes, decision, read_uploads

HOSTILE = SHARED / "data" / "hostile"
pytestmark = pytest.mark.skipif(not HOSTILE.exists(), reason="the corpus is not part of the repository")

FORMATS = {"shp", "zip", "7z"}
BY_GDAL = (".gpkg.zip", ".gdb.zip")
"""Read in the child process only, where GDAL's drivers are held to a list: tests/uploads/test_hostile_flow.py."""
PARTS = {".shp", ".shx", ".dbf", ".prj", ".cpg"}


@dataclass(frozen=True)
class Place:
    """A storage CRS that fits a file, and the CRS that answers the question of one without."""

    storage: int
    stated: str | None = None


PLACES = {
    "fiona/": Place(3857),
    "gdal/poly": Place(27700),
    "gdal/shp/poly": Place(27700),
    "gdal/shp/CoHI": Place(3857),
    "gdal/shp/asm": Place(3857, "EPSG:3857"),  # feet of a state plane that nobody names
    "gdal/shp/issue_14385": Place(3857, "EPSG:4326"),
    "gdal/shp/multipointz_non": Place(25832, "EPSG:25832"),
    "gdal/shp/slightly": Place(25832, "EPSG:25832"),
    "gdal/shp/testpoly": Place(3857, "EPSG:3857"),
    "gdal/shp/emptymultipoly": Place(3857, "EPSG:3857"),
    "mapserver/mapscript": Place(25832, "EPSG:31467"),
    "mapserver/misc/data/dateline": Place(3857, "EPSG:3857"),
    "mapserver/misc/data/union": Place(32633, "EPSG:32633"),
    "mapserver/sld": Place(3857),
    "mapserver/wxs/data/province": Place(3978, "EPSG:3978"),
    "mapserver/wxs": Place(3857, "EPSG:4326"),
    "nts/chinese": Place(4548, "EPSG:4490"),
    "nts/crustal": Place(3857, "EPSG:3857"),  # half a continent in one UTM zone: it fits none
    "nts/afvalbakken": Place(28992, "EPSG:28992"),
    "nts/": Place(3857, "EPSG:4326"),
    "pyogrio/": Place(4087),
    "pyshp/": Place(3857, "EPSG:4326"),
    "shapefile_js/": Place(3857, "EPSG:4326"),
}

CHECKS = "the checks after reading decide: validity, size, overlaps"
OFF_THE_MAP = "northings of 4,764,770 m in the British National Grid lie beyond the North Pole: refused as not fitting"
OVER_THE_EDGE = "four of five boxes reach over the edge of Web Mercator at 180 degrees: refused as not fitting"
OLD_DATUM = "old datum: refused until an administrator registers parameters, as SOURCE.txt says"
EXCEPTIONS: dict[str, tuple[str, str]] = {
    "synthetic/056_area_attr_disagrees/parcels.shp": (
        "accept",
        "declared sizes are compared where a mapping names them",
    ),
    "synthetic/061_prj_xian80/parcels.shp": ("refuse", OLD_DATUM),
    "synthetic/062_prj_bj54/parcels.shp": ("refuse", OLD_DATUM),
    "synthetic/074_bowtie/parcels.shp": ("accept", CHECKS),
    "synthetic/075_spike/parcels.shp": ("accept", CHECKS),
    "synthetic/080_hole_crosses_shell/parcels.shp": ("accept", CHECKS),
    "synthetic/094_sliver_1cm/parcels.shp": ("accept", CHECKS),
    "synthetic/095_tiny_parcel/parcels.shp": ("accept", CHECKS),
    "synthetic/096_giant_parcel/parcels.shp": ("accept", CHECKS),
    "synthetic/110_overlap_50pct/parcels.shp": ("accept", CHECKS),
    "synthetic/114_same_shape_other_code/parcels.shp": ("accept", CHECKS),
    "shapefile_js/mixedcase.zip": ("accept", CHECKS),
    "gdal/poly.shp": ("refuse", OFF_THE_MAP),
    "gdal/shp/poly.zip": ("refuse", OFF_THE_MAP),
    "gdal/shp/poly_golden/poly.shp": ("refuse", OFF_THE_MAP),
    "mapserver/misc/data/dateline_boxes.shp": ("refuse", OVER_THE_EDGE),
}


def cases() -> list[tuple[str, str]]:
    if not HOSTILE.exists():
        return []
    with (HOSTILE / "index.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["format"] in FORMATS]
    return [(row["path"], row["expected"]) for row in rows if not row["path"].endswith(BY_GDAL)]


def uploads(path: Path) -> list[Upload]:
    if path.suffix.lower() != ".shp":
        return [Upload(path, path.name)]
    stem = path.stem.lower()
    beside = (found for found in path.parent.iterdir() if found.stem.lower() == stem and found.suffix.lower() in PARTS)
    return [Upload(found, found.name) for found in sorted(beside)]


def place_of(path: str) -> Place:
    return next((place for start, place in PLACES.items() if path.startswith(start)), Place(4547))


def judge(path: str, folder: Path) -> tuple[Read, Read]:
    """The first answer, and the answer once its question, if any, is answered."""
    place = place_of(path)
    files = uploads(HOSTILE / path)
    first = read_uploads(files, folder, storage=place.storage)
    asked = {code for code in codes(first) if code.startswith(("crs_missing", "layer_not_chosen"))}
    if not asked:
        return first, first
    layer = first.layers[0] if "layer_not_chosen" in asked else None
    return first, read_uploads(files, folder, storage=place.storage, crs=place.stated, layer=layer)


@pytest.mark.parametrize(("path", "expected"), cases())
def test_every_file_of_the_corpus_is_decided_as_expected(path: str, expected: str, tmp_path: Path) -> None:
    first, answered = judge(path, tmp_path)
    if first is not answered:
        assert decision(first) == "refuse"
    wanted = EXCEPTIONS[path][0] if path in EXCEPTIONS else expected
    assert decision(answered) == wanted, answered.problems


def test_every_exception_is_one() -> None:
    expected = dict(cases())
    assert all(expected[path] != decided for path, (decided, _) in EXCEPTIONS.items())
