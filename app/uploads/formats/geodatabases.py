"""File Geodatabase and FlatGeobuf: read by GDAL, which counts their records beforehand."""

from pathlib import Path

from app.uploads import drivers
from app.uploads.formats import gdal
from app.uploads.formats.datasets import Dataset
from app.uploads.formats.source import Asked, Source


def read_file_geodatabase(dataset: Dataset, asked: Asked, found: Source) -> None:
    """One feature class of a .gdb folder."""
    gdal.read(dataset, asked, found, gdal.Plan("OpenFileGDB", count=_stated(dataset.main)))


def read_flatgeobuf(dataset: Dataset, asked: Asked, found: Source) -> None:
    """The features of a .fgb, as many as its header says."""
    gdal.read(dataset, asked, found, gdal.Plan("FlatGeobuf", count=_stated(dataset.main)))


def _stated(path: Path) -> gdal.Count:
    """How many records the file says that a layer has."""

    def count(layer: str) -> int | None:
        number = int(drivers.gdal().read_info(path, layer=layer)["features"])
        return number if number >= 0 else None

    return count
