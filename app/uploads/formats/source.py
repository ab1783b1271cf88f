"""What every format's reader is asked, and what it yields; the same for all, so that nothing after it knows formats."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from app.uploads.problems import Problem, refusal

Objects = NDArray[Any]


@dataclass(frozen=True)
class Asked:
    """What the sender chose: a layer inside the file, an encoding. ``prefix`` names the file where a zip holds more."""

    layer: str | None = None
    encoding: str | None = None
    prefix: str = ""

    def choose(self, layers: Sequence[str], known: Sequence[str] | None = None) -> str:
        """The layer that is meant among ``layers``, the ones that may be; refuses the unknown and the unclear.

        ``known`` are all that the file holds, as they are named to the sender.
        """
        listed = ", ".join(self.names(layers))
        if self.layer is None:
            if len(layers) != 1:
                raise refusal("layer_not_chosen", count=len(layers), layers=listed)
            return layers[0]
        if self.layer in (known or layers):
            return self.layer
        matches = [name for name in known or layers if name.casefold() == self.layer.casefold()]
        if len(matches) == 1:
            return matches[0]
        raise refusal("layer_unknown", layer=self.layer, layers=listed)

    def names(self, layers: Sequence[str]) -> list[str]:
        """Layers as ``layer=`` takes them."""
        return [f"{self.prefix}/{layer}" if self.prefix else layer for layer in layers]


@dataclass
class Source:
    """A file as read so far, its coordinates in its own CRS: a refusal half-way tells as much as there is.

    ``geometries`` has one polygon for each record, None where a problem refuses its row. ``crs`` is what the file says
    by the rules of its format, None where it says nothing; ``crs_label``
    is the one used in the end. Positions and sizes in ``problems`` are in that CRS.
    """

    layer: str = ""
    layers: list[str] = field(default_factory=list)
    row_count: int = 0
    geometries: Objects = field(default_factory=lambda: np.zeros(0, dtype=object))
    columns: dict[str, Any] = field(default_factory=dict)
    encoding: str | None = None
    encoding_evidence: str | None = None
    crs: CRS | None = None
    crs_label: str | None = None
    problems: list[Problem] = field(default_factory=list)

    def tell(self, code: str, severity: str, row: int | None = None, **values: object) -> None:
        """Add a problem; ``row`` from 1, None for the file."""
        self.problems.append(Problem(code, severity, row, values))  # type: ignore[arg-type]  # three words only

    @property
    def refused(self) -> frozenset[int]:
        """Numbers of the rows that a problem refuses."""
        return frozenset(problem.row for problem in self.problems if problem.severity == "refuse" and problem.row)
