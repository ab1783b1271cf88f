"""Features of GeoJSON and JSON-FG to geometries and columns of text, in batches; each is kept or reported."""

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from app.uploads.arrow import pa
from app.uploads.formats import shapes, texts
from app.uploads.formats.rings_of_lists import sound_polygons
from app.uploads.formats.source import Source
from app.uploads.problems import FileRefusedError, Problem, refusal
from app.uploads.shapefile import MIN_RING_POINTS

MAX_COLUMNS = 1000
BATCH = 20_000
DRAWN_TOGETHER = 500
ID = "id"
_KINDS = {bool: "boolean", int: "number", float: "number", str: "text", dict: "object", list: "array"}

Floats = NDArray[np.float64]


class Features:
    """What has been read so far. ``alone``: the last text was one feature, so that more may follow line by line.

    ``placed``: geometries are JSON-FG's ``place``, in ``coord_ref_sys`` or the document's.
    """

    def __init__(self, found: Source) -> None:
        self.found = found
        self.alone = False
        self.placed = False
        self.coord_ref_sys: Any = None
        self.geometries: list[Any] = []
        self.waiting: list[Any] = []
        self.columns: dict[str, list[str | None]] = {}
        self.batches: list[dict[str, Any]] = []
        self.kinds: dict[str, set[str]] = {}

    def add(self, feature: Any) -> None:
        """One more row, whatever stands there."""
        row = self.found.row_count
        self.found.row_count += 1
        if not isinstance(feature, dict) or feature.get("type") != "Feature":
            self.found.tell("feature_invalid", "refuse", row + 1)
            feature = {}
        geometry = feature.get("geometry")
        if isinstance(feature.get("place"), dict):
            geometry, self.placed = feature["place"], True
            self.coord_ref_sys = self.coord_ref_sys or feature.get("coordRefSys")
        elif self.placed:
            geometry = None
        self.waiting.append(geometry)
        if len(self.waiting) == DRAWN_TOGETHER:
            self._draw()
        properties = feature.get("properties")
        values = properties if isinstance(properties, dict) else {}
        if ID in feature and ID not in values:
            values = {ID: feature[ID], **values}
        self._values(values, row % BATCH)
        if (row + 1) % BATCH == 0:
            self._flush(BATCH)

    def _draw(self) -> None:
        """Geometries of the rows that wait: together where all of them are sound, else one by one."""
        first = len(self.geometries) + 1
        together = sound_polygons([_as_polygons(geometry) for geometry in self.waiting])
        self.geometries += [
            self._geometry(geometry, row) if made is None else made
            for row, (geometry, made) in enumerate(zip(self.waiting, together, strict=True), start=first)
        ]
        self.waiting = []

    def _values(self, values: dict[str, Any], at: int) -> None:
        for name, value in values.items():
            if name not in self.columns:
                if len(self.columns) >= MAX_COLUMNS:
                    raise refusal("too_many_columns", limit=MAX_COLUMNS)
                self.columns[name] = []
            column = self.columns[name]
            if len(column) < at:
                column.extend([None] * (at - len(column)))
            if value is not None:
                self.kinds.setdefault(name, set()).add(_KINDS[type(value)])
            column.append(_text(value))

    def _flush(self, count: int) -> None:
        for column in self.columns.values():
            column.extend([None] * (count - len(column)))
        self.batches.append({name: pa.array(column, pa.string()) for name, column in self.columns.items()})
        self.columns = {name: [] for name in self.columns}

    def finish(self) -> None:
        """Fill the source's columns and geometries. Raises where no row is a polygon."""
        self._draw()
        rest = self.found.row_count - BATCH * len(self.batches)
        if rest:
            self._flush(rest)
        for name in self.batches[-1]:
            parts = [batch[name] if name in batch else pa.nulls(BATCH, pa.string()) for batch in self.batches]
            self.found.columns[name] = texts.tidy(pa.concat_arrays(parts))
            texts.looks_like_code(name, self.found)
        mixed = [name for name, kinds in self.kinds.items() if len(kinds) > 1]
        if mixed:
            self.found.tell("mixed_types", "warn", names=", ".join(mixed))
        geometries = np.empty(len(self.geometries), dtype=object)
        geometries[:] = self.geometries
        shapes.polygons(geometries, self.found)

    def _geometry(self, geometry: Any, row: int) -> Any:
        if not isinstance(geometry, dict):
            return None
        kind = geometry.get("type")
        try:
            if kind == "Polygon":
                return self._polygon(geometry["coordinates"], row)
            if kind == "MultiPolygon":
                parts = [self._polygon(one, row) for one in geometry["coordinates"]]
                return shapely.MultiPolygon(parts) if parts and all(parts) else None
            if kind in {"LineString", "Point", "MultiPoint", "MultiLineString", "GeometryCollection"}:
                return shapely.geometry.shape(geometry)
        except FileRefusedError:
            raise
        except Exception:  # noqa: BLE001 - lists of anything at any depth come here
            self.found.tell("geometry_unreadable", "refuse", row)
            return None
        self.found.problems.append(Problem("geometry_not_polygon", "refuse", row, {"found": str(kind)[:40]}))
        return None

    def _polygon(self, rings: list[Any], row: int) -> Any:
        """A polygon of rings; open ones are closed, which is told."""
        closed = [self._ring(ring, row) for ring in rings]
        if not closed:
            return None
        if any(ring is None for ring in closed):
            return None
        return shapely.Polygon(closed[0], closed[1:])

    def _ring(self, ring: list[Any], row: int) -> Floats | None:
        points = np.array(ring, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] < 2:  # noqa: PLR2004 - a list of x and y
            raise ValueError(points.shape)
        points = points[:, :3]
        if not np.isfinite(points[:, :2]).all():
            self._once("coordinates_not_finite", row)
            return None
        if (points[0, :2] != points[-1, :2]).any():
            points = np.vstack([points, points[:1]])
            self._once("ring_closed", row)
        if len(points) < MIN_RING_POINTS:
            self._once("ring_too_few_points", row, count=len(points))
            return None
        return points

    def _once(self, code: str, row: int, **values: object) -> None:
        """A problem of a row, told once however many of its rings have it."""
        last = self.found.problems[-1] if self.found.problems else None
        if last is None or (last.code, last.row) != (code, row):
            self.found.tell(code, "warn" if code == "ring_closed" else "refuse", row, **values)


def _as_polygons(geometry: Any) -> Any:
    """The list of polygons of a polygon or multipolygon, None for anything else."""
    if not isinstance(geometry, dict):
        return None
    coordinates = geometry.get("coordinates")
    return {"Polygon": [coordinates], "MultiPolygon": coordinates}.get(str(geometry.get("type")))


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return texts.number(value)
    return str(value) if isinstance(value, int) else texts.nested(value)
