"""DXF: closed outlines by drawing layer, the text that stands inside as an attribute. A drawing has no CRS: it is said.

GDAL reads the entities; which text belongs to which outline, and what was drawn twice, is worked out here.
"""

import codecs
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from app.uploads import drivers
from app.uploads.arrow import pa
from app.uploads.encoding import detect, known_encoding
from app.uploads.formats import gdal, shapes, texts
from app.uploads.formats.datasets import Dataset
from app.uploads.formats.source import Asked, Objects, Source
from app.uploads.problems import FileRefusedError, Problem, refusal

LAYER, TEXT = "Layer", "Text"
"""Columns of GDAL."""
DRAWING_LAYER, INSIDE = "dxf_layer", "dxf_text"
"""Columns of ours: ``layer`` would be taken for the surface, above or below the ground."""
UTF8_SINCE = "AC1021"
"""AutoCAD 2007: from then on drawings are UTF-8, whatever $DWGCODEPAGE says."""
_PAGE = re.compile(rb"\$DWGCODEPAGE\s+3\s+(\S+)")
_VERSION = re.compile(rb"\$ACADVER\s+1\s+(\S+)")
_HEADER = 1 << 16
_EVIDENCE = 1 << 26
_TAIL = 200
_POLYGONS = (3, 6)
_POINT = 0
_BULGE, _ENTITY = b"42", b"0"
_WITH_BULGES = frozenset({b"LWPOLYLINE", b"VERTEX"})
_ARCS = frozenset({b"ARC", b"CIRCLE", b"ELLIPSE", b"SPLINE"})


def read(dataset: Dataset, asked: Asked, found: Source) -> None:
    """The closed outlines of one drawing layer; everything else on it is told by kind and number."""
    _refuse_cut_off(dataset.main)
    _set_encoding(dataset.main, asked, found)
    records = gdal.records_of(dataset.main, Asked(prefix=asked.prefix), found, gdal.Plan("DXF"))
    entities = Source(row_count=found.row_count)
    texts.fill({name: records.columns[name] for name in (LAYER, TEXT)}, entities)
    geometries = _geometries(records.wkb)
    layers = np.array([name or "0" for name in entities.columns[LAYER].to_pylist()], dtype=object)
    closed = np.isin(shapely.get_type_id(geometries), _POLYGONS)
    _refuse_without_outlines(geometries, closed, found)
    names = sorted(set(layers[closed].tolist()))
    found.layers = asked.names(names)
    layer = asked.choose(names)
    found.layer = asked.names([layer])[0]
    chosen = np.flatnonzero(closed & (layers == layer))
    _tell_rest(geometries, (layers == layer) & ~closed, found)
    _tell_arcs(dataset.main, found)
    found.row_count = len(chosen)
    _fill(geometries, chosen, entities, layer, found)


def _refuse_cut_off(path: Path) -> None:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _TAIL))
        if b"EOF" not in file.read():
            raise refusal("dxf_cut_off")


def _set_encoding(path: Path, asked: Asked, found: Source) -> None:
    """Tell GDAL in which encoding the texts are: the code page of the header is often that of another machine."""
    with path.open("rb") as file:
        head = file.read(_HEADER)
        file.seek(0)
        odd = [line.strip() for line in file.read(_EVIDENCE).split(b"\n") if not line.isascii()]
    page, version = _PAGE.search(head), _VERSION.search(head)
    said = known_encoding(page[1].decode("ascii", "ignore")) if page else None
    name = said or "CP1252"
    if odd:
        encoding = detect(list(dict.fromkeys(odd)), said.encode() if said else None, 0, asked.encoding)
        found.problems += [one for one in encoding.problems if one.code != "encoding_detected"]
        name = encoding.name
        found.encoding, found.encoding_evidence = name, encoding.evidence
    elif version and version[1].decode("ascii", "ignore") >= UTF8_SINCE:
        name = "UTF-8"
    drivers.gdal().set_gdal_config_options({"DXF_ENCODING": _for_gdal(name)})


def _for_gdal(name: str) -> str:
    return "CP936" if name == "GB18030" else codecs.lookup(name).name.upper()


def _geometries(wkbs: list[bytes | None]) -> Objects:
    """Shapely geometries; open rings, which GDAL makes of odd faces, closed."""
    raw = np.array(wkbs, dtype=object)
    kinds, _ = shapes.wkb_kinds(wkbs)
    raw[kinds > shapes.COLLECTION] = None
    return np.asarray(shapely.from_wkb(raw, on_invalid="fix"), dtype=object)


def _refuse_without_outlines(geometries: Objects, closed: Any, found: Source) -> None:
    if not closed.any():
        kinds = sorted({one.geom_type for one in geometries if one is not None})
        problem = Problem("layer_not_polygons", "refuse", values={"found": ", ".join(kinds) or "–"})
        raise FileRefusedError(problem, row_count=found.row_count)


def _tell_rest(geometries: Objects, rest: Any, found: Source) -> None:
    """Lines that do not close, and other entities of the layer, are no rows of it; how many there are is told."""
    kinds: dict[str, int] = defaultdict(int)
    for geometry in geometries[rest]:
        if geometry is not None and geometry.geom_type not in {"Point", "MultiPoint"}:
            kinds[geometry.geom_type] += 1
    for kind, count in sorted(kinds.items()):
        found.tell("dxf_not_closed", "warn", kind=kind, count=count)


def _fill(geometries: Objects, chosen: Any, entities: Source, layer: str, found: Source) -> None:
    """Outlines with the text inside each; one that is drawn twice is refused the second time."""
    labels = entities.columns[TEXT].to_pylist()
    points = np.array(
        [row for row, label in enumerate(labels) if label and shapely.get_type_id(geometries[row]) == _POINT],
        dtype=np.int64,
    )
    outlines = geometries[chosen]
    inside: list[dict[str, None]] = [{} for _ in chosen]  # a text that is drawn twice stands there once
    if len(points):
        tree = shapely.STRtree(shapely.force_2d(geometries[points]))
        for outline, point in sorted(tree.query(outlines, predicate="contains").T.tolist()):
            inside[outline][str(labels[points[point]])] = None
    several = sum(len(one) > 1 for one in inside)
    if several:
        found.tell("dxf_several_texts", "warn", count=several)
    found.columns[DRAWING_LAYER] = pa.array([layer] * len(chosen), pa.string())
    found.columns[INSIDE] = pa.array([" ".join(one) or None for one in inside], pa.string())
    seen: dict[bytes, int] = {}
    normal = shapely.to_wkb(shapely.normalize(shapely.force_2d(outlines)))
    for row, key in enumerate(normal.tolist(), start=1):
        if seen.setdefault(key, row) != row:
            found.tell("dxf_drawn_twice", "refuse", row, first=seen[key])
    shapes.polygons(outlines, found)


def _tell_arcs(path: Path, found: Source) -> None:
    """Bulges and arcs come from GDAL as straight edges, one for every four degrees."""
    count = sum(1 for _ in _arcs(path))
    if count:
        found.tell("dxf_arcs_straightened", "warn", count=count)


def _arcs(path: Path) -> Iterator[None]:
    """Each arc of the drawing, by its group codes (DXF reference, group codes in numerical order)."""
    entity = b""
    with path.open("rb") as file:
        for code in file:
            value = file.readline().strip()
            if code.strip() == _ENTITY:
                entity = value
                if value in _ARCS:
                    yield
            elif code.strip() == _BULGE and entity in _WITH_BULGES and value.strip(b"-+0.eE"):
                yield
