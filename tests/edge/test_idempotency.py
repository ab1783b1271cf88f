"""A write that is sent twice happens once and is answered with the same bytes."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text
from starlette.testclient import TestClient

from app.db import unit_of_work
from app.edge.idempotency import claim, stored_reply


@pytest.fixture
def key() -> str:
    return str(uuid.uuid4())


def effects(engine: Engine, title: str) -> int:
    with engine.connect() as connection:
        statement = text("SELECT count(*) FROM audit_entry WHERE action = 'probe' AND subject = :title")
        found: int = connection.execute(statement, {"title": title}).scalar_one()
        return found


def test_the_same_write_twice(web: TestClient, editor: dict[str, str], app_engine: Engine, key: str) -> None:
    headers = editor | {"Idempotency-Key": key}
    first = web.post("/probe/notes", json={"title": key}, headers=headers)
    second = web.post("/probe/notes", json={"title": key}, headers=headers)
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.content == first.content
    assert second.headers["Location"] == first.headers["Location"] == "/probe/notes/1"
    assert second.headers["Content-Type"] == first.headers["Content-Type"]
    assert effects(app_engine, key) == 1


def test_without_a_key_it_happens_twice(web: TestClient, editor: dict[str, str], app_engine: Engine, key: str) -> None:
    for _ in range(2):
        web.post("/probe/notes", json={"title": key}, headers=editor)
    assert effects(app_engine, key) == 2


def test_the_same_key_for_something_else(web: TestClient, editor: dict[str, str], key: str) -> None:
    headers = editor | {"Idempotency-Key": key}
    assert web.post("/probe/notes", json={"title": key}, headers=headers).status_code == 201
    for answer in (
        web.post("/probe/notes", json={"title": "other"}, headers=headers),
        web.post("/probe/bare", headers=headers),
        web.post("/probe/files?filename=a", content=b"x", headers=headers),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_body_differs")


def test_uploads_are_told_apart_by_content(web: TestClient, editor: dict[str, str], key: str) -> None:
    headers = editor | {"Idempotency-Key": key}
    first = web.post("/probe/files?filename=a.zip", content=b"one", headers=headers)
    again = web.post("/probe/files?filename=a.zip", content=b"one", headers=headers)
    other = web.post("/probe/files?filename=a.zip", content=b"two", headers=headers)
    assert first.content == again.content
    assert other.status_code == 422


def test_keys_belong_to_whoever_sends_them(web: TestClient, keys: dict[str, str], key: str) -> None:
    answers = {
        web.post("/probe/notes", json={"title": key}, headers={"Idempotency-Key": key, "X-API-Key": keys[role]}).content
        for role in ("editor", "approver")
    }
    assert len(answers) == 2


def test_while_the_first_runs(web: TestClient, editor: dict[str, str], app_engine: Engine, key: str) -> None:
    name = web.get("/me", headers=editor).json()["name"]
    with unit_of_work(app_engine) as session:
        assert stored_reply(session, claim(name, key, b"in flight")) is None
        answer = web.post("/probe/notes", json={"title": key}, headers=editor | {"Idempotency-Key": key})
        assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_in_flight")
    answer = web.post("/probe/notes", json={"title": key}, headers=editor | {"Idempotency-Key": key})
    assert answer.status_code == 201


def test_many_at_once(app: FastAPI, editor: dict[str, str], app_engine: Engine, key: str) -> None:
    together = threading.Barrier(8)

    def send(_number: int) -> tuple[int, bytes]:
        client = TestClient(app, raise_server_exceptions=False)
        together.wait()
        answer = client.post("/probe/notes", json={"title": key}, headers=editor | {"Idempotency-Key": key})
        return answer.status_code, answer.content

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(8)))
    assert {status for status, _ in answers} <= {201, 409}
    assert len({content for status, content in answers if status == 201}) == 1
    assert effects(app_engine, key) == 1


def test_a_refused_write_may_be_tried_again(
    web: TestClient, editor: dict[str, str], app_engine: Engine, key: str
) -> None:
    headers = editor | {"Idempotency-Key": key}
    assert web.post("/probe/uncommittable", headers=headers).status_code == 409
    assert web.post("/probe/notes", json={"title": key}, headers=headers).status_code == 201
    assert effects(app_engine, key) == 1


def test_after_a_day_the_key_is_new(web: TestClient, editor: dict[str, str], app_engine: Engine, key: str) -> None:
    headers = editor | {"Idempotency-Key": key}
    web.post("/probe/notes", json={"title": key}, headers=headers)
    with unit_of_work(app_engine) as session:
        session.execute(
            text("UPDATE idempotency_key SET created_at = created_at - interval '25 hours' WHERE key = :key"),
            {"key": key},
        )
    assert web.post("/probe/notes", json={"title": f"{key}2"}, headers=headers).status_code == 201
    assert effects(app_engine, f"{key}2") == 1
    web.post("/probe/notes", json={}, headers=editor | {"Idempotency-Key": f"{key}3"})
    with app_engine.connect() as connection:
        old = text("SELECT count(*) FROM idempotency_key WHERE created_at < now() - interval '24 hours'")
        assert connection.execute(old).scalar_one() == 0


@pytest.mark.parametrize("bad", ["", " ", "x" * 256, "a b"])
def test_keys_have_a_form(web: TestClient, editor: dict[str, str], bad: str) -> None:
    answer = web.post("/probe/notes", json={}, headers=editor | {"Idempotency-Key": bad})
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_invalid")
