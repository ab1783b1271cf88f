"""The states that an upload came to, who asked for its commit, what was read before; CRS and encoding of mappings."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"

STATES = "('received', 'reading', 'checked', 'quarantined', 'committed', 'undone', 'refused', 'failed')"


def upgrade() -> None:
    """Forward. Of earlier uploads the beginning and the present state are known."""
    empty = sa.text("'[]'")
    op.add_column("upload", sa.Column("hectares", postgresql.JSONB(), server_default=empty, nullable=False))
    op.add_column("upload", sa.Column("column_names", postgresql.JSONB(), server_default=empty, nullable=False))
    op.add_column("upload", sa.Column("suggested", postgresql.JSONB(), nullable=True))
    op.add_column("upload", sa.Column("commit_asked_by", sa.Text(), nullable=True))
    op.add_column("saved_mapping", sa.Column("crs", sa.Text(), nullable=True))
    op.add_column("saved_mapping", sa.Column("encoding", sa.Text(), nullable=True))
    op.create_table(
        "upload_state",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("upload_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("entered_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint(f"state IN {STATES}", name=op.f("ck_upload_state_state")),
        sa.ForeignKeyConstraint(["upload_id"], ["upload.id"], name=op.f("fk_upload_state_upload_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload_state")),
    )
    op.create_index("ix_upload_state_upload_id", "upload_state", ["upload_id"])
    op.execute(
        """
        INSERT INTO upload_state (upload_id, state, actor, entered_at)
        SELECT id, 'received', actor, received_at FROM upload
        UNION ALL
        SELECT id, state, actor, changed_at FROM upload WHERE state <> 'received'
        """
    )
