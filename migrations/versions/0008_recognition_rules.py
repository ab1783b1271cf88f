"""Recognition rules with required events and the category that counts."""

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Forward."""
