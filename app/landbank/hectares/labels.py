"""Names in Chinese and English for the codes of an answer's rows."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from app.inventory.models import Project, ProjectVersion
from app.landbank.hectares.query import OUTLINED, HectaresQuery, Key
from app.reference.models import LandCategory, Place, Zone

PROGRAMMES = {"renewal": ("城市更新", "Urban renewal"), "consolidation": ("土地整备", "Land consolidation")}
OUTSIDE = {
    "sub_district": ("街道范围外", "Outside every sub-district"),
    "community": ("社区范围外", "Outside every community"),
    "project": ("无项目", "No project"),
    "zone": ("片区范围外", "Outside every zone"),
}


class Label(NamedTuple):
    """A name in both languages."""

    zh: str
    en: str


MEASURE_NAMES = {
    "inventory": Label("地块台账", "Inventory"),
    "banked": Label("在库", "In the bank"),
    "bank_entries": Label("入库", "Bank entries"),
    "supplied": Label("直接供应", "Supplied"),
    "handed_over": Label("移交", "Handed over"),
    "supply_total": Label("供应合计", "Total supply"),
}


def labels(session: Session, query: HectaresQuery) -> Mapping[tuple[str, str | None], Label]:
    """The names of the codes that may appear, by dimension and code, as known at the question's moment."""
    found: dict[tuple[str, str | None], Label] = {(name, None): Label(*texts) for name, texts in OUTSIDE.items()}
    found |= {("programme", code): Label(*texts) for code, texts in PROGRAMMES.items()}
    if {"category", "subcategory"} & set(query.by):
        # Parcels keep a category that has ended, and it its last name.
        rows = session.execute(
            select(LandCategory.code, LandCategory.name_zh, LandCategory.name_en)
            .where(LandCategory.recorded_from <= query.known_at)
            .order_by(LandCategory.recorded_from)
        )
        for code, zh, en in rows:
            found[("category", code)] = found[("subcategory", code)] = Label(zh, en)
    for level in {"sub_district", "community"} & set(query.by):
        places = session.execute(
            select(Place.code, Place.name).where(Place.level == level, _known(Place, query)).order_by(Place.valid_from)
        )
        found |= {(level, code): Label(name, name) for code, name in places}
    if "zone" in query.by:
        zones = session.execute(
            select(Zone.code, Zone.title)
            .where(Zone.name == query.zones, _known(Zone, query), Zone.title.is_not(None))
            .order_by(Zone.valid_from)
        )
        found |= {("zone", code): Label(title or code, title or code) for code, title in zones}
    if "project" in query.by:
        projects = session.execute(
            select(Project.code, ProjectVersion.name)
            .join(ProjectVersion, ProjectVersion.project_id == Project.id)
            .where(_known(ProjectVersion, query), ProjectVersion.name.is_not(None))
        )
        found |= {("project", code): Label(name or code, name or code) for code, name in projects}
    return found


class Names:
    """The names of rows. What rows share but for their last code is put together once: thousands of rows follow."""

    def __init__(self, names: Mapping[tuple[str, str | None], Label]) -> None:
        """``names``: those of codes, as ``labels`` gives them."""
        self._names = names
        self._begun: dict[tuple[Key, ...], Label] = {}

    def of(self, keys: tuple[Key, ...]) -> Label:
        """Those of its codes, a code without a name standing for itself."""
        if not keys:
            return Label("", "")
        last = self._one(keys[-1])
        if len(keys) == 1:
            return last
        begun = self._begun.get(keys[:-1])
        if begun is None or keys[-1][0] in OUTLINED:  # a feature may be called 1 and another 1.0
            begun = self._begun[keys[:-1]] = Label(*(f"{part} · " for part in self.of(keys[:-1])))
        return Label(begun.zh + last.zh, begun.en + last.en)

    def _one(self, key: Key) -> Label:
        name, code = key
        known = self._names.get((name, None if code is None else str(code)))
        text = "" if code is None else str(code)
        return known or Label(text, text)


def _known(table: type[Place | ProjectVersion | Zone], query: HectaresQuery) -> ColumnElement[bool]:
    return (table.recorded_from <= query.known_at) & or_(
        table.recorded_to.is_(None), table.recorded_to > query.known_at
    )
