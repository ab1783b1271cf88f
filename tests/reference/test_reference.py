"""Land categories, crosswalks and places: loaded, replaced, refused, and shown."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import orjson
import pytest
import shapely
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.db import publish, unit_of_work
from app.errors import LandbankError, Refused
from app.reference import queries, service, sources

ADMIN = "test"
HEADER = "scheme,version,code,name_zh,land_category\n"


def category(code: str = "meadow", **changes: object) -> dict[str, object]:
    return {
        "code": code,
        "parent": None,
        "name_zh": "草地",
        "name_en": "Meadow",
        "colour": "#00AA00",
    } | changes


def written(folder: Path, document: object, name: str = "own.json") -> Path:
    path = folder / name
    path.write_bytes(document.encode() if isinstance(document, str) else orjson.dumps(document))
    return path


def test_files_of_the_repository_load_and_load_again_without_change(session: Session) -> None:
    first = service.load(session, ADMIN)
    again = service.load(session, ADMIN)
    assert first["land_categories.json"] == {"new": 12, "changed": 0, "unchanged": 0, "ended": 0}
    for counts in again.values():
        assert counts["new"] == counts["changed"] == counts["ended"] == 0
    assert again["crosswalk_gbt21010_2017.csv"]["unchanged"] == 73 + 12 - 3


def test_codes_of_two_standards_do_not_meet(session: Session) -> None:
    service.load(session, ADMIN)
    found = service.catalogue(session)
    assert found.land_use("land_sea_use", "2023", "1001") == "industrial"
    assert found.land_use("gbt21010", "2017", "1001") == "rail"
    assert found.land_use("land_sea_use", "2023", "080403") == "school"
    assert found.land_use("gbt21010", "2017", "0804") == "public_facility"


def test_a_code_too_coarse_or_unlisted_means_nothing(session: Session) -> None:
    service.load(session, ADMIN)
    found = service.catalogue(session)
    assert found.land_use("land_sea_use", "2023", "10") is None
    assert found.land_use("land_sea_use", "2023", "100109") is None
    assert found.land_use("land_sea_use", "2020", "1001") is None


def test_crosswalks_hold_every_first_and_second_level_code() -> None:
    gbt = (sources.CROSSWALKS[1]).read_text("utf-8").splitlines()[1:]
    codes = [line.split(",")[2] for line in gbt]
    assert sum(len(code) == 2 for code in codes) == 12
    assert sum(len(code) == 4 for code in codes) == 73
    guide = [line.split(",")[2] for line in sources.CROSSWALKS[0].read_text("utf-8").splitlines()[1:]]
    assert sum(len(code) == 2 for code in guide) == 24


def test_children_count_under_their_parent(session: Session) -> None:
    service.load(session, ADMIN)
    top = service.catalogue(session).top
    assert top["school"] == top["hospital"] == top["elderly_care"] == "public_facility"
    assert top["road"] == top["rail"] == "road_rail"
    assert top["commodity_housing"] == top["public_housing"] == "residential_potential"
    assert top["industrial"] == "industrial"


def test_own_categories_replace_ours_and_the_old_stay_known(session: Session, tmp_path: Path) -> None:
    service.load(session, ADMIN)
    before = publish(session, ADMIN, "test", "moment").recorded_at
    renamed = [category("industrial", name_zh="工业"), category("meadow")]
    crosswalk = written(tmp_path, f"{HEADER}own,1,A1,甲,meadow\n", "own.csv")
    for path in sources.CROSSWALKS:
        lines = path.read_text("utf-8").splitlines()
        written(tmp_path, "\n".join([lines[0], lines[1].rsplit(",", 1)[0] + ",meadow"]) + "\n", path.name)
    own = [crosswalk, *(tmp_path / path.name for path in sources.CROSSWALKS)]
    counts = service.load(session, ADMIN, written(tmp_path, renamed), own)
    assert counts["own.json"] == {"new": 1, "changed": 1, "unchanged": 0, "ended": 11}
    assert [row.code for row in queries.categories(session)] == ["industrial", "meadow"]
    assert len(queries.categories(session, before)) == 12
    assert service.catalogue(session).land_use("own", "1", "A1") == "meadow"
    assert service.catalogue(session, before).land_use("own", "1", "A1") is None


def test_a_crosswalk_to_a_category_that_is_not_there_is_refused(session: Session, tmp_path: Path) -> None:
    crosswalk = written(tmp_path, f"{HEADER}own,1,A1,甲,nowhere\n", "own.csv")
    with pytest.raises(Refused) as caught:
        service.load(session, ADMIN, sources.CATEGORIES, [crosswalk])
    assert caught.value.code == "reference_category_unknown"
    assert "nowhere" in caught.value.messages.en.what


@pytest.mark.parametrize(
    ("document", "code", "line", "field"),
    [
        ("not json", "reference_not_json", 1, None),
        ({}, "reference_not_a_list", None, None),
        ([], "reference_not_a_list", None, None),
        ([7], "reference_value_invalid", 1, "code"),
        ([category("Meadow")], "reference_value_invalid", 1, "code"),
        ([category(name_zh="")], "reference_value_invalid", 1, "name_zh"),
        ([category(name_en=3)], "reference_value_invalid", 1, "name_en"),
        ([category(colour="green")], "reference_value_invalid", 1, "colour"),
        ([category(), category()], "reference_code_twice", 2, "code"),
        ([category(parent="field")], "reference_parent_unknown", 1, "parent"),
        ([category(parent=5)], "reference_value_invalid", 1, "parent"),
        (
            [category("a"), category("b", parent="a"), category("c", parent="b")],
            "reference_parent_unknown",
            3,
            "parent",
        ),
    ],
)
def test_bad_categories_are_told_by_entry_and_field(
    tmp_path: Path, document: object, code: str, line: int | None, field: str | None
) -> None:
    with pytest.raises(Refused) as caught:
        sources.read_categories(written(tmp_path, document))
    assert_told(caught.value, code, line, field)


@pytest.mark.parametrize(
    ("text", "code", "line", "field"),
    [
        ("scheme,version,code\n", "reference_column_missing", 1, "name_zh"),
        (HEADER, "reference_not_a_list", None, None),
        (f"{HEADER}own,1,A1,甲,other\nown,1,A 2,乙,other\n", "reference_value_invalid", 3, "code"),
        (f"{HEADER}own,1,A1\n", "reference_value_invalid", 2, "name_zh"),
        (f"{HEADER}own,1,A1,甲,other\nown,1,A1,乙,other\n", "reference_code_twice", 3, "code"),
        (f'{HEADER}own,1,"A1"x,甲,other\n', "reference_not_csv", 2, None),
    ],
)
def test_bad_crosswalks_are_told_by_line_and_field(
    tmp_path: Path, text: str, code: str, line: int | None, field: str | None
) -> None:
    with pytest.raises(Refused) as caught:
        sources.read_crosswalk(written(tmp_path, text, "own.csv"))
    assert_told(caught.value, code, line, field)


def assert_told(error: LandbankError, code: str, line: int | None, field: str | None) -> None:
    assert error.code == code
    assert error.exit_code == 5
    assert error.values.get("line") == line
    assert error.values.get("field") == field
    for text in (error.messages.zh, error.messages.en):
        assert "{" not in text.what
        assert text.do


def test_unreadable_files_are_told(tmp_path: Path) -> None:
    gbk = tmp_path / "gbk.json"
    gbk.write_bytes("地类".encode("gbk"))
    large = tmp_path / "large.json"
    large.write_bytes(b" " * 5_000_001)
    for path in (tmp_path / "absent.json", gbk, large):
        with pytest.raises(Refused) as caught:
            sources.read_categories(path)
        assert caught.value.code == "reference_file_unreadable"


@dataclass
class Row:
    """A place as an upload stages it."""

    level: str
    code: str
    name: str | None
    geom: bytes
    parent_code: str | None = None
    valid_from: date | None = None
    upload_id: int = 1


def square(east: float, side: float = 1000.0) -> bytes:
    shape = shapely.multipolygons([shapely.box(east, 2_500_000, east + side, 2_501_000)])
    wkb: bytes = shapely.to_wkb(shapely.set_srid(shape, 4547), include_srid=True)
    return wkb


def load(session: Session, *rows: Row) -> dict[str, int]:
    return service.load_places(session, publish(session, ADMIN, "upload", "places"), rows)


def test_places_load_once(session: Session) -> None:
    rows = (Row("district", "1", "甲区", square(500_000)), Row("sub_district", "1", None, square(500_000), "1"))
    assert load(session, *rows) == {"new": 2, "changed": 0, "unchanged": 0}
    assert load(session, *rows) == {"new": 0, "changed": 0, "unchanged": 2}
    assert [(place.level, place.name) for place in service.places(session)] == [
        ("district", "甲区"),
        ("sub_district", "1"),
    ]


def test_a_correction_ends_the_version_that_was_wrong(session: Session) -> None:
    load(session, Row("district", "1", "甲区", square(500_000)))
    before = publish(session, ADMIN, "test", "moment").recorded_at
    assert load(session, Row("district", "1", "甲区", square(500_000, 2000)))["changed"] == 1
    assert load(session, Row("district", "1", "乙区", square(500_000, 2000)))["changed"] == 1
    [now] = service.place_polygons(session)
    assert shapely.from_wkb(now.geom).area == 2_000_000
    assert now.valid_from == service.SINCE_EVER
    [then] = service.place_polygons(session, before)
    assert shapely.from_wkb(then.geom).area == 1_000_000


def test_a_later_boundary_ends_the_one_before(session: Session) -> None:
    load(session, Row("district", "1", "甲区", square(500_000)))
    later = Row("district", "1", "甲区", square(500_000, 2000), valid_from=date(2026, 7, 1))
    assert load(session, later)["changed"] == 1
    assert load(session, later)["unchanged"] == 1
    between = Row("district", "1", "甲区", square(500_000, 1500), valid_from=date(2026, 1, 1))
    assert load(session, between)["changed"] == 1
    spans = [(place.valid_from, place.valid_to) for place in service.place_polygons(session)]
    assert spans == [
        (service.SINCE_EVER, date(2026, 1, 1)),
        (date(2026, 1, 1), date(2026, 7, 1)),
        (date(2026, 7, 1), None),
    ]
    [june] = service.places(session, "district", date(2026, 6, 30))
    assert june.valid_from == date(2026, 1, 1)
    earliest = Row("district", "1", "甲区", square(500_000, 500), valid_from=date(1850, 1, 1))
    assert load(session, earliest)["changed"] == 1
    assert service.place_polygons(session)[0].valid_to == service.SINCE_EVER


def test_http_shows_categories_and_places(client: TestClient, database_engine: object) -> None:
    with unit_of_work(database_engine) as session:  # type: ignore[arg-type]
        service.load(session, ADMIN)
        load(session, Row("district", "1", "甲区", square(500_000)))
    shown = client.get("/land-categories").json()
    assert [row["code"] for row in shown["categories"]][:2] == ["industrial", "residential_potential"]
    assert shown["categories"][0]["name"] == {"zh": "产业用地", "en": "Industrial land"}
    assert {row["scheme"] for row in shown["land_use_codes"]} == {"land_sea_use", "gbt21010"}
    places = client.get("/places", params={"level": "district", "on": "2026-06-30"}).json()
    assert places["on"] == "2026-06-30"
    assert [row["code"] for row in places["places"]] == ["1"]
    [feature] = client.get("/places", params={"f": "geojson"}).json()["features"]
    longitude, latitude = min(map(tuple, feature["geometry"]["coordinates"][0][0]))
    assert (longitude, round(latitude, 1)) == (114.0, 22.6)
    assert client.get("/places", params={"level": "town"}).status_code == 400
    assert client.get("/places", params={"town": "1"}).status_code == 400
