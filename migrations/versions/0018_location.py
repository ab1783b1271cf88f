"""Where the outlines of an upload fall."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Forward."""
    op.add_column("upload", sa.Column("location", JSONB(), nullable=True))
