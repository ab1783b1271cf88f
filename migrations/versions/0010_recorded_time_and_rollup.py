"""Recorded time indexed; the roll-up."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_METRES = ("counted", "declared", "document", "plane", "ellipsoidal")


def upgrade() -> None:
    """Forward. The roll-up is made anew when the migrations are done."""
    _recorded_time()
    op.drop_table("hectares_rollup")
    _hectares_key()
    _hectares_rollup()
    _staged_overlaps()
    _references()


def _recorded_time() -> None:
    """A publication finds what it changed without reading the whole inventory; an upload's rows are its publication's."""
    op.drop_index("ix_parcel_version_upload_id", "parcel_version")
    op.create_index("ix_land_event_recorded_at", "land_event", ["recorded_at"])
    for table in ("parcel_version", "portion"):
        op.create_index(f"ix_{table}_recorded_from", table, ["recorded_from"])
        op.create_index(
            f"ix_{table}_recorded_to", table, ["recorded_to"], postgresql_where=sa.text("recorded_to IS NOT NULL")
        )


def _hectares_key() -> None:
    op.create_table(
        "hectares_key",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("land_category", sa.Text(), nullable=False),
        sa.Column("layer", sa.Text(), nullable=False),
        sa.Column("sub_district", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hectares_key")),
        sa.UniqueConstraint(
            "programme",
            "land_category",
            "layer",
            "sub_district",
            name=op.f("uq_hectares_key_programme_land_category_layer_sub_district"),
            postgresql_nulls_not_distinct=True,
        ),
    )


def _hectares_rollup() -> None:
    op.create_table(
        "hectares_rollup",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("grain", sa.Text(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("key_id", sa.BigInteger(), nullable=False),
        sa.Column("parcel_id", sa.BigInteger(), nullable=True),
        *(sa.Column(f"{name}_square_metres", sa.Numeric(precision=18, scale=4), nullable=False) for name in _METRES),
        sa.Column("parcels", sa.BigInteger(), nullable=False),
        sa.Column("parcels_once", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("grain IN ('day', 'month', 'year', 'parcel')", name=op.f("ck_hectares_rollup_grain")),
        sa.CheckConstraint("(grain = 'parcel') = (parcel_id IS NOT NULL)", name=op.f("ck_hectares_rollup_parcel")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hectares_rollup")),
        sa.UniqueConstraint(
            "measure",
            "grain",
            "first_day",
            "key_id",
            "parcel_id",
            name=op.f("uq_hectares_rollup_measure_grain_first_day_key_id_parcel_id"),
            postgresql_nulls_not_distinct=True,
        ),
    )


def _staged_overlaps() -> None:
    op.create_table(
        "staged_overlaps",
        sa.Column("upload_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("overlaid", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("upload_id", name=op.f("pk_staged_overlaps")),
    )


def _references() -> None:
    """Checked per statement by app/inventory/references.sql, which every migration runs."""
    op.drop_constraint("fk_parcel_version_parcel_id", "parcel_version")
    op.drop_constraint("fk_portion_parcel_version_id", "portion")
