"""Where a file's outlines fall: the proof for its CRS, and what each candidate would come to. Nothing is guessed."""

from collections.abc import Callable

import numpy as np
import pytest
from pyproj import Transformer

from app.uploads.catalogue import Catalogue
from app.uploads.findings import Finding
from app.uploads.gcj02 import with_shift, without_shift
from app.uploads.prepare import Prepared
from tests.uploads_prepare.drawn_files import CATEGORIES, square

COLUMNS = {"code": ["A", "B", "C"], "category": ["industrial"] * 3}
THREE = [square(0), square(1), square(40)]
Ring = list[tuple[float, float]]
Prepare = Callable[..., Prepared]


def only(found: Prepared, code: str) -> Finding:
    [finding] = [one for one in found.findings if one.code == code]
    return finding


def moved(ring: Ring, target: int, source: int = 4547) -> Ring:
    bring = Transformer.from_crs(source, target, always_xy=True).transform
    return [bring(x, y) for x, y in ring]


def tried(found: Prepared) -> list[tuple[str, str, int]]:
    assert found.location is not None
    return [(one["crs"], one["reading"], one["inside"]) for one in found.location["candidates"]]


def test_the_crs_in_use_is_proved_by_sub_district(prepared: Prepare) -> None:
    found = prepared([square(-2), square(1), square(2)], COLUMNS)
    text = only(found, "crs_proof").messages
    assert "EPSG:4547, 3 of 3 outlines fall in the district (S2 2, S1 1)" in text.en.what
    assert "3 个图形中 3 个落在区内（S2 2、S1 1）" in text.zh.what
    assert found.location is not None
    assert found.location["used"]["sub_districts"] == [
        {"code": "S2", "name": "S2", "rows": 2},
        {"code": "S1", "name": "S1", "rows": 1},
    ]
    assert found.location["candidates"] == []


def test_without_a_crs_every_candidate_says_where_the_land_would_fall(prepared: Prepare) -> None:
    found = prepared(THREE, COLUMNS, crs=None)
    assert found.staged == 0
    assert found.crs is None
    text = only(found, "crs_candidates").messages.en.what
    assert "EPSG:4547: 2 of 3 in the district (" in text
    assert "EPSG:4526" not in text.split(": outside")[0].split("; ")[0]
    assert tried(found)[0] == ("EPSG:4547", "as_given", 2)
    assert found.location is not None
    assert found.location["used"] is None


@pytest.mark.parametrize(
    ("given", "stated", "first"),
    [
        (4526, None, ("EPSG:4526", "as_given", 3)),
        (4490, None, ("EPSG:4490", "as_given", 3)),
        (3857, None, ("EPSG:3857", "as_given", 3)),
        (4548, "EPSG:4547", ("EPSG:4548", "as_given", 3)),
        (4526, "EPSG:4547", ("EPSG:4526", "as_given", 3)),
    ],
)
def test_the_right_one_is_among_them(
    prepared: Prepare, given: int, stated: str | None, first: tuple[str, str, int]
) -> None:
    rings = [moved(square(column), given) for column in (0, 1, 2)]
    found = prepared(rings, COLUMNS, crs=stated)
    assert found.staged == 0
    assert first in tried(found)


def test_swapped_axes_and_the_shift_of_web_maps_are_tried(prepared: Prepare) -> None:
    swapped = [[(y, x) for x, y in square(column)] for column in (0, 1, 2)]
    assert ("EPSG:4547", "swapped", 3) in tried(prepared(swapped, COLUMNS, crs=None))


def test_gcj02_is_taken_off_to_show_where_land_would_fall(prepared: Prepare) -> None:
    rings = []
    for column in (-4, -3, -2):
        degrees = np.array(moved(square(column), 4326))
        rings.append([tuple(point) for point in with_shift(degrees).tolist()])
    found = prepared(rings, COLUMNS, crs=None)
    assert ("EPSG:4326", "gcj02", 3) in tried(found)
    assert "with the GCJ-02 shift taken off" in only(found, "crs_candidates").messages.en.what


def test_the_shift_is_some_hundred_metres_and_comes_off_again() -> None:
    places = np.array([[114.0, 22.5], [116.4, 39.9], [87.6, 43.8]])
    shifted = with_shift(places)
    assert (np.abs(shifted - places).max(axis=1) * 111_000 > 100).all()
    # A published pair: Tiananmen, 39.90737, 116.39114 in WGS 84, is 39.90877, 116.39739 on the maps.
    assert with_shift(np.array([[116.39114, 39.90737]]))[0] == pytest.approx([116.39739, 39.90877], abs=2e-4)
    assert without_shift(shifted) == pytest.approx(places, abs=1e-7)


def test_a_file_outside_the_district_shows_its_candidates(prepared: Prepare) -> None:
    found = prepared([square(column) for column in (60, 61, 62)], COLUMNS)
    assert "0 of 3" in only(found, "crs_proof").messages.en.what
    assert "EPSG:4490-4554: outside the district" in only(found, "crs_candidates").messages.en.what


def test_an_old_datum_is_refused_without_a_hint_to_state_another(prepared: Prepare) -> None:
    found = prepared(THREE, COLUMNS, crs="EPSG:2383")
    assert only(found, "crs_old_datum").severity == "refuse"
    assert not [one for one in found.findings if one.code in {"crs_candidates", "crs_proof"}]


def test_without_a_district_it_is_a_note(prepared: Prepare) -> None:
    found = prepared(THREE, COLUMNS, crs=None, catalogue=Catalogue(CATEGORIES))
    assert only(found, "no_district_loaded").severity == "note"
    assert found.location is None
