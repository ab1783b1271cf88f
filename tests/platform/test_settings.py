"""Settings that cannot be meant are told by name, without their value, before anything is done."""

import re

import pytest

from app.errors import BadRequest
from app.settings import load_settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "not an address"),
        ("DATABASE_URL", "postgresql://user:secret-word@host:port/landbank"),
        ("DATABASE_OWNER_URL", "mysql://user:secret-word@host/landbank"),
        ("LANDBANK_CRS", "EPSG:4326"),
        ("LANDBANK_CRS", "EPSG:2272"),
        ("LANDBANK_CRS", "nowhere"),
        ("LANDBANK_TZ", "Mars/Olympus"),
        ("LANDBANK_ADMIN_KEY", "secret-word"),
        ("LANDBANK_MAX_UPLOAD_BYTES", "0"),
        ("LANDBANK_PUBLIC_READ", "perhaps"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_named_and_its_value_is_not(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadRequest) as refused:
        load_settings()
    assert (refused.value.code, refused.value.exit_code) == ("setting_invalid", 2)
    told = refused.value.messages.en.what
    assert told.startswith(f"The setting {name} is not valid")
    assert "secret-word" not in told
    assert "Value error" not in told
    reason = refused.value.messages.zh.what.partition("：")[2]
    assert re.search("[\u4e00-\u9fff]", reason), reason
    assert not re.search(r"\b(is|no|not|Input|Value|should)\b", reason), reason


def test_an_empty_setting_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = load_settings()
    for name in ("DATABASE_URL", "LANDBANK_HOME", "LANDBANK_CRS", "LANDBANK_ADMIN_KEY", "LANDBANK_PUBLIC_READ"):
        monkeypatch.setenv(name, "")
    assert load_settings() == plain


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
def test_both_ways_to_write_an_address_are_accepted(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setenv("DATABASE_URL", f"{scheme}://app:word@host/landbank?host=/run/socket")
    assert load_settings().database_url is not None
