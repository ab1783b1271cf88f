"""Lineage of parcels: split, merged, boundary changed."""

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Forward."""
