"""What an uploader says of a file, and names nothing: the request is at fault, by parameter, and nothing is stored."""

from typing import Any

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from app.errors import BadRequest
from app.uploads.models import Upload
from tests.uploads.conftest import MAPPING, Desk, Row, square, write

ONE = [Row("A", square(0, 0))]
NOTHING = [
    ("crs", "EPSG:999999", "crs_unknown"),
    ("crs", "4547x", "crs_unknown"),
    ("crs", "the usual one", "crs_unknown"),
    ("crs", "+proj=pipeline +step +proj=utm +zone=50", "crs_unknown"),
    ("crs", "EPSG:5705", "crs_not_horizontal"),
    ("crs", 'LOCAL_CS["bureau",UNIT["metre",1]]', "crs_local"),
    ("encoding", "klingon", "encoding_unknown"),
    ("encoding", "ISO-8859-99", "encoding_unknown"),
]


@pytest.mark.parametrize(("parameter", "value", "code"), NOTHING)
def test_a_name_of_nothing_is_the_requests_fault(
    client: TestClient, desk: Desk, parameter: str, value: str, code: str
) -> None:
    sent = {"file": ("parcels.zip", write(desk.folder / "parcels.zip", ONE).read_bytes())}
    answer = client.post("/uploads", data={"collection": "parcels", parameter: value}, files=sent)
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["parameter"]) == (400, code, parameter)
    assert set(problem["messages"]) == {"zh", "en"}
    assert desk.scalar(select(func.count()).select_from(Upload)) == 0
    assert not [path for path in desk.settings.files_path.rglob("*") if path.is_file()]


def test_so_it_is_on_a_change_and_for_the_command(client: TestClient, desk: Desk) -> None:
    asked = desk.upload(ONE, commit="ask")
    refused = client.patch(f"/uploads/{asked.id}", json={"crs": "EPSG:999999"})
    assert (refused.status_code, refused.json()["parameter"]) == (400, "crs")
    assert client.get(f"/uploads/{asked.id}").json()["state"] == "checked"
    with pytest.raises(BadRequest) as told:
        desk.upload(ONE, encoding="klingon")
    assert (told.value.parameter, told.value.exit_code) == ("encoding", 2)


@pytest.mark.parametrize("stated", [{"crs": "4547"}, {"crs": "urn:ogc:def:crs:EPSG::4547"}, {"encoding": "ansi 936"}])
def test_what_names_something_is_taken(desk: Desk, stated: dict[str, Any]) -> None:
    assert desk.upload(ONE, mapping=MAPPING, **stated).state == "committed"


def test_null_takes_back_what_was_stated(client: TestClient, desk: Desk) -> None:
    stated = desk.upload(ONE, commit="ask", crs="EPSG:4490", rows="good")
    assert stated.state == "refused"
    changed = client.patch(f"/uploads/{stated.id}", json={"crs": None, "rows": None}).json()
    assert (changed["state"], changed["crs"], changed["rows"]) == ("checked", "EPSG:4547", "all")
    refused = client.patch(f"/uploads/{stated.id}", json={"collection": None})
    assert (refused.status_code, refused.json()["parameter"]) == (400, "collection")


def test_a_change_takes_every_parameter_of_an_upload(client: TestClient, desk: Desk) -> None:
    waiting = desk.upload(ONE, commit="ask")
    zones = {
        "collection": "zones",
        "name": "生态保护红线",
        "restrictive": True,
        "mapping": '{"fields": {"code": "code"}}',
    }
    changed = client.patch(f"/uploads/{waiting.id}", json=zones).json()
    assert (changed["state"], changed["collection"]) == ("checked", "zones"), changed
    assert client.patch(f"/uploads/{waiting.id}", json={"mapping": "{"}).json()["code"] == "mapping_invalid"


def test_an_undo_takes_nothing(client: TestClient, desk: Desk) -> None:
    done = desk.upload(ONE)
    refused = client.post(f"/uploads/{done.id}/undo", json={"rows": "good"})
    assert (refused.status_code, refused.json()["code"]) == (400, "parameter_unknown")
    assert client.post(f"/uploads/{done.id}/undo", json={}).json()["state"] == "undone"
