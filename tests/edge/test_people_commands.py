"""``landbank user`` and ``landbank key``: from nobody to a key that opens, and back."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from time import sleep
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from starlette.testclient import TestClient

from app import cli
from app.settings import Settings

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(database: Settings, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command line on the fresh database; its exit code and what it printed."""
    assert database.database_url is not None
    monkeypatch.setenv("DATABASE_URL", database.database_url.get_secret_value())
    monkeypatch.setenv("LANDBANK_HOME", str(database.home))

    def command(*arguments: str) -> tuple[int, str]:
        capfd.readouterr()
        monkeypatch.setattr("sys.argv", ["landbank", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), "".join(capfd.readouterr())

    return command


def documents(run: Run, *arguments: str) -> Any:
    code, printed = run(*arguments, "--json")
    assert code == 0, printed
    return json.loads(printed)


def test_a_user_a_key_and_their_end(run: Run, anonymous: TestClient) -> None:
    assert documents(run, "user", "add", "李四", "--role", "editor")["role"] == "editor"
    made = documents(run, "key", "add", "李四", "--expires", "2999-12-31")
    headers = {"X-API-Key": made["key"]}
    assert anonymous.get("/me", headers=headers).json() == {"name": "李四", "role": "editor"}
    listed = documents(run, "key", "list")
    assert [(key["id"], key["user"]) for key in listed] == [(made["id"], "李四")]
    assert listed[0]["expires_at"].startswith("2999-12-3")
    assert made["key"] not in json.dumps(listed)
    assert documents(run, "key", "revoke", str(made["id"])) == {"id": made["id"], "revoked": True}
    assert anonymous.get("/me", headers=headers).status_code == 401
    assert documents(run, "user", "disable", "李四") == {"name": "李四", "disabled": True}
    assert documents(run, "user", "list")[0]["disabled_at"] is not None


def test_the_same_as_text(run: Run, anonymous: TestClient) -> None:
    assert run("user", "add", "tool[1]", "--role", "viewer")[0] == 2
    assert run("user", "add", "tool", "--role", "viewer") == (0, "tool: viewer\n")
    code, printed = run("key", "add", "tool")
    key = printed.splitlines()[0]
    assert code == 0
    assert anonymous.get("/me", headers={"X-API-Key": key}).status_code == 200
    code, printed = run("key", "list")
    assert code == 0
    assert key[:10] in printed
    assert key not in printed
    assert run("key", "revoke", "1") == (0, "key 1: revoked\n")
    assert run("user", "disable", "tool") == (0, "tool: disabled\n")
    assert "tool" in run("user", "list")[1]


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/New_York"])
def test_times_are_the_bureaus(run: Run, monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    monkeypatch.setenv("LANDBANK_TZ", zone)
    documents(run, "user", "add", "tool", "--role", "viewer")
    documents(run, "key", "add", "tool", "--expires", "2999-12-31T08:30:00")
    assert "2999-12-31 08:30" in run("key", "list")[1]
    created = datetime.fromisoformat(documents(run, "user", "list")[0]["created_at"])
    assert f"{created.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}" in run("user", "list")[1]


def test_a_key_that_has_expired_opens_nothing(run: Run, anonymous: TestClient) -> None:
    documents(run, "user", "add", "tool", "--role", "viewer")
    soon = datetime.now(ZoneInfo("Asia/Shanghai")) + timedelta(seconds=4)
    made = documents(run, "key", "add", "tool", "--expires", f"{soon:%Y-%m-%dT%H:%M:%S}")
    sleep(max(0.0, (soon - datetime.now(ZoneInfo("Asia/Shanghai"))).total_seconds()))
    refused = anonymous.get("/me", headers={"X-API-Key": made["key"]})
    assert (refused.status_code, refused.json()["code"]) == (401, "key_not_valid")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("user", "add", "x"), 2),
        (("user", "add", "x", "--role", "king"), 2),
        (("user", "disable", "nobody"), 1),
        (("key", "add", "nobody"), 1),
        (("key", "revoke", "99"), 1),
        (("key", "add", "nobody", "--expires", "2001-01-01"), 2),
    ],
)
def test_mistakes_are_told(run: Run, arguments: tuple[str, ...], code: int) -> None:
    ended, printed = run(*arguments)
    assert ended == code
    assert printed
    assert "Traceback" not in printed
