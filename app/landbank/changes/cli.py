"""``landbank changes``: the same service as over HTTP."""

from typing import Annotated

import typer

from app.console import CsvFlag, JsonFlag, command, print_csv, print_json, print_table
from app.landbank.changes.causes import CAUSES
from app.landbank.changes.schemas import changes_cells, changes_document
from app.landbank.changes.service import Explanation, explain
from app.landbank.hectares.labels import MEASURE_NAMES
from app.landbank.hectares.query import HectaresParams, moment, resolve, resolve_known_at
from app.landbank.schemas import plain

_NUMERIC = frozenset({"before m²", "after m²", "difference m²"})


def changes(
    from_known: Annotated[str, typer.Option(help="The earlier answer: as known at this moment (RFC 3339)")],
    to_known: Annotated[str | None, typer.Option(help="The later answer; the newest by default")] = None,
    measure: str = "banked",
    by: Annotated[str, typer.Option(help="Rows by: category, sub_district, programme, year, …")] = "category",
    as_of: Annotated[str | None, typer.Option(help="yyyy-mm-dd; today by default")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="First day of a flow")] = None,
    to: Annotated[str | None, typer.Option(help="Last day of a flow")] = None,
    programme: str | None = None,
    category: str | None = None,
    subcategory: str | None = None,
    sub_district: str | None = None,
    community: str | None = None,
    project: str | None = None,
    layer: str | None = None,
    within: str | None = None,
    bbox: Annotated[str | None, typer.Option(help="west,south,east,north in degrees")] = None,
    filter_: Annotated[str | None, typer.Option("--filter", help="CQL2, such as role = 'handover'")] = None,
    boundaries: str = "then",
    basis: str | None = None,
    as_json: JsonFlag = False,
    as_csv: CsvFlag = False,
) -> None:
    """Why hectares known at one moment differ from those known at another, event by event."""
    params = HectaresParams(
        measure=measure, by=by or None, as_of=as_of, from_=from_, to=to, programme=programme, category=category,
        subcategory=subcategory, sub_district=sub_district, community=community, project=project, layer=layer,
        within=within, bbox=bbox, filter_=filter_, boundaries=boundaries, basis=basis,
    )  # fmt: skip
    with command() as run, run.session() as session:
        known = resolve_known_at(session, to_known, "to_known")
        earlier = resolve_known_at(session, from_known, "from_known")
        query = resolve(session, run.settings, params).narrowed(known_at=known)
        found = explain(session, run.settings, query, earlier)
    if as_json:
        print_json(changes_document(found))
    elif as_csv:
        print_csv(*changes_cells(found))
    else:
        print_changes(found)


def print_changes(found: Explanation) -> None:
    """The changes as a readable table, with the two totals."""
    rows = []
    for change in found.changes:
        document = "" if change.event is None else f"{change.event.document_number} {change.event.document_date}"
        sizes = [plain(size, 4) or "" for size in (change.before, change.after, change.difference)]
        where = " · ".join(code or "–" for code in change.row.codes)
        rows.append([CAUSES[change.cause].zh, change.cause, change.parcel, where, document, *sizes])
    total = [plain(table.total.square_metres, 4) or "" for table in (found.before, found.after)]
    difference = plain(found.after.total.square_metres - found.before.total.square_metres, 4) or ""
    rows.append(["合计", "total", "", "", "", *total, difference])
    query = found.after.query
    moments = f"{moment(found.before.query.known_at)} → {moment(query.known_at)}"
    title = f"{MEASURE_NAMES[query.measure].zh} {query.measure} · {query.as_of} · {moments}"
    print_table(
        title, ["", "cause", "parcel", "row", "document", "before m²", "after m²", "difference m²"], rows, _NUMERIC
    )
