"""GeoJSON (RFC 7946 and its line by line form), JSON-FG, and the way to Esri JSON and TopoJSON, by what stands in it.

Coordinates are CRS84 unless a ``crs`` member, or JSON-FG's ``coordRefSys``, says otherwise.
"""

import re
from typing import Any

import numpy as np
import shapely
from pyproj import CRS

from app.uploads import crs as crs_module
from app.uploads.formats import gdal
from app.uploads.formats.datasets import Dataset
from app.uploads.formats.features import Features
from app.uploads.formats.json_stream import Stream, reading
from app.uploads.formats.source import Asked, Source
from app.uploads.place import MOST
from app.uploads.problems import refusal

CRS84 = "OGC:CRS84"
GEOMETRIES = frozenset(
    {"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"}
)
_URI = re.compile(
    r"(?:https?://www\.opengis\.net/def/crs/|\[)(EPSG|OGC|IGNF|ESRI)[/:](?:[\w.]+/)?(\w+)\]?", re.IGNORECASE
)
_OTHER = {"TopoJSON": "TopoJSON", "Esri JSON": "ESRIJSON"}
"""Formats that GDAL reads, and its drivers."""


def read(dataset: Dataset, asked: Asked, found: Source) -> None:
    """Every feature of a text of JSON, whichever of its kinds."""
    found.layer = dataset.name
    document = _Document(found)
    reading(dataset.main, found, asked.encoding, document.read)
    if document.other is not None:
        _with_gdal(dataset, asked, found, document.other)
        return
    asked.choose([dataset.name])
    if not found.row_count:
        raise refusal("no_rows" if document.seen else "json_not_geographic")
    document.features.finish()
    found.crs = document.crs()
    if document.features.placed and found.crs is not None and found.crs.axis_info[0].direction == "north":
        # JSON-FG 1.0, 7.7: the order of a place's coordinates is that of the axes of its CRS.
        found.geometries = shapely.transform(found.geometries, lambda points: points[:, ::-1])


class _Document:
    """What has been read of one text: features, and the members beside them that say in which CRS they are."""

    def __init__(self, found: Source) -> None:
        self.found = found
        self.features = Features(found)
        self.other: str | None = None
        self.seen = False
        self.beside: dict[str, Any] = {}

    def read(self, stream: Stream) -> None:
        """One document, or one feature a line."""
        lines = 0
        while (first := stream.peek()) and self.other is None:
            if first != "{" or (lines and not self.features.alone):
                raise ValueError(first)
            self._object(stream)
            lines += 1

    def _object(self, stream: Stream) -> None:
        members: dict[str, Any] = {}
        self.features.alone = True
        for name in stream.members():
            if name == "features" and stream.peek() == "[":
                self.seen, self.features.alone = True, False
                for feature in stream.elements():
                    if isinstance(feature, dict) and "attributes" in feature and "properties" not in feature:
                        self.other = "Esri JSON"
                        return
                    self.features.add(feature)
            else:
                members[name] = stream.value()
            if name == "type" and members[name] == "Topology":
                self.other = "TopoJSON"
                return
        self._single(members)

    def _single(self, members: dict[str, Any]) -> None:
        """What an object means that holds no features: it is one itself, a geometry, or neither."""
        kind = members.get("type")
        if self.features.alone and kind == "Feature":
            self.seen = True
            self.features.add(members)
        elif self.features.alone and kind in GEOMETRIES:
            self.seen, self.features.alone = True, False
            self.features.add({"type": "Feature", "geometry": members, "properties": {}})
        elif self.features.alone and "rings" in members:
            self.other = "Esri JSON"
        else:
            self.features.alone = False
        for name in ("crs", "coordRefSys"):
            if name in members and name not in self.beside:
                self.beside[name] = members[name]

    def crs(self) -> CRS | None:
        """The CRS by the rules of the format, None where it is not said or the coordinates contradict the default."""
        if self.features.placed:
            return _reference(self.beside.get("coordRefSys", self.features.coord_ref_sys))
        if "crs" in self.beside:
            return _old_member(self.beside["crs"])
        bounds = shapely.bounds(self.found.geometries)
        bounds = bounds[np.isfinite(bounds).all(axis=1)]
        beyond = (np.abs(bounds) > [180, 90, 180, 90]).any(axis=1)
        if len(bounds) and beyond.mean() > MOST:
            self.found.tell("geojson_not_degrees", "warn")
            return None
        return CRS.from_user_input(CRS84)


def _old_member(member: Any) -> CRS | None:
    """The ``crs`` member of GeoJSON before 2016: a name, or null for none."""
    if member is None:
        return None
    properties = member.get("properties") if isinstance(member, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    if not isinstance(name, str):
        raise refusal("crs_unknown", crs=str(member)[:100])
    return _named(name)


def _reference(member: Any) -> CRS | None:
    """JSON-FG's ``coordRefSys``: a URI, a safe CURIE, or an object with one."""
    if isinstance(member, list) and member:
        member = member[0]
    if isinstance(member, dict):
        member = member.get("href")
    if not isinstance(member, str):
        raise refusal("crs_unknown", crs=str(member)[:100])
    return _named(member)


def _named(name: str) -> CRS:
    match = _URI.fullmatch(name.strip())
    return crs_module.parse_stated(f"{match[1]}:{match[2]}" if match else name)


def _with_gdal(dataset: Dataset, asked: Asked, found: Source, kind: str) -> None:
    """Esri JSON and TopoJSON, which must be UTF-8 for GDAL."""
    if found.encoding != "UTF-8":
        raise refusal("json_undecodable", encoding=str(found.encoding))
    found.row_count = 0
    found.problems = [problem for problem in found.problems if problem.row is None]
    gdal.read(dataset, asked, found, gdal.Plan(_OTHER[kind]))
