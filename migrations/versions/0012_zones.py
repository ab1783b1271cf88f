"""Zones: control layers and other outlines to count within."""

import sqlalchemy as sa
from alembic import context, op
from geoalchemy2 import Geometry
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Forward."""
    _posted_shape()
    _zone(context.config.attributes["srid"])


def _posted_shape() -> None:
    op.create_table(
        "posted_shape",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("keys", sa.Text(), nullable=True),
        sa.Column("outlines", postgresql.ARRAY(postgresql.BYTEA()), nullable=False),
        sa.Column("posted_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_posted_shape")),
    )
    op.create_index("ix_posted_shape_posted_at", "posted_shape", ["posted_at"], unique=False)


def _zone(srid: int) -> None:
    op.create_table(
        "zone",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("restrictive", sa.Boolean(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("geom", Geometry("MULTIPOLYGON", srid=srid, dimension=2, spatial_index=False), nullable=False),
        sa.Column("content_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("upload_id", sa.BigInteger(), nullable=True),
        sa.Column("upload_row", sa.BigInteger(), nullable=True),
        sa.Column("recorded_from", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("recorded_to", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name=op.f("ck_zone_valid_range")),
        sa.CheckConstraint(
            "NOT ST_IsEmpty(geom) AND ST_NPoints(geom) <= 100000 AND ST_IsValid(geom)", name=op.f("ck_zone_geom_valid")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_zone")),
    )
    op.create_index("ix_zone_name", "zone", ["name"], unique=False)
    op.create_index(
        "uq_zone_current",
        "zone",
        ["name", "code", "valid_from"],
        unique=True,
        postgresql_where=sa.text("recorded_to IS NULL"),
    )
