"""A file of events or targets, from bytes to rows ready for staging. Runs wholly in the limited child process."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from app.uploads import mapping, record_checks
from app.uploads.archive import Upload
from app.uploads.arrow import pa
from app.uploads.findings import Finding, from_problem
from app.uploads.overlaying import Overlaid
from app.uploads.prepare import PORTION_SCHEMA, ROW_SCHEMA, Job, Prepared, paths
from app.uploads.problems import FileRefusedError, Problem
from app.uploads.rows import Rows
from app.uploads.tables import Table, read_table

EVENT_COLUMNS = (
    "code", "land_category", "event", "effective_date", "document_type", "document_number", "document_date",
    "document_issuer", "kind",
)  # fmt: skip
TARGET_COLUMNS = (
    "programme", "measure", "category", "sub_district", "year", "kind", "status", "comparator", "value", "unit",
)  # fmt: skip


def prepare_records(job: Job, workdir: Path) -> Prepared:
    """Read, map and check one file; never raises for what is wrong with it. Writes into ``workdir``."""
    wanted = mapping.parse(job.mapping, job.collection)

    def recognise(names: Sequence[str]) -> int:
        return len(mapping.choose([name for name in names if name], wanted, job.collection).columns)

    try:
        files = [Upload(path, name) for name, path in job.files]
        table = read_table(files, job.layer, job.encoding, recognise)
    except FileRefusedError as error:
        return _written(
            Rows(job.collection, job.srid, 0, {}, _none(0), job.catalogue),
            Table({}, []),
            error.problems,
            {},
            workdir,
        )
    count = len(table.lines)
    chosen = mapping.choose(list(table.columns), wanted, job.collection)
    fields = mapping.apply(table.columns, chosen.columns, wanted, count)
    rows = Rows(job.collection, job.srid, count, fields, _none(count), job.catalogue, job.accepted, table.columns)
    rows.lines = table.lines
    rows.findings.add(chosen.findings)
    if not count:
        rows.tell_file("table_empty", "refuse")
    _formulas(rows, table, set(chosen.columns.values()))
    if not rows.findings.file_refused:
        record_checks.check(rows)
    return _written(rows, table, table.problems, chosen.columns, workdir)


def _none(count: int) -> Any:
    return np.full(count, None, dtype=object)


def _formulas(rows: Rows, table: Table, used: set[str]) -> None:
    """A formula is not evaluated, and what it last came to is not trusted: its row is refused."""
    where = {row: column for row, column in table.formulas if column in used}

    def make(row: int) -> Finding:
        return Finding("cell_is_formula", "refuse", feature=rows.feature(row), values={"column": where[row]})

    rows.tell("cell_is_formula", "refuse", np.array(sorted(where), dtype=np.int64), make)


def _written(rows: Rows, table: Table, problems: Sequence[Problem], columns: dict[str, str], workdir: Path) -> Prepared:
    """Write the Arrow files. Findings and staged rows carry the sheet's own row numbers."""
    rows.findings.name(rows.feature)
    rows.findings.kept = [
        one if one.row is None else replace(one, row=rows.line(one.row - 1)) for one in rows.findings.kept
    ]
    rows.findings.add(from_problem(problem) for problem in problems)
    staged = np.flatnonzero(rows.good).tolist() if not rows.findings.file_refused else []
    made = [_row(rows, row) for row in staged]
    written = paths(workdir)
    _write(written[0], ROW_SCHEMA, made)
    _write(written[1], PORTION_SCHEMA, [])
    written[2].write_bytes(orjson.dumps(Overlaid([], []).to_json()))
    return Prepared(
        *written, rows.findings.all(), rows.findings.by_severity(), rows.count, len(staged), rows.count - len(staged),
        None, table.encoding, None, table.sheet, table.sheets, columns,
    )  # fmt: skip


def _row(rows: Rows, row: int) -> dict[str, Any]:
    """A row of ``staged_row``: an event in its columns, a target as the body that would set it."""
    said = {name: column[row].as_py() for name, column in rows.staged.items()}
    values: dict[str, Any] = {"row": rows.line(row), "geom": b"", "plane_e4": 0, "ellipsoidal_e4": 0}
    if rows.collection == "events":
        values |= {name: said.get(name) for name in EVENT_COLUMNS} | {"attributes": "{}"}
    else:
        body = _target(said)
        values |= {"code": "/".join(str(said[name]) for name in TARGET_COLUMNS[:6] if said[name] is not None)}
        values |= {"attributes": orjson.dumps(body).decode()}
    content = orjson.dumps({name: value for name, value in values.items() if name not in {"row", "geom"}})
    return values | {"content_sha256": hashlib.sha256(content).digest()}


def _target(said: dict[str, Any]) -> dict[str, Any]:
    body = {name: said[name] for name in TARGET_COLUMNS if said[name] is not None}
    body["year"] = int(said["year"])
    if said["document_number"] is not None:
        names = ("type", "number", "date", "issuer")
        body["document"] = {name: said[f"document_{name}"] for name in names if said[f"document_{name}"] is not None}
    return body


def _write(path: Path, schema: Any, made: list[dict[str, Any]]) -> None:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        writer.write_table(pa.Table.from_pylist(made, schema=schema))
