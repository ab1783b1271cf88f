"""Projects with their boundaries; parcels with their versions, portions and overlaps."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Numeric, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base
from app.reference.models import STORAGE_GEOMETRY

SQUARE_METRES = Numeric(16, 4)

# One NaN coordinate would make the bureau's total NaN, and ST_IsValid calls a 1e308 square valid: the box comes first.
GEOMETRY_GATE = (
    "CASE WHEN ST_XMin(geom) > -1e8 AND ST_XMax(geom) < 1e8 AND ST_YMin(geom) > -1e8 AND ST_YMax(geom) < 1e8"
    " THEN NOT ST_IsEmpty(geom) AND ST_NPoints(geom) <= 100000 AND ST_IsValid(geom) ELSE false END"
)
POSITIVE = "plane_square_metres > 0 AND ellipsoidal_square_metres > 0 AND plane_square_metres < 1e11"


class Project(Base):
    """A renewal unit or a consolidation project: its identity. What it looked like when is in the versions."""

    __tablename__ = "project"
    __table_args__ = (CheckConstraint("programme IN ('renewal', 'consolidation')", name="programme"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    programme: Mapped[str]


class ProjectVersion(Base):
    """Attributes of a project between two recorded times."""

    __tablename__ = "project_version"
    __table_args__ = (
        Index("uq_project_version_current", "project_id", unique=True, postgresql_where=text("recorded_to IS NULL")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    name: Mapped[str | None]
    stage: Mapped[str | None]
    key: Mapped[bool] = mapped_column(server_default=text("false"))
    batch: Mapped[str | None]
    land_category: Mapped[str | None]
    recorded_from: Mapped[datetime]
    recorded_to: Mapped[datetime | None]


class ProjectBoundary(Base):
    """A scope polygon of a project by role. Scope is never counted as land banked."""

    __tablename__ = "project_boundary"
    __table_args__ = (
        CheckConstraint("boundary_role IN ('study', 'unit', 'demolition', 'implementation')", name="boundary_role"),
        CheckConstraint(GEOMETRY_GATE, name="geom_sound"),
        CheckConstraint(POSITIVE, name="square_metres"),
        Index("ix_project_boundary_geom", "geom", postgresql_using="gist"),
        Index(
            "uq_project_boundary_current",
            "project_id",
            "boundary_role",
            unique=True,
            postgresql_where=text("recorded_to IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    boundary_role: Mapped[str]
    geom: Mapped[Any] = mapped_column(STORAGE_GEOMETRY)
    plane_square_metres: Mapped[Decimal] = mapped_column(SQUARE_METRES)
    ellipsoidal_square_metres: Mapped[Decimal] = mapped_column(SQUARE_METRES)
    content_sha256: Mapped[bytes]
    attributes: Mapped[dict[str, str]] = mapped_column(JSONB, server_default=text("'{}'"))
    upload_id: Mapped[int | None]
    upload_row: Mapped[int | None]
    recorded_from: Mapped[datetime]
    recorded_to: Mapped[datetime | None]


class Parcel(Base):
    """A polygon that can be counted: its identity, kept for ever under one code."""

    __tablename__ = "parcel"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)


class ParcelVersion(Base):
    """What a parcel was from ``effective_date`` on, as the service held for true in ``[recorded_from, recorded_to)``.

    Edges are straight in the storage CRS. Square metres: declared in the file, document in the evidence, plane in
    the storage CRS, ellipsoidal on the ellipsoid of the storage CRS (DESIGN §3, rule 3).
    ``recorded_to`` is set when a version turns out never to have been true (its upload was undone).
    ``part_of_id``: a part of an earlier version's land, told apart because two parcels carry its credit on; a unit of
    account, never the parcel's outline.
    A ``retired`` version says that the parcel is there no longer; it has no portions, so nothing of it is counted.
    ``parcel_id`` is held to parcels that exist by ``references.sql``, per statement and not per row.
    """

    __tablename__ = "parcel_version"
    __table_args__ = (
        CheckConstraint("programme IN ('renewal', 'consolidation')", name="programme"),
        CheckConstraint("role IN ('handover', 'development', 'retained')", name="role"),
        CheckConstraint("layer IN ('surface', 'above', 'below')", name="layer"),
        CheckConstraint(GEOMETRY_GATE, name="geom_sound"),
        CheckConstraint(POSITIVE, name="square_metres"),
        Index("ix_parcel_version_geom", "geom", postgresql_using="gist"),
        Index("uq_parcel_version_parcel_id_version", "parcel_id", "version", unique=True),
        Index("ix_parcel_version_recorded_from", "recorded_from"),
        Index("ix_parcel_version_recorded_to", "recorded_to", postgresql_where=text("recorded_to IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    parcel_id: Mapped[int]
    version: Mapped[int]
    geom: Mapped[Any] = mapped_column(STORAGE_GEOMETRY)
    name: Mapped[str | None]
    programme: Mapped[str]
    project_code: Mapped[str | None]
    role: Mapped[str]
    layer: Mapped[str]
    land_category: Mapped[str]
    land_use_scheme: Mapped[str | None]
    land_use_code: Mapped[str | None]
    cadastral_code: Mapped[str | None]
    declared_square_metres: Mapped[Decimal | None] = mapped_column(SQUARE_METRES)
    document_square_metres: Mapped[Decimal | None] = mapped_column(SQUARE_METRES)
    plane_square_metres: Mapped[Decimal] = mapped_column(SQUARE_METRES)
    ellipsoidal_square_metres: Mapped[Decimal] = mapped_column(SQUARE_METRES)
    source_crs: Mapped[str]
    method: Mapped[str]
    effective_date: Mapped[date]
    content_sha256: Mapped[bytes]
    attributes: Mapped[dict[str, str]] = mapped_column(JSONB, server_default=text("'{}'"))
    upload_id: Mapped[int | None]
    upload_row: Mapped[int | None]
    part_of_id: Mapped[int | None] = mapped_column(ForeignKey("parcel_version.id"))
    recorded_from: Mapped[datetime]
    recorded_to: Mapped[datetime | None]
    retired: Mapped[bool] = mapped_column(server_default=text("false"))


class Portion(Base):
    """The part of one parcel version in one place: the unit of account. Portions sum to their parcel exactly.

    ``[boundary_from, boundary_to)`` is when the place boundaries that cut it were in force; codes are null where the
    land lies outside every place of that level. ``parcel_version_id`` is held to versions that exist by
    ``references.sql``, per statement and not per row.
    """

    __tablename__ = "portion"
    __table_args__ = (
        CheckConstraint("ellipsoidal_square_metres >= 0 AND plane_square_metres >= 0", name="square_metres"),
        Index("ix_portion_parcel_version_id", "parcel_version_id"),
        Index("ix_portion_recorded_from", "recorded_from"),
        Index("ix_portion_recorded_to", "recorded_to", postgresql_where=text("recorded_to IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    parcel_version_id: Mapped[int]
    district: Mapped[str | None]
    sub_district: Mapped[str | None]
    community: Mapped[str | None]
    boundary_from: Mapped[date] = mapped_column(server_default=text("'-infinity'"))
    boundary_to: Mapped[date] = mapped_column(server_default=text("'infinity'"))
    declared_square_metres: Mapped[Decimal | None] = mapped_column(SQUARE_METRES)
    document_square_metres: Mapped[Decimal | None] = mapped_column(SQUARE_METRES)
    plane_square_metres: Mapped[Decimal] = mapped_column(SQUARE_METRES)
    ellipsoidal_square_metres: Mapped[Decimal] = mapped_column(SQUARE_METRES)
    recorded_from: Mapped[datetime]
    recorded_to: Mapped[datetime | None]


class ParcelOverlap(Base):
    """Land that two parcel versions of one layer share: ``first_version_id < second_version_id``."""

    __tablename__ = "parcel_overlap"
    __table_args__ = (
        CheckConstraint("first_version_id < second_version_id", name="ordered"),
        Index("ix_parcel_overlap_second_version_id", "second_version_id"),
    )

    first_version_id: Mapped[int] = mapped_column(ForeignKey("parcel_version.id"), primary_key=True)
    second_version_id: Mapped[int] = mapped_column(ForeignKey("parcel_version.id"), primary_key=True)
    plane_square_metres: Mapped[Decimal] = mapped_column(SQUARE_METRES)
    ellipsoidal_square_metres: Mapped[Decimal] = mapped_column(SQUARE_METRES)


class OverlapFace(Base):
    """One face of the arrangement of a cluster of overlapping parcel versions, in one place.

    For any set S of versions, Σ(members of S) - union(S) = Σ over faces of square metres · (|S ∩ members| - 1)⁺:
    exact where three or more overlap, and no geometry at query time.
    """

    __tablename__ = "overlap_face"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    geom: Mapped[Any] = mapped_column(STORAGE_GEOMETRY)
    district: Mapped[str | None]
    sub_district: Mapped[str | None]
    community: Mapped[str | None]
    boundary_from: Mapped[date] = mapped_column(server_default=text("'-infinity'"))
    boundary_to: Mapped[date] = mapped_column(server_default=text("'infinity'"))
    plane_square_metres: Mapped[Decimal] = mapped_column(SQUARE_METRES)
    ellipsoidal_square_metres: Mapped[Decimal] = mapped_column(SQUARE_METRES)
    recorded_from: Mapped[datetime]
    recorded_to: Mapped[datetime | None]


class OverlapFaceMember(Base):
    """A parcel version that covers an overlap face."""

    __tablename__ = "overlap_face_member"
    __table_args__ = (Index("ix_overlap_face_member_parcel_version_id", "parcel_version_id"),)

    face_id: Mapped[int] = mapped_column(ForeignKey("overlap_face.id"), primary_key=True)
    parcel_version_id: Mapped[int] = mapped_column(ForeignKey("parcel_version.id"), primary_key=True)


class LineageOperation(Base):
    """A split, a merge or a boundary change, by an evidence document; or the reversal of one. Append-only.

    ``difference_square_metres``: ellipsoidal, what was drawn anew less what was there.
    """

    __tablename__ = "lineage_operation"
    __table_args__ = (
        CheckConstraint("type IN ('split', 'merge', 'boundary_change', 'reversal')", name="type"),
        CheckConstraint("(type = 'reversal') = (reverses_id IS NOT NULL)", name="reversal"),
        CheckConstraint(
            "CASE WHEN type = 'boundary_change' THEN cause IN ('survey', 'change') ELSE cause IS NULL END", name="cause"
        ),
        UniqueConstraint("reverses_id"),
        Index("ix_lineage_operation_recorded_at", "recorded_at"),
        Index("ix_lineage_operation_upload_id", "upload_id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    type: Mapped[str]
    cause: Mapped[str | None]
    effective_date: Mapped[date]
    document_id: Mapped[int | None] = mapped_column(ForeignKey("document.id"))
    reason: Mapped[str | None]
    difference_square_metres: Mapped[Decimal] = mapped_column(SQUARE_METRES, server_default=text("0"))
    reverses_id: Mapped[int | None] = mapped_column(ForeignKey("lineage_operation.id"))
    actor: Mapped[str]
    upload_id: Mapped[int | None]
    upload_row: Mapped[int | None]
    recorded_at: Mapped[datetime]


class LineageLink(Base):
    """What became of one parcel version's land: from ``parent_version_id`` to ``land_version_id``, held by the child.

    The land's version is the unit of account that the child carries the credit with: the child's own version, or one
    of a parcel that was merged into it.
    """

    __tablename__ = "lineage_link"
    __table_args__ = (
        Index("ix_lineage_link_parent_parcel_id", "parent_parcel_id"),
        Index("ix_lineage_link_child_parcel_id", "child_parcel_id"),
    )

    operation_id: Mapped[int] = mapped_column(ForeignKey("lineage_operation.id"), primary_key=True)
    parent_version_id: Mapped[int] = mapped_column(ForeignKey("parcel_version.id"), primary_key=True)
    land_version_id: Mapped[int] = mapped_column(ForeignKey("parcel_version.id"), primary_key=True)
    child_version_id: Mapped[int] = mapped_column(ForeignKey("parcel_version.id"), primary_key=True)
    parent_parcel_id: Mapped[int] = mapped_column(ForeignKey("parcel.id"))
    child_parcel_id: Mapped[int] = mapped_column(ForeignKey("parcel.id"))
