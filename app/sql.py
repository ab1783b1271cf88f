r"""SQL kept in ``.sql`` files: loaded once, parameters bound, columns checked against a dataclass.

Every figure that the service publishes is computed by such a file, which a colleague can paste into psql
(``\set`` understands the same ``:name``).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from functools import cached_property
from importlib import resources
from typing import Any, Generic, TypeVar

from sqlalchemy import TextClause, func, select, text
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

Row = TypeVar("Row")


class Query(Generic[Row]):
    """One ``.sql`` file of a package and the dataclass that its rows fill.

    Raises ``RuntimeError`` when the file's columns are not the dataclass's fields, in their order.
    """

    def __init__(self, package: str, file: str, row: type[Row]) -> None:
        """``package`` is a dotted name such as ``app.landbank``."""
        self.package, self.file, self.row = package, file, row
        self.names = tuple(field.name for field in fields(row))  # type: ignore[arg-type]  # every Row is a dataclass

    @cached_property
    def statement(self) -> TextClause:
        """The file as a statement with bound parameters."""
        return text(load(self.package, self.file))

    def all(self, session: Session, **parameters: Any) -> list[Row]:
        """Every row."""
        result: CursorResult[Any] = session.execute(self.statement, parameters)  # type: ignore[assignment]
        if tuple(result.keys()) != self.names:
            raise RuntimeError(f"{self.file} gives {tuple(result.keys())}, {self.row.__name__} has {self.names}")
        make: Callable[..., Row] = self.row
        return [make(*values) for values in result]


@contextmanager
def hashed_joins(session: Session) -> Iterator[None]:
    """Without nested loops, where the planner takes a hundred thousand rows for one and would look through all of one
    side for each row of the other: through SQL functions, and among rows that statistics have never seen.
    Not restored after an error, which ends the transaction.
    """
    session.execute(select(func.set_config("enable_nestloop", "off", True)))
    yield
    session.execute(select(func.set_config("enable_nestloop", "on", True)))


def load(package: str, file: str) -> str:
    """The text of a package's ``.sql`` file."""
    return resources.files(package).joinpath(file).read_text("utf-8")


def run(session: Session, package: str, file: str, **parameters: Any) -> int:
    """Execute a statement that returns no rows; how many it touched."""
    result: CursorResult[Any] = session.execute(text(load(package, file)), parameters)  # type: ignore[assignment]
    return result.rowcount
