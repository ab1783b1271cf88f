"""Recognition rules with required events and documents, years, and the category that counts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Forward. The functions are made anew by the repeatable SQL: their columns change."""
    op.execute("DROP FUNCTION IF EXISTS matching_piece, counted_piece, live_event")
    op.add_column(
        "land_event",
        sa.Column("supporting_ids", postgresql.ARRAY(sa.BIGINT()), nullable=False, server_default=sa.text("'{}'")),
    )
    _columns()
    _years()


def _columns() -> None:
    for name, default in (("name_zh", "移交确认书认定"), ("name_en", "Handover confirmations")):
        op.add_column("recognition_rule", sa.Column(name, sa.Text(), nullable=False, server_default=default))
        op.alter_column("recognition_rule", name, server_default=None)
    for name in ("required_events", "required_documents"):
        op.add_column(
            "recognition_rule",
            sa.Column(name, postgresql.ARRAY(sa.TEXT()), nullable=False, server_default=sa.text("'{}'")),
        )
    op.add_column(
        "recognition_rule", sa.Column("category_at", sa.Text(), nullable=False, server_default=sa.text("'entry'"))
    )
    op.create_check_constraint(
        op.f("ck_recognition_rule_category_at"), "recognition_rule", "category_at IN ('entry', 'report')"
    )


def _years() -> None:
    """A version may be cut into years: what tells rows apart are the years in force, no longer the version."""
    op.drop_constraint("uq_recognition_rule_code_version_programme", "recognition_rule")
    op.execute("DROP INDEX IF EXISTS uq_recognition_rule_current")
    for name in ("from_year", "to_year"):
        op.add_column("recognition_rule", sa.Column(name, sa.BigInteger(), nullable=True))
    op.create_check_constraint(op.f("ck_recognition_rule_years"), "recognition_rule", "from_year <= to_year")
    op.create_index(
        "uq_recognition_rule_in_force",
        "recognition_rule",
        ["programme", "from_year"],
        unique=True,
        postgresql_where=sa.text("recorded_to IS NULL"),
        postgresql_nulls_not_distinct=True,
    )
