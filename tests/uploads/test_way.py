"""The way of an upload: its states with time and person, four eyes, what it changes row by row, what is remembered."""

import csv
from dataclasses import replace
from typing import Any

import geopandas
import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from app.auth import Actor, Role
from app.cli import app
from app.db import unit_of_work
from app.errors import BadRequest, Forbidden
from app.settings import Settings
from app.uploads import queries, service
from app.uploads.models import Upload
from app.uploads.options import UploadOptions
from app.uploads.schemas import upload_document
from tests.uploads.conftest import MAPPING, Desk, Row, square

EDITOR = Actor(None, "clerk", Role.EDITOR)
SECOND = Actor(None, "second", Role.APPROVER)


def states(desk: Desk, upload: Upload) -> list[tuple[str, str]]:
    with unit_of_work(desk.engine) as session:
        document = upload_document(queries.upload_by_id(session, upload.id))
    return [(one["state"], one["actor"]) for one in document["states"]]


@pytest.fixture
def careful(desk: Desk) -> Desk:
    """The same desk where a commit needs a second person."""
    return replace(desk, settings=desk.settings.model_copy(update={"four_eyes": True}))


def commit_as(desk: Desk, actor: Actor, upload: Upload) -> Upload:
    with unit_of_work(desk.engine) as session:
        found = queries.upload_by_id(session, upload.id, lock=True)
        service.commit(session, desk.settings, actor, found)
        return found


def test_each_state_is_kept_with_its_person(desk: Desk) -> None:
    upload = desk.upload([Row("A", square(0, 0))])
    desk.undo(upload.id)
    assert states(desk, upload) == [(name, "cli:test") for name in ("received", "checked", "committed", "undone")]


def test_a_commit_waits_for_a_second_person(careful: Desk) -> None:
    upload = careful.upload([Row("A", square(0, 0))])
    assert (upload.state, upload.commit_asked_by, upload.publication_id) == ("quarantined", "cli:test", None)
    for nobody in (EDITOR, Actor(None, "cli:test", Role.ADMIN)):
        with pytest.raises(Forbidden) as refused:
            commit_as(careful, nobody, upload)
        assert refused.value.code == "second_person_needed"
    assert commit_as(careful, SECOND, upload).state == "committed"
    assert states(careful, upload)[-2:] == [("quarantined", "cli:test"), ("committed", "second")]


def test_an_approver_who_did_not_bring_it_in_is_the_second_person(careful: Desk) -> None:
    waiting = careful.upload([Row("A", square(0, 0))], commit="ask")
    assert waiting.state == "checked"
    assert commit_as(careful, SECOND, waiting).state == "committed"


def test_a_quarantined_upload_can_be_checked_again(careful: Desk) -> None:
    upload = careful.upload([Row("A", square(0, 0))])
    changed = careful.act(upload.id, _again)
    assert (changed.state, changed.commit_asked_by) == ("checked", None)


def _again(session: Any, settings: Settings, actor: Actor, upload: Upload) -> None:
    service.change(session, settings, actor, upload, {"rows": "good"})


def test_hectares_are_told_by_category_and_sub_district(desk: Desk) -> None:
    desk.upload([Row("A", square(0, 0))])
    (row,) = desk.upload([Row("B", square(2, 0))], "more.zip").hectares
    assert (row["category"], row["sub_district"]) == ("industrial", None)
    assert str(row["before"])[:4] in {"0.99", "1.00"}
    assert str(row["after"])[:4] in {"1.99", "2.00"}


@pytest.mark.parametrize("commit", ["ask", "auto"])
def test_what_changes_is_told_field_by_field_and_on_the_map(desk: Desk, client: TestClient, commit: str) -> None:
    desk.upload([Row("A", square(0, 0)), Row("B", square(2, 0)), Row("C", square(4, 0))])
    rows = [Row("A", square(0, 0), "road"), Row("B", square(2, 0, 50)), Row("C", square(4, 0)), Row("D", square(6, 0))]
    upload = desk.upload(rows, commit=commit)
    found = client.get(f"/uploads/{upload.id}/rows").json()["rows"]
    fates = {row["code"]: row["fate"] for row in found}
    assert fates == {"A": "changed", "B": "changed", "D": "new"} | ({"C": "unchanged"} if commit == "ask" else {})
    by_code = {row["code"]: row for row in found}
    assert by_code["A"]["fields"] == {"land_category": {"before": "industrial", "after": "road"}}
    assert by_code["A"]["outline"] is None
    sizes = by_code["B"]["fields"]
    assert sizes.keys() == {"plane_square_metres", "ellipsoidal_square_metres"}
    assert sizes["plane_square_metres"] == {"before": "10000.0000", "after": "2500.0000"}
    assert by_code["B"]["outline"]["before"]["type"] == by_code["B"]["outline"]["after"]["type"] == "MultiPolygon"
    assert by_code["D"]["fields"]["land_category"] == {"before": None, "after": "industrial"}
    only = client.get(f"/uploads/{upload.id}/rows", params={"fate": "changed", "limit": 1}).json()
    assert [row["code"] for row in only["rows"]] == ["A"]
    assert [row["code"] for row in client.get(only["links"][0]["href"]).json()["rows"]] == ["B"]
    assert client.get(f"/uploads/{upload.id}/rows", params={"fate": "lost"}).status_code == 400


def test_how_such_a_file_was_read_before_is_suggested(desk: Desk) -> None:
    first = desk.upload([Row("A", square(0, 0))])
    second = desk.upload([Row("B", square(2, 0))], "more.zip", mapping=None)
    assert second.suggested == {"upload": first.id, "mapping": MAPPING, "crs": None, "encoding": None}
    assert desk.upload([Row("B", square(2, 0))], "more.zip").suggested is None


def test_a_saved_mapping_brings_its_crs_and_encoding(client: TestClient, desk: Desk) -> None:
    kept = client.put("/mappings/survey", json=MAPPING | {"crs": "EPSG:4547", "encoding": "GB18030"})
    assert (kept.status_code, kept.json()["crs"], kept.json()["encoding"]) == (201, "EPSG:4547", "GB18030")
    assert kept.json()["mapping"] == MAPPING
    upload = desk.upload([Row("A", square(0, 0))], mapping="survey")
    assert (upload.options["crs"], upload.options["encoding"]) == ("EPSG:4547", "GB18030")
    stated = desk.upload([Row("A", square(0, 0))], mapping="survey", encoding="UTF-8")
    assert stated.options["encoding"] == "UTF-8"
    refused = client.put("/mappings/survey", json=MAPPING | {"crs": "EPSG:0"})
    assert (refused.status_code, refused.json()["parameter"]) == (400, "crs")


def test_refused_rows_come_back_in_the_format_they_came_in(desk: Desk, client: TestClient) -> None:
    drawn = [Row("A", square(0, 0)), Row("B", square(2, 0), "palace"), Row("C", square(4, 0)), Row("A", square(6, 0))]
    upload = desk.upload(drawn, "地块.zip")
    assert desk.codes(upload) == {"duplicate_code", "unknown_category", "no_district_loaded"}
    answer = client.get(f"/uploads/{upload.id}/refused")
    assert "%E5%9C%B0%E5%9D%97-refused.zip" in answer.headers["content-disposition"]
    (desk.folder / "refused.zip").write_bytes(answer.content)
    found = geopandas.read_file(desk.folder / "refused.zip", encoding=upload.encoding)
    assert list(found["code"]) == ["A", "B", "A"]
    told = [text.split(":")[0] for text in found["findings"]]
    assert told == ["duplicate_code", "unknown_category", "duplicate_code"]
    assert found.geometry.iloc[1].equals(drawn[1].shape)
    again = client.get(f"/uploads/{desk.upload([Row('Z', square(0, 0))], 'z.zip').id}/refused")
    assert (again.status_code, again.json()["code"]) == (404, "no_refused_rows")


def test_refused_events_come_back_as_a_table(desk: Desk, client: TestClient) -> None:
    text = "编号说明,,\r\n地块编号,事项,生效日期\r\nNOWHERE,入库,2026-03-01\r\n"
    path = desk.folder / "events.csv"
    path.write_bytes(text.encode("gb18030"))
    with unit_of_work(desk.engine) as session:
        options = UploadOptions(collection="events", commit="auto")
        upload = service.run_upload(session, desk.settings, EDITOR, [(path.name, path)], options)
    rows = list(csv.reader(client.get(f"/uploads/{upload.id}/refused").content.decode("gb18030").splitlines()))
    assert rows[0] == ["地块编号", "事项", "生效日期", "findings"]
    assert rows[1][:3] == ["NOWHERE", "入库", "2026-03-01"]
    assert ":" in rows[1][3]


def test_limits_are_settings(desk: Desk) -> None:
    few = replace(desk, settings=desk.settings.model_copy(update={"max_features": 1}))
    refused = few.upload([Row("A", square(0, 0)), Row("B", square(2, 0))])
    assert (refused.state, few.codes(refused) & {"too_many_features"}) == ("refused", {"too_many_features"})
    assert refused.counts["read"] == refused.counts["refused"] == 2
    small = replace(desk, settings=desk.settings.model_copy(update={"max_vertices": 4}))
    assert "too_many_vertices" in small.codes(small.upload([Row("A", square(0, 0))]))


def test_a_command_commits_as_the_second_person(careful: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = careful.upload([Row("A", square(0, 0))])
    settings = careful.settings
    assert settings.database_url is not None
    assert settings.database_owner_url is not None
    monkeypatch.setenv("DATABASE_URL", settings.database_url.get_secret_value())
    monkeypatch.setenv("DATABASE_OWNER_URL", settings.database_owner_url.get_secret_value())
    monkeypatch.setenv("LANDBANK_HOME", str(settings.home))
    monkeypatch.setenv("LANDBANK_FOUR_EYES", "true")
    done = CliRunner().invoke(app, ["commit", str(upload.id)])
    assert (done.exit_code, "committed" in done.stdout) == (0, True), done.output
    wrong = CliRunner().invoke(app, ["commit", str(upload.id), "--rows", "some"])
    assert isinstance(wrong.exception, BadRequest)
