"""The tree of sums, for hectares within polygons."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "tree_key",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("land_category", sa.Text(), nullable=False),
        sa.Column("layer", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tree_key")),
        sa.UniqueConstraint(
            "programme", "land_category", "layer", name=op.f("uq_tree_key_programme_land_category_layer")
        ),
    )
    op.create_table(
        "tree_node",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("level", sa.BigInteger(), nullable=False),
        sa.Column("west", sa.Float(), nullable=False),
        sa.Column("south", sa.Float(), nullable=False),
        sa.Column("east", sa.Float(), nullable=False),
        sa.Column("north", sa.Float(), nullable=False),
        sa.Column("settled", sa.BigInteger(), nullable=False),
        sa.Column("sums", postgresql.BYTEA(), nullable=False),
        sa.Column("parcels", postgresql.BYTEA(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tree_node")),
    )
    op.create_table(
        "tree_parcel",
        sa.Column("parcel_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("leaf_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("parcel_id", name=op.f("pk_tree_parcel")),
    )
