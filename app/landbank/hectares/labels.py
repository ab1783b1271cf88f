"""Names in Chinese and English for the codes of an answer's rows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from app.inventory.models import Project, ProjectVersion
from app.landbank.hectares.query import HectaresQuery
from app.reference.models import LandCategory, Place, Zone

PROGRAMMES = {"renewal": ("城市更新", "Urban renewal"), "consolidation": ("土地整备", "Land consolidation")}
OUTSIDE = {
    "sub_district": ("街道范围外", "Outside every sub-district"),
    "community": ("社区范围外", "Outside every community"),
    "project": ("无项目", "No project"),
    "zone": ("片区范围外", "Outside every zone"),
}


@dataclass(frozen=True)
class Label:
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


def label_of(
    names: Mapping[tuple[str, str | None], Label], dimensions: Iterable[tuple[str, int | float | str | None]]
) -> Label:
    """The name of a row: those of its codes, a code without a name standing for itself."""
    plain = [(name, None if code is None else str(code)) for name, code in dimensions]
    found = [names.get(key) or Label(key[1] or "", key[1] or "") for key in plain]
    return Label(" · ".join([part.zh for part in found]), " · ".join([part.en for part in found]))


def _known(table: type[Place | ProjectVersion | Zone], query: HectaresQuery) -> ColumnElement[bool]:
    return (table.recorded_from <= query.known_at) & or_(
        table.recorded_to.is_(None), table.recorded_to > query.known_at
    )
