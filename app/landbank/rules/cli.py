"""``landbank rules``: the same services as over HTTP."""

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from app.console import JsonFlag, checked, command, out, print_json, print_table
from app.errors import BadRequest, NotFound
from app.landbank import service
from app.landbank.hectares.query import moment
from app.landbank.models import RecognitionRule as Rule
from app.landbank.rules.schemas import RuleIn, rules_document
from app.landbank.rules.trial import Trial, stored_rule
from app.landbank.rules.trial_schemas import OUTCOMES, REASONS, trial_document

app = typer.Typer(no_args_is_help=True, help="Recognition rules: which bank entries count, and how.")
_COLUMNS = ["rule", "programme", "years", "名称", "name", "documents", "requires", "date", "basis", "category", "until"]


@app.command("list")
def list_rules(known_at: str | None = None, as_json: JsonFlag = False) -> None:
    """The rules in force, by programme and years."""
    with command() as run, run.session() as session:
        known = service.resolve_known_at(session, known_at)
        found = service.rules(session, known)
    if as_json:
        print_json({"known_at": moment(known), "rules": rules_document(found)})
    else:
        print_rules(found)


@app.command("show")
def show_rule(code: str, as_json: JsonFlag = False) -> None:
    """Every version of a rule that was ever in force."""
    with command() as run, run.session() as session:
        found = service.every_rule(session, code)
    if not found:
        raise NotFound("rule_unknown", parameter="code", rule=code)
    if as_json:
        print_json({"code": code, "rules": rules_document(found)})
    else:
        print_rules(found)


@app.command("set")
def set_rule(file: Annotated[Path, typer.Argument(help="JSON as for POST /rules")], as_json: JsonFlag = False) -> None:
    """Put a rule into force for its programmes and years."""
    with command() as run, run.session() as session:
        made = service.set_rule(session, run.actor, read_rule(file))
    if as_json:
        print_json({"rules": rules_document(made)})
    else:
        print_rules(made)


@app.command("try")
def try_rule(
    rule: Annotated[str, typer.Argument(help="A JSON file, or the CODE or CODE:VERSION of a rule that was set")],
    year: Annotated[int, typer.Option(min=1900, max=2100)],
    as_json: JsonFlag = False,
) -> None:
    """What another rule would have counted in a year, parcel by parcel. Nothing is stored."""
    code, _, version = rule.partition(":")
    with command() as run, run.session() as session:
        if Path(rule).is_file() or rule.endswith(".json"):
            asked = read_rule(Path(rule))
        else:
            asked = stored_rule(session, code, int(version) if version.isdecimal() else None)
        found = service.try_rule(session, asked, year)
    if as_json:
        print_json(trial_document(found))
    else:
        print_trial(found)


def print_trial(found: Trial) -> None:
    """A trial as a readable table, with the totals last."""
    rows = []
    for one in found.entries:
        sizes = (one.current.counted(found.year), one.tried.counted(found.year))
        why = "；".join(REASONS[code].zh for code in one.why)
        rows.append(
            [one.current.parcel, OUTCOMES[one.outcome].zh, one.outcome, *(f"{size:.4f}" for size in sizes), why]
        )
    totals = [f"{found.current:.4f}", f"{found.tried:.4f}", f"{found.tried - found.current:+.4f}"]
    rows.append(["合计 total", "", "", *totals])
    columns = ["parcel", "", "outcome", "current m²", "tried m²", "why"]
    title = f"试用口径 {found.rule.code} · {found.year}"
    print_table(title, columns, rows, frozenset({"current m²", "tried m²"}))
    if found.twice:
        out.print(f"! 重复入库 banked twice: {', '.join(one.parcel for one in found.twice)}", markup=False)


def read_rule(file: Path) -> RuleIn:
    """The rule of a JSON file. Raises ``BadRequest`` naming the field at fault."""
    try:
        given: Any = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise BadRequest("rule_file_unreadable", parameter="file", file=file.name) from error
    return checked(RuleIn, given)


def print_rules(rules: tuple[Rule, ...]) -> None:
    """Rules as a readable table."""
    rows = [
        [
            f"{rule.code} {rule.version}",
            rule.programme,
            f"{rule.from_year or ''}–{rule.to_year or ''}",
            rule.name_zh,
            rule.name_en,
            ", ".join(rule.document_types),
            ", ".join([*rule.required_events, *rule.required_documents]),
            rule.date_field,
            rule.basis,
            rule.category_at,
            "" if rule.recorded_to is None else moment(rule.recorded_to),
        ]
        for rule in rules
    ]
    print_table("认定口径 recognition rules", _COLUMNS, rows)
