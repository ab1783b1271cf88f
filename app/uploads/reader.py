"""A file in, its rows out: every record either read or reported. No database; which reader, its content decides."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from app.uploads import crs as crs_module
from app.uploads.archive import Upload, unsupported
from app.uploads.formats import (
    boundary_points,
    dxf,
    geodatabases,
    geojson,
    geopackage,
    mapinfo,
    markup,
    parquet,
    shapefiles,
    sheets,
)
from app.uploads.formats.datasets import Dataset, unpack
from app.uploads.formats.source import Asked, Source
from app.uploads.place import Placed, place, sample_points
from app.uploads.problems import FileRefusedError, Problem
from app.uploads.registered import Registered, chosen, differs, place_registered
from app.uploads.sniff import (
    BOUNDARY_POINTS,
    DXF,
    FILE_GEODATABASE,
    FLATGEOBUF,
    GEOPACKAGE,
    GML,
    JSON,
    KML,
    MIF,
    PARQUET,
    SHAPEFILE,
    TAB,
    TEXT,
    ZIP,
)

READERS: dict[str, Callable[[Dataset, Asked, Source], None]] = {
    SHAPEFILE: shapefiles.read,
    GEOPACKAGE: geopackage.read,
    FILE_GEODATABASE: geodatabases.read_file_geodatabase,
    FLATGEOBUF: geodatabases.read_flatgeobuf,
    PARQUET: parquet.read,
    JSON: geojson.read,
    KML: markup.read_kml,
    GML: markup.read_gml,
    MIF: mapinfo.read_mif,
    TAB: mapinfo.read_tab,
    DXF: dxf.read,
    BOUNDARY_POINTS: boundary_points.read,
    TEXT: sheets.read,
    ZIP: sheets.read,  # a workbook: of any other zip the members were looked at
}
"""The reader of each format that is taken, by what the main file is."""
REDRAWN = frozenset({"ring_closed", "rings_reversed"})
"""Repairs that leave the size as it is: told with it all the same."""
CRS_OF_FILE = frozenset({"crs_local", "crs_not_horizontal"})
"""Refusals of the CRS that a file says, which do not stand where the sender states another."""


@dataclass(frozen=True)
class Read:
    """What a file holds. ``geometries`` are in the storage CRS, None where a problem refuses the row.

    ``columns`` map the decoded names to Arrow arrays of text, one value per record, null where empty.
    ``middles`` are those of the outlines' boxes in the file's own CRS, also where that is not known.
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
    middles: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))
    problems: list[Problem] = field(default_factory=list)

    @property
    def refused(self) -> frozenset[int]:
        """Numbers of the rows that a problem refuses."""
        return frozenset(problem.row for problem in self.problems if problem.severity == "refuse" and problem.row)

    @property
    def file_refused(self) -> bool:
        """Whether a problem refuses the whole file, whatever becomes of its rows."""
        return any(problem.severity == "refuse" and problem.row is None for problem in self.problems)


def read(
    paths: Sequence[Upload | Path],
    *,
    layer: str | None = None,
    encoding: str | None = None,
    crs: str | None = None,
    registered: Sequence[Registered] = (),
    storage_srid: int,
    workdir: Path,
) -> Read:
    """Read one zip, or the loose parts of one data set, into rows in the storage CRS.

    Never raises for what is wrong with the file: that is in ``problems``. ``workdir`` must be empty and is written to.
    """
    uploads = [path if isinstance(path, Upload) else Upload(path, path.name) for path in paths]
    found = Source()
    placed = np.zeros(0, dtype=object)
    try:
        unpacked = unpack(uploads, workdir, layer)
        found.problems += unpacked.problems
        found.layer, found.layers = unpacked.dataset.name, unpacked.layers
        if unpacked.dataset.kind not in READERS:
            raise unsupported(uploads[0].name, unpacked.dataset.kind)
        prefix = unpacked.dataset.name if len(unpacked.layers) > 1 else ""
        READERS[unpacked.dataset.kind](unpacked.dataset, Asked(unpacked.inside, encoding, prefix), found)
        placed = _placed(found, crs, registered, storage_srid)
    except FileRefusedError as error:
        found.problems = [*map(_unmeasured, found.problems), *error.problems]
        found.row_count = max(found.row_count, error.row_count)
    return Read(
        found.layer, found.layers, found.row_count, placed, np.arange(1, found.row_count + 1), found.columns,
        found.encoding, found.encoding_evidence, found.crs_label, sample_points(found.geometries)[1],
        found.problems,
    )  # fmt: skip


def _placed(found: Source, crs: str | None, registered: Sequence[Registered], storage_srid: int) -> NDArray[Any]:
    """The outlines in the storage CRS; problems get their sizes in its square metres."""
    if crs is not None:
        found.problems = [one for one in found.problems if one.code not in CRS_OF_FILE]
    elif any(one.code in CRS_OF_FILE for one in found.problems):
        raise FileRefusedError
    placed = _moved(found, crs, registered, storage_srid)
    found.problems = [_in_square_metres(problem, found.geometries, placed.geometries) for problem in found.problems]
    refused = np.array(sorted(found.refused), dtype=np.int64) - 1
    placed.geometries[refused] = None
    found.problems += placed.problems
    told = any(problem.severity == "refuse" and problem.row is None for problem in found.problems)
    if len(found.refused) == found.row_count and not told:
        found.tell("no_row_usable", "refuse", count=found.row_count)
    return placed.geometries


def _moved(found: Source, crs: str | None, registered: Sequence[Registered], storage_srid: int) -> Placed:
    """The outlines brought over from the CRS that is registered, stated, or in the file."""
    named = chosen(found.crs, crs, registered)
    if named is not None:
        found.crs_label = named.name
        found.problems += differs(found.crs, named)
        return place_registered(found.geometries, named, storage_srid)
    _, sample = sample_points(found.geometries)
    declared = crs_module.declare(found.crs, crs, sample, storage_srid)
    found.problems += declared.problems
    found.crs_label = declared.label
    return place(found.geometries, declared, storage_srid)


def _unmeasured(problem: Problem) -> Problem:
    """A problem without place and sizes: those of the file's own CRS mean nothing to others."""
    return replace(problem, position=None, square_metres_before=None, square_metres_after=None)


def _in_square_metres(problem: Problem, sources: NDArray[Any], placed: NDArray[Any]) -> Problem:
    """A problem's two sizes in plane square metres of the storage CRS: scaled as its geometry was by reprojection."""
    before, after = problem.square_metres_before, problem.square_metres_after
    if problem.row is None or not (problem.code in REDRAWN or (before is not None and after is not None)):
        return problem
    source, target = sources[problem.row - 1], placed[problem.row - 1]
    if source is None or target is None or shapely.is_empty(target):
        return _unmeasured(problem)
    if before is None or after is None:
        before = after = float(shapely.area(source))
    size = float(shapely.area(source))
    scale = float(shapely.area(target)) / size if size else 1.0
    x, y = shapely.get_coordinates(target)[0].tolist()
    return replace(problem, square_metres_before=before * scale, square_metres_after=after * scale, position=(x, y))
