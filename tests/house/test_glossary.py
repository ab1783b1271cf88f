"""GLOSSARY.md explains every table, every code that a column may hold, and every word that a caller may give."""

import json
import re

from sqlalchemy import CheckConstraint

from app.auth import Role
from app.db import Base
from app.landbank.hectares.query import BASES, DIMENSIONS, MEASURES, UNITS
from app.migrate import METADATA
from app.uploads.options import COLLECTIONS
from tests.house.tree import read

GLOSSARY = read("GLOSSARY.md")
CODES = re.compile(r"\bIN \(([^)]*)\)")


def terms(glossary: str) -> set[str]:
    """What the glossary explains: everything that it sets as code."""
    return set(re.findall(r"`([^`]+)`", glossary))


def tables() -> set[str]:
    return {mapper.class_.__name__ for mapper in Base.registry.mappers}


def enumerated(check: str) -> set[str]:
    """The codes of a CHECK such as ``role IN ('handover', 'development')``."""
    return {code for found in CODES.findall(check) for code in re.findall(r"'([^']*)'", found)}


def codes() -> set[str]:
    checks = [
        one for table in METADATA.tables.values() for one in table.constraints if isinstance(one, CheckConstraint)
    ]
    return {code for one in checks for code in enumerated(str(one.sqltext))}


def test_every_table_is_explained() -> None:
    assert not tables() - terms(GLOSSARY)


def test_every_code_is_explained() -> None:
    assert not codes() - terms(GLOSSARY)


def test_every_collection_role_and_measure_is_explained() -> None:
    assert not {*COLLECTIONS, *Role, *MEASURES, *DIMENSIONS, *BASES, *UNITS} - terms(GLOSSARY)


def test_every_measure_of_the_demo_targets_is_explained() -> None:
    targets = json.loads(read("sample_parcels/targets.json"))
    assert not {target["measure"] for target in targets} - terms(GLOSSARY)


def test_the_check_can_fail() -> None:
    assert terms("| `bank_entry` | 入库 |") == {"bank_entry"}
    assert enumerated("type IN ('a', 'b') AND kind IN ('c')") == {"a", "b", "c"}
    assert {"Parcel", "LandEvent", "Upload", "AppUser"} <= tables()
    assert {"bank_entry", "district_stretch", "surface", "checked"} <= codes()
    assert not {"bank", "hectare_of_land"} & terms(GLOSSARY)
