"""The district's tasks for 2026, and the events after a parcel's first: bodies of POST /targets and /events."""

from district import Plot

YEAR = 2026
PLAN = {
    "type": "approval",
    "number": "澜更新整备办〔2026〕3号",
    "date": "2026-03-20",
    "issuer": "澜屏区更新整备领导小组办公室",
}


def target(
    programme: str,
    measure: str,
    value: str,
    category: str | None = None,
    *,
    kind: str = "city",
    status: str = "issued",
    unit: str = "ha",
) -> dict[str, object]:
    """One body; an issued one names the notice that set it."""
    body: dict[str, object] = {
        "programme": programme,
        "measure": measure,
        "year": YEAR,
        "kind": kind,
        "status": status,
        "comparator": ">=",
        "value": value,
        "unit": unit,
    }
    if category:
        body["category"] = category
    if status == "issued":
        body["document"] = PLAN
    return body


def targets() -> list[dict[str, object]]:
    """First what was to be expected in January, then what was issued in March, then the district's own stretch."""
    return [
        target("consolidation", "bank_entries", "320", status="provisional"),
        target("consolidation", "bank_entries", "85", "industrial", status="provisional"),
        target("renewal", "supply_total", "70", status="provisional"),
        target("renewal", "housing_starts", "95", status="provisional", unit="10k_m2"),
        target("renewal", "supply_total", "75"),
        target("renewal", "supplied", "50"),
        target("renewal", "supplied", "42", "residential_potential"),
        target("renewal", "handed_over", "20", "public_facility"),
        target("consolidation", "bank_entries", "300"),
        target("consolidation", "bank_entries", "110", "industrial"),
        target("consolidation", "bank_entries", "60", "residential_potential"),
        target("consolidation", "bank_entries", "50", "public_facility"),
        target("consolidation", "bank_entries", "125", "industrial", kind="district_stretch"),
        target("consolidation", "bank_entries", "70", "residential_potential", kind="district_stretch"),
        target("renewal", "planned_housing_units", "2600", unit="units"),
        target("renewal", "facility_projects", "12", "public_facility", unit="count"),
        target("renewal", "facility_projects", "8", "school", unit="count"),
        target("renewal", "facility_projects", "1", "hospital", unit="count"),
        target("renewal", "facility_projects", "2", "elderly_care", unit="count"),
        target("consolidation", "facility_projects", "9", "public_facility", unit="count"),
    ]


def events(plots: list[Plot]) -> list[dict[str, object]]:
    """Two banked parcels are granted, and one of them leaves the bank."""
    banked = [
        plot.code for plot in plots if plot.event == "入库" and plot.effective and plot.effective.year == YEAR - 1
    ]
    made: list[dict[str, object]] = []
    for number, code in enumerate(banked[:2], 1):
        document = {
            "type": "grant_contract",
            "number": f"澜储让〔2026〕{number}号",
            "date": f"2026-0{number + 5}-16",
            "issuer": "澜屏区规划和自然资源局",
        }
        made.append({"type": "supply", "parcel": code, "kind": "grant", "document": document})
    document = {
        "type": "approval",
        "number": "澜储出〔2026〕1号",
        "date": "2026-06-30",
        "issuer": "澜屏区城市更新和土地整备局",
    }
    made.append({"type": "bank_exit", "parcel": banked[0], "document": document, "reason": "已出让，移出储备台账"})
    return made
