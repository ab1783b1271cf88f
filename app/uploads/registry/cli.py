"""``landbank crs register|list|remove``."""

from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from app.console import JsonFlag, command, out, print_json, print_table
from app.errors import BadRequest
from app.uploads.registry import service

app = typer.Typer(
    help="Local coordinate reference systems by name; their parameters are never shown.", no_args_is_help=True
)
Name = Annotated[str, typer.Argument(help="The name that `upload --crs` takes; or EPSG:2383 for an old datum's code.")]


@app.command("register")
def register_crs(
    name: Name,
    file: Annotated[Path, typer.Argument(help="A text file with WKT2, a PROJ string or a PROJ pipeline.")],
    target: Annotated[int, typer.Option(help="The EPSG code that a pipeline leads to.")] = service.CGCS2000,
    as_json: JsonFlag = False,
) -> None:
    """Register a local CRS, or register it anew. A pipeline takes x, y, east first, to the target, longitude first."""
    if not file.is_file():
        raise BadRequest("file_not_found", parameter="file", name=file.name)
    try:
        definition = file.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise BadRequest("crs_definition_invalid", parameter="file", name=name) from None
    with command() as run, run.session() as session:
        found, _ = service.register(session, run.actor, name, definition, target, run.settings.srid)
        document = service.document(found)
    if as_json:
        print_json(document)
    else:
        out.print(f"landbank upload FILE --collection … --crs {name}", markup=False, highlight=False)


@app.command("list")
def list_crs(as_json: JsonFlag = False) -> None:
    """List the registered CRSs."""
    with command() as run, run.session() as session:
        documents = [service.document(one) for one in service.every(session)]
        zone = ZoneInfo(run.settings.tz)
    if as_json:
        print_json({"crs": documents})
        return
    rows = [
        [one["name"], one["kind"], one["actor"], f"{one['registered_at'].astimezone(zone):%Y-%m-%d %H:%M}"]
        for one in documents
    ]
    print_table("登记坐标系 registered CRS", ["name", "kind", "registered by", "at"], rows)


@app.command("remove")
def remove_crs(name: Name) -> None:
    """Forget a registered CRS; what was stored by it stays as it is."""
    with command() as run, run.session() as session:
        service.remove(session, run.actor, name)
    out.print(f"{name}: 已删除 removed", markup=False, highlight=False)
