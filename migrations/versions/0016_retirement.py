"""Parcels that are there no longer."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Forward."""
    op.add_column("parcel_version", sa.Column("retired", sa.Boolean(), server_default=sa.text("false"), nullable=False))
