"""Nothing: the numbers from 0004 on were once kept free, and a database of that release stands at 0009."""

revision = "0009"
down_revision = "0003"


def upgrade() -> None:
    """Forward."""
