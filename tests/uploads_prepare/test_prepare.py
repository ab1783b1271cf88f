from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from app.uploads.catalogue import Catalogue
from app.uploads.prepare import Job, prepare
from tests.uploads_prepare.drawn_files import CATEGORIES, X, Y, codes, square, table

CITY = Path(__file__).resolve().parents[3] / "shared" / "data" / "city9k" / "city_gbk_nocpg.zip"
GOOD = {"地块编号": ["A1"], "用地类别": ["产业"]}


def only(found: Any, code: str) -> Any:
    [one] = [one for one in found.findings if one.code == code]
    assert one.messages.zh.what
    assert "{" not in one.messages.en.what + one.messages.zh.what + one.messages.en.do
    return one


def test_a_parcel_is_cut_along_sub_districts_and_its_portions_sum_to_it(prepared: Any) -> None:
    found = prepared([square(0)], GOOD)
    [row] = table(found.rows).to_pylist()
    portions = table(found.portions).to_pylist()
    assert [(p["sub_district"], p["community"]) for p in portions] == [("S2", "C1"), ("S1", None)]
    assert sum(p["ellipsoidal_e4"] for p in portions) == row["ellipsoidal_e4"]
    assert sum(p["plane_e4"] for p in portions) == row["plane_e4"] == 100_000_000
    assert (row["programme"], row["role"], row["layer"]) == ("consolidation", "development", "surface")
    assert row["land_category"] == "industrial"


def test_the_remainder_of_a_sub_district_has_no_community(prepared: Any) -> None:
    [portion] = table(prepared([square(3)], GOOD).portions).to_pylist()
    assert (portion["district"], portion["sub_district"], portion["community"]) == ("D", "S2", None)


def test_a_code_on_two_rows_refuses_both(prepared: Any) -> None:
    found = prepared([square(0), square(0)], {"code": ["A", "A"], "category": ["other"] * 2, "备注": ["1", "2"]})
    assert codes(found) == [("duplicate_code", 1), ("duplicate_code", 2)]


def test_rows_alike_in_everything_are_told_as_such(prepared: Any) -> None:
    found = prepared([square(0), square(0)], {"code": ["A", "A"], "category": ["other"] * 2})
    assert codes(found) == [("duplicate_row", 1), ("duplicate_row", 2)]
    assert [one for one in found.findings if one.code == "duplicate_row"][-1].values["rows"] == "1, 2"


def test_blank_code_unknown_category_and_unknown_role(prepared: Any) -> None:
    columns = {"code": ["", "B", "C"], "category": ["other", "月球用地", "Other"], "role": ["", "", "owner"]}
    found = prepared([square(i) for i in range(3)], columns)
    assert codes(found) == [("blank_code", 1), ("unknown_category", 2), ("value_unknown", 3)]
    assert only(found, "unknown_category").values["value"] == "月球用地"


@pytest.mark.parametrize(("scheme", "category"), [("land_sea_use:2023", "industrial"), ("gbt21010", "other")])
def test_a_land_use_code_means_nothing_without_its_scheme(prepared: Any, scheme: str, category: str) -> None:
    found = prepared([square(0)], {"code": ["A"], "dlbm": ["10"]}, mapping={"constants": {"land_use_scheme": scheme}})
    assert table(found.rows)["land_category"].to_pylist() == [category]


def test_a_land_use_code_without_scheme_is_refused(prepared: Any) -> None:
    found = prepared([square(i) for i in range(2)], {"code": ["A", "B"], "dlbm": ["10", "77"]})
    assert codes(found) == [("land_use_code_ambiguous", 1), ("land_use_scheme_unknown", 2)]
    told = only(found, "land_use_code_ambiguous").messages
    assert "gbt21010:2017 = Other; land_sea_use:2023 = Industrial" in told.en.what
    assert "gbt21010:2017 = 其他；land_sea_use:2023 = 产业" in told.zh.what


def test_an_unknown_land_use_code_is_refused(prepared: Any) -> None:
    mapping = {"constants": {"land_use_scheme": "land_sea_use:2023"}}
    found = prepared([square(0)], {"code": ["A"], "dlbm": ["77"]}, mapping=mapping)
    assert codes(found) == [("land_use_code_unknown", 1)]


def test_two_columns_for_one_field_ask_for_a_mapping(prepared: Any) -> None:
    found = prepared([square(0)], {"code": ["A"], "用地类别": ["other"], "土地用途": ["other"]})
    assert only(found, "ambiguous_field").values["field"] == "land_category"
    assert found.staged == 0


def test_a_missing_column_refuses_the_file(prepared: Any) -> None:
    assert codes(prepared([square(0)], {"code": ["A"]})) == [("field_missing", None)]


def test_a_mapping_that_names_no_column_refuses_the_file(prepared: Any) -> None:
    found = prepared([square(0)], GOOD, mapping={"fields": {"name": "nope"}})
    assert codes(found) == [("mapping_column_missing", None)]


def test_a_row_number_can_be_the_code_and_any_other_value_be_mapped(prepared: Any) -> None:
    mapping = {"fields": {"code": "$row"}, "values": {"land_category": {"x": "industrial", "*": "other"}}}
    found = prepared([square(0), square(1)], {"category": ["x", ""]}, mapping=mapping)
    assert table(found.rows)["code"].to_pylist() == ["1", "2"]
    assert table(found.rows)["land_category"].to_pylist() == ["industrial", "other"]


def test_an_event_needs_its_document_and_retained_land_is_not_banked(prepared: Any) -> None:
    columns = {
        "code": ["A", "B", "C"], "category": ["other"] * 3, "role": ["", "留用地", ""], "event": ["入库"] * 3,
        "文号": ["1", "2", "3"], "文件类型": ["移交确认书"] * 3, "文件日期": ["", "2026年3月1日", "20260301"],
        "生效日期": ["", "", "2026/2/1"],
    }  # fmt: skip
    found = prepared([square(i) for i in range(3)], columns)
    assert codes(found) == [("document_missing", 1), ("retained_banked", 2)]
    assert only(found, "dates_differ").row == 3
    assert str(table(found.rows)["effective_date"][0]) == "2026-02-01"


def test_bad_dates_and_bad_numbers_refuse_their_rows(prepared: Any) -> None:
    columns = {"code": ["A", "B"], "category": ["other"] * 2, "文件日期": ["2026-02-30", ""], "面积": ["", "ten"]}
    assert codes(prepared([square(0), square(1)], columns)) == [("date_invalid", 1), ("number_invalid", 2)]


def test_a_size_in_another_unit_is_told_with_a_hint(prepared: Any) -> None:
    one = only(prepared([square(0)], {**GOOD, "面积": ["15"]}), "declared_differs")
    assert one.severity == "warn"
    assert "mu" in one.messages.en.what


def test_a_size_that_merely_differs_is_noted_with_both(prepared: Any) -> None:
    one = only(prepared([square(0)], {**GOOD, "面积": ["9000"]}), "declared_differs")
    assert one.severity == "note"
    assert "9000.0000" in one.messages.en.what


def test_a_country_is_no_parcel(prepared: Any) -> None:
    country = [(300_000, 2_300_000), (300_000, 2_700_000), (650_000, 2_700_000), (650_000, 2_300_000)]
    found = prepared([country, square(0)], {"code": ["A", "B"], "category": ["other"] * 2})
    assert (only(found, "geometry_too_large").row, found.staged) == (1, 1)


BOW_TIE = [(X, Y), (X, Y + 100), (X + 100, Y), (X + 100, Y + 60), (X, Y)]


def test_a_bow_tie_is_refused_with_both_sizes_until_accepted(prepared: Any) -> None:
    one = only(prepared([BOW_TIE], GOOD), "geometry_repaired_differs")
    assert one.severity == "refuse"
    assert one.geometry is not None
    assert one.square_metres_before < one.square_metres_after


def test_an_accepted_repair_is_stored_and_still_told(prepared: Any) -> None:
    found = prepared([BOW_TIE], GOOD, accepted=frozenset({"geometry_repaired_differs:1"}))
    assert found.staged == 1
    assert only(found, "geometry_repaired_differs").severity == "warn"


def test_a_spike_of_no_width_is_repaired_with_a_warning(prepared: Any) -> None:
    ring = [*square(0)[:3], (X + 150, Y + 100), (X + 100, Y + 100), *square(0)[3:]]
    found = prepared([ring], GOOD)
    assert (only(found, "geometry_repaired").severity, found.staged) == ("warn", 1)


def test_outlines_without_land_and_without_geometry_are_refused(prepared: Any) -> None:
    flat = [(X, Y), (X + 50, Y), (X + 100, Y), (X, Y)]
    found = prepared([flat, None], {"code": ["A", "B"], "category": ["other"] * 2})
    assert codes(found) == [("geometry_missing", 2), ("geometry_no_land", 1)]
    assert only(found, "geometry_missing").feature == "B"


def test_slivers_spikes_and_twins_are_kept_with_warnings(prepared: Any) -> None:
    strip = [(X, Y), (X, Y + 0.02), (X + 100, Y + 0.02), (X + 100, Y), (X, Y)]
    thorn = [*square(1)[:3], (X + 400, Y + 50), (X + 300, Y + 99.9), (X + 300, Y), *square(1)[4:]]
    thorn[3] = (X + 380, Y + 99.95)
    columns = {"code": ["A", "B", "C", "D"], "category": ["other"] * 4}
    found = prepared([strip, thorn, square(5), square(5)], columns)
    assert [one for one in codes(found, "warn") if one[1]] == [
        ("geometry_sliver", 1),
        ("geometry_spike", 2),
        ("same_shape", 3),
        ("same_shape", 4),
    ]
    assert found.staged == 4


def test_land_outside_the_district_is_refused_with_a_likely_cause(prepared: Any) -> None:
    far = [(x + 3200, y) for x, y in square(0)]
    edge = [(x + 2950, y) for x, y in square(0)]
    found = prepared([far, edge], {"code": ["A", "B"], "category": ["other"] * 2})
    assert codes(found) == [("outside_district", 1)]
    assert "GCJ-02" in only(found, "outside_district").messages.zh.what
    assert only(found, "partly_outside_district").row == 2


def test_without_a_district_one_note_says_so(prepared: Any) -> None:
    columns = {"code": ["A", "B"], "category": ["产业"] * 2}
    found = prepared([square(0), square(1)], columns, catalogue=Catalogue(CATEGORIES))
    assert only(found, "no_district_loaded").row is None
    assert found.staged == 2


@pytest.mark.parametrize(
    ("collection", "field", "expected"),
    [("renewal-units", "boundary_role", "unit"), ("consolidation-projects", "programme", "consolidation"),
     ("districts", "level", "district"), ("sub-districts", "level", "sub_district")],
)  # fmt: skip
def test_projects_and_places_have_no_portions(prepared: Any, collection: str, field: str, expected: str) -> None:
    found = prepared([square(0)], {"code": ["A"], "name": ["甲"], "重点": ["是"]}, collection=collection)
    assert table(found.rows)[field].to_pylist() == [expected]
    assert table(found.portions).num_rows == 0


@pytest.mark.skipif(not CITY.exists(), reason="the shared data is not here")
def test_city9k_has_the_defects_of_its_truth(tmp_path: Path) -> None:
    mapping = {"fields": {"land_category": "用地性质"}, "values": {"land_category": {"*": "other"}}}
    catalogue = Catalogue(CATEGORIES)
    found = prepare(Job("parcels", [("city.zip", CITY)], 4547, catalogue,
                        mapping=mapping | {"constants": {"programme": "consolidation"}}), tmp_path)  # fmt: skip
    assert (found.read, found.staged, found.refused) == (8950, 8932, 18)
    counted = Counter(one.code for one in found.findings if one.severity != "note")
    expected = {"geometry_repaired_differs": 2, "geometry_missing": 2, "geometry_no_land": 2, "blank_code": 2}
    expected |= {"duplicate_row": 6, "duplicate_code": 4, "same_shape": 4, "geometry_sliver": 2}
    assert {code: counted[code] for code in expected} == expected
