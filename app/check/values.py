"""What a check finds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Deviation:
    """Something that is not as it must be. ``outline`` is where, in the storage CRS."""

    code: str
    parcel: str | None = None
    values: Mapping[str, object] = field(default_factory=dict)
    outline: Any = None


@dataclass(frozen=True)
class Report:
    """What was looked at, as known at a moment, and what is wrong with it. ``counts``: how many of each were read."""

    known_at: datetime
    counts: Mapping[str, int]
    deviations: tuple[Deviation, ...]
