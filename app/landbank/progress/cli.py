"""``landbank progress``, ``projects``, ``stage-weights`` and ``card-rules``."""

from typing import Annotated

import typer

from app.console import CsvFlag, JsonFlag, XlsxFile, checked, command, print_csv, print_json, print_table, write_xlsx
from app.landbank import workbooks
from app.landbank.hectares.query import PROGRAMMES, day, moment, one_of, resolve_known_at
from app.landbank.progress import rules, schemas, service
from app.landbank.schemas import plain
from app.landbank.scope import schemas as scope_schemas
from app.landbank.scope import service as scope

weights_app = typer.Typer(no_args_is_help=True, help="Stage weights, by which the pipeline is forecast: list, set.")
cards_app = typer.Typer(no_args_is_help=True, help="The rule of green, yellow and red cards: list, set.")
_CARDS = {"green": "绿 green", "yellow": "黄 yellow", "red": "红 red"}
_NUMERIC = frozenset({"target", "actual", "rate %", "expected", "gap", "forecast", "low", "mid", "high"})


def progress(
    year: Annotated[int | None, typer.Option(min=1900, max=2100)] = None,
    as_of: str | None = None,
    known_at: str | None = None,
    named: Annotated[str | None, typer.Option(help="Categories that the report names; the rest is its 其他")] = None,
    as_json: JsonFlag = False,
    as_csv: CsvFlag = False,
    as_xlsx: XlsxFile = None,
) -> None:
    """Hectares against the year's targets."""
    with command() as run, run.session() as session:
        on = day("as_of", as_of) or run.settings.today()
        known = resolve_known_at(session, known_at)
        found = service.progress(session, run.settings, year or on.year, on, known, service.named_of(named))
    if as_json:
        print_json(schemas.progress_document(found))
    elif as_csv:
        print_csv(schemas.PROGRESS_COLUMNS, schemas.progress_cells(found.rows))
    elif as_xlsx is not None:
        write_xlsx(as_xlsx, workbooks.progress_sheets(found))
    else:
        print_progress(found)


def print_progress(found: service.Progress) -> None:
    """The year's targets as a readable table."""
    columns = ["programme", "measure", "category", "kind", "status", "target", "actual", "rate %", "expected", "gap"]
    rows = []
    for row in found.rows:
        target = row.target
        where = " · ".join(part for part in (target.category, target.sub_district) if part)
        goal = f"{target.comparator} {plain(target.value)} {target.unit}"
        figures = [plain(row.actual, 4), plain(row.rate, 2), plain(row.expected, 2)]
        figures += [plain(row.gap, 2), None if row.forecast is None else plain(row.forecast.mid, 2)]
        names = [target.programme, target.measure, where, target.kind, target.status]
        rows.append([*names, goal, *(figure or "–" for figure in figures), _CARDS.get(row.card or "", "–")])
    title = f"{found.year} 年任务进度 progress · {found.as_of}"
    print_table(title, [*columns, "forecast", "card"], rows, _NUMERIC)


def projects(
    by: Annotated[str, typer.Option(help="programme, batch, stage, key, category, project")] = "programme",
    programme: str | None = None,
    batch: str | None = None,
    stage: str | None = None,
    key: Annotated[bool | None, typer.Option("--key/--no-key", help="Key projects only, or the others")] = None,
    category: str | None = None,
    project: str | None = None,
    known_at: str | None = None,
    as_json: JsonFlag = False,
    as_csv: CsvFlag = False,
) -> None:
    """How many projects there are, and the hectares of their scope by boundary role."""
    with command() as run, run.session() as session:
        query = scope.ScopeQuery(
            known_at=resolve_known_at(session, known_at),
            by=scope.dimensions(by or None),
            programme=None if programme is None else one_of("programme", programme, PROGRAMMES),
            batch=batch, stage=stage, key=key, category=category, project=project,
        )  # fmt: skip
        rows, total = scope.scope(session, query)
    columns, cells = scope_schemas.scope_cells(query, rows, total)
    if as_json:
        print_json(scope_schemas.scope_document(query, rows, total))
    elif as_csv:
        print_csv(columns, cells)
    else:
        texts = [["–" if cell is None else str(cell) for cell in row] for row in cells]
        print_table("项目 projects", columns, texts, frozenset(columns[len(query.by) :]))


@weights_app.command("list")
def list_weights(known_at: str | None = None, as_json: JsonFlag = False) -> None:
    """The stages with their weights."""
    with command() as run, run.session() as session:
        known = resolve_known_at(session, known_at)
        document = rules.weights_document(rules.stage_weights(session, known), known)
    if as_json:
        print_json(document)
        return
    columns = ["programme", "stage", "low", "mid", "high", "version"]
    rows = [[str(row[name]) for name in columns] for row in document["stage_weights"]]
    print_table("阶段权重 stage weights", columns, rows, _NUMERIC)


@weights_app.command("set")
def set_weight(
    programme: Annotated[str, typer.Option()],
    stage: Annotated[str, typer.Option()],
    low: Annotated[str, typer.Option()],
    mid: Annotated[str, typer.Option()],
    high: Annotated[str, typer.Option()],
    as_json: JsonFlag = False,
) -> None:
    """Set a stage's weight: shares between 0 and 1 of its land expected to count by the year's end."""
    given = {"programme": programme, "stage": stage, "low": low, "mid": mid, "high": high}
    with command() as run, run.session() as session:
        made = rules.set_stage_weight(session, run.actor, checked(rules.StageWeightIn, given))
        document = rules.stage_weight_document(made)
    print_json(document) if as_json else typer.echo(f"ok {stage} · version {document['version']}")


@cards_app.command("list")
def list_cards(known_at: str | None = None, as_json: JsonFlag = False) -> None:
    """The rule in force."""
    with command() as run, run.session() as session:
        known = resolve_known_at(session, known_at)
        document = rules.card_rule_document(rules.card_rule(session, known))
    if as_json:
        print_json({"known_at": moment(known), "card_rule": document})
        return
    print_table("亮牌规则 card rule", list(document), [[str(value) for value in document.values()]])


@cards_app.command("set")
def set_cards(
    green_from: Annotated[str, typer.Option()],
    yellow_from: Annotated[str, typer.Option()],
    exact_green_to: str = "1.00",
    exact_yellow_to: str = "1.05",
    as_json: JsonFlag = False,
) -> None:
    """Set the rule: shares of what the calendar expects by now; exact targets: of the target itself."""
    given = {
        "green_from": green_from, "yellow_from": yellow_from, "exact_green_to": exact_green_to,
        "exact_yellow_to": exact_yellow_to,
    }  # fmt: skip
    with command() as run, run.session() as session:
        made = rules.set_card_rule(session, run.actor, checked(rules.CardRuleIn, given))
        document = rules.card_rule_document(made)
    print_json(document) if as_json else typer.echo(f"ok {document['name']}")
