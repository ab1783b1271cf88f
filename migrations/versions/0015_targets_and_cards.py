"""Nested targets, cards and stage weights as data."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"

# Our guesses, by the order of the stages in Shenzhen's practice: the bureau's own replace them (README).
STAGES = (
    ("renewal", "意愿征集", "0", "0", "0.02"),
    ("renewal", "计划立项", "0", "0.02", "0.05"),
    ("renewal", "信息核查", "0", "0.05", "0.15"),
    ("renewal", "单元规划批准", "0.05", "0.15", "0.35"),
    ("renewal", "实施主体确认", "0.20", "0.45", "0.70"),
    ("renewal", "建筑拆除", "0.40", "0.65", "0.85"),
    ("renewal", "用地审批", "0.60", "0.80", "0.95"),
    ("renewal", "土地供应", "0.70", "0.90", "1"),
    ("consolidation", "项目库", "0", "0", "0.05"),
    ("consolidation", "立项", "0", "0.05", "0.10"),
    ("consolidation", "权属核查", "0.02", "0.08", "0.20"),
    ("consolidation", "实施方案批准", "0.05", "0.20", "0.40"),
    ("consolidation", "协议签订", "0.20", "0.45", "0.70"),
    ("consolidation", "补偿交地", "0.45", "0.70", "0.90"),
    ("consolidation", "验收移交", "0.70", "0.90", "1"),
)


def upgrade() -> None:
    """Forward."""
    # Where a target came from: an upload's row, or nothing.
    op.add_column("target", sa.Column("upload_id", sa.BigInteger(), nullable=True))
    op.add_column("target", sa.Column("upload_row", sa.BigInteger(), nullable=True))
    _stage_weight()
    _card_rule()


def _versioned() -> list[sa.Column[object]]:
    return [
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("recorded_from", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("recorded_to", postgresql.TIMESTAMP(timezone=True), nullable=True),
    ]


def _stage_weight() -> None:
    table = op.create_table(
        "stage_weight",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("low", sa.Numeric(), nullable=False),
        sa.Column("mid", sa.Numeric(), nullable=False),
        sa.Column("high", sa.Numeric(), nullable=False),
        *_versioned(),
        sa.CheckConstraint("programme IN ('renewal', 'consolidation')", name=op.f("ck_stage_weight_programme")),
        sa.CheckConstraint("0 <= low AND low <= mid AND mid <= high AND high <= 1", name=op.f("ck_stage_weight_share")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stage_weight")),
    )
    op.create_index(
        "uq_stage_weight_current",
        "stage_weight",
        ["programme", "stage"],
        unique=True,
        postgresql_where=sa.text("recorded_to IS NULL"),
    )
    # Known from the beginning: answers about the past are forecast as today's are.
    first = sa.select(sa.func.min(sa.column("recorded_at"))).select_from(sa.table("publication")).scalar_subquery()
    for programme, stage, low, mid, high in STAGES:
        op.execute(
            table.insert().values(
                programme=programme, stage=stage, low=sa.cast(low, sa.Numeric), mid=sa.cast(mid, sa.Numeric),
                high=sa.cast(high, sa.Numeric), version=1, actor="migration", recorded_from=first,
            )
        )  # fmt: skip


def _card_rule() -> None:
    table = op.create_table(
        "card_rule",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("green_from", sa.Numeric(), nullable=False),
        sa.Column("yellow_from", sa.Numeric(), nullable=False),
        sa.Column("exact_green_to", sa.Numeric(), nullable=False),
        sa.Column("exact_yellow_to", sa.Numeric(), nullable=False),
        *_versioned(),
        sa.CheckConstraint("0 <= yellow_from AND yellow_from <= green_from", name=op.f("ck_card_rule_behind")),
        sa.CheckConstraint(
            "1 <= exact_green_to AND exact_green_to <= exact_yellow_to", name=op.f("ck_card_rule_beyond")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_card_rule")),
        sa.UniqueConstraint("version", name=op.f("uq_card_rule_version")),
    )
    first = sa.select(sa.func.min(sa.column("recorded_at"))).select_from(sa.table("publication")).scalar_subquery()
    op.execute(
        table.insert().values(
            green_from=1, yellow_from=sa.cast("0.80", sa.Numeric), exact_green_to=1,
            exact_yellow_to=sa.cast("1.05", sa.Numeric), version=1, actor="migration", recorded_from=first,
        )
    )  # fmt: skip
