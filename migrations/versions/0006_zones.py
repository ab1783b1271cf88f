"""Zones: control layers and other outlines to count within."""

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Forward."""
