"""The job queue, and how far the job of an upload has come."""

import sqlalchemy as sa
from alembic import op

from app import jobs

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Forward."""
    jobs.install(op.get_bind())
    op.create_table(
        "upload_progress",
        sa.Column("upload_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["upload_id"], ["upload.id"], name=op.f("fk_upload_progress_upload_id")),
        sa.PrimaryKeyConstraint("upload_id", name=op.f("pk_upload_progress")),
    )
