"""What the reader tells about a file: plain values, no text, no database."""

from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["refuse", "warn", "note"]


@dataclass(frozen=True)
class Problem:
    """One thing that was found in a file.

    ``row`` is the 1-based record number, or None where the whole file is meant; a ``refuse`` without a row
    refuses the file. ``values`` fill the texts of ``app/messages/reader.json``. ``position`` is x, y in the
    storage CRS, and square metres are plane ones; both are in the CRS of the file until its reading is finished.
    """

    code: str
    severity: Severity
    row: int | None = None
    values: dict[str, object] = field(default_factory=dict)
    position: tuple[float, float] | None = None
    square_metres_before: float | None = None
    square_metres_after: float | None = None

    @property
    def message_values(self) -> dict[str, object]:
        """What fills the texts: the values, and the row where there is one."""
        return self.values if self.row is None else {**self.values, "row": self.row}


class FileRefusedError(Exception):
    """The file cannot be read on; ``problems`` says why, and what is known of its rows."""

    def __init__(self, *problems: Problem, row_count: int = 0) -> None:
        """``row_count`` is the number of records seen before reading stopped."""
        super().__init__(", ".join(problem.code for problem in problems))
        self.problems = list(problems)
        self.row_count = row_count


def refusal(code: str, **values: object) -> FileRefusedError:
    """The error that refuses the whole file for one reason."""
    return FileRefusedError(Problem(code, "refuse", values=values))
