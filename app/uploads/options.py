"""What an uploader asks for: one value, made from HTTP parameters, command options or a stored upload."""

import re
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

import orjson

from app.errors import BadRequest

COLLECTIONS = (
    "renewal-units",
    "consolidation-projects",
    "parcels",
    "consolidation-parcels",
    "renewal-parcels",
    "districts",
    "sub-districts",
    "communities",
    "zones",
    "events",
    "targets",
)
PARCEL_COLLECTIONS = frozenset({"parcels", "consolidation-parcels", "renewal-parcels"})
PROJECT_COLLECTIONS = frozenset({"renewal-units", "consolidation-projects"})
RECORD_COLLECTIONS = frozenset({"events", "targets"})
"""Rows without an outline, from a CSV or a workbook."""
NAME = re.compile(r"[^\s,/:\x00-\x1f](?:[^,/:\x00-\x1f]{0,58}[^\s,/:\x00-\x1f])?")
CHOICES = {
    "collection": COLLECTIONS,
    "on_existing": ("add", "update", "replace"),
    "rows": ("all", "good"),
    "commit": ("ask", "auto"),
    "slivers": ("keep", "clip"),
}
MAX_GAP_WIDTH = 1.0
"""Metres."""
SCOPE = re.compile(r"(project|sub_district):\S.*")


@dataclass(frozen=True)
class UploadOptions:
    """The parameters of CONTRACT "Uploads"; ``mapping`` is parsed JSON, or the name of a saved mapping."""

    collection: str
    crs: str | None = None
    encoding: str | None = None
    layer: str | None = None
    mapping: dict[str, Any] | str | None = None
    dry_run: bool = False
    on_existing: str = "update"
    rows: str = "all"
    commit: str = "ask"
    name: str | None = None
    restrictive: bool = False
    scope: str | None = None
    slivers: str = "keep"
    gap_width: float | None = None
    decisions: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises ``BadRequest`` that names the parameter and its choices."""
        self._check_choices()
        self._check_name()
        self._check_scope()
        self._check_neighbours()

    def _check_choices(self) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise BadRequest("choice_unknown", parameter=name, name=name, choices=", ".join(choices))
        for decision in self.decisions.values():
            if decision not in {"accept", "refuse"}:
                raise BadRequest("choice_unknown", parameter="decisions", name="decisions", choices="accept, refuse")

    def _check_name(self) -> None:
        """Zones have a name, which ``within=zone:NAME`` must be able to say."""
        if self.collection == "zones":
            if not NAME.fullmatch(self.name or ""):
                raise BadRequest("zone_name_invalid", parameter="name", name=(self.name or "")[:80])
        elif self.name is not None or self.restrictive:
            raise BadRequest("zone_option_elsewhere", parameter="name" if self.name is not None else "restrictive")

    def _check_scope(self) -> None:
        """A scope belongs to ``replace``, which belongs to parcels and takes its file whole."""
        if self.on_existing != "replace":
            if self.scope is not None:
                raise BadRequest("scope_without_replace", parameter="scope")
            return
        if self.collection not in PARCEL_COLLECTIONS:
            raise BadRequest("replace_only_parcels", parameter="on_existing", collection=self.collection)
        if self.rows != "all":
            raise BadRequest("replace_needs_all_rows", parameter="rows")
        if self.scope is None:
            raise BadRequest("scope_missing", parameter="scope")
        if not SCOPE.fullmatch(self.scope):
            raise BadRequest("scope_invalid", parameter="scope", scope=self.scope)

    def _check_neighbours(self) -> None:
        """What is done about gaps and slivers between parcels; a gap wider than a metre is a path."""
        chosen = "slivers" if self.slivers != "keep" else "gap_width"
        if (self.slivers != "keep" or self.gap_width is not None) and self.collection not in PARCEL_COLLECTIONS:
            raise BadRequest("option_only_parcels", parameter=chosen, name=chosen, collection=self.collection)
        if self.gap_width is not None and not 0.0 < self.gap_width <= MAX_GAP_WIDTH:
            raise BadRequest("gap_width_invalid", parameter="gap_width", limit=MAX_GAP_WIDTH)


def with_defaults(changes: dict[str, Any]) -> dict[str, Any]:
    """Changes in which null, which takes back what was stated, is the parameter's default. Raises ``BadRequest``."""
    if changes.get("collection", "") is None:
        raise BadRequest("collection_missing", parameter="collection")
    defaults = {one.name: {} if one.default is MISSING else one.default for one in fields(UploadOptions)}
    return {name: defaults[name] if value is None else value for name, value in changes.items()}


def parsed_mapping(text: str) -> dict[str, Any] | str:
    """A mapping as JSON, or the name of a saved one."""
    if not text.lstrip().startswith("{"):
        return text
    try:
        mapping: dict[str, Any] = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadRequest("mapping_invalid", parameter="mapping", key="mapping", expected="JSON") from error
    return mapping
