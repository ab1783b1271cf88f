"""Keys and roles: who gets in, how a key may travel, and that no key is ever kept or shown."""

import base64
import re
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text
from starlette.testclient import TestClient

from app.auth import (
    Actor,
    ApiKey,
    Role,
    add_key,
    add_user,
    disable_user,
    ensure_admin,
    revoke_key,
    users,
)
from app.auth import (
    keys as listed_keys,
)
from app.db import unit_of_work
from app.errors import BadRequest, Conflict, NotFound
from app.main import create_app
from app.settings import Settings, load_settings

TESTER = Actor(None, "cli:tester", Role.ADMIN)
ADMIN_KEY = "an administrator's key of enough length"


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"anyone:{password}".encode()).decode()


def test_roles_include_those_before_them() -> None:
    assert Role.ADMIN.includes(Role.VIEWER)
    assert Role.EDITOR.includes(Role.EDITOR)
    assert not Role.VIEWER.includes(Role.EDITOR)
    assert not Role.EDITOR.includes(Role.APPROVER)


def test_a_key_travels_in_three_ways(web: TestClient, keys: dict[str, str]) -> None:
    key = keys["editor"]
    for headers in ({"X-API-Key": key}, {"Authorization": f"Bearer {key}"}, {"Authorization": basic(key)}):
        answer = web.get("/me", headers=headers)
        assert answer.status_code == 200
        assert answer.json()["role"] == "editor"


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": "lb_unknown"},
        {"X-API-Key": ""},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic !!!"},
        {"Authorization": basic("wrong")},
        {"Authorization": "Digest username=x"},
    ],
)
def test_a_wrong_key_opens_nothing(web: TestClient, headers: dict[str, str]) -> None:
    answer = web.get("/me", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["code"] == "key_not_valid"
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")


def test_a_key_beyond_ascii_opens_nothing(web: TestClient) -> None:
    assert web.get("/me", headers={b"X-API-Key": "密钥".encode()}).status_code == 401


def test_no_key_is_told_how_to_send_one(web: TestClient) -> None:
    answer = web.get("/me")
    assert answer.status_code == 401
    assert answer.json()["code"] == "key_missing"


def test_revoked_and_disabled_keys_open_nothing(web: TestClient, keys: dict[str, str]) -> None:
    for kind in ("revoked", "disabled"):
        assert web.get("/me", headers={"X-API-Key": keys[kind]}).status_code == 401


def test_a_key_ends_when_it_expires(web: TestClient, app_engine: Engine) -> None:
    name = f"short-{uuid.uuid4().hex}"
    with unit_of_work(app_engine) as session:
        add_user(session, TESTER, name, Role.VIEWER)
        number, key = add_key(session, TESTER, name, datetime.now(UTC) + timedelta(days=1))
    assert web.get("/me", headers={"X-API-Key": key}).status_code == 200
    with unit_of_work(app_engine) as session:
        row = session.get_one(ApiKey, number)
        row.expires_at = datetime.now(UTC) - timedelta(seconds=1)
    assert web.get("/me", headers={"X-API-Key": key}).status_code == 401


def test_the_settings_key_is_an_administrator(web: TestClient) -> None:
    answer = web.get("/me", headers={"X-API-Key": ADMIN_KEY})
    assert answer.json() == {"name": "setting:admin_key", "role": "admin"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://testserver"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_another_site_cannot_write_with_a_remembered_password(
    web: TestClient, keys: dict[str, str], headers: dict[str, str], status: int
) -> None:
    remembered = {"Authorization": basic(keys["editor"])} | headers
    assert web.post("/probe/bare", headers=remembered).status_code == status
    assert web.get("/me", headers=remembered).status_code == 200
    assert web.post("/probe/bare", headers={"X-API-Key": keys["editor"]} | headers).status_code == 200


def test_a_short_settings_key_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANDBANK_ADMIN_KEY", "x" * 31)
    with pytest.raises(BadRequest) as raised:
        load_settings()
    assert "x" * 31 not in raised.value.messages.en.what
    monkeypatch.setenv("LANDBANK_ADMIN_KEY", "x" * 32)
    assert load_settings().admin_key == SecretStr("x" * 32)


def test_public_reading_opens_reads_and_nothing_else(edge_settings: Settings, keys: dict[str, str]) -> None:
    app = create_app(edge_settings.model_copy(update={"public_read": True}))
    with TestClient(app) as web:
        assert web.get("/me").json()["name"] == "public:anyone"
        assert web.get("/uploads").status_code == 200
        assert web.post("/uploads").status_code == 401
        # A wrong key is an error, not a visitor.
        assert web.get("/me", headers={"X-API-Key": "wrong"}).status_code == 401
        assert web.get("/me", headers={"X-API-Key": keys["editor"]}).json()["role"] == "editor"


def test_only_hashes_are_stored(app_engine: Engine, keys: dict[str, str]) -> None:
    with app_engine.connect() as connection:
        for table in ("api_key", "app_user", "audit_entry"):
            dump = str(connection.execute(text(f"SELECT * FROM {table}")).all())  # noqa: S608  a fixed list
            assert not any(key in dump for key in keys.values())
    assert all(re.fullmatch(r"lb_[\w-]{43}", key) for key in keys.values())


def test_keys_stay_out_of_logs_and_answers(
    web: TestClient, keys: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []
    for key in (*keys.values(), ADMIN_KEY):
        headers = {"Authorization": f"Bearer {key}"}
        addresses = ("/me", f"/me?key={key}", "/probe/defect", "/metrics", "/openapi.json", f"/probe/read?f={key[:3]}")
        seen.extend(web.get(address, headers=headers).text for address in addresses)
        seen.append(web.post("/probe/notes", headers=headers, content=key).text)
    written = "".join(seen) + "".join(capfd.readouterr())
    assert "request" in written
    assert not any(key in written for key in (*keys.values(), ADMIN_KEY))


def test_users_and_keys_are_managed(app_engine: Engine) -> None:
    name = f"张三.{uuid.uuid4().hex[:8]}"
    with unit_of_work(app_engine) as session:
        assert add_user(session, TESTER, name, Role.EDITOR).role == "editor"
        with pytest.raises(Conflict):
            add_user(session, TESTER, name, Role.EDITOR)
        number, key = add_key(session, TESTER, name)
        assert next(row for row in listed_keys(session) if row.id == number).prefix == key[:10]
        revoke_key(session, TESTER, number)
        revoke_key(session, TESTER, number)
        disable_user(session, TESTER, name)
        disable_user(session, TESTER, name)
        assert next(row for row in users(session) if row.name == name).disabled_at is not None
        with pytest.raises(Conflict):
            add_key(session, TESTER, name)
        actions = session.execute(
            text("SELECT action FROM audit_entry WHERE subject IN (:name, :prefix) ORDER BY id"),
            {"name": name, "prefix": key[:10]},
        )
        assert actions.scalars().all() == ["user.add", "key.add", "key.revoke", "user.disable"]


@pytest.mark.parametrize("name", ["", "cli:root", "a b", "x" * 65, "a\n"])
def test_names_that_could_pass_for_others_are_refused(app_engine: Engine, name: str) -> None:
    with unit_of_work(app_engine) as session, pytest.raises(BadRequest):
        add_user(session, TESTER, name, Role.VIEWER)


def test_unknown_users_and_keys_are_told(app_engine: Engine) -> None:
    with unit_of_work(app_engine) as session:
        with pytest.raises(NotFound):
            add_key(session, TESTER, "nobody")
        with pytest.raises(NotFound):
            revoke_key(session, TESTER, 2**62)
        with pytest.raises(BadRequest):
            add_key(session, TESTER, "nobody", datetime(2020, 1, 1, tzinfo=UTC))


def test_the_first_run_makes_one_administrator(
    database: Settings, database_engine: Engine, anonymous: TestClient
) -> None:
    with unit_of_work(database_engine) as session:
        assert ensure_admin(session, database.model_copy(update={"admin_key": SecretStr(ADMIN_KEY)})) is None
        key = ensure_admin(session, database)
        assert key is not None
        assert ensure_admin(session, database) is None
    assert anonymous.get("/me", headers={"X-API-Key": key}).json() == {"name": "admin", "role": "admin"}


def test_the_trail_cannot_be_changed(app_engine: Engine, keys: dict[str, str], web: TestClient) -> None:
    assert keys
    for statement in ("UPDATE audit_entry SET action = ''", "DELETE FROM audit_entry", "TRUNCATE audit_entry"):
        answer = web.post("/probe/sql", params={"statement": statement}, headers={"X-API-Key": ADMIN_KEY})
        assert answer.status_code == 403
        assert answer.json()["code"] == "append_only"
    with app_engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM audit_entry")).scalar_one() > 0


def test_no_key_lies_in_the_source() -> None:
    for file in (Path(__file__).parents[2] / "app").rglob("*.py"):
        assert not re.search(r"lb_[\w-]{20,}", file.read_text("utf-8"))
