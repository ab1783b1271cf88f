"""What an uploader asks for: one value, made from HTTP parameters, command options or a stored upload."""

from dataclasses import dataclass, field
from typing import Any

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
)
PARCEL_COLLECTIONS = frozenset({"parcels", "consolidation-parcels", "renewal-parcels"})
PROJECT_COLLECTIONS = frozenset({"renewal-units", "consolidation-projects"})
CHOICES = {
    "collection": COLLECTIONS,
    "on_existing": ("add", "update"),
    "rows": ("all", "good"),
    "commit": ("ask", "auto"),
}


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
    decisions: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises ``BadRequest`` that names the parameter and its choices."""
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise BadRequest("choice_unknown", parameter=name, name=name, choices=", ".join(choices))
        for decision in self.decisions.values():
            if decision not in {"accept", "refuse"}:
                raise BadRequest("choice_unknown", parameter="decisions", name="decisions", choices="accept, refuse")
