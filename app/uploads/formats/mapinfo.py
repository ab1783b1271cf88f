"""MapInfo MIF/MID and TAB: read by GDAL; a TAB that opens other tables is refused."""

import re
from pathlib import Path

from app.uploads.formats import gdal
from app.uploads.formats.datasets import Dataset
from app.uploads.formats.source import Asked, Source
from app.uploads.problems import refusal

_OPENS = re.compile(rb"open\s+table|create\s+view|type\s+(?!native)\w+", re.IGNORECASE)
"""A view or seamless table names other files; DBF, ACCESS and RASTER tables are no native ones."""
_HEAD = 100_000


def read_mif(dataset: Dataset, asked: Asked, found: Source) -> None:
    """The objects of a .mif, as many as the .mid beside it has lines; without one, shapes alone."""
    mid = dataset.parts.get(".mid")
    if mid is None:
        found.tell("mid_missing", "warn", name=f"{dataset.name}.mid")
    lines = None if mid is None else _lines(mid)
    gdal.read(dataset, asked, found, gdal.Plan("MapInfo File", count=lambda _: lines))


def read_tab(dataset: Dataset, asked: Asked, found: Source) -> None:
    """The objects of a native .tab with its .dat, .map and .id."""
    with dataset.main.open("rb") as file:
        if _OPENS.search(file.read(_HEAD)):
            raise refusal("tab_refers_elsewhere")
    for suffix in (".dat", ".map", ".id"):
        _refuse_missing(dataset, suffix)
    gdal.read(dataset, asked, found, gdal.Plan("MapInfo File"))


def _refuse_missing(dataset: Dataset, suffix: str) -> None:
    if suffix not in dataset.parts:
        raise refusal("part_missing", name=f"{dataset.name}{suffix}")


def _lines(path: Path) -> int | None:
    """Lines of a .mid, None where a quoted text runs over several."""
    count = 0
    with path.open("rb") as file:
        for line in file:
            if line.count(b'"') % 2:
                return None
            count += bool(line.strip())
    return count
