"""Places, land categories and crosswalks. All are versioned in recorded time, since totals depend on them."""

from datetime import date, datetime
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import CheckConstraint, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base

# The typmod's SRID is the deployment's LANDBANK_CRS; the migration replaces this default.
STORAGE_GEOMETRY = Geometry("MULTIPOLYGON", srid=4547, spatial_index=False)


class Place(Base):
    """A district, sub-district or community as a dated polygon in the storage CRS.

    ``[valid_from, valid_to)`` is when the boundary was in force; ``[recorded_from, recorded_to)`` is when the
    service took it for true.
    """

    __tablename__ = "place"
    __table_args__ = (
        CheckConstraint("level IN ('district', 'sub_district', 'community')", name="level"),
        CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="valid_range"),
        CheckConstraint("NOT ST_IsEmpty(geom) AND ST_NPoints(geom) <= 200000 AND ST_IsValid(geom)", name="geom_valid"),
        Index("ix_place_geom", "geom", postgresql_using="gist"),
        Index(
            "uq_place_current", "level", "code", "valid_from", unique=True, postgresql_where=text("recorded_to IS NULL")
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    level: Mapped[str]
    code: Mapped[str]
    name: Mapped[str]
    parent_code: Mapped[str | None]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    geom: Mapped[Any] = mapped_column(STORAGE_GEOMETRY)
    upload_id: Mapped[int | None]
    recorded_from: Mapped[datetime]
    recorded_to: Mapped[datetime | None]


class Zone(Base):
    """One outline of a named set: a control layer (生态保护红线, 永久基本农田), a statutory plan. Never counted itself.

    Dated and versioned as places are. ``restrictive``: land in it is told at the upload of parcels.
    """

    __tablename__ = "zone"
    __table_args__ = (
        CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="valid_range"),
        CheckConstraint("NOT ST_IsEmpty(geom) AND ST_NPoints(geom) <= 100000 AND ST_IsValid(geom)", name="geom_valid"),
        Index("ix_zone_name", "name"),
        Index(
            "uq_zone_current", "name", "code", "valid_from", unique=True, postgresql_where=text("recorded_to IS NULL")
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str]
    code: Mapped[str]
    title: Mapped[str | None]
    restrictive: Mapped[bool]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    geom: Mapped[Any] = mapped_column(STORAGE_GEOMETRY)
    content_sha256: Mapped[bytes]
    upload_id: Mapped[int | None]
    upload_row: Mapped[int | None]
    recorded_from: Mapped[datetime]
    recorded_to: Mapped[datetime | None]


class LandCategory(Base):
    """A policy category of the bank. Children name their parent; totals by category use the top level."""

    __tablename__ = "land_category"
    __table_args__ = (
        Index("uq_land_category_current", "code", unique=True, postgresql_where=text("recorded_to IS NULL")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    code: Mapped[str]
    parent_code: Mapped[str | None]
    name_zh: Mapped[str]
    name_en: Mapped[str]
    colour: Mapped[str]
    position: Mapped[int]
    recorded_from: Mapped[datetime]
    recorded_to: Mapped[datetime | None]


class LandUseCode(Base):
    """One row of a crosswalk: a code of a national standard and the land category that it means.

    The standards collide ("10" is mining and industry in one, transport in the other), so a code is nothing
    without its scheme and version.
    """

    __tablename__ = "land_use_code"
    __table_args__ = (
        Index(
            "uq_land_use_code_current",
            "scheme",
            "scheme_version",
            "code",
            unique=True,
            postgresql_where=text("recorded_to IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    scheme: Mapped[str]
    scheme_version: Mapped[str]
    code: Mapped[str]
    name_zh: Mapped[str]
    land_category: Mapped[str]
    recorded_from: Mapped[datetime]
    recorded_to: Mapped[datetime | None]
