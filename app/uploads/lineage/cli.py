"""``landbank parcel``: split, merge, boundary, undo and history, by the same services as over HTTP."""

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from app.console import JsonFlag, checked, command, out, print_json, print_table
from app.errors import BadRequest
from app.inventory.service import history
from app.uploads.lineage import service
from app.uploads.lineage.schemas import BoundaryIn, MergeIn, OperationRow, SplitIn, operation_document

app = typer.Typer(no_args_is_help=True, help="Parcels: split, merge, new boundary, undo, history.")
File = Annotated[Path, typer.Option(help="GeoJSON: a FeatureCollection, a Feature or a geometry")]
Crs = Annotated[str, typer.Option(help="Of the geometries, e.g. EPSG:4547")]
Document = Annotated[str, typer.Option(help="The evidence document: its id, or JSON with type, number, date, issuer")]
Day = Annotated[str | None, typer.Option(help="yyyy-mm-dd; the document's date by default")]
CRS84 = "OGC:CRS84"


@app.command("split")
def split_parcel(
    parent: Annotated[str, typer.Option(help="The code of the parcel that ends")],
    children: Annotated[Path, typer.Option(help="GeoJSON: a feature for each child, its code in the properties")],
    document: Document,
    crs: Crs = CRS84,
    effective_date: Day = None,
    reason: str | None = None,
    as_json: JsonFlag = False,
) -> None:
    """Split a parcel: its children carry its entry date and credit on."""
    given = _shared(crs, effective_date, document, reason)
    asked = checked(SplitIn, given | {"parent": parent, "children": [_child(one) for one in _features(children)]})
    with command() as run, run.session() as session:
        _told(service.split(session, run.settings, run.actor, asked), as_json=as_json)


@app.command("merge")
def merge_parcels(
    parents: Annotated[str, typer.Option(help="The codes of the parcels that end, separated by commas")],
    document: Document,
    child: Annotated[Path | None, typer.Option(help="GeoJSON: a feature with the child's code and outline")] = None,
    code: Annotated[str | None, typer.Option(help="The child's code, where no file gives it")] = None,
    crs: Crs = CRS84,
    effective_date: Day = None,
    reason: str | None = None,
    as_json: JsonFlag = False,
) -> None:
    """Merge parcels: their child carries each one's entry date and credit on."""
    drawn = {} if child is None else _child(_only(child))
    given = _shared(crs, effective_date, document, reason)
    made = drawn | ({} if code is None else {"code": code})
    asked = checked(MergeIn, given | {"parents": parents.split(","), "child": made})
    with command() as run, run.session() as session:
        _told(service.merge(session, run.settings, run.actor, asked), as_json=as_json)


@app.command("boundary")
def change_boundary(
    code: Annotated[str, typer.Argument(help="The parcel")],
    geometry: File,
    document: Document,
    cause: Annotated[str, typer.Option(help="survey: measured anew; change: the boundary itself")] = "change",
    crs: Crs = CRS84,
    effective_date: Day = None,
    reason: str | None = None,
    as_json: JsonFlag = False,
) -> None:
    """Give a parcel a new outline from a day on; entry date and credit stay."""
    given = _shared(crs, effective_date, document, reason) | {"cause": cause}
    asked = checked(BoundaryIn, given | {"geometry": _only(geometry)["geometry"]})
    with command() as run, run.session() as session:
        _told(service.change_boundary(session, run.settings, run.actor, code, asked), as_json=as_json)


@app.command("undo")
def undo_operation(
    operation: Annotated[int, typer.Argument(metavar="ID")], reason: str | None = None, as_json: JsonFlag = False
) -> None:
    """Take a split, a merge or a boundary change back, while nothing later stands on it."""
    with command() as run, run.session() as session:
        _told(service.undo(session, run.actor, operation, reason), as_json=as_json)


@app.command("history")
def show_history(code: Annotated[str, typer.Argument(help="The parcel")], as_json: JsonFlag = False) -> None:
    """What a parcel was, version by version; where it came from and what became of it."""
    with command() as run, run.session() as session:
        document = history(session, code)
    if as_json:
        print_json(document)
        return
    columns = ["version", "effective_date", "land_category", "role", "ellipsoidal_square_metres", "recorded_to"]
    rows = [[str(one[name] or "") for name in columns] for one in document["versions"]]
    print_table(f"地块 parcel {code}", columns, rows, frozenset({"version", "ellipsoidal_square_metres"}))
    steps = [
        [str(step[name]) for name in ("effective_date", "type", "parent", "child")] for step in document["genealogy"]
    ]
    if steps:
        print_table("沿革 lineage", ["date", "type", "parent", "child"], steps)


def _shared(crs: str, effective_date: str | None, document: str, reason: str | None) -> dict[str, Any]:
    try:
        named = orjson.loads(document)
    except orjson.JSONDecodeError as error:
        raise BadRequest("json_invalid", parameter="document", line=error.lineno, column=error.colno) from error
    return {"crs": crs, "effective_date": effective_date, "document": named, "reason": reason}


def _features(file: Path) -> list[dict[str, Any]]:
    """The features of a GeoJSON file, a lone geometry as one without properties."""
    try:
        found = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise BadRequest("list_file_unreadable", parameter="file", file=file.name) from error
    if not isinstance(found, dict):
        raise BadRequest("list_file_unreadable", parameter="file", file=file.name)
    if found.get("type") == "FeatureCollection":
        features = found.get("features")
        return [one for one in features if isinstance(one, dict)] if isinstance(features, list) else []
    return [found if found.get("type") == "Feature" else {"type": "Feature", "geometry": found}]


def _only(file: Path) -> dict[str, Any]:
    features = _features(file)
    if len(features) != 1:
        raise BadRequest("list_file_unreadable", parameter="file", file=file.name)
    return features[0]


def _child(feature: dict[str, Any]) -> dict[str, Any]:
    """A child as ``POST /parcels/split`` takes it: properties and geometry."""
    return (feature.get("properties") or {}) | {"geometry": feature.get("geometry")}


def _told(row: OperationRow, *, as_json: bool) -> None:
    document = operation_document(row)
    if as_json:
        print_json(document)
        return
    out.print(f"沿革 lineage {document['id']}: {document['type']} {document['effective_date']}", markup=False)
    columns = ["", "code", "version", "m²", "banked m²"]
    rows = [
        ["–", one["code"], str(one["version"]), one["ellipsoidal_square_metres"], ""] for one in document["parents"]
    ]
    rows += [
        [
            "+",
            one["code"],
            str(one["version"]),
            one["ellipsoidal_square_metres"],
            "; ".join(f"{credit['entered_on']} {credit['square_metres']}" for credit in one["credits"]),
        ]
        for one in document["children"]
    ]
    print_table("", columns, rows, frozenset({"version", "m²"}))
    for finding in document["findings"]:
        out.print(f"{finding['message']['zh']} {finding['message']['en']}", markup=False)
