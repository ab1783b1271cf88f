"""``landbank mapping save|list|show|delete``."""

from pathlib import Path
from typing import Annotated

import orjson
import typer

from app.console import JsonFlag, clock_text, command, out, print_json, print_table
from app.errors import BadRequest
from app.uploads.mappings import service

app = typer.Typer(help="Field mappings kept under a name, for the next file of the same make.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The name that `upload --mapping` takes.")]


@app.command("save")
def save_mapping(
    name: Name, file: Annotated[Path, typer.Argument(help="A JSON file.")], as_json: JsonFlag = False
) -> None:
    """Keep a mapping under a name; saved again, the name means the new one."""
    if not file.is_file():
        raise BadRequest("file_not_found", parameter="file", name=file.name)
    try:
        mapping = orjson.loads(file.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise BadRequest("mapping_invalid", parameter="file", key=file.name, expected="JSON, UTF-8") from error
    with command() as run, run.session() as session:
        document = service.document(service.save(session, run.actor, name, mapping)[0])
    if as_json:
        print_json(document)
    else:
        out.print(f"landbank upload FILE --collection … --mapping {name}", markup=False, highlight=False)


@app.command("list")
def list_mappings(as_json: JsonFlag = False) -> None:
    """List the saved mappings."""
    with command() as run, run.session() as session:
        documents = [service.document(one) for one in service.every(session)]
        zone = run.settings.tz
    if as_json:
        print_json({"mappings": documents})
        return
    rows = [[one["name"], one["actor"], clock_text(one["saved_at"], zone)] for one in documents]
    print_table("字段映射 mappings", ["name", "saved by", "saved at"], rows)


@app.command("show")
def show_mapping(name: Name) -> None:
    """Print a saved mapping as JSON."""
    with command() as run, run.session() as session:
        document = service.document(service.saved(session, name))
    print_json(document)


@app.command("delete")
def delete_mapping(name: Name) -> None:
    """Forget a saved mapping; uploads that were read with it keep it."""
    with command() as run, run.session() as session:
        service.delete(session, run.actor, name)
    out.print(f"{name}: 已删除 deleted", markup=False, highlight=False)
