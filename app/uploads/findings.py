"""Findings: one thing found in an upload, at a row or in the file as a whole."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from app.errors import Messages, message
from app.geometry import from_e4, to_e4
from app.uploads.problems import Problem

Severity = Literal["refuse", "warn", "note"]
TOLD = 1000
"""Findings of one code that are stored; how many more there are is told in one note, and counts stay exact."""


@dataclass(frozen=True)
class Finding:
    """What was found: ``geometry`` is where, in the storage CRS; square metres tell a repair's before and after.

    ``row`` is the 1-based record of the file, or None for the whole file; a ``refuse`` without a row refuses the file.
    """

    code: str
    severity: Severity
    row: int | None = None
    feature: str | None = None
    geometry: shapely.Geometry | None = None
    values: dict[str, str] = field(default_factory=dict)
    square_metres_before: Decimal | None = None
    square_metres_after: Decimal | None = None

    @property
    def messages(self) -> Messages:
        """What is the matter and what to do, in Chinese and English."""
        return message(self.code, **self.values)

    def to_json(self) -> dict[str, Any]:
        """For the way out of the child process."""
        geometry = None if self.geometry is None else shapely.to_wkb(self.geometry, hex=True)
        sizes = [None if size is None else str(size) for size in (self.square_metres_before, self.square_metres_after)]
        return {
            "code": self.code, "severity": self.severity, "row": self.row, "feature": self.feature,
            "geometry": geometry, "values": self.values, "before": sizes[0], "after": sizes[1],
        }  # fmt: skip

    @staticmethod
    def from_json(data: dict[str, Any]) -> "Finding":
        """The finding that :meth:`to_json` wrote."""
        geometry = None if data["geometry"] is None else shapely.from_wkb(data["geometry"])
        before, after = (None if data[key] is None else Decimal(data[key]) for key in ("before", "after"))
        return Finding(
            data["code"], data["severity"], data["row"], data["feature"], geometry, data["values"], before, after
        )


def from_problem(problem: Problem) -> Finding:
    """What the reader told, as a finding."""
    position = None if problem.position is None else shapely.Point(problem.position)
    values = {name: str(value) for name, value in problem.values.items()}
    if problem.row is not None:
        values.setdefault("row", str(problem.row))
    sizes = (square_metres(size) for size in (problem.square_metres_before, problem.square_metres_after))
    return Finding(problem.code, problem.severity, problem.row, None, position, values, *sizes)


def square_metres(size: float | None) -> Decimal | None:
    """A measured size with the four decimals that are stored."""
    return None if size is None or not np.isfinite(size) else from_e4(int(to_e4(np.array([size]))[0]))


class Findings:
    """The findings of one upload as they come in: every one counted, at most TOLD of a code kept."""

    def __init__(self) -> None:
        self.kept: list[Finding] = []
        self.counts: Counter[tuple[str, Severity]] = Counter()
        self.refused_rows: set[int] = set()
        self.file_refused = False

    def add(self, findings: Iterable[Finding]) -> None:
        """Take findings in."""
        for finding in findings:
            self._count(finding.code, finding.severity, 1)
            if self.counts[finding.code, finding.severity] <= TOLD:
                self.kept.append(finding)
            if finding.severity == "refuse":
                self.file_refused |= finding.row is None
                self.refused_rows |= set() if finding.row is None else {finding.row}

    def add_rows(self, code: str, severity: Severity, rows: NDArray[np.int64], make: Callable[[int], Finding]) -> None:
        """The same finding for many rows (0-based); ``make`` is called only for those that are kept."""
        room = max(0, TOLD - self.counts[code, severity])
        self.kept += [replace(make(row), code=code, severity=severity, row=row + 1) for row in rows[:room].tolist()]
        self._count(code, severity, len(rows))
        if severity == "refuse":
            self.refused_rows |= set((rows + 1).tolist())

    def name(self, feature: Callable[[int], str | None]) -> None:
        """Put the code (of a 0-based row) to findings that lack it: the reader knows row numbers only."""
        self.kept = [
            replace(one, feature=feature(one.row - 1)) if one.feature is None and one.row is not None else one
            for one in self.kept
        ]

    def _count(self, code: str, severity: Severity, count: int) -> None:
        self.counts[code, severity] += count

    def all(self) -> list[Finding]:
        """What is kept, and one note for each code of which there are more."""
        more = [
            Finding("more_findings", "note", values={"code": code, "count": str(count - TOLD), "total": str(count)})
            for (code, _), count in self.counts.items()
            if count > TOLD
        ]
        return [*self.kept, *more]

    def by_severity(self) -> dict[str, int]:
        """How many of each severity there are, whether kept or not."""
        totals = dict.fromkeys(("refuse", "warn", "note"), 0)
        for (_, severity), count in self.counts.items():
            totals[severity] += count
        return totals
