"""A file read by GDAL: one named driver, one layer, every record a row.

Formats that GDAL reads well enough to account for each record. What it warns of is told without the paths in it.
"""

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from app.uploads import drivers
from app.uploads.crs import parse_file
from app.uploads.formats import shapes, texts
from app.uploads.formats.datasets import Dataset
from app.uploads.formats.source import Asked, Source
from app.uploads.problems import FileRefusedError, refusal

NO_GEOMETRY = {None, "", "None"}
_PATH = re.compile(r"['\"]?(/[\w.@+-]+)+/?['\"]?")
_TOLD = 200
_MOST_NOTES = 5


Count = Callable[[str], int | None]
"""How many records a layer has, None where the format cannot say."""


def _unknown(_layer: str) -> None:
    return None


@dataclass(frozen=True)
class Plan:
    """How GDAL is to read one format.

    ``layers`` limits what it may open.
    """

    driver: str
    options: dict[str, str] = field(default_factory=dict)
    layers: Sequence[str] | None = None
    count: Count = _unknown
    encoding: str | None = None


@dataclass(frozen=True)
class Records:
    """What GDAL gave of a layer: WKB and columns, row by row, with the ids that the file gives its records."""

    wkb: list[bytes | None]
    columns: dict[str, Any]
    ids: list[int]
    layer: str


def read(dataset: Dataset, asked: Asked, found: Source, plan: Plan) -> Records:
    """Fill ``found`` with one layer; the records as GDAL gave them, for those who know better."""
    records = records_of(dataset.main, asked, found, plan)
    texts.fill(records.columns, found, asked.encoding)
    shapes.from_wkb(records.wkb, found)
    return records


def records_of(path: Path, asked: Asked, found: Source, plan: Plan) -> Records:
    """The records of the layer that is meant; its name, CRS and number of rows go into ``found``."""
    gdal = drivers.gdal()
    with _told(found):
        layer = _layer(gdal, path, asked, found, plan)
        meta, table = gdal.raw.read_arrow(path, layer=layer, return_fids=True, encoding=plan.encoding, **plan.options)
        found.row_count = table.num_rows
        expected = plan.count(layer)
        if expected is not None and expected != table.num_rows:
            raise refusal("rows_lost", expected=expected, found=table.num_rows)
        if not table.num_rows:
            raise refusal("no_rows")
        found.crs = parse_file(meta["crs"])
        geometry = meta["geometry_name"] or "wkb_geometry"
        if geometry not in table.column_names:
            raise refusal("layer_without_geometry", layer=layer)
        names = _distinct(table.column_names)
        at = len(names) - 1 - table.column_names[::-1].index(geometry)
        wkb = table.column(at).to_pylist()
        ids = table.column(0).to_pylist()  # the ids come first, whatever the file calls them
        columns = {names[place]: table.column(place) for place in range(1, len(names)) if place != at}
        if np.isin(shapes.wkb_kinds(wkb)[0], list(shapes.CURVED)).any():
            wkb = _straightened(gdal, path, layer, wkb, found)
    return Records(wkb, columns, ids, layer)


def _layer(gdal: Any, path: Path, asked: Asked, found: Source, plan: Plan) -> str:
    """The layer that is meant; refuses another driver than the one that the content asked for."""
    listed = [(str(name), kind) for name, kind in gdal.list_layers(path).tolist()]
    if plan.layers is not None:
        listed = [(name, kind) for name, kind in listed if name in plan.layers]
    if not listed:
        raise refusal("no_rows")
    names = [name for name, _ in listed]
    spatial = [name for name, kind in listed if kind not in NO_GEOMETRY]
    found.layers = asked.names(names)
    if not spatial:
        raise refusal("layer_without_geometry", layer=", ".join(names))
    layer = asked.choose(spatial, names)
    found.layer = asked.names([layer])[0]
    info = gdal.read_info(path, layer=layer, **plan.options)
    if info["driver"] != plan.driver:
        raise refusal("driver_unexpected", driver=info["driver"], expected=plan.driver)
    repeated = [name for name in names if re.fullmatch(r".* \(#\d+\)", name)]
    if repeated:
        found.tell("layers_of_one_name", "warn", layers=", ".join(found.layers))
    return layer


def _distinct(names: Sequence[str]) -> list[str]:
    """Names of columns; one that stands twice gets a number, as in a .dbf."""
    found: list[str] = []
    for name in names:
        copies, own = 1, name
        while own in found:
            copies += 1
            own = f"{name}_{copies}"
        found.append(own)
    return found


def _straightened(gdal: Any, path: Path, layer: str, wkb: list[bytes | None], found: Source) -> list[bytes | None]:
    """Curves as GDAL makes them straight: an edge for every four degrees of an arc."""
    _, _, straight, _ = gdal.raw.read(path, layer=layer, columns=[])
    if len(straight) != len(wkb):
        raise refusal("rows_lost", expected=len(wkb), found=len(straight))
    count = int(np.isin(shapes.wkb_kinds(wkb)[0], list(shapes.CURVED)).sum())
    found.tell("curves_straightened", "warn", count=count)
    return [bytes(one) if one is not None else None for one in straight]


@contextmanager
def _told(found: Source) -> Iterator[None]:
    """GDAL's errors as a refusal of the file, its warnings as notes; neither with a path of this machine."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        except (FileRefusedError, MemoryError):
            raise
        except Exception as error:  # pyogrio, Arrow and GDAL raise what they like at a broken file
            raise refusal("gdal_cannot_read", reason=_said(error)) from error
        finally:
            said = dict.fromkeys(_said(one.message) for one in caught)
            for text in list(said)[:_MOST_NOTES]:
                found.tell("gdal_says", "note", text=text)


def _said(message: object) -> str:
    return _PATH.sub("…", str(message)).replace("\n", " ")[:_TOLD]
