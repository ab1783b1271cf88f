"""A CRS that an administrator has registered: how its coordinates get into the storage CRS. Runs in the child too.

Its parameters are confidential. They are in the registry and in the job of an upload, and nowhere else: whatever goes
wrong with them is told by the name alone, without the words of PROJ, which would repeat them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from app.uploads.crs import horizontal, identified, opens_file
from app.uploads.place import Objects, Path, Placed, find_path, move
from app.uploads.problems import FileRefusedError, Problem, refusal

Kind = Literal["crs", "pipeline"]
MAX_DEFINITION = 20_000
_FILES = re.compile(r"PARAMETERFILE|\bmodel\s*=|@", re.IGNORECASE)
"""What else makes PROJ look for a file."""


@dataclass(frozen=True)
class Registered:
    """A name and what it stands for: a CRS (WKT or PROJ string), or a pipeline from x, y to EPSG:``target``."""

    name: str
    kind: Kind
    target: int
    definition: str = field(repr=False)

    def way(self, storage_srid: int) -> Path:
        """The way into the storage CRS. Raises ``crs_registered_unusable``, which tells the name and nothing else."""
        try:
            return self._way(CRS.from_epsg(storage_srid))
        except (CRSError, ProjError, ValueError, TypeError, FileRefusedError):
            raise refusal("crs_registered_unusable", name=self.name) from None

    def _way(self, storage: CRS) -> Path:
        if len(self.definition) > MAX_DEFINITION or opens_file(self.definition) or _FILES.search(self.definition):
            raise ValueError
        if self.kind == "pipeline":
            first, reached = Transformer.from_pipeline(self.definition), CRS.from_epsg(self.target)
        else:
            crs = CRS.from_string(self.definition)
            if not crs.is_bound or crs.target_crs is None:
                return find_path(horizontal(crs), storage)
            # The shift to the hub is the administrator's own, so PROJ needs to know none.
            reached = crs.target_crs
            first = Transformer.from_crs(crs, reached, always_xy=True)
        if reached == storage:
            return Path([first], 0.0, same_place=True)
        return Path([first, *find_path(reached, storage).steps], 0.0, same_place=True)

    def to_json(self) -> list[Any]:
        """For the way into the child process."""
        return [self.name, self.kind, self.target, self.definition]

    @staticmethod
    def from_json(data: list[Any]) -> "Registered":
        """What :meth:`to_json` wrote."""
        return Registered(*data)


def kind_of(definition: str) -> Kind:
    """A pipeline says so; everything else must be a CRS."""
    return "pipeline" if "+proj=pipeline" in definition else "crs"


def chosen(from_file: CRS | None, stated: str | None, known: Sequence[Registered]) -> Registered | None:
    """The registered CRS that is meant: the one stated, else the one registered for the code that the file says."""
    by_name = {one.name: one for one in known}
    if stated is not None:
        return by_name.get(stated.strip()) or by_name.get(stated.strip().upper())
    return None if from_file is None or not known else by_name.get(identified(from_file).label)


def place_registered(geometries: Objects, named: Registered, storage_srid: int) -> Placed:
    """Bring outlines into the storage CRS by what is registered, with a finding that says so."""
    placed = Placed(geometries.copy())
    values: dict[str, object] = {"crs": named.name, "storage": f"EPSG:{storage_srid}"}
    placed.problems.append(Problem("crs_registered", "warn", values=values))
    move(placed, named.way(storage_srid), named.name, storage_srid)
    return placed


def differs(from_file: CRS | None, named: Registered) -> list[Problem]:
    """A warning where the file itself says another CRS."""
    label: str | None = None if from_file is None else identified(from_file).label
    if label is None or label == named.name:
        return []
    return [Problem("crs_differs_from_file", "warn", values={"stated": named.name, "file": label})]
