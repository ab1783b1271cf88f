"""Nested targets, cards and stage weights as data."""

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Forward."""
