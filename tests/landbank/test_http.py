"""The land bank over HTTP: every address, its figures, and what it refuses."""

import csv
import io
from decimal import Decimal
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import Engine
from starlette.testclient import TestClient

from app.db import unit_of_work
from app.edge import Sheet, workbook
from tests.spec.maps import Bank

CONFIRMED = {"type": "handover_confirmation", "number": "移〔2026〕1号", "date": "2026-03-01", "issuer": "某区"}


@pytest.fixture
def drawn(database_engine: Engine) -> None:
    with unit_of_work(database_engine) as session:
        bank = Bank(session)
        bank.places("NNNSSS")
        bank.parcels("AABBCC", category={"A": "industrial", "B": "school", "C": "road"})
        bank.event("bank_entry", "A", "2026-02-01")
        bank.event("bank_entry", "B", "2026-03-01")


def form(fields: dict[str, str]) -> list[tuple[str, tuple[None, str]]]:
    """Fields as multipart, without a file."""
    return [(name, (None, value)) for name, value in fields.items()]


def problem(response: Any, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    body: dict[str, Any] = response.json()
    assert body["code"] == code
    assert {body["messages"][language][part] != "" for language in ("zh", "en") for part in ("what", "do")} == {True}
    return body


@pytest.mark.usefixtures("drawn")
def test_hectares_by_category_and_sub_district(client: TestClient) -> None:
    body = client.get("/hectares", params={"by": "category,sub_district", "as_of": "2026-12-31"}).json()
    assert [(row["category"], row["sub_district"], row["hectares"]) for row in body["rows"]] == [
        ("industrial", "N", "2.00000000"),
        ("public_facility", "N", "1.00000000"),
        ("public_facility", "S", "1.00000000"),
    ]
    assert body["total"]["hectares"] == "4.00000000"
    assert body["total"]["square_metres"] == "40000.0000"
    assert body["total"]["overlap_square_metres"] == "0.0000"
    assert body["total"]["parcels"] == 2
    assert body["basis"] == "ellipsoidal"
    assert body["rule"][0]["code"] == "handover_accepted"
    assert body["rows"][0]["labels"]["zh"].startswith("产业")


@pytest.mark.usefixtures("drawn")
def test_an_answer_kept_in_memory_is_never_behind_a_commit(client: TestClient) -> None:
    asked = {"as_of": "2026-12-31"}
    first, again = client.get("/hectares", params=asked), client.get("/hectares", params=asked)
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    unchanged = client.get("/hectares", params=asked, headers={"If-None-Match": first.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    event = {"type": "bank_exit", "parcel": "A", "document": CONFIRMED | {"type": "approval"}}
    assert client.post("/events", json=event).status_code == 201
    assert client.get("/hectares", params=asked).json()["total"]["hectares"] == "2.00000000"
    past = client.get("/hectares", params=asked | {"known_at": first.json()["known_at"]})
    assert past.content == first.content


@pytest.mark.usefixtures("drawn")
def test_links_list_the_pieces_of_their_row(client: TestClient) -> None:
    body = client.get("/hectares", params={"by": "category,sub_district", "as_of": "2026-12-31"}).json()
    for row in (*body["rows"], body["total"]):
        listed = client.get(row["links"][0]["href"]).json()["parcels"]
        assert sum(int(piece["square_metres"].replace(".", "")) for piece in listed) == int(
            row["square_metres"].replace(".", "")
        )


@pytest.mark.usefixtures("drawn")
def test_pieces_come_in_pages(client: TestClient) -> None:
    address: str | None = "/parcels?as_of=2026-12-31&limit=2"
    seen = []
    while address:
        page = client.get(address).json()
        seen += [(piece["code"], piece["sub_district"]) for piece in page["parcels"]]
        address = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    assert seen == [("A", "N"), ("B", "N"), ("B", "S")]


@pytest.mark.usefixtures("drawn")
def test_csv_has_the_same_figures(client: TestClient) -> None:
    text = client.get("/hectares", params={"by": "category", "f": "csv"}).content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["category"], row["hectares"]) for row in rows] == [
        ("industrial", "2.00000000"),
        ("public_facility", "2.00000000"),
        ("", "4.00000000"),
    ]


def sheets(content: bytes) -> dict[str, list[tuple[Any, ...]]]:
    """A workbook's sheets by name, formulas unread."""
    book = load_workbook(io.BytesIO(content))
    return {page.title: list(page.iter_rows(values_only=True)) for page in book}


@pytest.mark.usefixtures("drawn")
def test_a_workbook_has_the_same_figures_as_numbers_and_the_question(client: TestClient) -> None:
    asked = {"by": "category", "as_of": "2026-12-31", "unit": "mu", "round": "half_up"}
    answer = client.get("/hectares", params=asked | {"f": "xlsx"})
    assert answer.headers["content-type"].endswith("spreadsheetml.sheet")
    assert "hectares-banked-2026-12-31.xlsx" in answer.headers["content-disposition"]
    table, question = sheets(answer.content).values()
    assert table[0][0] == "用地类别 category"
    rows = [dict(zip(table[0], row, strict=True)) for row in table[1:]]
    assert [row["公顷 hectares"] for row in rows] == [2, 2, 4]
    assert [row["列示值 printed"] for row in rows] == [30, 30, 60]
    assert [type(row["地块数 parcels"]) for row in rows] == [int, int, int]
    cell = load_workbook(io.BytesIO(answer.content)).worksheets[0].cell(2, 4)
    assert (cell.data_type, cell.number_format) == ("n", "#,##0.00")
    told = {row[0]: row[1] for row in question}
    assert told["截至 as_of"] == "2026-12-31"
    assert told["面积口径 basis"] == "ellipsoidal"
    assert told["计量单位 unit"] == "mu"
    assert told["认定口径 rule"].startswith("handover_accepted v1 (consolidation)")
    assert told["当时所知 known_at"] == client.get("/hectares", params=asked).json()["known_at"]
    assert "known_at=" in told["明细 links"]


@pytest.mark.usefixtures("drawn")
def test_pieces_and_progress_come_as_tables_too(client: TestClient) -> None:
    asked = {"as_of": "2026-12-31", "limit": "2"}
    listed = client.get("/parcels", params=asked).json()
    book = client.get("/parcels", params=asked | {"f": "xlsx"})
    table = next(iter(sheets(book.content).values()))
    assert [row[0] for row in table[1:]] == [piece["code"] for piece in listed["parcels"]]
    assert 'rel="next"' in book.headers["link"]
    lines = list(csv.DictReader(io.StringIO(client.get("/parcels", params=asked | {"f": "csv"}).text)))
    assert [line["square_metres"] for line in lines] == [piece["square_metres"] for piece in listed["parcels"]]
    assert len(sheets(client.get("/progress", params={"year": "2026", "f": "xlsx"}).content)) == 2


def test_text_in_a_workbook_is_text() -> None:
    formula, control = '=HYPERLINK("http://x","y")', "a\x07b"
    book = load_workbook(io.BytesIO(workbook([Sheet("s", ["+1"], [[formula], [control], [Decimal("1.2345")]])])))
    cells = [row[0] for row in book.worksheets[0].iter_rows()]
    assert [(cell.data_type, cell.value) for cell in cells] == [
        ("s", "+1"), ("s", formula), ("s", "a\ufffdb"), ("n", 1.2345),
    ]  # fmt: skip


@pytest.mark.usefixtures("drawn")
def test_units_and_rounding(client: TestClient) -> None:
    body = client.get("/hectares", params={"by": "category", "unit": "mu", "round": "half_up"}).json()
    assert [row["printed"] for row in body["rows"]] == ["30.00", "30.00"]
    assert body["total"]["printed"] == "60.00"
    assert body["residual"] == "0.00"


@pytest.mark.usefixtures("drawn")
def test_a_box_clips_and_its_halves_sum_to_the_whole(client: TestClient) -> None:
    whole, west, east = (
        client.get("/hectares", params={"bbox": bbox, "as_of": "2026-12-31"}).json()["total"]
        for bbox in ("113,22,115,23", "113,22,114.0015,23", "114.0015,22,115,23")
    )
    figures = [float(total["square_metres"]) for total in (whole, west, east)]
    assert figures[0] == pytest.approx(40_000, abs=0.01)
    assert figures[1] + figures[2] == pytest.approx(figures[0], abs=0.01)
    assert 1_000 < figures[1] < 39_000
    across = "113,22,114.0031,23", "114.0031,22,115,23"  # through B, which lies in two sub-districts
    rows = [client.get("/hectares", params={"bbox": bbox, "by": "sub_district"}).json()["rows"] for bbox in across]
    assert [[row["sub_district"] for row in half] for half in rows] == [["N", "S"], ["S"]]
    assert sum(float(row["square_metres"]) for half in rows for row in half) == pytest.approx(40_000, abs=0.01)
    nowhere = client.get("/hectares", params={"bbox": "-20,-20,-19,-19"}).json()["total"]
    assert nowhere["square_metres"] == "0.0000"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("measure=area", "parameter_not_one_of"),
        ("by=zone", "zone_without_zones"),
        ("by=category,", "parameter_not_one_of"),
        ("as_of=yesterday", "parameter_not_a_day"),
        ("as_of=2026-02-30", "parameter_not_a_day"),
        ("as_of=9999-12-31", "parameter_not_a_day"),
        ("from=2026-01-01", "period_of_a_stock"),
        ("measure=supplied&from=2026-02-01&to=2026-01-01", "period_reversed"),
        ("known_at=2200-01-01T00:00:00Z", "known_at_in_future"),
        ("known_at=2026-01-01", "parameter_not_a_moment"),
        ("known_at=now", "parameter_not_a_moment"),
        ("sub_district=", "parameter_empty"),
        ("sub_district=nowhere", "code_unknown"),
        ("within=nowhere", "code_unknown"),
        ("project=P404", "code_unknown"),
        ("programme=other", "parameter_not_one_of"),
        ("within=zone:river", "zone_unknown"),
        ("bbox=1,2,3", "bbox_malformed"),
        ("bbox=3,2,1,4", "bbox_malformed"),
        ("bbox=nan,2,1,4", "bbox_malformed"),
        ("unit=acre", "parameter_not_one_of"),
        ("f=pdf", "parameter_not_one_of"),
        ("colour=red", "parameter_unknown"),
    ],
)
def test_a_wrong_question_is_told_by_its_parameter(client: TestClient, query: str, code: str) -> None:
    body = problem(client.get(f"/hectares?{query}"), 400, code)
    assert body["parameter"] in query


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "cursor=!!", "cursor=e30", "cursor=WzEsMiwzXQ"])
def test_wrong_pages_are_refused(client: TestClient, query: str) -> None:
    assert client.get(f"/parcels?{query}").status_code == 400


def test_an_empty_bank_has_a_total_of_nothing(client: TestClient) -> None:
    body = client.get("/hectares", params={"by": "year,category"}).json()
    assert body["rows"] == []
    assert body["total"]["hectares"] == "0.00000000"


@pytest.mark.usefixtures("drawn")
def test_a_document_then_an_event_then_its_reversal(client: TestClient) -> None:
    made = client.post("/documents", files=form(CONFIRMED))
    assert made.status_code == 201
    assert [finding["code"] for finding in made.json()["findings"]] == ["document_file_missing"]
    number = made.json()["id"]
    assert client.post("/documents", files=form(CONFIRMED)).json()["id"] == number
    filed = client.put(f"/documents/{number}/file", files={"file": ("scan.pdf", b"%PDF-1.7")}).json()
    assert len(filed["file_sha256"]) == 64
    assert client.get("/documents", params={"after": number - 1}).json()["documents"][0]["filename"] == "scan.pdf"

    event = client.post("/events", json={"type": "bank_entry", "parcel": "C", "document": number})
    assert event.status_code == 201
    assert event.json()["effective_date"] == "2026-03-01"
    assert client.get("/hectares").json()["total"]["hectares"] == "5.99999999"  # 500 m off the meridian

    reversal = {"type": "reversal", "reverses": event.json()["id"], "document": number, "reason": "wrong parcel"}
    assert client.post("/events", json=reversal).status_code == 201
    assert client.get("/hectares").json()["total"]["hectares"] == "4.00000000"
    problem(client.post("/events", json=reversal), 422, "event_already_reversed")
    listed = client.get("/parcels/C/events").json()["events"]
    assert [(one["type"], one["reversed_by"] is not None) for one in listed] == [
        ("bank_entry", True),
        ("reversal", False),
    ]
    assert len(client.get("/events", params={"parcel": "C", "type": "reversal"}).json()["events"]) == 1


@pytest.mark.usefixtures("drawn")
@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"type": "bank_entry", "parcel": "A"}, "already_banked"),
        ({"type": "bank_exit", "parcel": "C"}, "exit_without_entry"),
        ({"type": "bank_entry"}, "event_without_parcel"),
        ({"type": "bank_entry", "parcel": "C", "kind": "grant"}, "event_kind_wrong"),
        ({"type": "bank_entry", "parcel": "C", "reverses": 1}, "reverses_without_reversal"),
        ({"type": "bank_entry", "parcel": "C", "document": 999}, "document_unknown"),
        ({"type": "bank_entry", "parcel": "C", "effective_date": "0026-01-01"}, "date_implausible"),
        ({"type": "reversal"}, "reversal_without_event"),
        ({"type": "reversal", "reverses": 999}, "event_unknown"),
        ({"type": "reversal", "reverses": 1, "parcel": "C"}, "reversal_of_another_parcel"),
        ({"type": "reversal", "reverses": 1, "kind": "grant"}, "event_kind_wrong"),
    ],
)
def test_the_ledger_refuses_what_cannot_be(client: TestClient, event: dict[str, object], code: str) -> None:
    before = len(client.get("/events").json()["events"])
    problem(client.post("/events", json={"document": CONFIRMED} | event), 422, code)
    assert len(client.get("/events").json()["events"]) == before


@pytest.mark.usefixtures("drawn")
def test_no_such_parcel_or_document(client: TestClient) -> None:
    problem(
        client.post("/events", json={"type": "supply", "parcel": "Z", "document": CONFIRMED}), 404, "parcel_unknown"
    )
    problem(client.get("/parcels/Z/events"), 404, "parcel_unknown")
    problem(client.put("/documents/77/file", files={"file": ("a.pdf", b"1")}), 404, "document_unknown")
    two = [("file", ("a", b"1")), ("file", ("b", b"2"))]
    problem(client.post("/documents", data=CONFIRMED, files=two), 400, "one_file_expected")
    problem(client.put("/documents/1/file", files=two), 400, "one_file_expected")
    problem(client.post("/documents", files=form(CONFIRMED | {"type": "letter"})), 400, "parameter_invalid")


@pytest.mark.usefixtures("drawn")
def test_remarks_tell_what_is_odd(client: TestClient) -> None:
    grant = {"type": "grant_contract", "number": "1", "date": "2026-05-01"}
    supply = {"type": "supply", "parcel": "C", "document": grant, "effective_date": "2026-05-02", "kind": "grant"}
    first = client.post("/events", json=supply).json()["findings"]
    assert [finding["code"] for finding in first] == [
        "supply_without_entry",
        "event_dates_differ",
        "document_file_missing",
    ]
    second = client.post("/events", json=supply).json()["findings"]
    assert "supplied_before" in {finding["code"] for finding in second}


@pytest.mark.usefixtures("drawn")
def test_a_parcel_is_credited_to_one_programme(client: TestClient, database_engine: Engine) -> None:
    with unit_of_work(database_engine) as session:
        Bank(session).parcels("......D", programme="renewal", role="handover")
        Bank(session).parcels("......D", programme="consolidation", effective="2026-06-01")
    paper = CONFIRMED | {"date": "2026-02-02"}
    handover = {"type": "handover", "parcel": "D", "document": paper}
    assert client.post("/events", json=handover).status_code == 201
    entry = {"type": "bank_entry", "parcel": "D", "document": paper, "effective_date": "2026-07-01"}
    problem(client.post("/events", json=entry), 422, "credited_elsewhere")


TARGET = {"programme": "consolidation", "measure": "bank_entries", "year": 2026, "status": "provisional", "value": "8"}


@pytest.mark.usefixtures("drawn")
def test_targets_have_versions_and_progress(client: TestClient) -> None:
    first = client.post("/targets", json=TARGET)
    assert (first.status_code, first.json()["version"]) == (201, 1)
    assert client.post("/targets", json=TARGET).json()["version"] == 1
    issued = TARGET | {
        "status": "issued",
        "value": "5",
        "document": {"type": "approval", "number": "9", "date": "2026-03-20"},
    }
    assert client.post("/targets", json=issued).json()["version"] == 2
    client.post("/targets", json=TARGET | {"category": "school", "value": "2", "comparator": "="})
    client.post("/targets", json=TARGET | {"measure": "banked", "value": "10", "sub_district": "N"})
    client.post("/targets", json=TARGET | {"measure": "new_homes", "unit": "units", "value": "400"})
    assert len(client.get("/targets", params={"year": 2026}).json()["targets"]) == 4

    body = client.get("/progress", params={"year": 2026, "as_of": "2026-06-30"}).json()
    rows = {(row["target"]["measure"], row["target"]["category"]): row for row in body["rows"]}
    entries = rows[("bank_entries", None)]
    assert entries["target"]["version"] == 2
    assert [entries[name] for name in ("actual", "rate", "gap", "card")] == [
        "4.00000000",
        "80.0000",
        "1.00000000",
        "green",
    ]
    assert entries["expected"] == "2.4795"
    assert float(entries["forecast"]["low"]) >= 4
    listed = client.get(entries["links"][0]["href"]).json()["parcels"]
    assert {piece["code"] for piece in listed} == {"A", "B"}
    assert rows[("bank_entries", "school")]["card"] == "green"
    assert rows[("banked", None)]["actual"] == "3.00000000"
    assert rows[("banked", None)]["card"] == "red"
    assert rows[("new_homes", None)]["actual"] is None
    assert rows[("new_homes", None)]["card"] is None

    text = client.get("/progress", params={"year": 2026, "f": "csv"}).content.decode("utf-8-sig")
    assert len(list(csv.DictReader(io.StringIO(text)))) == 4
    before = client.get("/progress", params={"year": 2027, "as_of": "2026-06-30"}).json()
    assert before["rows"] == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"measure": "direct_supply"}, "target_measure_unknown"),
        ({"category": "palace"}, "category_not_known"),
        ({"sub_district": "Q"}, "sub_district_not_known"),
        ({"document": 99}, "document_unknown"),
    ],
)
def test_targets_of_unknown_things_are_refused(client: TestClient, change: dict[str, object], code: str) -> None:
    problem(client.post("/targets", json=TARGET | change), 422, code)
    assert client.get("/targets").json()["targets"] == []


def test_writing_needs_an_editor(client: TestClient, keys: Any) -> None:
    client.headers["X-API-Key"] = keys.viewer
    assert client.get("/hectares").status_code == 200
    assert client.post("/targets", json=TARGET).status_code == 403
    assert client.post("/events", json={}).status_code == 403
    assert client.post("/documents", files=form(CONFIRMED)).status_code == 403
