"""Small shapefiles drawn on the spot, and the upload service on a database of its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from shapely.geometry import Polygon, box
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.auth import Actor, Role
from app.db import unit_of_work
from app.reference import service as reference
from app.settings import Settings
from app.uploads import queries, service
from app.uploads.models import Finding, Upload
from app.uploads.options import UploadOptions
from app.uploads.policy import POLICIES
from app.uploads.undo import undo
from sample_parcels.writer import Field, Layer, parts, write_zip

ACTOR = Actor(None, "cli:test", Role.ADMIN)
FIELDS = (
    Field("code", "C", 20),
    Field("category", "C", 30),
    Field("event", "C", 16),
    Field("doc_type", "C", 30),
    Field("doc_no", "C", 30),
    Field("doc_date", "D", 8),
)
MAPPING = {
    "fields": {
        "code": "code",
        "land_category": "category",
        "event": "event",
        "document_type": "doc_type",
        "document_number": "doc_no",
        "document_date": "doc_date",
    },
    "constants": {"programme": "consolidation"},
}


def square(column: float, row: float, size: float = 100) -> Polygon:
    """A square of ``size`` metres; squares of 100 m stand on a grid, one hectare each."""
    x, y = 500_000 + 100 * column, 2_500_000 + 100 * row
    return box(x, y, x + size, y + size)


@dataclass(frozen=True)
class Row:
    """One parcel of a drawn file; banked where a document date is given."""

    code: str
    shape: Polygon
    category: str = "industrial"
    banked_on: str = ""
    event: str = "bank_entry"

    def cells(self) -> list[object]:
        banked = (self.event, "handover_confirmation", f"移交〔2026〕{self.code}号", self.banked_on)
        return [self.code, self.category, *(banked if self.banked_on else ("", "", "", ""))]


def write(path: Path, rows: Sequence[Row]) -> Path:
    layer = Layer("parcels", FIELDS, [row.shape for row in rows], [row.cells() for row in rows])
    write_zip(path, "parcels", parts(layer))
    return path


@dataclass(frozen=True)
class Desk:
    """A clerk's desk: files drawn in ``folder``, uploaded to a service."""

    engine: Engine
    settings: Settings
    folder: Path

    def upload(self, drawn: Sequence[Row], name: str = "parcels.zip", **options: Any) -> Upload:
        path = write(self.folder / name, drawn)
        chosen = {"collection": "parcels", "mapping": MAPPING, "commit": "auto"} | options
        with unit_of_work(self.engine) as session:
            return service.run_upload(session, self.settings, ACTOR, [(name, path)], UploadOptions(**chosen))

    def act(self, upload_id: int, action: Callable[..., None], *arguments: Any) -> Upload:
        with unit_of_work(self.engine) as session:
            upload = queries.upload_by_id(session, upload_id, lock=True)
            action(session, self.settings, ACTOR, upload, *arguments)
            return upload

    def undo(self, upload_id: int) -> Upload:
        return self.act(upload_id, undo)

    def findings(self, upload: Upload) -> list[Finding]:
        """What was found; each under the severity that the table of policies has for its code."""
        with Session(self.engine) as session:
            found = queries.findings_of(session, upload.id)
        assert not [one.code for one in found if one.severity not in POLICIES[one.code].severities]
        return found

    def codes(self, upload: Upload) -> set[str]:
        return {finding.code for finding in self.findings(upload)}

    def scalar(self, statement: Any) -> Any:
        with Session(self.engine) as session:
            return session.execute(statement).scalar_one()

    def all(self, statement: Any) -> list[Any]:
        with Session(self.engine) as session:
            return list(session.scalars(statement))

    def rows(self, statement: Any) -> Sequence[Any]:
        with Session(self.engine) as session:
            return session.execute(statement).all()


@pytest.fixture
def desk(database: Settings, database_engine: Engine, tmp_path: Path) -> Desk:
    """A service with categories and crosswalks, and no places."""
    with unit_of_work(database_engine) as session:
        reference.load(session, ACTOR.name)
    return Desk(database_engine, database, tmp_path)
