"""Zones: control layers and other outlines to count within."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Forward."""
    _posted_shape()


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
