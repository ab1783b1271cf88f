"""What comes in: parameters, bodies and uploads, and how little of a refused one is read."""

import asyncio
import hashlib
import os
from collections.abc import MutableMapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI
from pydantic import BaseModel
from starlette.testclient import TestClient

from app.edge import public, router
from app.edge.routing import Public
from app.main import _forget_leftovers
from app.settings import Settings

CHUNK = b"x" * (64 << 10)


def test_unknown_parameters_are_refused(web: TestClient, viewer: dict[str, str]) -> None:
    answer = web.get("/probe/read?sub_distrct=A", headers=viewer)
    assert (answer.status_code, answer.json()["code"]) == (400, "parameter_unknown")
    assert answer.json()["parameter"] == "sub_distrct"
    assert web.get("/healthz?x=1").status_code == 400
    known = web.get("/probe/read?sub_district=A&limit=3&f=csv", headers=viewer)
    assert known.json() == {"limit": 3, "f": "csv", "hectares": "1.50"}


def test_bad_values_are_400(web: TestClient, viewer: dict[str, str]) -> None:
    answer = web.get("/probe/read?limit=many", headers=viewer)
    assert (answer.status_code, answer.json()["code"]) == (400, "parameter_invalid")
    assert answer.json()["parameter"] == "limit"
    assert "many" not in answer.text
    for address in ("/probe/read?f=%00", "/parcels/%00/history"):
        assert web.get(address, headers=viewer).json()["code"] == "value_not_storable"


def test_a_missing_value_is_named(web: TestClient, editor: dict[str, str]) -> None:
    answer = web.post("/probe/sql", headers=editor)
    assert (answer.status_code, answer.json()["code"]) == (400, "parameter_missing")
    assert answer.json()["parameter"] == "statement"


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"", "application/json", 400, "body_missing"),
        (b"{", "application/json", 400, "json_invalid"),
        (b'{"hectares": NaN}', "application/json", 400, "json_invalid"),
        (b'{"title": "\\ud800"}', "application/json", 400, "json_invalid"),
        (b"[" * 5000 + b"]" * 5000, "application/json", 400, "json_invalid"),
        (b'{"title": "a\\u0000b"}', "application/json", 400, "value_not_storable"),
        (b'{"a": [{"\\u0000": 1}]}', "application/json", 400, "value_not_storable"),
        (b"[]", "application/json", 400, "parameter_invalid"),
        (b'{"hectares": "many"}', "application/json", 400, "parameter_invalid"),
        (b'{"hektares": 1}', "application/json", 400, "parameter_unknown"),
        (b"{}", "text/plain", 415, "content_type_unsupported"),
        (b"title=x", "application/x-www-form-urlencoded", 415, "content_type_unsupported"),
        (b"{}", "", 415, "content_type_unsupported"),
        (b" " * ((1 << 20) + 1), "application/json", 413, "body_too_large"),
    ],
)
def test_bad_bodies(web: TestClient, editor: dict[str, str], content: bytes, kind: str, status: int, code: str) -> None:
    answer = web.post("/probe/notes", content=content, headers=editor | {"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_good_bodies(web: TestClient, editor: dict[str, str]) -> None:
    body = {"title": "移交", "hectares": str(Decimal("1.5"))}
    assert web.post("/probe/notes", json=body, headers=editor).status_code == 201
    merge = editor | {"Content-Type": "application/merge-patch+json"}
    assert web.post("/probe/notes", content=b"{}", headers=merge).status_code == 201
    assert web.post("/probe/optional", headers=editor).json() == {"title": "untitled"}


def consumed(app: FastAPI, headers: dict[str, str], path: str = "/probe/files", chunks: int = 1000) -> tuple[int, int]:
    """The status, and how many chunks of an endless body were taken before it."""
    taken, statuses = 0, []

    async def receive() -> MutableMapping[str, Any]:
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": CHUNK, "more_body": taken < chunks}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": path, "raw_path": path.encode(), "root_path": "", "query_string": b"", "headers": raw,
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "state": {},
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    return statuses[0], taken


def test_nobody_is_read_before_being_let_in(app: FastAPI, keys: dict[str, str]) -> None:
    form = {"Content-Type": "multipart/form-data; boundary=b"}
    assert consumed(app, form) == (401, 0)
    assert consumed(app, form | {"X-API-Key": keys["revoked"]}) == (401, 0)
    assert consumed(app, form | {"X-API-Key": keys["viewer"]}) == (403, 0)
    assert consumed(app, {"X-API-Key": keys["viewer"]}, "/uploads") == (403, 0)


def test_too_much_is_refused_at_the_limit(app: FastAPI, keys: dict[str, str]) -> None:
    headers = {"X-API-Key": keys["editor"], "Content-Type": "application/json"}
    announced = headers | {"Content-Length": str(len(CHUNK) * 1000)}
    assert consumed(app, announced, "/probe/notes") == (413, 0)
    # Unannounced: 16 chunks are the limit of 1 MiB, one more is beyond it.
    assert consumed(app, headers, "/probe/notes") == (413, 17)


def test_an_upload_beyond_the_limit(web: TestClient, editor: dict[str, str], edge_settings: Settings) -> None:
    answer = web.post("/probe/files?filename=a.zip", content=b"x" * (3 << 20) + b"x", headers=editor)
    assert (answer.status_code, answer.json()["code"]) == (413, "upload_too_large")
    assert str(3 << 20) in answer.json()["messages"]["en"]["what"]

    def unannounced() -> Any:
        yield from [CHUNK] * 49

    answer = web.post("/probe/files?filename=a.zip", content=unannounced(), headers=editor)
    assert answer.status_code == 413
    assert list((edge_settings.home / "incoming").iterdir()) == []


def test_a_nearly_full_disk_takes_nothing_in(
    web: TestClient, editor: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.edge.bodies.FREE_BYTES", 1 << 80)
    answer = web.post("/probe/files?filename=a.zip", content=b"x", headers=editor)
    assert (answer.status_code, answer.json()["code"]) == (503, "disk_nearly_full")


def test_files_come_as_a_form(web: TestClient, editor: dict[str, str], edge_settings: Settings) -> None:
    parts: list[tuple[str, tuple[str | None, bytes]]] = [
        ("file", ("../../整备 地块.shp", b"one")),
        ("file", ("C:\\x\\b.dbf", b"")),
        ("crs", (None, b"EPSG:4547")),
    ]
    answer = web.post("/probe/files?layer=a", files=parts, headers=editor)
    assert answer.status_code == 200, answer.text
    first, second = answer.json()["files"]
    assert first == {"name": "整备 地块.shp", "text": "one", "sha256": hashlib.sha256(b"one").hexdigest(), "size": 3}
    assert second["name"] == "b.dbf"
    assert answer.json()["form"] == {"crs": "EPSG:4547", "layer": "a"}
    assert list((edge_settings.home / "incoming").iterdir()) == []


def test_a_file_comes_as_the_body(web: TestClient, editor: dict[str, str]) -> None:
    big = "字" * 600_000
    answer = web.post("/probe/files?filename=x/a.zip&crs=EPSG:4547", content=big.encode(), headers=editor)
    assert answer.json()["files"][0]["name"] == "a.zip"
    assert answer.json()["files"][0]["text"] == big
    assert answer.json()["form"] == {"crs": "EPSG:4547"}


def form(*parts: str, end: str = "--b--\r\n") -> bytes:
    return "".join(f"--b\r\n{part}\r\n" for part in parts).encode() + end.encode()


DISPOSITION = 'Content-Disposition: form-data; name="{}"\r\n\r\n'
FILE = 'Content-Disposition: form-data; name="file"; filename="a.zip"\r\n\r\n'


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (form(FILE + "x", DISPOSITION.format("colour") + "x"), 400, "parameter_unknown"),
        (form(FILE + "x", DISPOSITION.format("crs") + "x", DISPOSITION.format("crs") + "y"), 400, "parameter_repeated"),
        (form(FILE + "x", DISPOSITION.format("layer") + "x"), 400, "parameter_repeated"),
        (form(DISPOSITION.format("crs") + "x"), 400, "file_missing"),
        (form(DISPOSITION.format("file") + "x"), 400, "filename_missing"),
        (form(FILE.replace("a.zip", "..") + "x"), 400, "filename_missing"),
        (form(DISPOSITION.format("crs") + "a\0b"), 400, "value_not_storable"),
        (form(FILE + "x", end=""), 400, "multipart_invalid"),
        (form(FILE + "x")[:20], 400, "multipart_invalid"),
        (b"no form at all", 400, "multipart_invalid"),
        (b"", 400, "multipart_invalid"),
        (form("Content-Type: text/plain\r\n\r\nx"), 400, "multipart_invalid"),
        (form(*[FILE + "x"] * 65), 413, "too_many_parts"),
        (form("X-Long: " + "x" * 20_000 + "\r\n" + FILE + "x"), 400, "multipart_invalid"),
        (form(FILE + "x", DISPOSITION.format("crs") + "x" * ((1 << 20) + 1)), 413, "body_too_large"),
    ],
)
def test_bad_forms(web: TestClient, editor: dict[str, str], content: bytes, status: int, code: str) -> None:
    headers = editor | {"Content-Type": "multipart/form-data; boundary=b"}
    answer = web.post("/probe/files?layer=a", content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_uploads_without_a_form_or_a_name(web: TestClient, editor: dict[str, str]) -> None:
    def code(address: str, content: bytes, kind: str) -> str:
        answer = web.post(address, content=content, headers=editor | {"Content-Type": kind})
        return str(answer.json()["code"])

    assert code("/probe/files", b"x", "application/zip") == "filename_missing"
    assert code("/probe/files?filename=", b"x", "application/zip") == "filename_missing"
    assert code("/probe/files?filename=a.zip", b"", "application/zip") == "file_missing"
    assert code("/probe/files?filename=a.zip&filename=b.zip", b"x", "application/zip") == "parameter_repeated"
    assert code("/probe/files", b"a=b", "application/x-www-form-urlencoded") == "content_type_unsupported"
    assert code("/probe/files", b"x", "multipart/form-data") == "multipart_invalid"
    not_utf8 = form(DISPOSITION.format("crs")).replace(b"\r\n--b--", b"\xff\r\n--b--")
    assert code("/probe/files", not_utf8, "multipart/form-data; boundary=b") == "value_not_storable"


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    old, new = tmp_path / "upload-old", tmp_path / "upload-new"
    old.mkdir()
    new.mkdir()
    os.utime(old, (0, 0))
    _forget_leftovers(tmp_path)
    _forget_leftovers(tmp_path / "none")
    assert (old.exists(), new.exists()) == (False, True)


def test_a_route_without_a_guard_cannot_be_made() -> None:
    def handler() -> None: ...

    with pytest.raises(RuntimeError, match="no guard"):
        router().get("/open")(handler)


def test_a_route_with_two_guards_or_a_framework_body_cannot_be_made() -> None:
    class Thing(BaseModel):
        name: str

    def handler() -> None: ...

    def with_body(thing: Thing) -> None: ...

    made: APIRouter = router()
    with pytest.raises(RuntimeError, match="more than one guard"):
        made.get("/two", dependencies=[public, Depends(Public())])(handler)
    with pytest.raises(RuntimeError, match="read before the guard"):
        made.post("/body", dependencies=[public])(with_body)
