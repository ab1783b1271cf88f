"""``landbank upload``, ``uploads`` and ``undo``: the same services as HTTP, at a terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from app.console import JsonFlag, clock_text, command, err, out, print_json, print_table
from app.errors import BadRequest, message
from app.uploads import policy, progress, queries, service
from app.uploads.incoming import incoming
from app.uploads.options import UploadOptions, parsed_mapping
from app.uploads.originals import refused_file
from app.uploads.schemas import finding_document, upload_document
from app.uploads.undo import undo

SHOWN = 20
"""Findings printed at a terminal; all of them are under /uploads/{id}/findings and with --json."""


def upload(
    file: Annotated[
        list[Path], typer.Argument(help="A file of a format that is read, or a .gdb folder; sidecars too.")
    ],
    collection: Annotated[str, typer.Option(help="What the rows are: parcels, consolidation-parcels, districts, …")],
    crs: Annotated[str | None, typer.Option(help="The file's coordinate system, e.g. EPSG:4547, without .prj.")] = None,
    encoding: Annotated[str | None, typer.Option(help="The attributes' encoding, if evidence is not enough.")] = None,
    layer: Annotated[str | None, typer.Option(help="Which layer, where a file or zip holds several.")] = None,
    mapping: Annotated[str | None, typer.Option(help="A JSON file, JSON text, or the name of a saved mapping.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check only.")] = False,
    on_existing: Annotated[
        str,
        typer.Option(help="add: known codes are refused if changed; update; replace: retire what else --scope has."),
    ] = "update",
    scope: Annotated[str | None, typer.Option(help="What replace replaces: project:CODE or sub_district:CODE.")] = None,
    rows: Annotated[
        str, typer.Option(help="all: one refused row refuses the file; good: leave refused rows out.")
    ] = "all",
    commit: Annotated[str, typer.Option(help="auto, or ask: wait in state checked.")] = "auto",
    name: Annotated[str | None, typer.Option(help="What a set of zones is called.")] = None,
    restrictive: Annotated[bool, typer.Option("--restrictive", help="Zones: warn where parcels meet them.")] = False,
    slivers: Annotated[str, typer.Option(help="keep, or clip: take slivers within tolerance off later rows.")] = "keep",
    gap_width: Annotated[
        float | None, typer.Option(help="Tell gaps between parcels narrower than this, metres, at most 1.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Bring in a file: read, check, and store it. Exit code 5 when its data is refused."""
    options = UploadOptions(
        collection=collection,
        crs=crs,
        encoding=encoding,
        layer=layer,
        mapping=_mapping(mapping),
        dry_run=dry_run,
        on_existing=on_existing,
        scope=scope,
        rows=rows,
        commit=commit,
        name=name,
        restrictive=restrictive,
        slivers=slivers,
        gap_width=gap_width,
    )
    _bring_in(options, file, as_json=as_json)


def _bring_in(options: UploadOptions, file: list[Path], *, as_json: bool) -> None:
    """Work one upload and show what became of it."""
    with command() as run:
        with incoming(file) as files, _bar(shown=err.is_terminal and not as_json), run.session() as session:
            upload_id = service.run_upload(session, run.settings, run.actor, files, options).id
        if options.commit == "auto" and not options.dry_run and sys.stdin.isatty() and not as_json:
            _ask(run, upload_id)
        with run.session() as session:
            row = queries.upload_by_id(session, upload_id)
            document = upload_document(row)
            found = [finding_document(one) for one in queries.findings_of(session, upload_id)]
    _show(document, found, as_json=as_json)
    raise typer.Exit(5 if document["state"] == "refused" else 0)


@contextmanager
def _bar(*, shown: bool) -> Iterator[None]:
    """A bar with the step's name, which goes away at the end."""
    if not shown:
        yield
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("", total=1.0)

        def listen(step: str, share: float) -> None:
            told = message(f"step_{step}")
            completed = max(share, bar.tasks[0].completed)
            # Drawn at once: a step may be over before the bar would look again.
            bar.update(task, description=f"{told.zh.what} {told.en.what}", completed=completed, refresh=True)

        with progress.told_to(listen):
            yield


def commit_upload(
    upload_id: Annotated[int, typer.Argument(help="The number of the upload.")],
    rows: Annotated[str | None, typer.Option(help="all, or good: leave refused rows out.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Store a checked upload; where four eyes are asked for, the second person does it. Exit code 5 when refused."""
    if rows not in {None, "all", "good"}:
        raise BadRequest("choice_unknown", parameter="rows", name="rows", choices="all, good")
    with command() as run, run.session() as session:
        row = queries.upload_by_id(session, upload_id, lock=True)
        service.commit(session, run.settings, run.actor, row, rows)
        document = upload_document(row)
        found = [finding_document(one) for one in queries.findings_of(session, upload_id)]
    _show(document, found, as_json=as_json)
    raise typer.Exit(5 if document["state"] == "refused" else 0)


def refused_rows(
    upload_id: Annotated[int, typer.Argument(help="The number of the upload.")],
    folder: Annotated[Path, typer.Argument(help="Where to write the file.")] = Path(),
) -> None:
    """Write the refused rows as a file of the format that they came in, with a column that says what is wrong."""
    with command() as run, run.session() as session:
        content, name = refused_file(session, run.settings, queries.upload_by_id(session, upload_id))
    try:
        (folder / name).write_bytes(content)
    except OSError as error:
        raise BadRequest("file_not_writable", parameter="folder", file=folder, reason=error.strerror or "") from error
    out.print(str(folder / name), markup=False, highlight=False)


def _mapping(text: str | None) -> dict[str, Any] | str | None:
    if text is None:
        return None
    path = Path(text)
    if text.endswith(".json"):
        if not path.is_file():
            raise BadRequest("file_not_found", parameter="mapping", name=text)
        try:
            return parsed_mapping(path.read_text("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise BadRequest("mapping_invalid", parameter="mapping", key=path.name, expected="UTF-8") from error
    return parsed_mapping(text)


def _ask(run: Any, upload_id: int) -> None:
    """At a terminal: offer to accept the findings that a person may decide, and check again."""
    with run.session() as session:
        row = queries.upload_by_id(session, upload_id, lock=True)
        open_ones = [one for one in queries.findings_of(session, upload_id) if one.code in policy.DECIDABLE]
        if row.state != "refused" or not open_ones:
            return
        decisions: dict[str, str] = {}
        for one in open_ones:
            document = finding_document(one)
            out.print(f"{document['message']['zh']} {document['message']['en']}", markup=False)
            decisions[str(one.id)] = "accept" if typer.confirm("接受 accept?", default=False) else "refuse"
        service.change(session, run.settings, run.actor, row, {"decisions": decisions})
        if row.state == "checked":
            service.commit(session, run.settings, run.actor, row)


def _show(document: dict[str, Any], found: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(document | {"findings_list": found})
        return
    counts = document["counts"]
    out.print(
        f"上传 upload {document['id']}: {document['filename']} → {document['state']}"
        f" (crs {document['crs']}, encoding {document['encoding']})",
        markup=False,
    )
    out.print(", ".join(f"{name} {counts[name]}" for name in counts), markup=False)
    if document["state"] == "quarantined":
        told = message("upload_waits", upload=document["id"])
        out.print(f"{told.zh.what} {told.zh.do}\n{told.en.what} {told.en.do}", markup=False)
    if document["suggested"]:
        told = message("mapping_suggested", upload=document["suggested"]["upload"])
        out.print(f"{told.zh.what} {told.zh.do}\n{told.en.what} {told.en.do}", markup=False)
    if found:
        rows = [
            [
                one["severity"],
                one["code"],
                str(one["row"] or ""),
                f"{one['message']['zh']}\n{one['message']['en']}",
                f"{one['action']['zh']}\n{one['action']['en']}",
            ]
            for one in found[:SHOWN]
        ]
        print_table(f"质检意见 findings ({len(found)})", ["severity", "code", "row", "what", "do"], rows)
    after = document["hectares_after"]
    if after and document["state"] in {"checked", "committed"}:
        before = document["hectares_before"]
        print_table(
            "公顷 hectares in the inventory",
            ["category", "before", "after"],
            [[name, before.get(name, "0"), after[name]] for name in sorted(after)],
            frozenset({"before", "after"}),
        )


def uploads(as_json: JsonFlag = False) -> None:
    """List the newest uploads."""
    with command() as run, run.session() as session:
        documents = [upload_document(one) for one in queries.uploads(session)]
        zone = run.settings.tz
    if as_json:
        print_json({"uploads": documents})
        return
    print_table(
        "上传批次 uploads",
        ["id", "received", "collection", "file", "state", "read", "new", "changed", "refused"],
        [
            [
                str(one["id"]),
                clock_text(one["received_at"], zone),
                one["collection"],
                one["filename"],
                one["state"],
                *(str(one["counts"][name]) for name in ("read", "new", "changed", "refused")),
            ]
            for one in documents
        ],
    )


def undo_upload(upload_id: Annotated[int, typer.Argument(metavar="ID")], as_json: JsonFlag = False) -> None:
    """Take a committed upload back: its events are reversed, its versions end, nothing is erased."""
    with command() as run, run.session() as session:
        row = queries.upload_by_id(session, upload_id, lock=True)
        undo(session, run.settings, run.actor, row)
        document = upload_document(row)
    _show(document, [], as_json=as_json)


def findings(
    code: Annotated[str | None, typer.Argument(help="One code; all without it.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="As docs/findings.md is kept.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Print every code that a finding can have: whether it refuses, what it means, what to do."""
    if code is not None and code not in policy.POLICIES:
        raise BadRequest("finding_code_unknown", parameter="code", name=code[:80])
    if markdown:
        sys.stdout.write(policy.page())
        return
    chosen = [one for one in policy.entries() if code in {None, one.code}]
    if as_json:
        print_json({"findings": [one.document() for one in chosen]})
        return
    rows = [
        [one.code, one.policy.name, f"{texts.zh.what}\n{texts.en.what}", f"{texts.zh.do}\n{texts.en.do}"]
        for one in chosen
        for texts in (one.texts,)
    ]
    print_table("质检意见 findings", ["code", "policy", "what", "do"], rows)
