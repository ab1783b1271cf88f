"""From a figure to the file: figure → parcels → events → documents → upload, row and bytes, by links alone."""

from pathlib import Path
from zipfile import ZipFile

import orjson
import pytest
from starlette.testclient import TestClient

from tests.uploads.conftest import MAPPING, Desk, Row, square, write

MAPPED = orjson.dumps(MAPPING).decode()
CODE = "整备/A 1?#%"


@pytest.fixture
def drawn(desk: Desk) -> Path:
    """One banked parcel as a zip, beside a service with categories."""
    return write(desk.folder / "doors.zip", [Row(CODE, square(0, 0), banked_on="20260301")])


def href(document: dict[str, object], rel: str) -> str:
    links = document["links"]
    assert isinstance(links, list)
    return str(next(link["href"] for link in links if link["rel"] == rel))


def test_every_figure_leads_to_the_bytes_it_came_from(client: TestClient, drawn: Path) -> None:
    sent = drawn.read_bytes()
    form = {"collection": "parcels", "mapping": MAPPED, "commit": "auto"}
    done = client.post("/uploads", data=form, files={"file": ("移交 2026.zip", sent)}).json()
    assert done["state"] == "committed", done
    figure = client.get("/hectares", params={"by": "category", "as_of": "2026-12-31"}).json()["rows"][0]
    piece = client.get(href(figure, "parcels")).json()["parcels"][0]
    assert piece["code"] == CODE
    history = client.get(href(piece, "history")).json()
    assert history["code"] == CODE
    event = client.get(href(piece, "events")).json()["events"][0]
    assert client.get(href(event, "parcel")).json() == history
    document = client.get(href(event, "document")).json()
    assert document["id"] == event["document"]["id"]
    assert [event["upload_row"], history["versions"][0]["upload_row"]] == [1, 1]
    for origin in (event, history["versions"][0]):
        upload = client.get(href(origin, "upload")).json()
        assert upload["id"] == done["id"]
    answer = client.get(href(upload, "file"))
    assert answer.content == sent
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["etag"] == f'"{done["sha256"]}"'


def test_each_loose_part_can_be_fetched(client: TestClient, drawn: Path) -> None:
    with ZipFile(drawn) as archive:
        sent = {name: archive.read(name) for name in archive.namelist()}
    form = {"collection": "parcels", "mapping": MAPPED}
    done = client.post("/uploads", data=form, files=[("file", item) for item in sent.items()]).json()
    files = [link["href"] for link in done["links"] if link["rel"] == "file"]
    assert {client.get(address).content for address in files} == set(sent.values())
    assert client.get(f"/uploads/{done['id']}/file").json()["code"] == "choice_unknown"
    assert client.get(f"/uploads/{done['id']}/file", params={"name": "x.shp"}).status_code == 400


def test_a_documents_file_comes_back_as_sent(client: TestClient) -> None:
    fields = {"type": "approval", "number": "批1", "date": "2026-03-01"}
    made = client.post("/documents", files=[(name, (None, value)) for name, value in fields.items()]).json()
    path = f"/documents/{made['id']}/file"
    assert client.get(path).json()["code"] == "document_without_file"
    assert client.put(path, files={"file": ("批复.html", b"<script>alert(1)</script>")}).status_code == 200
    document = client.get(f"/documents/{made['id']}").json()
    answer = client.get(href(document, "file"))
    assert (answer.content, answer.headers["content-type"]) == (
        b"<script>alert(1)</script>",
        "application/octet-stream",
    )
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.get("/documents/0").status_code == 404
    assert client.get(f"/documents/{2**80}").status_code == 404


def test_a_file_that_the_store_lost_is_a_problem(client: TestClient, desk: Desk, drawn: Path) -> None:
    sent = drawn.read_bytes()
    done = client.post("/uploads", data={"collection": "parcels"}, files={"file": ("a.zip", sent)}).json()
    (desk.settings.files_path / done["sha256"][:2] / done["sha256"]).unlink()
    answer = client.get(href(done, "file"))
    assert (answer.status_code, answer.json()["code"]) == (503, "kept_file_missing")
