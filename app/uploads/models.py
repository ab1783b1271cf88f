"""Uploads, their findings, and the rows staged between check and commit."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, Double, ForeignKey, Identity, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Base
from app.inventory.models import SQUARE_METRES

STATES = "('received', 'reading', 'checked', 'quarantined', 'committed', 'undone', 'refused', 'failed')"

UNDERWAY = frozenset({"received", "reading"})
"""States in which a job has an upload in its hands; in every other one it waits for a person, or is at its end."""


class Upload(Base):
    """One file brought in: who, when, its SHA-256, what was asked, and what became of it."""

    __tablename__ = "upload"
    __table_args__ = (CheckConstraint(f"state IN {STATES}", name="state"), Index("ix_upload_sha256", "sha256"))

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    state: Mapped[str]
    step: Mapped[str]
    progress: Mapped[float] = mapped_column(Double)
    collection: Mapped[str]
    filename: Mapped[str]
    sha256: Mapped[str]
    files: Mapped[list[dict[str, str]]] = mapped_column(JSONB)
    options: Mapped[dict[str, Any]] = mapped_column(JSONB)
    actor: Mapped[str]
    received_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    changed_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    crs: Mapped[str | None]
    encoding: Mapped[str | None]
    layer: Mapped[str | None]
    location: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    counts: Mapped[dict[str, int]] = mapped_column(JSONB, server_default=text("'{}'"))
    finding_counts: Mapped[dict[str, int]] = mapped_column(JSONB, server_default=text("'{}'"))
    hectares_before: Mapped[dict[str, str]] = mapped_column(JSONB, server_default=text("'{}'"))
    hectares_after: Mapped[dict[str, str]] = mapped_column(JSONB, server_default=text("'{}'"))
    hectares: Mapped[list[dict[str, str | None]]] = mapped_column(JSONB, server_default=text("'[]'"))
    column_names: Mapped[list[str]] = mapped_column(JSONB, server_default=text("'[]'"))
    suggested: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    commit_asked_by: Mapped[str | None]
    publication_id: Mapped[int | None] = mapped_column(ForeignKey("publication.id"))
    undone_publication_id: Mapped[int | None] = mapped_column(ForeignKey("publication.id"))
    told: Mapped["UploadProgress | None"] = relationship(lazy="joined", viewonly=True)
    states: Mapped[list["UploadState"]] = relationship(order_by="UploadState.id", viewonly=True)

    @property
    def underway(self) -> bool:
        """Whether a job has it in its hands."""
        return self.state in UNDERWAY

    @property
    def position(self) -> tuple[str, float]:
        """The step, and the share of the way, 0 to 1, as the job tells them while it reads."""
        return (
            (self.told.step, self.told.progress)
            if self.state == "reading" and self.told
            else (self.step, self.progress)
        )


class UploadState(Base):
    """A state that an upload came to: when, and by whom. Append-only."""

    __tablename__ = "upload_state"
    __table_args__ = (
        CheckConstraint(f"state IN {STATES}", name="state"),
        Index("ix_upload_state_upload_id", "upload_id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    upload_id: Mapped[int] = mapped_column(ForeignKey("upload.id"))
    state: Mapped[str]
    actor: Mapped[str]
    entered_at: Mapped[datetime]


class UploadProgress(Base):
    """How far the job of an upload in state ``reading`` has come.

    A table of its own, since the job's transaction holds the upload's row until all is done.
    """

    __tablename__ = "upload_progress"

    upload_id: Mapped[int] = mapped_column(ForeignKey("upload.id"), primary_key=True, autoincrement=False)
    step: Mapped[str]
    progress: Mapped[float] = mapped_column(Double)


class Finding(Base):
    """One thing found in an upload, in the file itself or on trying to commit it (``origin``).

    ``geometry`` is GeoJSON in CRS84, since it is only ever shown.
    """

    __tablename__ = "finding"
    __table_args__ = (
        CheckConstraint("severity IN ('refuse', 'warn', 'note')", name="severity"),
        CheckConstraint("origin IN ('file', 'ledger')", name="origin"),
        Index("ix_finding_upload_id", "upload_id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    upload_id: Mapped[int] = mapped_column(ForeignKey("upload.id"))
    origin: Mapped[str]
    code: Mapped[str]
    severity: Mapped[str]
    row: Mapped[int | None]
    feature: Mapped[str | None]
    geometry: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    parameters: Mapped[dict[str, str]] = mapped_column(JSONB)
    square_metres_before: Mapped[Decimal | None] = mapped_column(SQUARE_METRES)
    square_metres_after: Mapped[Decimal | None] = mapped_column(SQUARE_METRES)


class StagedRow(Base):
    """A row of an upload that passed its checks and waits for the commit. Geometry is EWKB of the storage CRS."""

    __tablename__ = "staged_row"
    __table_args__ = (Index("ix_staged_row_upload_id", "upload_id"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    upload_id: Mapped[int]
    row: Mapped[int]
    code: Mapped[str]
    name: Mapped[str | None]
    programme: Mapped[str | None]
    project_code: Mapped[str | None]
    role: Mapped[str | None]
    layer: Mapped[str | None]
    land_category: Mapped[str | None]
    land_use_scheme: Mapped[str | None]
    land_use_code: Mapped[str | None]
    cadastral_code: Mapped[str | None]
    declared_e4: Mapped[int | None]
    document_e4: Mapped[int | None]
    plane_e4: Mapped[int]
    ellipsoidal_e4: Mapped[int]
    geom: Mapped[bytes]
    content_sha256: Mapped[bytes]
    attributes: Mapped[str]
    event: Mapped[str | None]
    effective_date: Mapped[date | None]
    document_type: Mapped[str | None]
    document_number: Mapped[str | None]
    document_date: Mapped[date | None]
    document_issuer: Mapped[str | None]
    kind: Mapped[str | None]
    level: Mapped[str | None]
    parent_code: Mapped[str | None]
    valid_from: Mapped[date | None]
    boundary_role: Mapped[str | None]
    stage: Mapped[str | None]
    key: Mapped[bool | None]
    batch: Mapped[str | None]


class StagedPortion(Base):
    """A portion of a staged row, in units of 1e-4 m²."""

    __tablename__ = "staged_portion"
    __table_args__ = (Index("ix_staged_portion_upload_id", "upload_id"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    upload_id: Mapped[int]
    row: Mapped[int]
    district: Mapped[str | None]
    sub_district: Mapped[str | None]
    community: Mapped[str | None]
    boundary_from: Mapped[date]
    boundary_to: Mapped[date]
    declared_e4: Mapped[int | None]
    document_e4: Mapped[int | None]
    plane_e4: Mapped[int]
    ellipsoidal_e4: Mapped[int]


class StagedOverlaps(Base):
    """What an upload's own parcels share: the JSON of an ``Overlaid`` by row numbers, made while they were checked."""

    __tablename__ = "staged_overlaps"

    upload_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    overlaid: Mapped[bytes]


class LocalCrs(Base):
    """A CRS registered under a name. ``definition`` is confidential: no answer, finding, log or audit entry holds it.

    ``target_srid`` is the EPSG code that a pipeline leads to.
    """

    __tablename__ = "local_crs"
    __table_args__ = (CheckConstraint("kind IN ('crs', 'pipeline')", name="kind"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    target_srid: Mapped[int]
    definition: Mapped[str]
    actor: Mapped[str]
    registered_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class SavedMapping(Base):
    """A field mapping kept under a name, for the next file of the same make; with its CRS and encoding, if stated."""

    __tablename__ = "saved_mapping"

    name: Mapped[str] = mapped_column(primary_key=True)
    mapping: Mapped[dict[str, Any]] = mapped_column(JSONB)
    crs: Mapped[str | None]
    encoding: Mapped[str | None]
    actor: Mapped[str]
    saved_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
