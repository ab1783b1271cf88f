"""The README's table of settings is the settings: same names, same defaults; no document names another one."""

import re
from typing import Any

from pydantic import AliasChoices
from pydantic_core import PydanticUndefined

from app.settings import Settings
from tests.house.tree import files, offences, read

ROW = re.compile(r"^\| `((?:LANDBANK|DATABASE)_[A-Z_]+)` \| (.*?) \| (.*?) \|$", re.MULTILINE)
NAME = re.compile(r"\b(?:LANDBANK|DATABASE)_[A-Z_]+[A-Z]\b")
# Given to the compose file alone: passwords that it puts into the two addresses.
COMPOSE_ONLY = {"DATABASE_SUPERUSER_PASSWORD", "DATABASE_OWNER_PASSWORD", "DATABASE_APP_PASSWORD"}


def environment() -> dict[str, Any]:
    """Each setting's environment name and default."""
    found = {}
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        key = str(alias.choices[0]) if isinstance(alias, AliasChoices) else f"LANDBANK_{name.upper()}"
        found[key] = field.default
    return found


def table(text: str) -> dict[str, tuple[str, str]]:
    """Names, defaults and meanings of a table of settings."""
    return {name: (default.strip(), meaning.strip()) for name, default, meaning in ROW.findall(text)}


def wrong_defaults(rows: dict[str, tuple[str, str]], settings: dict[str, Any]) -> list[str]:
    """Settings whose default is fixed and stands in the table otherwise."""
    fixed = {name: value for name, value in settings.items() if value not in (None, PydanticUndefined)}
    return [
        name for name, value in fixed.items() if name in rows and f"`{str(value).lower()}`" != rows[name][0].lower()
    ]


def unknown(text: str) -> set[str]:
    return set(NAME.findall(text)) - set(environment()) - COMPOSE_ONLY


def test_the_table_has_every_setting_and_no_other() -> None:
    assert set(table(read("README.md"))) == set(environment())


def test_the_defaults_are_the_settings() -> None:
    assert not wrong_defaults(table(read("README.md")), environment())


def test_every_setting_is_explained() -> None:
    assert all(default and meaning for default, meaning in table(read("README.md")).values())


def test_no_document_names_another_setting() -> None:
    names = [*files(".md", ".yml"), *files(".json", under=("app/messages/",))]
    assert not offences(names, lambda name: unknown(read(name)))


def test_the_check_can_fail() -> None:
    rows = table("| `LANDBANK_CRS` | `EPSG:4490` | Storage |\n| `LANDBANK_COLOUR` | `red` | Nice |\n")
    assert set(rows) - set(environment()) == {"LANDBANK_COLOUR"}
    assert wrong_defaults(rows, environment()) == ["LANDBANK_CRS"]
    assert unknown("set LANDBANK_COLOUR and LANDBANK_CRS") == {"LANDBANK_COLOUR"}
