"""GeoJSON and its kin: every feature kept or reported, the CRS by the rules of the format, nothing guessed."""

import json
from pathlib import Path
from typing import Any

import pytest
import shapely

from tests.uploads_formats.through import X, Y, upload, write

LONGITUDE, LATITUDE = 114.03, 22.54


def ring(x: float, y: float, side: float = 0.001) -> list[list[float]]:
    return [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]


def feature(number: int = 0, *, metres: bool = False, **properties: Any) -> dict[str, Any]:
    rings = [ring(X + 200 * number, Y, 100.0)] if metres else [ring(LONGITUDE + 0.002 * number, LATITUDE)]
    return {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": rings}}


def collection(*features: dict[str, Any], **beside: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", **beside, "features": list(features)}


def test_numbers_stay_as_they_are_written(tmp_path: Path) -> None:
    document = collection(
        feature(0, ref=4403040010019007199, long=44030400100190071990001, share=0.1, yes=True, none=None),
        feature(1, ref=1, tags=["a", {"b": 1}]),
    )
    found = upload(write(tmp_path / "p.geojson", document))
    assert not found.against
    assert found.column("ref") == ["4403040010019007199", "1"]
    assert found.column("long") == ["44030400100190071990001", None]
    assert [found.column(name)[0] for name in ("share", "yes", "none")] == ["0.1", "true", None]
    assert found.column("tags")[1] == '["a", {"b": 1}]'


def test_a_number_that_is_none_refuses_its_row_and_no_other(tmp_path: Path) -> None:
    text = json.dumps(collection(feature(0), feature(1), feature(2))).replace("114.032,", "1e400,", 1)
    text = text.replace("114.034,", "NaN,", 1)
    found = upload(write(tmp_path / "p.geojson", text))
    assert found.against == [("coordinates_not_finite", 2), ("coordinates_not_finite", 3)]
    assert (found.prepared.read, found.prepared.staged) == (3, 1)


def test_what_is_no_polygon_is_reported_row_by_row(tmp_path: Path) -> None:
    odd: list[Any] = [
        {"type": "Point", "coordinates": [1, 2]},
        None,
        {"type": "Polygon", "coordinates": [[[1, 2], [3]]]},
        {"type": "Polygon", "coordinates": "x"},
        {"type": "Circle"},
        {"type": "Polygon", "coordinates": []},
    ]
    features = [feature(), *({"type": "Feature", "properties": {}, "geometry": one} for one in odd)]
    found = upload(write(tmp_path / "p.geojson", collection(*features, 7)))  # type: ignore[arg-type]
    assert sorted(found.against, key=lambda one: one[1] or 0) == [
        ("geometry_not_polygon", 2), ("geometry_missing", 3), ("geometry_unreadable", 4), ("geometry_unreadable", 5),
        ("geometry_not_polygon", 6), ("geometry_missing", 7), ("feature_invalid", 8),
    ]  # fmt: skip
    assert (found.prepared.read, found.prepared.staged) == (8, 1)


def test_open_rings_heights_and_closed_lines_are_taken_and_told(tmp_path: Path) -> None:
    opened, line = feature(0), feature(1)
    opened["geometry"]["coordinates"][0].pop()
    line["geometry"] = {"type": "LineString", "coordinates": [[*point, 5.0] for point in ring(114.05, LATITUDE)]}
    found = upload(write(tmp_path / "p.geojson", collection(opened, line)))
    assert not found.against
    assert {"ring_closed", "closed_lines_taken", "z_dropped"} <= set(found.codes)
    assert all(shape.geom_type == "MultiPolygon" and not shape.has_z for shape in found.shapes)


def test_projected_coordinates_need_a_crs_that_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "p.geojson", collection(feature(metres=True)))
    refused = upload(path)
    assert refused.against == [("crs_missing_metres", None)]
    assert refused.values("crs_missing_metres")["candidates"].startswith("EPSG:4547")
    assert not upload(path, crs="EPSG:4547").against


@pytest.mark.parametrize("name", ["urn:ogc:def:crs:EPSG::4547", "EPSG:4547"])
def test_the_old_crs_member_is_believed(tmp_path: Path, name: str) -> None:
    crs = {"type": "name", "properties": {"name": name}}
    found = upload(write(tmp_path / "p.geojson", collection(feature(metres=True), crs=crs)))
    assert (found.prepared.crs, found.against) == ("EPSG:4547", [])
    null = upload(write(tmp_path / "p.geojson", collection(feature(metres=True), crs=None)))
    assert null.against == [("crs_missing_metres", None)]


@pytest.mark.parametrize(
    "named", ["http://www.opengis.net/def/crs/EPSG/0/4547", "[EPSG:4547]", {"href": "[EPSG:4547]", "type": "Reference"}]
)
def test_json_fg_places_follow_the_axes_of_their_crs(tmp_path: Path, named: Any) -> None:
    one = feature(metres=True)
    rings = [[[y, x] for x, y in one["geometry"]["coordinates"][0]]]
    one |= {"place": {"type": "Polygon", "coordinates": rings}, "geometry": None}
    found = upload(write(tmp_path / "p.json", collection(one, coordRefSys=named)))
    assert not found.against
    assert shapely.bounds(found.shapes[0]).tolist() == [X, Y, X + 100, Y + 100]


def test_lines_of_features_and_single_ones(tmp_path: Path) -> None:
    lines = "".join(f"\x1e{json.dumps(feature(number))}\n" for number in range(3))
    assert upload(write(tmp_path / "p.geojsons", lines)).prepared.staged == 3
    assert upload(write(tmp_path / "p.json", feature())).prepared.staged == 1
    assert upload(write(tmp_path / "p.json", feature()["geometry"])).prepared.staged == 1


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"type": "FeatureCollection", "features": [', "json_damaged"),
        (json.dumps(collection(feature())) + "x", "json_damaged"),
        (json.dumps(collection(feature())) * 2, "json_damaged"),
        (json.dumps(feature())[:-9], "json_damaged"),
        ("{" * 100_000, "json_damaged"),
        ('{"a":' + "[" * 200_000, "json_too_deep"),
        ('{"a": 1}', "json_not_geographic"),
        ("[]", "json_damaged"),
        (json.dumps(collection()), "no_rows"),
        (
            json.dumps(collection(feature() | {"properties": dict.fromkeys(map(str, range(1001)), 1)})),
            "too_many_columns",
        ),
    ],
)
def test_what_is_no_geojson_is_refused(tmp_path: Path, text: str, code: str) -> None:
    found = upload(write(tmp_path / "p.json", text))
    assert (code, None) in found.against
    assert not found.rows


def test_doubtful_attributes_are_told(tmp_path: Path) -> None:
    text = json.dumps(collection(feature(0, a=1), feature(1, a="x", b="=1+1"))).replace('{"a": 1}', '{"a": 1, "a": 2}')
    found = upload(write(tmp_path / "p.json", text))
    assert {"mixed_types", "json_repeated_names", "text_like_code"} <= set(found.codes)
    assert found.column("a") == ["2", "x"]


def test_more_features_than_one_batch_and_one_read(tmp_path: Path) -> None:
    """Beyond 20,000 rows and 1 MiB of text; a column that begins late is empty before."""
    features = [feature(0, ref=number) for number in range(20_005)]
    features[-1]["properties"]["late"] = "x"
    for number, one in enumerate(features):
        one["geometry"]["coordinates"] = [ring(114.0 + (number % 150) * 1e-4, 22.5 + (number // 150) * 1e-4, 1e-4)]
    found = upload(write(tmp_path / "p.json", collection(*features)))
    assert found.prepared.staged == 20_005
    assert found.column("ref") == [str(number) for number in range(20_005)]
    assert found.column("late")[-2:] == [None, "x"]
