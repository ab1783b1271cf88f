"""``POST /hectares``: land within a posted outline, its rows' links, and every fault of an outline told."""

from typing import Any

import pyproj
import pytest
import shapely
from sqlalchemy import Engine
from starlette.testclient import TestClient

from app.db import unit_of_work
from tests.conftest import Keys
from tests.landbank.test_http import problem
from tests.spec.maps import EAST, NORTH, Bank

DAY = {"as_of": "2026-12-31"}


@pytest.fixture
def drawn(database_engine: Engine) -> None:
    with unit_of_work(database_engine) as session:
        bank = Bank(session)
        bank.places("NNNSSS")
        bank.parcels("AABBCC", category={"A": "industrial", "B": "school", "C": "road"})
        for letter in "ABC":
            bank.event("bank_entry", letter, "2026-02-01")


def square(west: float, east: float, *, south: float = 0, north: float = 100) -> dict[str, Any]:
    """A rectangle of the map: metres from its corner, in EPSG:4547."""
    x = [EAST + west, EAST + east, EAST + east, EAST + west, EAST + west]
    y = [NORTH + south, NORTH + south, NORTH + north, NORTH + north, NORTH + south]
    return {"type": "Polygon", "coordinates": [[list(point) for point in zip(x, y, strict=True)]]}


def posted(client: TestClient, outline: Any, crs: str | None = "EPSG:4547", **query: str) -> Any:
    body = {"within": outline} | ({} if crs is None else {"crs": crs})
    return client.post("/hectares", json=body, params=DAY | query)


def metres(client: TestClient, row: dict[str, Any]) -> int:
    """Square metres of the pieces that a row links to, in 1e-4 m²."""
    found = client.get(row["links"][0]["href"])
    assert found.status_code == 200, found.text
    return sum(int(piece["square_metres"].replace(".", "")) for piece in found.json()["parcels"])


@pytest.mark.usefixtures("drawn")
def test_changes_are_told_by_posted_feature(client: TestClient) -> None:
    since = client.get("/hectares").json()["known_at"]
    features = [
        {"type": "Feature", "id": key, "properties": {}, "geometry": square(west, west + 150)}
        for key, west in ((7, 0), ("east", 300))
    ]
    body = posted(client, {"type": "FeatureCollection", "features": features}, by="feature").json()
    shape = body["total"]["links"][0]["href"].partition("shape=")[2].partition("&")[0]
    paper = {"type": "approval", "number": "1", "date": "2026-03-01"}
    for letter in "AC":
        assert (
            client.post("/events", json={"type": "bank_exit", "parcel": letter, "document": paper}).status_code == 201
        )
    asked = DAY | {"from_known": since, "shape": shape, "by": "feature"}
    told = client.get("/hectares/changes", params=asked).json()["changes"]
    found = {(one["parcel"], one["row"]["feature"], round(float(one["difference"]["square_metres"]))) for one in told}
    assert found == {("A", "7", -15_000), ("C", "east", -5_000)}


@pytest.mark.usefixtures("drawn")
def test_parcels_are_clipped_and_every_row_opens(client: TestClient) -> None:
    body = posted(client, square(50, 350, north=50), by="category").json()
    assert [(row["category"], row["parcels"]) for row in body["rows"]] == [
        ("industrial", 1),
        ("public_facility", 1),
    ]
    assert [float(row["hectares"]) for row in body["rows"]] == pytest.approx([0.75, 0.75], abs=1e-6)
    for row in (*body["rows"], body["total"]):
        assert metres(client, row) == int(row["square_metres"].replace(".", ""))


@pytest.mark.usefixtures("drawn")
def test_a_viewer_may_ask_and_nobody_without_a_key(anonymous: TestClient, keys: Keys) -> None:
    assert anonymous.post("/hectares", json={"within": square(0, 100)}).status_code == 401
    answer = anonymous.post(
        "/hectares", json={"within": square(0, 100), "crs": "EPSG:4547"}, headers={"X-API-Key": keys.viewer}
    )
    assert answer.status_code == 200


@pytest.mark.usefixtures("drawn")
def test_features_are_told_by_id_or_index_and_the_total_once(client: TestClient) -> None:
    features = [
        {"type": "Feature", "id": "west", "properties": {}, "geometry": square(0, 300)},
        {"type": "Feature", "properties": None, "geometry": square(200, 400)},
        {"type": "Feature", "id": 7, "geometry": square(5000, 5100)},
    ]
    body = posted(client, {"type": "FeatureCollection", "features": features}, by="category").json()
    assert body["by"] == ["category", "feature"]
    assert [(row["category"], row["feature"], round(float(row["hectares"]), 4)) for row in body["rows"]] == [
        ("industrial", "west", 2.0),
        ("public_facility", 1, 2.0),
        ("public_facility", "west", 1.0),
    ]
    assert float(body["total"]["hectares"]) == pytest.approx(4.0, abs=1e-6)
    assert float(body["repeated_square_metres"]) == pytest.approx(10_000, abs=0.01)
    for row in (*body["rows"], body["total"]):
        assert metres(client, row) == int(row["square_metres"].replace(".", ""))


@pytest.mark.usefixtures("drawn")
def test_the_same_outline_in_another_crs_is_the_same_land(client: TestClient) -> None:
    # An edge is straight in the CRS it is given in; close vertices leave it no room to bend.
    outline = shapely.segmentize(shapely.geometry.shape(square(50, 350, north=50)), 5)
    west = shapely.get_coordinates(outline).tolist()
    figures = []
    for crs in ("EPSG:4547", "EPSG:4490", "EPSG:4326", None, "EPSG:3857", "EPSG:32650", "EPSG:4526"):
        target = 4490 if crs in {None, "EPSG:4326"} else int((crs or "").rpartition(":")[2])
        to = pyproj.CRS.from_epsg(target)
        degrees = pyproj.Transformer.from_crs(4547, 4490, always_xy=True)
        onward = pyproj.Transformer.from_crs(to.geodetic_crs, to, always_xy=True)
        ring = [list(onward.transform(*degrees.transform(*point))) for point in west]
        found = posted(client, {"type": "Polygon", "coordinates": [ring]}, crs)
        figures.append(float(found.json()["total"]["square_metres"]))
    assert figures == pytest.approx([15_000] * 7, abs=0.02)


@pytest.mark.usefixtures("drawn")
def test_a_hole_a_box_and_a_place_narrow_it_further(client: TestClient) -> None:
    holed = square(0, 600)
    holed["coordinates"] += square(100, 500, south=25, north=75)["coordinates"]
    assert float(posted(client, holed).json()["total"]["hectares"]) == pytest.approx(4.0, abs=1e-6)
    assert float(posted(client, holed, within="N").json()["total"]["hectares"]) == pytest.approx(2.0, abs=1e-6)
    assert float(posted(client, holed, bbox="113,22,115,23").json()["total"]["hectares"]) == pytest.approx(
        4.0, abs=1e-6
    )
    world = {"type": "Polygon", "coordinates": [[[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]]]}
    assert float(posted(client, world, None).json()["total"]["hectares"]) == pytest.approx(6.0, abs=1e-6)
    far = {"type": "Polygon", "coordinates": [[[-20, -20], [-19, -20], [-19, -19], [-20, -20]]]}
    nowhere = posted(client, far, None).json()
    assert (nowhere["rows"], nowhere["total"]["square_metres"]) == ([], "0.0000")


@pytest.mark.usefixtures("drawn")
def test_the_crs_that_older_geojson_carries_is_read(client: TestClient) -> None:
    named = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4547"}}
    within = {"type": "FeatureCollection", "crs": named, "features": [{"type": "Feature", "geometry": square(0, 100)}]}
    assert posted(client, within, None).json()["rows"][0]["feature"] == 0
    assert posted(client, within, "EPSG:4547").status_code == 200
    problem(posted(client, within, "EPSG:4490"), 422, "shape_crs_contradicts")


RING = [[0, 0], [1, 0], [1, 1], [0, 0]]
BOW_TIE = [[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]


@pytest.mark.parametrize(
    ("within", "code"),
    [
        ({"type": "Point", "coordinates": [114, 22]}, "shape_not_polygon"),
        ({"type": "Polygon", "coordinates": []}, "shape_empty"),
        ({"type": "MultiPolygon", "coordinates": []}, "shape_empty"),
        ({"type": "GeometryCollection", "geometries": [{"type": "LineString"}]}, "shape_not_polygon"),
        ({"type": "FeatureCollection", "features": []}, "shape_empty"),
        ({"type": "FeatureCollection", "features": [1]}, "shape_not_feature"),
        ({"type": "FeatureCollection"}, "shape_empty"),
        ({"type": "Feature", "geometry": None}, "shape_empty"),
        ({"type": "Feature"}, "shape_empty"),
        ({}, "shape_not_polygon"),
        ({"type": "Polygon", "coordinates": None}, "shape_coordinates"),
        ({"type": "Polygon", "coordinates": [RING[:3]]}, "shape_ring_open"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]}, "shape_ring_open"),
        ({"type": "Polygon", "coordinates": [[]]}, "shape_ring_open"),
        ({"type": "Polygon", "coordinates": [[[0, "x"], *RING]]}, "shape_position"),
        ({"type": "Polygon", "coordinates": [[[0, None], *RING]]}, "shape_position"),
        ({"type": "Polygon", "coordinates": [[[True, 1], *RING]]}, "shape_position"),
        ({"type": "Polygon", "coordinates": [[0, 1, 2, 3]]}, "shape_position"),
        ({"type": "Polygon", "coordinates": [BOW_TIE]}, "shape_invalid"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [2, 0], [0, 0]]]}, "shape_invalid"),
        ({"type": "Polygon", "coordinates": [RING, [[5, 5], [6, 5], [6, 6], [5, 5]]]}, "shape_invalid"),
        ({"type": "MultiPolygon", "coordinates": [[RING], [RING]]}, "shape_invalid"),
        ({"type": "Polygon", "coordinates": [[[500000, 2500000], *RING]]}, "shape_not_degrees"),
        ({"type": "Polygon", "coordinates": [[[22, 114], [22, 115], [23, 114], [22, 114]]]}, "shape_not_degrees"),
        (
            {"type": "FeatureCollection", "features": [{"type": "Feature", "id": 1, "geometry": square(0, 1)}] * 1001},
            "shape_too_many_features",
        ),
        (
            {"type": "FeatureCollection", "features": [{"type": "Feature", "id": {}, "geometry": None}]},
            "shape_feature_id",
        ),
    ],
)
def test_a_faulty_outline_is_told(client: TestClient, within: Any, code: str) -> None:
    problem(posted(client, within, None), 413 if "many" in code else 422, code)


def test_other_faults_are_told(client: TestClient) -> None:
    twice = [{"type": "Feature", "id": key, "geometry": square(0, 1)} for key in (1, "1")]
    problem(posted(client, {"type": "FeatureCollection", "features": twice}), 422, "shape_feature_repeated")
    long = [[EAST + place, NORTH] for place in range(100_001)]
    problem(posted(client, {"type": "Polygon", "coordinates": [long]}), 413, "shape_too_many_vertices")
    for crs in ("EPSG:2362", "EPSG:4214", "EPSG:99999", "EPSG:x", "WGS84", "", "EPSG:4979", "OGC:CRS83"):
        problem(posted(client, square(0, 1), crs), 400, "crs_not_supported")
    problem(posted(client, square(0, 1), shape="0"), 400, "shape_twice")
    problem(client.get("/hectares?shape=0"), 404, "shape_unknown")
    problem(client.get("/hectares?by=feature"), 400, "feature_without_shape")
    problem(client.get("/hectares?feature=1"), 400, "feature_without_shape")
    href = posted(client, square(0, 1)).json()["total"]["links"][0]["href"]
    problem(client.get(href + "&feature=1"), 400, "feature_unknown")
    text = '{"within": {"type": "Polygon", "coordinates": [[[NaN, 1]]]}}'
    answer = client.post("/hectares", content=text, headers={"Content-Type": "application/json"})
    problem(answer, 400, "json_invalid")
    assert client.post("/hectares", json={"within": square(0, 1), "colour": "red"}).status_code == 400
    assert client.post("/hectares", json={}).status_code == 400
    assert posted(client, square(0, 1), colour="red").status_code == 400
