"""What every command shares: the database (started if it must be), a session, who acts, and how problems are told."""

import csv
import getpass
import os
import secrets
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

import orjson
import typer
from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app import embedded
from app.auth import Actor, Role
from app.db import make_engine, unit_of_work
from app.edge import Sheet, csv_safe, problem_document, public_url, with_absolute_links, workbook
from app.edge.problems import Unforeseen, from_validation
from app.errors import BadRequest, LandbankError, Unavailable
from app.release import check_migrated
from app.settings import Settings, load_settings

Model = TypeVar("Model", bound=BaseModel)
JsonFlag = Annotated[bool, typer.Option("--json", help="Print the HTTP document.")]
CsvFlag = Annotated[bool, typer.Option("--csv", help="Print CSV.")]
XlsxFile = Annotated[Path | None, typer.Option("--xlsx", help="Write a workbook to this file.")]
WIDTH_OF_A_PIPE = 160
"""Columns where there is no terminal to ask: tables in a log or a file are not cut to 80."""
out = Console(width=None if sys.stdout.isatty() else WIDTH_OF_A_PIPE)
err = Console(stderr=True)


@dataclass(frozen=True)
class Command:
    """What a command works with. ``actor`` is the person at the keyboard, with every right."""

    settings: Settings
    engine: Engine
    actor: Actor

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One transaction, committed when the block ends well."""
        with unit_of_work(self.engine) as session:
            yield session


def clock_text(value: datetime | None, zone: str) -> str:
    """A moment to the minute in the bureau's time zone (``LANDBANK_TZ``); nothing where there is none."""
    return "" if value is None else f"{value.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def operator() -> Actor:
    """Who runs a command: the operating system's user, as administrator."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = str(os.getuid())
    return Actor(None, f"cli:{name}", Role.ADMIN)


@contextmanager
def command() -> Iterator[Command]:
    """Settings and database for one command; a private cluster found stopped is started and stopped again.

    Raises ``Unavailable`` or ``Conflict`` for a database of another release or another storage CRS.
    """
    settings = load_settings()
    public_url.set(settings.public_url or "")
    with embedded.running(settings) as urls:
        engine = make_engine(urls.app)
        try:
            check_migrated(engine, settings.srid)
            yield Command(settings, engine, operator())
        finally:
            engine.dispose()


def print_json(document: Any) -> None:
    """The document that HTTP would answer."""
    sys.stdout.write(
        orjson.dumps(with_absolute_links(document), default=str, option=orjson.OPT_INDENT_2).decode() + "\n"
    )


def print_table(title: str, columns: list[str], rows: list[list[str]], numeric: frozenset[str] = frozenset()) -> None:
    """A readable table; ``numeric`` names the columns set to the right."""
    table = Table(title=title, title_justify="left")
    for name in columns:
        table.add_column(name, justify="right" if name in numeric else "left")
    for row in rows:
        # A cell is text and never markup: names come out of uploaded files.
        table.add_row(*map(Text, row))
    out.print(table)


def print_csv(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Columns and rows as CSV that no spreadsheet can execute."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(["" if cell is None else csv_safe(str(cell)) for cell in row] for row in rows)


def write_xlsx(file: Path, sheets: Sequence[Sheet]) -> None:
    """Write a workbook; a file that is there is replaced. Raises ``BadRequest`` where it cannot be written."""
    try:
        file.write_bytes(workbook(sheets))
    except OSError as error:
        raise BadRequest("file_not_writable", parameter="xlsx", file=file, reason=error.strerror or "") from error


def checked(model: type[Model], given: Any) -> Model:
    """What was given as the model. Raises ``BadRequest`` naming the field at fault."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise from_validation(error.errors(include_url=False, include_input=False)[0]) from error


def tell(error: LandbankError, *, as_json: bool) -> None:
    """A problem on the terminal: Chinese, English, and what to do."""
    if as_json:
        print_json(problem_document(error))
        return
    for text in (error.messages.zh, error.messages.en):
        err.print(f"{text.what} {text.do}", markup=False, highlight=False, soft_wrap=True)


def _logged() -> LandbankError:
    """Note the exception being handled in ``errors.log`` under LANDBANK_HOME; what to tell the person instead."""
    number = secrets.token_hex(6)
    what, trace = sys.exception(), traceback.format_exc()
    try:
        with (load_settings().home / "errors.log").open("a", encoding="utf-8") as file:
            file.write(f"{number}\n{trace}\n")
    except (OSError, LandbankError):
        err.print(f"{number}: {what!r}", markup=False)
    return Unforeseen("unforeseen", id=number)


def guarded(function: Callable[[], None]) -> int:
    """Run the command line; the exit code. Nothing unforeseen shows a stack trace."""
    as_json = "--json" in sys.argv
    try:
        function()
    except LandbankError as error:
        tell(error, as_json=as_json)
        return error.exit_code
    except OperationalError:
        tell(Unavailable("database_unreachable"), as_json=as_json)
        return 1
    except Exception:  # noqa: BLE001  whatever it is, the person gets a number and the log gets the rest
        tell(_logged(), as_json=as_json)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0
