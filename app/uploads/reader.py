"""A shapefile in, its rows out: every record either read or reported. No database, no GDAL."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from app.uploads import crs as crs_module
from app.uploads.archive import Parts, Upload, unpack
from app.uploads.dbf import Table, columns, decode, read_table
from app.uploads.encoding import detect
from app.uploads.place import place, sample_points
from app.uploads.problems import FileRefusedError, Problem
from app.uploads.shapefile import Shapes, read_shapes


@dataclass(frozen=True)
class Read:
    """What a file holds. ``geometries`` are in the storage CRS, None where a problem refuses the row.

    ``columns`` map the decoded names to Arrow arrays of text, one value per record, null where empty.
    ``row_count`` = rows readable + rows in ``refused``, unless ``file_refused``.
    """

    layer: str = ""
    layers: list[str] = field(default_factory=list)
    row_count: int = 0
    geometries: NDArray[Any] = field(default_factory=lambda: np.zeros(0, dtype=object))
    row_numbers: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    columns: dict[str, Any] = field(default_factory=dict)
    encoding: str | None = None
    encoding_evidence: str | None = None
    crs: str | None = None
    problems: list[Problem] = field(default_factory=list)

    @property
    def refused(self) -> frozenset[int]:
        """Numbers of the rows that a problem refuses."""
        return frozenset(problem.row for problem in self.problems if problem.severity == "refuse" and problem.row)

    @property
    def file_refused(self) -> bool:
        """Whether a problem refuses the whole file, whatever becomes of its rows."""
        return any(problem.severity == "refuse" and problem.row is None for problem in self.problems)


@dataclass
class _Progress:
    """What is known so far, so that a refusal half-way tells as much as there is."""

    read: Read = field(default_factory=Read)

    def know(self, problems: Iterable[Problem] = (), **values: Any) -> None:
        self.read = replace(self.read, problems=[*self.read.problems, *problems], **values)


def read(
    paths: Sequence[Upload | Path],
    *,
    layer: str | None = None,
    encoding: str | None = None,
    crs: str | None = None,
    storage_srid: int,
    workdir: Path,
) -> Read:
    """Read one zip, or the loose parts of one shapefile, into rows in the storage CRS.

    Never raises for what is wrong with the file: that is in ``problems``. ``workdir`` must be empty and is written to.
    """
    progress = _Progress()
    uploads = [path if isinstance(path, Upload) else Upload(path, path.name) for path in paths]
    try:
        unpacked = unpack(uploads, workdir, layer)
        progress.know(unpacked.problems, layer=unpacked.parts.name, layers=unpacked.layers)
        _read_parts(unpacked.parts, progress, encoding, crs, storage_srid)
    except FileRefusedError as error:
        rows = max(progress.read.row_count, error.row_count)
        progress.know(error.problems, row_count=rows)
    return progress.read


def _read_parts(parts: Parts, progress: _Progress, encoding: str | None, crs: str | None, storage_srid: int) -> None:
    shapes = read_shapes(parts.files[".shp"], parts.files.get(".shx"))
    count = len(shapes.geometries)
    before = len(progress.read.problems)
    progress.know(map(_unmeasured, shapes.problems), row_count=count, row_numbers=np.arange(1, count + 1))
    table = _table(parts, count)
    progress.know(table.problems)
    _read_text(table, parts, progress, encoding)
    geometries = shapes.geometries
    geometries[table.deleted] = None
    _, sample = sample_points(geometries)
    declared = crs_module.declare(_content(parts, ".prj"), crs, sample, storage_srid)
    progress.know(declared.problems, crs=declared.label)
    placed = place(geometries, declared, storage_srid)
    problems = list(progress.read.problems)
    measured = [_in_square_metres(problem, shapes, placed.geometries) for problem in shapes.problems]
    problems[before : before + len(measured)] = measured
    progress.read = replace(progress.read, problems=problems)
    refused = np.array(sorted(progress.read.refused), dtype=np.int64) - 1
    placed.geometries[refused] = None
    progress.know(placed.problems, geometries=placed.geometries)


def _table(parts: Parts, count: int) -> Table:
    if ".dbf" not in parts.files:
        raise FileRefusedError(Problem("dbf_missing", "refuse", values={"name": f"{parts.name}.dbf"}), row_count=count)
    table = read_table(parts.files[".dbf"])
    rows = len(table.records)
    if rows != count:
        values: dict[str, object] = {"shapes": count, "rows": rows}
        raise FileRefusedError(Problem("row_counts_differ", "refuse", values=values), row_count=max(rows, count))
    deleted = [Problem("row_deleted", "refuse", row=row + 1) for row in np.flatnonzero(table.deleted).tolist()]
    return replace(table, problems=[*table.problems, *deleted])


def _read_text(table: Table, parts: Parts, progress: _Progress, stated: str | None) -> None:
    found, problems = columns(table)
    progress.know(problems)
    odd = list(dict.fromkeys(value for column in found for value in column.odd_values()))
    odd += [item.name for item in table.fields if not item.name.isascii()]
    encoding = detect(odd, _content(parts, ".cpg"), table.language, stated)
    progress.know(encoding.problems, encoding=encoding.name, encoding_evidence=encoding.evidence)
    texts, problems = decode(found, encoding)
    progress.know(problems, columns=texts)


def _content(parts: Parts, suffix: str) -> bytes | None:
    path = parts.files.get(suffix)
    if path is None:
        return None
    with path.open("rb") as file:
        return file.read(100_000)


def _unmeasured(problem: Problem) -> Problem:
    """A problem without place and sizes: those of the file's own CRS mean nothing to others."""
    return replace(problem, position=None, square_metres_before=None, square_metres_after=None)


def _in_square_metres(problem: Problem, shapes: Shapes, placed: NDArray[Any]) -> Problem:
    """A problem's two sizes in plane square metres of the storage CRS: scaled as its geometry was by reprojection."""
    before, after = problem.square_metres_before, problem.square_metres_after
    if problem.row is None or before is None or after is None:
        return problem
    source, target = shapes.geometries[problem.row - 1], placed[problem.row - 1]
    if source is None or target is None:
        return _unmeasured(problem)
    size = float(shapely.area(source))
    scale = float(shapely.area(target)) / size if size else 1.0
    x, y = shapely.get_coordinates(target)[0].tolist()
    return replace(problem, square_metres_before=before * scale, square_metres_after=after * scale, position=(x, y))
