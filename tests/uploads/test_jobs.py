"""Uploads as jobs: answered at once, worked once, seen while they run, and never lost, whoever is killed."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from app import files, jobs
from app.db import unit_of_work
from app.embedded import Urls
from app.inventory.models import ParcelVersion
from app.uploads import progress, running
from app.working import work
from tests.uploads.conftest import ACTOR, MAPPING, Desk, Row, square, write

ROWS = [Row("A", square(0, 0)), Row("B", square(2, 0), "public_facility", "20260301")]
ROOT = Path(__file__).parents[2]
FATAL = """
import os, signal, sys
from app.cli import main
from app.uploads import running, service
step, argv = sys.argv[1], sys.argv[2:]
write, finish = running._Writer.__call__, running.UploadTask._finish
def writing(self, now, share):
    write(self, now, share)
    if now == step:
        os.kill(os.getpid(), signal.SIGKILL)
def finishing(self, upload, actor):
    finish(self, upload, actor)
    if step == "committed":
        os.kill(os.getpid(), signal.SIGKILL)
running._Writer.__call__, running.UploadTask._finish = writing, finishing
sys.argv = ["landbank", "worker"]
main()
"""
"""A worker that is killed when a step begins, or when everything is committed and the queue does not know yet."""


@pytest.fixture(autouse=True)
def everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "SMALL_BYTES", 0)
    monkeypatch.setattr(jobs, "PAUSE_SECONDS", 0)


def url_of(desk: Desk) -> str:
    assert desk.settings.database_url is not None
    return desk.settings.database_url.get_secret_value()


def work_all(desk: Desk) -> None:
    url = url_of(desk)
    work(desk.settings, Urls(url, url), until_empty=True)


def post(desk: Desk, client: TestClient, **parameters: str) -> int:
    path = write(desk.folder / "posted.zip", ROWS)
    data = {"collection": "parcels", "mapping": orjson.dumps(MAPPING).decode(), "commit": "auto"} | parameters
    answer = client.post("/uploads", data=data, files={"file": ("parcels.zip", path.read_bytes())})
    assert answer.status_code == 202, answer.text
    document = answer.json()
    assert answer.headers["location"] == f"/uploads/{document['id']}"
    assert (document["state"], document["step"], document["progress"]) == ("received", "received", 0.0)
    identity: int = document["id"]
    return identity


def shown(client: TestClient, upload_id: int) -> dict[str, Any]:
    document: dict[str, Any] = client.get(f"/uploads/{upload_id}").json()
    return document


def codes(client: TestClient, upload_id: int) -> list[str]:
    return [one["code"] for one in client.get(f"/uploads/{upload_id}/findings").json()["findings"]]


def versions(desk: Desk) -> int:
    count: int = desk.scalar(select(func.count()).select_from(ParcelVersion))
    return count


def waiting(desk: Desk) -> int:
    with unit_of_work(desk.engine) as session:
        return jobs.queue_state(session).waiting


def test_a_large_file_is_received_then_worked(desk: Desk, client: TestClient) -> None:
    upload = post(desk, client)
    assert (versions(desk), waiting(desk)) == (0, 1)
    work_all(desk)
    done = shown(client, upload)
    assert (done["state"], done["step"], done["progress"]) == ("committed", "committed", 1.0)
    assert done["counts"]["new"] == 2
    assert (versions(desk), waiting(desk)) == (2, 0)


def test_a_refused_request_enqueues_nothing(desk: Desk, client: TestClient) -> None:
    path = write(desk.folder / "posted.zip", ROWS)
    for wrong in ({"collection": "parcels", "mapping": '{"fields": 1}'}, {"collection": "parcels", "mapping": "none"}):
        assert client.post("/uploads", data=wrong, files={"file": ("a.zip", path.read_bytes())}).status_code == 400
    assert waiting(desk) == 0
    assert client.get("/uploads").json() == {"uploads": []}


def test_steps_are_seen_while_the_job_runs(desk: Desk, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = post(desk, client)
    seen = []
    write_ = running._Writer.__call__

    def look(self: running._Writer, step: str, share: float) -> None:
        write_(self, step, share)
        document = shown(client, upload)
        seen.append((document["state"], document["step"], document["progress"]))

    monkeypatch.setattr(running._Writer, "__call__", look)
    work_all(desk)
    assert {state for state, _, _ in seen} == {"reading"}
    assert {step for _, step, _ in seen} >= {"reading", "staging", "comparing", "storing", "overlaps", "totals"}
    shares = [share for _, _, share in seen]
    assert shares == sorted(shares)
    assert 0.0 < shares[0] < shares[-1] < 1.0


def test_the_steps_of_the_child_process_are_passed_on(desk: Desk) -> None:
    steps: list[str] = []
    with progress.told_to(lambda step, _share: steps.append(step)):
        desk.upload(ROWS)
    assert list(dict.fromkeys(steps)) == list(progress.STEPS)


def test_a_job_that_runs_twice_has_its_effect_once(desk: Desk, client: TestClient) -> None:
    upload = post(desk, client)
    task = running.UploadTask(desk.settings, desk.engine)
    arguments = {"upload": upload, "actor": {"id": None, "name": ACTOR.name, "role": "editor"}}
    runs = [threading.Thread(target=task.run, args=(lambda: False, arguments)) for _ in range(3)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    work_all(desk)
    assert shown(client, upload)["counts"]["new"] == 2
    assert versions(desk) == 2
    task.give_up(None, arguments)
    assert shown(client, upload)["state"] == "committed"


def test_nobody_else_may_touch_it_meanwhile(desk: Desk, client: TestClient) -> None:
    address = f"/uploads/{post(desk, client)}"
    for answer in (
        client.post(f"{address}/commit"),
        client.post(f"{address}/undo"),
        client.patch(address, json={"rows": "good"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "upload_underway")


def test_a_change_is_worked_by_a_job_too(desk: Desk, client: TestClient) -> None:
    upload = post(desk, client, commit="ask")
    work_all(desk)
    assert (shown(client, upload)["state"], versions(desk)) == ("checked", 0)
    again = client.patch(f"/uploads/{upload}", json={"rows": "good"})
    assert (again.status_code, again.json()["state"]) == (202, "received")
    work_all(desk)
    checked = shown(client, upload)
    assert (checked["state"], checked["rows"], checked["counts"]["new"]) == ("checked", "good", 2)
    assert client.post(f"/uploads/{upload}/commit").json()["state"] == "committed"
    assert versions(desk) == 2


def test_a_missing_original_ends_failed_and_says_why(
    desk: Desk, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "TRIES", 2)
    upload = post(desk, client)
    files.path_of(desk.settings.files_path, shown(client, upload)["sha256"]).unlink()
    work_all(desk)
    assert shown(client, upload)["state"] == "reading"
    work_all(desk)
    assert (shown(client, upload)["state"], codes(client, upload)) == ("failed", ["upload_original_missing"])
    assert waiting(desk) == 0


def test_something_unforeseen_ends_failed_with_a_number(
    desk: Desk, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(jobs, "TRIES", 2)
    monkeypatch.setattr("app.uploads.service.check", broken)
    upload = post(desk, client)
    work_all(desk)
    work_all(desk)
    assert (shown(client, upload)["state"], codes(client, upload)) == ("failed", ["upload_failed"])
    assert "secret" not in client.get(f"/uploads/{upload}/findings").text


def test_a_worker_that_must_stop_puts_the_job_back(desk: Desk, client: TestClient) -> None:
    upload = post(desk, client)
    task = running.UploadTask(desk.settings, desk.engine)
    with pytest.raises(jobs.Interrupted):
        task.run(lambda: True, {"upload": upload, "actor": {"id": None, "name": "x", "role": "editor"}})
    assert (shown(client, upload)["state"], versions(desk)) == ("reading", 0)
    work_all(desk)
    assert shown(client, upload)["state"] == "committed"


def events(client: TestClient, upload_id: int) -> list[dict[str, Any]]:
    answer = client.get(f"/uploads/{upload_id}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    return [orjson.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if line.startswith("data: ")]


def test_events_are_sent_until_the_job_is_done(desk: Desk, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.edge.events.LOOK_SECONDS", 0.01)
    upload = post(desk, client)
    worker = threading.Thread(target=work_all, args=(desk,))
    worker.start()
    sent = events(client, upload)
    worker.join()
    assert sent[-1] == {"id": upload, "state": "committed", "step": "committed", "progress": 1.0}
    assert "reading" in {event["state"] for event in sent}
    assert [event["progress"] for event in sent] == sorted(event["progress"] for event in sent)
    assert events(client, upload) == sent[-1:]
    assert client.get("/uploads/999/events").status_code == 404


def test_events_end_with_the_service(desk: Desk, client: TestClient, anonymous: TestClient) -> None:
    upload = post(desk, client)
    anonymous.app.state.closing.set()  # type: ignore[attr-defined]  # the test client knows an ASGI callable only
    assert [event["state"] for event in events(client, upload)] == ["received"]


def killed_at(desk: Desk, step: str) -> None:
    """A worker of its own that is killed at a step of the one job there is."""
    environment = os.environ | {"DATABASE_URL": url_of(desk), "LANDBANK_HOME": str(desk.settings.home)}
    ended = subprocess.run(
        [sys.executable, "-c", FATAL, step], env=environment, cwd=ROOT, stdin=subprocess.DEVNULL, check=False
    )
    assert ended.returncode == -signal.SIGKILL


EVERY_STEP = [*progress.STEPS, "committed"]


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(step, marks=[] if step in {"checking", "totals", "committed"} else pytest.mark.all)
        for step in EVERY_STEP
    ],
)
def test_after_kill_9_at_a_step_it_is_all_or_nothing_and_the_queue_finishes_it(
    desk: Desk, client: TestClient, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    upload = post(desk, client)
    killed_at(desk, step)
    found = shown(client, upload)
    if step == "committed":
        assert (found["state"], versions(desk)) == ("committed", 2)
    else:
        assert (found["state"], found["step"], versions(desk)) == ("reading", step, 0)
    monkeypatch.setattr(jobs, "SILENT_SECONDS", 0.0)
    work_all(desk)
    done = shown(client, upload)
    assert (done["state"], done["counts"]["new"], versions(desk)) == ("committed", 2, 2)
    assert waiting(desk) == 0


def test_a_file_that_kills_every_worker_ends_failed(
    desk: Desk, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = post(desk, client)
    killed_at(desk, "storing")
    monkeypatch.setattr(jobs, "SILENT_SECONDS", 0.0)
    monkeypatch.setattr(jobs, "TRIES", 1)
    work_all(desk)
    assert (shown(client, upload)["state"], codes(client, upload)) == ("failed", ["upload_worker_died"])
    assert versions(desk) == 0
