"""The ledger: documents, events, recognition rules, targets, and the roll-up."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Forward."""
    _document()
    _document_file()
    _land_event()
    _recognition_rule()
    _target()
    _hectares_rollup()
    # CONTRACT: the default rule counts a bank_entry whose document is a handover_confirmation, by its date.
    op.execute(
        "INSERT INTO recognition_rule (code, version, programme, document_types, date_field, basis, recorded_from)"
        " SELECT 'handover_accepted', 1, named.programme, ARRAY['handover_confirmation'], 'document_date',"
        " 'ellipsoidal', publication.recorded_at"
        " FROM publication, unnest(ARRAY['consolidation', 'renewal']) AS named (programme)"
    )


def _document() -> None:
    op.create_table(
        "document",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=True),
        sa.Column("recorded_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint(
            "type IN ('handover_confirmation', 'survey_report', 'grant_contract', 'allocation_decision', 'approval', 'other')",
            name=op.f("ck_document_type"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
        sa.UniqueConstraint(
            "type",
            "number",
            "date",
            "issuer",
            name=op.f("uq_document_type_number_date_issuer"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    # ### end Alembic commands ###


def _document_file() -> None:
    op.create_table(
        "document_file",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("recorded_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_document_file_document_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_file")),
    )
    # ### end Alembic commands ###


def _land_event() -> None:
    op.create_table(
        "land_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("parcel_id", sa.BigInteger(), nullable=False),
        sa.Column("parcel_version_id", sa.BigInteger(), nullable=False),
        sa.Column("land_category", sa.Text(), nullable=False),
        sa.Column("effective_date", sa.Date(), nullable=False),
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("reverses_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("upload_id", sa.BigInteger(), nullable=True),
        sa.Column("upload_row", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("(type = 'reversal') = (reverses_id IS NOT NULL)", name=op.f("ck_land_event_reversal")),
        sa.CheckConstraint(
            "kind IS NULL OR (type = 'supply' AND kind IN ('grant', 'allocation'))", name=op.f("ck_land_event_kind")
        ),
        sa.CheckConstraint(
            "type IN ('bank_entry', 'bank_exit', 'supply', 'handover', 'reversal')", name=op.f("ck_land_event_type")
        ),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_land_event_document_id")),
        sa.ForeignKeyConstraint(["parcel_id"], ["parcel.id"], name=op.f("fk_land_event_parcel_id")),
        sa.ForeignKeyConstraint(
            ["parcel_version_id"], ["parcel_version.id"], name=op.f("fk_land_event_parcel_version_id")
        ),
        sa.ForeignKeyConstraint(["reverses_id"], ["land_event.id"], name=op.f("fk_land_event_reverses_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_land_event")),
        sa.UniqueConstraint("reverses_id", name=op.f("uq_land_event_reverses_id")),
    )
    op.create_index("ix_land_event_parcel_id", "land_event", ["parcel_id"], unique=False)
    op.create_index("ix_land_event_parcel_version_id", "land_event", ["parcel_version_id"], unique=False)
    op.create_index("ix_land_event_upload_id", "land_event", ["upload_id"], unique=False)
    # ### end Alembic commands ###


def _recognition_rule() -> None:
    op.create_table(
        "recognition_rule",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("document_types", postgresql.ARRAY(sa.TEXT()), nullable=False),
        sa.Column("date_field", sa.Text(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("recorded_from", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("recorded_to", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint(
            "basis IN ('declared', 'document', 'plane', 'ellipsoidal')", name=op.f("ck_recognition_rule_basis")
        ),
        sa.CheckConstraint(
            "date_field IN ('document_date', 'effective_date')", name=op.f("ck_recognition_rule_date_field")
        ),
        sa.CheckConstraint("programme IN ('renewal', 'consolidation')", name=op.f("ck_recognition_rule_programme")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recognition_rule")),
        sa.UniqueConstraint("code", "version", "programme", name=op.f("uq_recognition_rule_code_version_programme")),
    )
    # ### end Alembic commands ###


def _target() -> None:
    op.create_table(
        "target",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("sub_district", sa.Text(), nullable=True),
        sa.Column("year", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("comparator", sa.Text(), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("document_id", sa.BigInteger(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("recorded_from", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("recorded_to", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("comparator IN ('>=', '=')", name=op.f("ck_target_comparator")),
        sa.CheckConstraint("kind IN ('city', 'district_stretch')", name=op.f("ck_target_kind")),
        sa.CheckConstraint("programme IN ('renewal', 'consolidation')", name=op.f("ck_target_programme")),
        sa.CheckConstraint("status IN ('provisional', 'issued', 'adjusted')", name=op.f("ck_target_status")),
        sa.CheckConstraint("unit IN ('ha', 'units', '10k_m2', 'count')", name=op.f("ck_target_unit")),
        sa.CheckConstraint("value >= 0 AND value < 1e12", name=op.f("ck_target_value")),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_target_document_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_target")),
    )
    op.create_index(
        "uq_target_current",
        "target",
        ["programme", "measure", "category", "sub_district", "year", "kind"],
        unique=True,
        postgresql_where=sa.text("recorded_to IS NULL"),
        postgresql_nulls_not_distinct=True,
    )
    # ### end Alembic commands ###


def _hectares_rollup() -> None:
    op.create_table(
        "hectares_rollup",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("land_category", sa.Text(), nullable=False),
        sa.Column("layer", sa.Text(), nullable=False),
        sa.Column("district", sa.Text(), nullable=True),
        sa.Column("sub_district", sa.Text(), nullable=True),
        sa.Column("counted_square_metres", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("declared_square_metres", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("document_square_metres", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("plane_square_metres", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("ellipsoidal_square_metres", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("parcels", sa.BigInteger(), nullable=False),
        sa.Column("parcels_once", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hectares_rollup")),
    )
    op.create_index("ix_hectares_rollup_measure", "hectares_rollup", ["measure", "on_date"], unique=False)
    # ### end Alembic commands ###
