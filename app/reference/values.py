"""Reference data as plain values: what the child process of an upload may know, without a database."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Category:
    """A land category."""

    code: str
    parent_code: str | None
    name_zh: str
    name_en: str


@dataclass(frozen=True)
class LandUse:
    """A code of a national standard and the category that it means."""

    scheme: str
    version: str
    code: str
    category: str


@dataclass(frozen=True)
class PlacePolygon:
    """A place's boundary in force in ``[valid_from, valid_to)``; ``geom`` is WKB in the storage CRS."""

    level: str
    code: str
    parent_code: str | None
    valid_from: date
    valid_to: date | None
    geom: bytes
    name: str = ""


@dataclass(frozen=True)
class ZonePolygon:
    """An outline of a named set of zones; ``geom`` is WKB in the storage CRS."""

    name: str
    code: str
    geom: bytes
