"""``landbank hectares``, ``targets`` and ``event``: the same services as over HTTP."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from sqlalchemy.orm import Session

from app.console import (
    Command,
    CsvFlag,
    JsonFlag,
    XlsxFile,
    checked,
    command,
    print_csv,
    print_json,
    print_table,
    write_xlsx,
)
from app.errors import BadRequest
from app.landbank import schemas, service, workbooks
from app.landbank.events.schemas import EventIn, event_document
from app.landbank.hectares.labels import MEASURE_NAMES
from app.landbank.hectares.query import HectaresParams, moment
from app.landbank.targets.schemas import TargetIn, target_document

targets_app = typer.Typer(no_args_is_help=True, help="Targets: list, add, load.")
event_app = typer.Typer(no_args_is_help=True, help="Land events: add.")
_NUMERIC = frozenset({"公顷 ha", "重叠 overlap m²", "地块 parcels", "mu", "m2", "printed"})


def hectares(
    measure: str = "banked",
    by: Annotated[str, typer.Option(help="Rows by: category, sub_district, programme, year, …")] = "category",
    as_of: Annotated[str | None, typer.Option(help="yyyy-mm-dd; today by default")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="First day of a flow")] = None,
    to: Annotated[str | None, typer.Option(help="Last day of a flow")] = None,
    known_at: str | None = None,
    programme: str | None = None,
    category: str | None = None,
    subcategory: str | None = None,
    sub_district: str | None = None,
    community: str | None = None,
    project: str | None = None,
    layer: str | None = None,
    within: str | None = None,
    bbox: Annotated[str | None, typer.Option(help="west,south,east,north in degrees")] = None,
    within_file: Annotated[
        Path | None, typer.Option(help="A GeoJSON file; parcels are clipped to its polygons")
    ] = None,
    crs: Annotated[str | None, typer.Option(help="EPSG:n of that file; OGC:CRS84 by default")] = None,
    shape: Annotated[str | None, typer.Option(help="The name of a shape posted before")] = None,
    feature: Annotated[str | None, typer.Option(help="One feature of the shape, by its id or index")] = None,
    zones: Annotated[str | None, typer.Option(help="The zones that --by zone tells apart, by their name")] = None,
    zone: Annotated[str | None, typer.Option(help="One zone of --zones, by its code; none: outside them all")] = None,
    filter_: Annotated[str | None, typer.Option("--filter", help="CQL2, such as role = 'handover'")] = None,
    boundaries: str = "then",
    basis: str | None = None,
    unit: str = "ha",
    rounding: Annotated[str, typer.Option("--round", help="none, half_up or balanced")] = "none",
    as_json: JsonFlag = False,
    as_csv: CsvFlag = False,
    as_xlsx: XlsxFile = None,
) -> None:
    """Hectares in the land bank, by category and place."""
    params = HectaresParams(
        measure=measure, by=by or None, as_of=as_of, from_=from_, to=to, known_at=known_at, programme=programme,
        category=category, subcategory=subcategory, sub_district=sub_district, community=community, project=project,
        layer=layer, within=within, bbox=bbox, shape=shape, feature=feature, zones=zones, zone=zone, filter_=filter_,
        boundaries=boundaries, basis=basis, unit=unit, round=rounding,
    )  # fmt: skip
    with command() as run, run.session() as session:
        table = service.hectares(session, run.settings, _asked(run, session, params, within_file, crs))
    if as_json:
        print_json(schemas.hectares_document(table))
    elif as_csv:
        print_csv(*schemas.hectares_cells(table))
    elif as_xlsx is not None:
        write_xlsx(as_xlsx, workbooks.hectares_sheets(table))
    else:
        print_hectares(table)


def _asked(
    run: Command, session: Session, params: HectaresParams, within_file: Path | None, crs: str | None
) -> service.HectaresQuery:
    """The question of the options, within a file's outline where one is named."""
    if within_file is None:
        return service.resolve(session, run.settings, params)
    return service.resolve_within(session, run.settings, params, _within(within_file, crs))


def _within(file: Path, crs: str | None) -> service.WithinIn:
    """A GeoJSON file as what would be posted."""
    try:
        document = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise BadRequest("shape_file_unreadable", parameter="within_file", file=file.name) from error
    return checked(service.WithinIn, {"within": document, "crs": crs})


def print_hectares(table: service.HectaresTable) -> None:
    """The answer as a readable table: Chinese and English names, hectares, the total last."""
    query = table.query
    days = f"{query.as_of}" if query.is_stock else f"{query.first_day} – {query.last_day}"
    extra = ([query.unit] if query.unit != "ha" else []) + (["printed"] if query.rounding != "none" else [])
    columns = ["", "", "公顷 ha", "重叠 overlap m²", *extra, "地块 parcels"]
    rows = []
    for row in (*table.rows, table.total):
        figures = [schemas.plain(row.hectares, 8), schemas.plain(row.overlap_square_metres, 4)]
        if query.unit != "ha":
            figures.append(schemas.plain(row.value))
        if row.printed is not None:
            figures.append(schemas.plain(row.printed))
        rows.append([row.label.zh, row.label.en, *(figure or "" for figure in figures), str(row.parcels)])
    title = f"{MEASURE_NAMES[query.measure].zh} {query.measure} · {days} · {table.basis}"
    print_table(title, columns, rows, _NUMERIC)
    if query.rounding != "none":
        typer.echo(f"取整余数 residual {schemas.plain(table.residual, 2)}")


@targets_app.command("list")
def list_targets(
    year: int | None = None,
    programme: str | None = None,
    known_at: str | None = None,
    history: Annotated[bool, typer.Option("--history", help="Every version, the newest first.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """The targets as now known, or as known at a moment."""
    with command() as run, run.session() as session:
        known = service.resolve_known_at(session, known_at)
        found = [
            target_document(row, known)
            for row in service.targets(session, known, year=year, programme=programme, history=history)
        ]
    if as_json:
        print_json({"known_at": moment(known), "targets": found})
        return
    columns = ["year", "programme", "measure", "category", "sub_district", "kind", "status", "comparator", "value"]
    columns += ["unit", "version"]
    rows = [[str(target[name] if target[name] is not None else "") for name in columns] for target in found]
    print_table("任务 targets", columns, rows, frozenset({"value", "version"}))


@targets_app.command("add")
def add_target(
    programme: Annotated[str, typer.Option()],
    measure: Annotated[str, typer.Option()],
    year: Annotated[int, typer.Option()],
    value: Annotated[str, typer.Option()],
    status: Annotated[str, typer.Option()],
    category: str | None = None,
    sub_district: str | None = None,
    kind: str = "city",
    comparator: str = ">=",
    unit: str = "ha",
    document: int | None = None,
    as_json: JsonFlag = False,
) -> None:
    """Set a target, or its next version."""
    given = {
        "programme": programme, "measure": measure, "year": year, "value": value, "status": status,
        "category": category, "sub_district": sub_district, "kind": kind, "comparator": comparator, "unit": unit,
        "document": document,
    }  # fmt: skip
    with command() as run, run.session() as session:
        made = target_document(service.add_target(session, run.actor, checked(TargetIn, given)))
    _told(made, f"{made['id']} · version {made['version']}", as_json=as_json)


@targets_app.command("load")
def load_targets(file: Path, as_json: JsonFlag = False) -> None:
    """Set every target of a JSON list, all or none."""
    asked = [checked(TargetIn, given) for given in _json_list(file)]
    with command() as run, run.session() as session:
        made = [target_document(row) for row in service.add_targets(session, run.actor, asked)]
    _told({"targets": made}, str(len(made)), as_json=as_json)


@event_app.command("add")
def add_event(
    type_: Annotated[str, typer.Option("--type", help="bank_entry, bank_exit, supply, handover or reversal")],
    document: Annotated[int, typer.Option(help="The id of the evidence document")],
    parcel: str | None = None,
    effective_date: str | None = None,
    kind: str | None = None,
    reverses: int | None = None,
    reason: str | None = None,
    as_json: JsonFlag = False,
) -> None:
    """Append an event to the ledger."""
    given = {
        "type": type_, "document": document, "parcel": parcel, "effective_date": effective_date, "kind": kind,
        "reverses": reverses, "reason": reason,
    }  # fmt: skip
    with command() as run:
        record_events(run, [checked(EventIn, given)], as_json=as_json)


@event_app.command("load")
def load_events(file: Path, as_json: JsonFlag = False) -> None:
    """Append every event of a JSON list, in its order, all or none."""
    asked = [checked(EventIn, given) for given in _json_list(file)]
    with command() as run:
        record_events(run, asked, as_json=as_json)


def record_events(run: Command, asked: Sequence[EventIn], *, as_json: bool = False) -> None:
    """Append events in their order, all or none, and say what is worth knowing about each."""
    with run.session() as session:
        recorded = [service.record_event(session, run.actor, event) for event in asked]
    made = [event_document(one.row, one.remarks) for one in recorded]
    if as_json:
        print_json(made[0] if len(made) == 1 else {"events": made})
        return
    rows = [
        [
            str(one["id"]),
            one["type"],
            one["parcel"],
            str(one["effective_date"]),
            "；".join(remark["message"]["zh"] for remark in one["findings"]),
        ]
        for one in made
    ]
    print_table("台账事项 events", ["id", "type", "parcel", "date", "notes"], rows)


def _json_list(file: Path) -> list[Any]:
    try:
        found = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise BadRequest("list_file_unreadable", parameter="file", file=file.name) from error
    if not isinstance(found, list):
        raise BadRequest("list_file_unreadable", parameter="file", file=file.name)
    return found


def _told(document: Any, text: str, *, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        typer.echo(f"ok {text}")
