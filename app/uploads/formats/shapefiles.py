"""A shapefile: .shp and .dbf read record by record by readers of our own, the .prj and .cpg as evidence."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from app.uploads.crs import parse_prj
from app.uploads.dbf import Table, columns, decode, read_table
from app.uploads.encoding import detect
from app.uploads.formats.datasets import Dataset
from app.uploads.formats.source import Asked, Source
from app.uploads.problems import FileRefusedError, Problem
from app.uploads.shapefile import read_shapes

MAX_SIDECAR_BYTES = 100_000


def read(dataset: Dataset, asked: Asked, found: Source) -> None:
    """Every record of the .shp with its line of the .dbf, or the reason why not."""
    asked.choose([dataset.name])
    shapes = read_shapes(dataset.parts[".shp"], dataset.parts.get(".shx"))
    found.row_count = len(shapes.geometries)
    found.problems += shapes.problems
    table = _table(dataset, found.row_count)
    found.problems += table.problems
    _read_text(table, dataset, asked, found)
    found.geometries = shapes.geometries
    found.geometries[table.deleted] = None
    found.crs, problems = parse_prj(_content(dataset.parts.get(".prj")))
    found.problems += problems


def _table(dataset: Dataset, count: int) -> Table:
    if ".dbf" not in dataset.parts:
        problem = Problem("dbf_missing", "refuse", values={"name": f"{dataset.name}.dbf"})
        raise FileRefusedError(problem, row_count=count)
    table = read_table(dataset.parts[".dbf"])
    rows = len(table.records)
    if rows != count:
        values: dict[str, object] = {"shapes": count, "rows": rows}
        raise FileRefusedError(Problem("row_counts_differ", "refuse", values=values), row_count=max(rows, count))
    deleted = [Problem("row_deleted", "refuse", row=row + 1) for row in np.flatnonzero(table.deleted).tolist()]
    return replace(table, problems=[*table.problems, *deleted])


def _read_text(table: Table, dataset: Dataset, asked: Asked, found: Source) -> None:
    raw, problems = columns(table)
    found.problems += problems
    odd = list(dict.fromkeys(value for column in raw for value in column.odd_values()))
    odd += [item.name for item in table.fields if not item.name.isascii()]
    encoding = detect(odd, _content(dataset.parts.get(".cpg")), table.language, asked.encoding)
    found.problems += encoding.problems
    found.encoding, found.encoding_evidence = encoding.name, encoding.evidence
    found.columns, problems = decode(raw, encoding)
    found.problems += problems


def _content(path: Path | None) -> bytes | None:
    if path is None:
        return None
    with path.open("rb") as file:
        return file.read(MAX_SIDECAR_BYTES)
