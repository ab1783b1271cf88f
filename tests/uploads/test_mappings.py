"""Mappings kept under a name: by HTTP, by command, and in the next upload."""

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from sqlalchemy import select
from starlette.testclient import TestClient
from typer.testing import CliRunner

from app.auth import AuditEntry
from app.cli import app
from app.errors import LandbankError
from app.uploads.models import SavedMapping
from tests.conftest import Keys
from tests.uploads.conftest import MAPPING, Desk, Row, square, write


def test_a_saved_mapping_reads_the_next_file(client: TestClient, desk: Desk) -> None:
    made = client.put("/mappings/交地 表", json=MAPPING)
    assert (made.status_code, made.json()["mapping"]) == (201, MAPPING)
    assert client.get(made.headers["location"]).json() == made.json()
    assert client.put("/mappings/交地 表", json=MAPPING).status_code == 200
    assert [one["name"] for one in client.get("/mappings").json()["mappings"]] == ["交地 表"]
    sent = write(desk.folder / "parcels.zip", [Row("A", square(0, 0))]).read_bytes()
    form = {"collection": "parcels", "mapping": "交地 表", "commit": "auto"}
    done = client.post("/uploads", data=form, files={"file": ("parcels.zip", sent)}).json()
    assert (done["state"], done["counts"]["new"]) == ("committed", 1)
    assert desk.scalar(select(AuditEntry.detail).where(AuditEntry.action == "mapping.save").limit(1)) == MAPPING


def test_a_mapping_can_be_forgotten_and_uploads_keep_theirs(client: TestClient, desk: Desk, keys: Keys) -> None:
    client.put("/mappings/交地 表", json=MAPPING)
    sent = {"file": ("parcels.zip", write(desk.folder / "parcels.zip", [Row("A", square(0, 0))]).read_bytes())}
    form = {"collection": "parcels", "mapping": "交地 表"}
    waiting = client.post("/uploads", data=form, files=sent).json()["id"]
    assert client.delete("/mappings/交地 表", headers={"X-API-Key": keys.viewer}).status_code == 403
    gone = client.delete("/mappings/交地 表")
    assert (gone.status_code, gone.content) == (204, b"")
    assert desk.scalar(select(AuditEntry.detail).where(AuditEntry.action == "mapping.delete")) == MAPPING
    for answer in (client.get("/mappings/交地 表"), client.delete("/mappings/交地 表")):
        assert (answer.status_code, answer.json()["code"]) == (404, "mapping_unknown")
    assert client.post("/uploads", data=form, files=sent).json()["code"] == "mapping_unknown"
    assert client.patch(f"/uploads/{waiting}", json={"rows": "good"}).json()["counts"]["new"] == 1
    assert client.post(f"/uploads/{waiting}/commit").json()["state"] == "committed"


def test_a_mapping_changes_only_as_it_was_read(client: TestClient) -> None:
    assert client.put("/mappings/a", json=MAPPING, headers={"If-Match": "*"}).status_code == 412
    first = client.put("/mappings/a", json={}).headers["etag"]
    assert client.get("/mappings/a").headers["etag"] == first
    second = client.put("/mappings/a", json=MAPPING, headers={"If-Match": first}).headers["etag"]
    assert second != first
    for method in ("PUT", "DELETE"):
        late = client.request(method, "/mappings/a", json={} if method == "PUT" else None, headers={"If-Match": first})
        assert (late.status_code, late.json()["code"]) == (412, "changed_meanwhile")
    assert client.get("/mappings/a").json()["mapping"] == MAPPING
    assert client.delete("/mappings/a", headers={"If-Match": second}).status_code == 204


def test_saving_is_for_editors(client: TestClient, keys: Keys) -> None:
    assert client.put("/mappings/a", json={}, headers={"X-API-Key": keys.viewer}).status_code == 403
    assert client.get("/mappings/a", headers={"X-API-Key": keys.viewer}).json()["code"] == "mapping_unknown"


@pytest.mark.parametrize("name", [" ", "{}", "a.json", "x" * 101])
def test_a_name_that_could_be_taken_for_a_mapping_is_refused(client: TestClient, name: str) -> None:
    answer = client.put(f"/mappings/{name}", json={})
    assert (answer.status_code, answer.json()["code"]) == (400, "mapping_name_invalid")


@pytest.mark.parametrize(
    "mapping",
    [
        {"columns": {}},
        {"fields": {"colour": "YS"}},
        {"fields": {"code": ["DKBH"]}},
        {"fields": {"code": "DKBH"}, "constants": {"code": "A"}},
        {"values": {"role": "x"}},
        {"fields": []},
    ],
)
def test_a_mapping_that_can_read_nothing_is_refused_when_it_is_saved(
    client: TestClient, mapping: dict[str, Any]
) -> None:
    assert client.put("/mappings/a", json=mapping).status_code == 400


def test_a_mapping_of_units_or_of_places_can_be_saved(client: TestClient) -> None:
    for name, fields in (("units", {"boundary_role": "FWLX"}), ("places", {"parent_code": "SJDM"})):
        assert client.put(f"/mappings/{name}", json={"fields": fields}).status_code == 201


@pytest.fixture
def run(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    assert desk.settings.database_url is not None
    monkeypatch.setenv("DATABASE_URL", desk.settings.database_url.get_secret_value())
    monkeypatch.setenv("LANDBANK_HOME", str(desk.settings.home))
    return CliRunner()


def test_by_command_the_same(run: CliRunner, desk: Desk) -> None:
    file = desk.folder / "mapping.json"
    file.write_bytes(b"\xef\xbb\xbf" + orjson.dumps(MAPPING))
    assert "--mapping handed" in run.invoke(app, ["mapping", "save", "handed", str(file)]).stdout
    assert orjson.loads(run.invoke(app, ["mapping", "save", "handed", str(file), "--json"]).stdout)["name"] == "handed"
    assert orjson.loads(run.invoke(app, ["mapping", "show", "handed"]).stdout)["mapping"] == MAPPING
    assert "handed" in run.invoke(app, ["mapping", "list"]).stdout
    assert len(orjson.loads(run.invoke(app, ["mapping", "list", "--json"]).stdout)["mappings"]) == 1
    parcels = write(desk.folder / "parcels.zip", [Row("A", square(0, 0))])
    done = run.invoke(app, ["upload", str(parcels), "--collection", "parcels", "--mapping", "handed", "--json"])
    assert (done.exit_code, orjson.loads(done.stdout)["state"]) == (0, "committed")
    assert "已删除 deleted" in run.invoke(app, ["mapping", "delete", "handed"]).stdout
    gone = run.invoke(app, ["mapping", "delete", "handed"]).exception
    assert isinstance(gone, LandbankError)
    assert gone.code == "mapping_unknown"


def test_the_list_tells_times_of_the_bureau(
    run: CliRunner, desk: Desk, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.put("/mappings/a", json=MAPPING)
    saved = desk.scalar(select(SavedMapping.saved_at))
    for zone in ("Asia/Shanghai", "America/New_York"):
        monkeypatch.setenv("LANDBANK_TZ", zone)
        shown = f"{saved.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"
        assert shown in run.invoke(app, ["mapping", "list"]).stdout


def test_files_that_are_no_mapping_are_said(run: CliRunner, tmp_path: Path) -> None:
    gbk = tmp_path / "gbk.json"
    gbk.write_bytes('{"fields": {"code": "地块编号"}}'.encode("gbk"))
    for command in (
        ["mapping", "save", "a", str(tmp_path / "none.json")],
        ["mapping", "save", "a", str(gbk)],
        ["mapping", "show", "a"],
        ["upload", __file__, "--collection", "parcels", "--mapping", str(gbk)],
    ):
        refused = run.invoke(app, command).exception
        assert isinstance(refused, LandbankError)
        assert refused.exit_code in {1, 2}
