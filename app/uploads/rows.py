"""The rows of an upload between reading and staging: fields as Arrow columns, outlines as shapely arrays."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.geometry import Floats, Geometries
from app.uploads.arrow import pa
from app.uploads.catalogue import Catalogue, Categories
from app.uploads.findings import Finding, Findings, Severity

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
MAX_VERTICES = 100_000
"""Vertices of one outline, at most (CONTRACT); a setting may ask for fewer."""


@dataclass
class Rows:
    """One upload's rows. ``good`` are those that nothing refuses; every refusal is told in ``findings``.

    ``fields`` hold what was read, by our names; ``columns`` by the file's;
    ``staged`` what it was found to mean, ready for the staging table.
    """

    collection: str
    srid: int
    count: int
    fields: dict[str, Any]
    geometries: Geometries
    catalogue: Catalogue
    accepted: frozenset[str] = frozenset()
    columns: dict[str, Any] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)
    staged: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Nothing is refused yet."""
        self.good: Bools = np.ones(self.count, dtype=bool)
        self.categories = Categories(self.catalogue)
        self.lines: list[int] | None = None
        self.max_vertices = MAX_VERTICES
        self.plane: Floats = np.full(self.count, np.nan)
        self.ellipsoidal: Floats = np.full(self.count, np.nan)

    def text(self, ours: str) -> Any:
        """A field's column; all null where the file has none."""
        column = self.fields.get(ours)
        return pa.nulls(self.count, pa.string()) if column is None else column

    def line(self, row: int) -> int:
        """The number by which the file knows a row (0-based): its place, or that which its sheet gives it."""
        return row + 1 if self.lines is None else self.lines[row]

    def feature(self, row: int) -> str | None:
        """The code of a row (0-based)."""
        if "code" not in self.fields:
            return None
        code: str | None = self.fields["code"][row].as_py()
        return code

    def tell(
        self, code: str, severity: Severity, rows: Ints, make: Callable[[int], Finding] | None = None, **values: str
    ) -> None:
        """A finding for each of ``rows`` (0-based); refused rows are no longer good."""

        def plainly(row: int) -> Finding:
            return Finding(code, severity, feature=self.feature(row), values=values)

        if len(rows):
            self.findings.add_rows(code, severity, rows, make or plainly)
            if severity == "refuse":
                self.good[rows] = False

    def tell_file(self, code: str, severity: Severity, **values: str) -> None:
        """A finding for the file as a whole."""
        self.findings.add([Finding(code, severity, values=values)])


def distinct(column: Any) -> tuple[list[str | None], Ints]:
    """The distinct texts of a column, None last, and which of them each row has."""
    encoded = column.dictionary_encode()
    texts: list[str | None] = [*encoded.dictionary.to_pylist(), None]
    codes = encoded.indices.fill_null(len(texts) - 1).to_numpy(zero_copy_only=False).astype(np.int64)
    return texts, codes


def texts_of(found: list[str | None], codes: Ints) -> Any:
    """The column whose rows have ``found[code]``."""
    return pa.array(found, pa.string()).take(pa.array(codes))
