"""Lineage of parcels: split, merged, boundary changed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Forward."""
    op.add_column("parcel_version", sa.Column("part_of_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        op.f("fk_parcel_version_part_of_id"), "parcel_version", "parcel_version", ["part_of_id"], ["id"]
    )
    _lineage_operation()
    _lineage_link()


def _lineage_operation() -> None:
    op.create_table(
        "lineage_operation",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("effective_date", sa.Date(), nullable=False),
        sa.Column("document_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "difference_square_metres", sa.Numeric(precision=16, scale=4), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("reverses_id", sa.BigInteger(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("upload_id", sa.BigInteger(), nullable=True),
        sa.Column("upload_row", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint(
            "type IN ('split', 'merge', 'boundary_change', 'reversal')", name=op.f("ck_lineage_operation_type")
        ),
        sa.CheckConstraint(
            "(type = 'reversal') = (reverses_id IS NOT NULL)", name=op.f("ck_lineage_operation_reversal")
        ),
        sa.CheckConstraint(
            "CASE WHEN type = 'boundary_change' THEN cause IN ('survey', 'change') ELSE cause IS NULL END",
            name=op.f("ck_lineage_operation_cause"),
        ),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_lineage_operation_document_id")),
        sa.ForeignKeyConstraint(
            ["reverses_id"], ["lineage_operation.id"], name=op.f("fk_lineage_operation_reverses_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lineage_operation")),
        sa.UniqueConstraint("reverses_id", name=op.f("uq_lineage_operation_reverses_id")),
    )
    for column in ("recorded_at", "upload_id"):
        op.create_index(f"ix_lineage_operation_{column}", "lineage_operation", [column], unique=False)


def _lineage_link() -> None:
    key = ("operation_id", "parent_version_id", "land_version_id", "child_version_id")
    op.create_table(
        "lineage_link",
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in (*key, "parent_parcel_id", "child_parcel_id")),
        sa.ForeignKeyConstraint(["operation_id"], ["lineage_operation.id"], name=op.f("fk_lineage_link_operation_id")),
        *(
            sa.ForeignKeyConstraint([name], ["parcel_version.id"], name=op.f(f"fk_lineage_link_{name}"))
            for name in key[1:]
        ),
        *(
            sa.ForeignKeyConstraint([name], ["parcel.id"], name=op.f(f"fk_lineage_link_{name}"))
            for name in ("parent_parcel_id", "child_parcel_id")
        ),
        sa.PrimaryKeyConstraint(*key, name=op.f("pk_lineage_link")),
    )
    for column in ("parent_parcel_id", "child_parcel_id"):
        op.create_index(f"ix_lineage_link_{column}", "lineage_link", [column], unique=False)
