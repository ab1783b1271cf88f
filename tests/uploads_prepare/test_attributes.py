"""Codes and dates of a row: which part of a 宗地代码 is wrong, which stands twice, which date is hardly meant."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from app.uploads.cadastral import wrong_part
from app.uploads.catalogue import Catalogue
from tests.uploads_prepare.drawn_files import CATEGORIES, codes, square

Prepare = Callable[..., Any]
GOOD = "440307001002GB00017"


@pytest.mark.parametrize(
    ("code", "part"),
    [
        (GOOD, None),
        ("440307001002JX00001", None),
        ("440307001002GB0001", "length"),
        (GOOD + "0", "length"),
        ("44030A001002GB00017", "county"),
        ("4403070X1002GB00017", "zone"),
        ("44030700100-GB00017", "sub_zone"),
        ("440307001002KB00017", "ownership"),
        ("440307001002GZ00017", "feature"),
        ("440307001002gB00017", "ownership"),
        ("440307001002GB0001O", "serial"),
        ("440307001002GB000１7", "serial"),
    ],
)
def test_the_wrong_part_of_a_cadastral_code(code: str, part: str | None) -> None:
    assert wrong_part(code) == part


def test_a_code_of_another_county_is_wrong_where_the_district_is_known() -> None:
    assert wrong_part(GOOD, {"440307"}) is None
    assert wrong_part(GOOD, {"440306"}) == "county"


def test_cadastral_codes_are_kept_with_warnings(prepared: Prepare) -> None:
    columns = {
        "code": list("ABCD"),
        "category": ["industrial"] * 4,
        "宗地代码": [GOOD, GOOD, "440307001002GB1", ""],
    }
    found = prepared([square(i) for i in range(4)], columns)
    told = {(one.code, one.row): one for one in found.findings if one.code.startswith("cadastral")}
    assert set(told) == {("cadastral_code_repeated", 1), ("cadastral_code_repeated", 2), ("cadastral_code_form", 3)}
    assert told["cadastral_code_repeated", 1].values["rows"] == "1, 2"
    assert "位数" in told["cadastral_code_form", 3].messages.zh.what
    assert found.staged == 4


def test_dates_that_are_hardly_meant_are_kept_with_a_warning(prepared: Prepare) -> None:
    columns = {
        "code": list("ABC"),
        "category": ["industrial"] * 3,
        "event": ["bank_entry"] * 3,
        "文件类型": ["handover_confirmation"] * 3,
        "文号": ["1", "2", "3"],
        "文件日期": ["1979-12-31", "2026-03-02", "2026-03-01"],
    }
    catalogue = Catalogue(CATEGORIES, today=date(2026, 3, 1))
    found = prepared([square(i) for i in range(3)], columns, catalogue=catalogue)
    assert [one for one in codes(found, "warn") if one[0] == "date_unlikely"] == [
        ("date_unlikely", 1),
        ("date_unlikely", 2),
    ]
    assert found.staged == 3


def test_a_claimed_event_without_its_document_is_refused(prepared: Prepare) -> None:
    columns = {"code": ["A"], "category": ["industrial"], "event": ["bank_entry"]}
    found = prepared([square(0)], columns)
    assert {code for code, _ in codes(found)} == {"document_missing"}
