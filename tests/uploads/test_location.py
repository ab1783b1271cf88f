"""An upload says where its land falls, on real PostGIS: in its document, as a finding, and where it is refused."""

from typing import Any

from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.db import unit_of_work
from app.uploads import service
from app.uploads.options import UploadOptions
from app.uploads.schemas import upload_document
from sample_parcels.writer import Field, Layer, parts, write_zip
from tests.uploads.conftest import ACTOR, Desk, Row, square

PLACE_FIELDS = (Field("code", "C", 20), Field("name", "C", 40), Field("parent", "C", 20))
PLACE_MAPPING = {"fields": {"code": "code", "name": "name", "parent_code": "parent"}}


def load_place(desk: Desk, collection: str, rows: list[tuple[str, str, str, Any]]) -> None:
    layer = Layer("places", PLACE_FIELDS, [row[3] for row in rows], [list(row[:3]) for row in rows])
    path = desk.folder / f"{collection}.zip"
    write_zip(path, "places", parts(layer))
    asked = UploadOptions(collection=collection, mapping=PLACE_MAPPING, commit="auto", encoding="GB18030")
    with unit_of_work(desk.engine) as session:
        made = service.run_upload(session, desk.settings, ACTOR, [(path.name, path)], asked)
    assert made.state == "committed", desk.codes(made)


def load_places(desk: Desk) -> None:
    load_place(desk, "districts", [("440307", "龙岗区", "", square(0, 0, 2000))])
    halves = [("S1", "坪地街道", "440307", square(0, 0, 1000)), ("S2", "龙岗街道", "440307", square(10, 0, 1000))]
    load_place(desk, "sub-districts", halves)


def test_the_document_and_a_note_count_by_sub_district(desk: Desk, client: TestClient) -> None:
    load_places(desk)
    upload = desk.upload(
        [Row("A", square(0, 0)), Row("B", square(2, 0)), Row("C", square(12, 0)), Row("D", square(12, 3))]
    )
    [note] = [one for one in desk.findings(upload) if one.code == "crs_proof"]
    assert note.parameters["places_zh"] == "坪地街道 2、龙岗街道 2"
    location = client.get(f"/uploads/{upload.id}").json()["location"]
    assert location["used"]["crs"] == "EPSG:4547"
    assert [(one["name"], one["rows"]) for one in location["used"]["sub_districts"]] == [
        ("坪地街道", 2),
        ("龙岗街道", 2),
    ]


def test_a_file_in_another_zone_is_refused_with_the_candidate_that_fits(desk: Desk) -> None:
    load_places(desk)
    upload = desk.upload([Row("A", square(0, 0)), Row("B", square(2, 0))], crs="EPSG:4548", commit="ask")
    assert upload.state == "refused"
    [note] = [one for one in desk.findings(upload) if one.code == "crs_candidates"]
    assert "EPSG:4547：2 个中 2 个在区内（坪地街道 2）" in note.parameters["tried_zh"]
    with Session(desk.engine) as session:
        session.add(upload)
        first = upload_document(upload)["location"]["candidates"][0]
    assert (first["crs"], first["inside"]) == ("EPSG:4547", 2)
