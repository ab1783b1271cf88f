"""``landbank reference load|show``: land categories, crosswalks and places."""

from pathlib import Path
from typing import Annotated

import typer

from app.console import JsonFlag, command, print_json, print_table
from app.reference import queries, service, sources
from app.reference.schemas import category_document, land_use_document, place_document

app = typer.Typer(help="Land categories, crosswalks and places.", no_args_is_help=True)


@app.command("load")
def reference_load(
    categories: Annotated[Path, typer.Option(help="JSON list of land categories.")] = sources.CATEGORIES,
    crosswalk: Annotated[
        list[Path] | None, typer.Option(help="CSV of scheme, version, code, name_zh, land_category. May be repeated.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Load land categories and crosswalks; without options those that come with the program."""
    with command() as run, run.session() as session:
        counts = service.load(session, run.actor.name, categories, crosswalk or sources.CROSSWALKS)
    if as_json:
        print_json(counts)
        return
    names = ["new", "changed", "unchanged", "ended"]
    rows = [[file, *(str(count[name]) for name in names)] for file, count in counts.items()]
    print_table("基础数据 reference data", ["file", *names], rows, frozenset(names))


@app.command("show")
def reference_show(as_json: JsonFlag = False) -> None:
    """Show the land categories, the standards whose codes are known, and the places of today."""
    with command() as run, run.session() as session:
        categories = [category_document(row) for row in queries.categories(session)]
        codes = [land_use_document(row) for row in queries.land_use_codes(session)]
        places = [place_document(row) for row in queries.places(session, on=run.settings.today())]
    if as_json:
        print_json({"categories": categories, "land_use_codes": codes, "places": places})
        return
    rows = [[row["code"], row["parent_code"] or "", row["name"]["zh"], row["name"]["en"]] for row in categories]
    print_table("用地类别 land categories", ["code", "parent", "zh", "en"], rows)
    schemes = sorted({(row["scheme"], row["version"]) for row in codes})
    counted = [[*scheme, str(sum((row["scheme"], row["version"]) == scheme for row in codes))] for scheme in schemes]
    print_table("对照表 crosswalks", ["scheme", "version", "codes"], counted, frozenset({"codes"}))
    found = [[row["level"], row["code"], row["name"], row["parent_code"] or ""] for row in places]
    print_table("行政区划 places", ["level", "code", "name", "parent"], found)
