"""Events and targets from CSV and workbooks: years of history, and everything that is wrong with it by row number."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.db import unit_of_work
from app.landbank.hectares.query import HectaresParams, resolve, resolve_known_at
from app.landbank.hectares.service import hectares
from app.landbank.models import LandEvent, Target
from app.landbank.targets.service import targets
from app.reference import service as reference
from app.uploads import service
from app.uploads.models import Upload
from app.uploads.options import UploadOptions
from app.uploads.schemas import finding_document
from tests.uploads.conftest import ACTOR, Desk, Row, square

HEAD = "地块编号,事项,生效日期,文件类型,文号,文件日期,供应方式,用地类别"
HISTORY = f"""{HEAD}
A,入库,,移交确认书,移1号,2022-03-01,,产业用地
A,出库,,批复,批1号,2023/3/1,,
A,入库,,移交确认书,移2号,2024年3月1日,,
A,供应,2024-06-02,出让合同,让1号,20240601,协议出让,
B,入库,,移交确认书,移1号,2022-03-01,,
"""
TARGETS = """计划,指标,用地类别,年度,任务来源,状态,比较,任务,单位,文号,文件日期
土地整备,入库,,2026,市下达,下达,不少于,"1,300",公顷,整备〔2026〕3号,2026/3/20
土地整备,入库,产业用地,2026年,市,下达,≥,110.5,公顷,整备〔2026〕3号,2026/3/20
城市更新,规划配建,,2026,,拟下达,,2600,套,,
"""


@pytest.fixture
def stocked(desk: Desk) -> Desk:
    made = desk.upload([Row("A", square(0, 0)), Row("B", square(2, 0)), Row("C", square(2.5, 0), "school")])
    assert made.state == "committed"
    return desk


def send(desk: Desk, content: bytes | str | Path, collection: str = "events", **options: Any) -> Upload:
    path = content if isinstance(content, Path) else desk.folder / "list.csv"
    if not isinstance(content, Path):
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    chosen = {"collection": collection, "commit": "auto"} | options
    with unit_of_work(desk.engine) as session:
        return service.run_upload(session, desk.settings, ACTOR, [(path.name, path)], UploadOptions(**chosen))


def told(desk: Desk, upload: Upload) -> list[tuple[str, int | None]]:
    return [(one.code, one.row) for one in desk.findings(upload) if one.severity == "refuse"]


def banked(desk: Desk, day: str) -> Decimal:
    with Session(desk.engine) as session:
        query = resolve(session, desk.settings, HectaresParams(as_of=day))
        return round(hectares(session, desk.settings, query).total.hectares, 4)


def book(path: Path, rows: Sequence[Sequence[object]], title: str = "台账", more: dict[str, Any] | None = None) -> Path:
    made = openpyxl.Workbook()
    sheet = made.active
    sheet.title = title
    for row in rows:
        sheet.append(list(row))
    for name, others in (more or {}).items():
        other = made.create_sheet(name)
        for row in others:
            other.append(row)
    made.save(path)
    return path


def test_years_of_history_of_one_parcel(stocked: Desk) -> None:
    made = send(stocked, HISTORY)
    assert made.state == "committed"
    assert {name: made.counts[name] for name in ("read", "new", "unchanged", "refused")} == {
        "read": 5,
        "new": 5,
        "unchanged": 0,
        "refused": 0,
    }
    assert [banked(stocked, day) for day in ("2022-02-28", "2022-03-01", "2023-03-01", "2024-03-01")] == [0, 2, 1, 2]
    with Session(stocked.engine) as session:
        rows = session.scalars(select(LandEvent).where(LandEvent.upload_id == made.id).order_by(LandEvent.id)).all()
    assert [(row.type, row.upload_row) for row in rows] == [
        ("bank_entry", 2),
        ("bank_exit", 3),
        ("bank_entry", 4),
        ("supply", 5),
        ("bank_entry", 6),
    ]
    assert rows[3].kind == "grant"
    assert rows[3].effective_date == date(2024, 6, 2)


def test_the_same_again_changes_nothing_and_more_adds_only_the_rest(stocked: Desk) -> None:
    send(stocked, HISTORY)
    again = send(stocked, HISTORY.encode("gbk"))
    assert (again.state, again.counts["unchanged"], again.encoding) == ("committed", 5, "GB18030")
    more = send(stocked, HISTORY + "B,出库,,批复,批2号,2025-01-01,,\n")
    assert (more.counts["new"], more.counts["unchanged"]) == (1, 5)


def test_an_undo_reverses_and_a_later_event_stands_in_its_way(stocked: Desk) -> None:
    first = send(stocked, f"{HEAD}\nA,入库,,移交确认书,移1号,2022-03-01,,\n")
    later = send(stocked, f"{HEAD}\nA,出库,,批复,批1号,2023-03-01,,\n")
    with pytest.raises(Exception, match="upload_built_upon"):
        stocked.undo(first.id)
    assert stocked.undo(later.id).state == "undone"
    assert stocked.undo(first.id).state == "undone"
    assert banked(stocked, "2022-06-01") == 0
    assert stocked.scalar(select(func.count()).select_from(LandEvent)) == 4


def test_every_wrong_row_is_told_by_its_number(stocked: Desk) -> None:
    wrong = f"""{HEAD}
Z,入库,,移交确认书,移1号,2022-03-01,,
A,入库,,移交确认书,,2022-03-01,,
A,偷走,,移交确认书,移1号,2022-03-01,,
A,入库,,移交确认书,移1号,2022-13-01,,
,入库,,移交确认书,移1号,2022-03-01,,
A,,,移交确认书,移1号,2022-03-01,,
A,入库,,移交确认书,移3号,2022-03-01,,学校用地
A,入库,,移交确认书,移3号,2022-03-01,,宫殿
B,入库,,移交确认书,移3号,2022-03-01,,
B,入库,,移交确认书,移3号,2022-03-01,,
合计,9,,,,,,
"""
    made = send(stocked, wrong)
    assert made.state == "refused"
    assert made.counts["read"] == made.counts["refused"] == 10
    rows = [(code, row) for code, row in told(stocked, made) if code != "event_parcel_unknown"]
    assert ("document_missing", 3) in rows
    assert ("value_unknown", 4) in rows
    assert {("date_invalid", 5), ("blank_code", 6), ("event_missing", 7), ("unknown_category", 9)} <= set(rows)
    assert ("row_repeated", 11) in rows
    assert "row_is_total" in stocked.codes(made)
    good = send(stocked, wrong, rows="good")
    assert (good.state, good.counts["new"], good.counts["refused"]) == ("committed", 1, 9)
    assert {("event_parcel_unknown", 2), ("event_category_differs", 8)} <= set(told(stocked, good))
    assert banked(stocked, "2022-03-01") == 1


def test_the_ledger_refuses_what_it_would_refuse_by_hand(stocked: Desk) -> None:
    twice = send(stocked, f"{HEAD}\nA,入库,,移交确认书,移1号,2022-03-01,,\nA,入库,,移交确认书,移2号,2023-03-01,,\n")
    assert (twice.state, told(stocked, twice)) == ("refused", [("already_banked", 3)])
    overlap = send(stocked, f"{HEAD}\nB,入库,,移交确认书,移1号,2022-03-01,,\nC,入库,,移交确认书,移2号,2022-04-01,,\n")
    assert (overlap.state, told(stocked, overlap)) == ("refused", [("overlap_banked", 3)])
    uncounted = send(stocked, f"{HEAD}\nA,入库,,测绘报告,测1号,2022-03-01,,\n")
    assert uncounted.state == "committed"
    assert "document_type_not_counted" in stocked.codes(uncounted)
    assert banked(stocked, "2026-12-31") == 0


def test_a_dry_run_and_a_file_that_waits_store_nothing(stocked: Desk) -> None:
    dry = send(stocked, HISTORY, dry_run=True)
    assert (dry.state, dry.counts["new"]) == ("checked", 5)
    waits = send(stocked, HISTORY, commit="ask")
    assert (waits.state, waits.counts["new"]) == ("checked", 5)
    assert banked(stocked, "2022-06-01") == 0
    assert stocked.act(waits.id, service.commit).state == "committed"
    assert banked(stocked, "2022-06-01") == 2


def test_a_workbook_with_titles_dates_and_sheets(stocked: Desk) -> None:
    head = ["地块编号", "事项", "文件类型", "文号", "文件日期"]
    rows: list[Sequence[object]] = [
        ["2022 年台账"],
        [],
        head,
        ["A", "入库", "移交确认书", 12, date(2022, 3, 1)],
        ["B", "入库", "移交确认书", 12, "2022年3月1日"],
        ["合计", None, None, 2],
    ]
    made = send(stocked, book(stocked.folder / "a.xlsx", rows, more={"说明": [["填表说明"]]}))
    assert (made.state, made.counts["new"], made.layer) == ("committed", 2, "台账")
    with Session(stocked.engine) as session:
        assert list(session.scalars(select(LandEvent.upload_row).order_by(LandEvent.id))) == [4, 5]
    two = book(stocked.folder / "b.xlsx", rows, more={"另一": [head, ["C", "出库", "批复", "1", "2022-01-01"]]})
    assert told(stocked, send(stocked, two)) == [("layer_not_chosen", None)]
    assert told(stocked, send(stocked, two, layer="第三")) == [("layer_unknown", None)]
    assert told(stocked, send(stocked, two, layer="另一")) == [("exit_without_entry", 2)]


def test_a_formula_is_not_evaluated(stocked: Desk) -> None:
    rows: list[Sequence[object]] = [
        ["code", "event", "document type", "document no", "document date", "备注"],
        ["A", "bank_entry", "handover_confirmation", "1", "=DATE(2022,3,1)", None],
        ["B", "bank_entry", "handover_confirmation", "1", "2022-03-01", "=1+1"],
    ]
    path = book(stocked.folder / "a.xlsx", rows)
    made = send(stocked, path, mapping={"fields": {"document_type": "document type"}})
    assert (made.state, told(stocked, made)) == ("refused", [("cell_is_formula", 2)])
    good = send(stocked, path, mapping={"fields": {"document_type": "document type"}}, rows="good")
    assert (good.state, good.counts["new"]) == ("committed", 1)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\n\n", "table_empty"),
        (b"code,event\n", "table_empty"),
        (b"name,colour\nA,red\n", "field_missing"),
        (b"PK\x03\x04 no zip", "workbook_unreadable"),
    ],
)
def test_what_is_no_table_is_refused_as_a_file(desk: Desk, content: bytes, code: str) -> None:
    made = send(desk, content)
    assert made.state == "refused"
    assert code in {one[0] for one in told(desk, made)}
    assert made.counts["new"] == 0


def test_targets_come_in_by_csv_and_as_next_versions(desk: Desk) -> None:
    made = send(desk, TARGETS, "targets")
    assert (made.state, made.counts["new"]) == ("committed", 3)
    with Session(desk.engine) as session:
        rows = targets(session, resolve_known_at(session, None))
    found = {(row.target.measure, row.target.category): row.target for row in rows}
    whole, industry = found["bank_entries", None], found["bank_entries", "industrial"]
    assert (whole.value, whole.status, whole.kind, whole.comparator, whole.unit) == (
        Decimal(1300),
        "issued",
        "city",
        ">=",
        "ha",
    )
    assert (industry.value, industry.upload_id, industry.upload_row) == (Decimal("110.5"), made.id, 3)
    units = found["planned_housing_units", None]
    assert (units.value, units.unit, units.status, units.document_id) == (Decimal(2600), "units", "provisional", None)
    again = send(desk, TARGETS, "targets")
    assert (again.state, again.counts["unchanged"]) == ("committed", 3)
    changed = send(
        desk, TARGETS.replace("110.5", "120").replace("产业用地,2026年,市,下达", "产业用地,2026年,市,调整"), "targets"
    )
    assert (changed.counts["changed"], changed.counts["unchanged"]) == (1, 2)
    assert desk.undo(changed.id).state == "undone"
    with Session(desk.engine) as session:
        [now] = session.scalars(
            select(Target).where(Target.category == "industrial", Target.recorded_to.is_(None))
        ).all()
    assert (now.value, now.version, now.status) == (Decimal("110.5"), 3, "issued")


def test_targets_that_do_not_fit_are_told_by_row(desk: Desk) -> None:
    above = TARGETS.replace('"1,300"', "100")
    made = send(desk, above, "targets")
    assert (made.state, told(desk, made)) == ("refused", [("target_above_whole", 3)])
    good = send(desk, above, "targets", rows="good")
    assert (good.state, good.counts["new"]) == ("committed", 2)
    wrong = """programme,measure,category,year,status,value,unit,文号,sub_district
consolidation,bank_entries,,1026,issued,1,ha,,
consolidation,bank_entries,,2026,issued,-1,ha,,
consolidation,bank_entries,,2026,maybe,1,ha,,
consolidation,bank_entries,palace,2026,issued,1,ha,,
consolidation,direct,,2026,issued,1,ha,,
consolidation,bank_entries,,2026,issued,1,count,,
consolidation,bank_entries,,2026,issued,1,ha,5号,
consolidation,入啥,,2026,issued,1,个,,
consolidation,bank_entries,,2027,issued,1,ha,,Q
consolidation,bank_entries,,2028,issued,1,ha,,
consolidation,bank_entries,,2028,issued,2,ha,,
"""
    bad = send(desk, wrong, "targets", rows="good")
    found = set(told(desk, bad))
    assert {("value_unknown", 2), ("value_unknown", 3), ("value_unknown", 4), ("unknown_category", 5)} <= found
    assert {("target_measure_unknown", 6), ("target_unit_wrong", 7), ("target_document_incomplete", 8)} <= found
    [finding] = [finding_document(one) for one in desk.findings(bad) if one.code == "target_invalid"]
    assert finding["message"]["zh"].endswith("无效：含有不允许的字符。")
    assert finding["message"]["en"].endswith("is not valid: it has characters that are not allowed.")
    assert {("target_invalid", 9), ("sub_district_not_known", 10), ("row_repeated", 12)} <= found
    assert (bad.state, bad.counts["new"], bad.counts["refused"]) == ("committed", 1, 10)


def test_an_undo_of_targets_replaced_since_is_refused(desk: Desk) -> None:
    first = send(desk, TARGETS, "targets")
    send(desk, TARGETS.replace("2600", "2700"), "targets")
    with pytest.raises(Exception, match="upload_built_upon"):
        desk.undo(first.id)


def test_over_http(client: TestClient, desk: Desk) -> None:
    with unit_of_work(desk.engine) as session:
        assert reference.catalogue(session).categories
    files = {"file": ("任务.csv", TARGETS.encode("gb18030"))}
    made = client.post("/uploads", files=files, data={"collection": "targets"})
    assert made.status_code == 201, made.text
    body = made.json()
    assert (body["state"], body["counts"]["new"], body["encoding"]) == ("checked", 3, "GB18030")
    assert client.post(f"/uploads/{body['id']}/commit").json()["state"] == "committed"
    listed = client.get("/targets").json()["targets"]
    assert {row["upload_id"] for row in listed} == {body["id"]}
