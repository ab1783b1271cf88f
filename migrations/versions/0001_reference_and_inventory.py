"""Reference data, projects, parcels, portions, overlaps, and the first publication."""

import geoalchemy2
import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Forward."""
    srid = context.config.attributes["srid"]
    op.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    _publication()
    _place(srid)
    _land_category()
    _land_use_code()
    _project()
    _project_version()
    _project_boundary(srid)
    _parcel()
    _parcel_version(srid)
    _parcel_version_rest()
    _portion()
    _parcel_overlap()
    _overlap_face(srid)
    _overlap_face_member()
    op.execute(
        "INSERT INTO publication (recorded_at, actor, action, subject)"
        " VALUES (clock_timestamp(), 'landbank', 'create', 'database')"
    )


def _publication() -> None:
    op.create_table(
        "publication",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("recorded_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publication")),
        sa.UniqueConstraint("recorded_at", name=op.f("uq_publication_recorded_at")),
    )
    # ### end Alembic commands ###


def _place(srid: int) -> None:
    op.create_table(
        "place",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parent_code", sa.Text(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column(
            "geom",
            geoalchemy2.types.Geometry(
                geometry_type="MULTIPOLYGON", srid=srid, dimension=2, spatial_index=False, nullable=False
            ),
            nullable=False,
        ),
        sa.Column("upload_id", sa.BigInteger(), nullable=True),
        sa.Column("recorded_from", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("recorded_to", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("level IN ('district', 'sub_district', 'community')", name=op.f("ck_place_level")),
        sa.CheckConstraint(
            "NOT ST_IsEmpty(geom) AND ST_NPoints(geom) <= 200000 AND ST_IsValid(geom)", name=op.f("ck_place_geom_valid")
        ),
        sa.CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name=op.f("ck_place_valid_range")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_place")),
    )
    op.create_index("ix_place_geom", "place", ["geom"], unique=False, postgresql_using="gist")
    op.create_index(
        "uq_place_current",
        "place",
        ["level", "code", "valid_from"],
        unique=True,
        postgresql_where=sa.text("recorded_to IS NULL"),
    )
    # ### end Alembic commands ###


def _land_category() -> None:
    op.create_table(
        "land_category",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("parent_code", sa.Text(), nullable=True),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("colour", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("recorded_from", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("recorded_to", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_land_category")),
    )
    op.create_index(
        "uq_land_category_current",
        "land_category",
        ["code"],
        unique=True,
        postgresql_where=sa.text("recorded_to IS NULL"),
    )
    # ### end Alembic commands ###


def _land_use_code() -> None:
    op.create_table(
        "land_use_code",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("scheme_version", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("land_category", sa.Text(), nullable=False),
        sa.Column("recorded_from", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("recorded_to", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_land_use_code")),
    )
    op.create_index(
        "uq_land_use_code_current",
        "land_use_code",
        ["scheme", "scheme_version", "code"],
        unique=True,
        postgresql_where=sa.text("recorded_to IS NULL"),
    )
    # ### end Alembic commands ###


def _project() -> None:
    op.create_table(
        "project",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("programme", sa.Text(), nullable=False),
        sa.CheckConstraint("programme IN ('renewal', 'consolidation')", name=op.f("ck_project_programme")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project")),
        sa.UniqueConstraint("code", name=op.f("uq_project_code")),
    )
    # ### end Alembic commands ###


def _project_version() -> None:
    op.create_table(
        "project_version",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("key", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("batch", sa.Text(), nullable=True),
        sa.Column("land_category", sa.Text(), nullable=True),
        sa.Column("recorded_from", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("recorded_to", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_project_version_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project_version")),
    )
    op.create_index(
        "uq_project_version_current",
        "project_version",
        ["project_id"],
        unique=True,
        postgresql_where=sa.text("recorded_to IS NULL"),
    )
    # ### end Alembic commands ###


def _project_boundary(srid: int) -> None:
    op.create_table(
        "project_boundary",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("boundary_role", sa.Text(), nullable=False),
        sa.Column(
            "geom",
            geoalchemy2.types.Geometry(
                geometry_type="MULTIPOLYGON", srid=srid, dimension=2, spatial_index=False, nullable=False
            ),
            nullable=False,
        ),
        sa.Column("plane_square_metres", sa.Numeric(precision=16, scale=4), nullable=False),
        sa.Column("ellipsoidal_square_metres", sa.Numeric(precision=16, scale=4), nullable=False),
        sa.Column("content_sha256", sa.LargeBinary(), nullable=False),
        sa.Column(
            "attributes", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("upload_id", sa.BigInteger(), nullable=True),
        sa.Column("upload_row", sa.BigInteger(), nullable=True),
        sa.Column("recorded_from", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("recorded_to", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint(
            "boundary_role IN ('study', 'unit', 'demolition', 'implementation')",
            name=op.f("ck_project_boundary_boundary_role"),
        ),
        sa.CheckConstraint(
            "CASE WHEN ST_XMin(geom) > -1e8 AND ST_XMax(geom) < 1e8 AND ST_YMin(geom) > -1e8 AND ST_YMax(geom) < 1e8 THEN NOT ST_IsEmpty(geom) AND ST_NPoints(geom) <= 100000 AND ST_IsValid(geom) ELSE false END",
            name=op.f("ck_project_boundary_geom_sound"),
        ),
        sa.CheckConstraint(
            "plane_square_metres > 0 AND ellipsoidal_square_metres > 0 AND plane_square_metres < 1e11",
            name=op.f("ck_project_boundary_square_metres"),
        ),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_project_boundary_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project_boundary")),
    )
    op.create_index("ix_project_boundary_geom", "project_boundary", ["geom"], unique=False, postgresql_using="gist")
    op.create_index(
        "uq_project_boundary_current",
        "project_boundary",
        ["project_id", "boundary_role"],
        unique=True,
        postgresql_where=sa.text("recorded_to IS NULL"),
    )
    # ### end Alembic commands ###


def _parcel() -> None:
    op.create_table(
        "parcel",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parcel")),
        sa.UniqueConstraint("code", name=op.f("uq_parcel_code")),
    )
    # ### end Alembic commands ###


def _parcel_version(srid: int) -> None:
    op.create_table(
        "parcel_version",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("parcel_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column(
            "geom",
            geoalchemy2.types.Geometry(
                geometry_type="MULTIPOLYGON", srid=srid, dimension=2, spatial_index=False, nullable=False
            ),
            nullable=False,
        ),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("project_code", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("layer", sa.Text(), nullable=False),
        sa.Column("land_category", sa.Text(), nullable=False),
        sa.Column("land_use_scheme", sa.Text(), nullable=True),
        sa.Column("land_use_code", sa.Text(), nullable=True),
        sa.Column("cadastral_code", sa.Text(), nullable=True),
        sa.Column("declared_square_metres", sa.Numeric(precision=16, scale=4), nullable=True),
        sa.Column("document_square_metres", sa.Numeric(precision=16, scale=4), nullable=True),
        sa.Column("plane_square_metres", sa.Numeric(precision=16, scale=4), nullable=False),
        sa.Column("ellipsoidal_square_metres", sa.Numeric(precision=16, scale=4), nullable=False),
        sa.Column("source_crs", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("effective_date", sa.Date(), nullable=False),
        sa.Column("content_sha256", sa.LargeBinary(), nullable=False),
        sa.Column(
            "attributes", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("upload_id", sa.BigInteger(), nullable=True),
        sa.Column("upload_row", sa.BigInteger(), nullable=True),
        sa.Column("recorded_from", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("recorded_to", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("layer IN ('surface', 'above', 'below')", name=op.f("ck_parcel_version_layer")),
        sa.CheckConstraint("programme IN ('renewal', 'consolidation')", name=op.f("ck_parcel_version_programme")),
        sa.CheckConstraint("role IN ('handover', 'development', 'retained')", name=op.f("ck_parcel_version_role")),
        sa.CheckConstraint(
            "CASE WHEN ST_XMin(geom) > -1e8 AND ST_XMax(geom) < 1e8 AND ST_YMin(geom) > -1e8 AND ST_YMax(geom) < 1e8 THEN NOT ST_IsEmpty(geom) AND ST_NPoints(geom) <= 100000 AND ST_IsValid(geom) ELSE false END",
            name=op.f("ck_parcel_version_geom_sound"),
        ),
        sa.ForeignKeyConstraint(["parcel_id"], ["parcel.id"], name=op.f("fk_parcel_version_parcel_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parcel_version")),
    )


def _parcel_version_rest() -> None:
    op.create_index("ix_parcel_version_geom", "parcel_version", ["geom"], unique=False, postgresql_using="gist")
    op.create_index("ix_parcel_version_upload_id", "parcel_version", ["upload_id"], unique=False)
    op.create_index("uq_parcel_version_parcel_id_version", "parcel_version", ["parcel_id", "version"], unique=True)
    # ### end Alembic commands ###
    op.create_check_constraint(
        op.f("ck_parcel_version_square_metres"),
        "parcel_version",
        "plane_square_metres > 0 AND ellipsoidal_square_metres > 0 AND plane_square_metres < 1e11",
    )


def _portion() -> None:
    op.create_table(
        "portion",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("parcel_version_id", sa.BigInteger(), nullable=False),
        sa.Column("district", sa.Text(), nullable=True),
        sa.Column("sub_district", sa.Text(), nullable=True),
        sa.Column("community", sa.Text(), nullable=True),
        sa.Column("boundary_from", sa.Date(), server_default=sa.text("'-infinity'"), nullable=False),
        sa.Column("boundary_to", sa.Date(), server_default=sa.text("'infinity'"), nullable=False),
        sa.Column("declared_square_metres", sa.Numeric(precision=16, scale=4), nullable=True),
        sa.Column("document_square_metres", sa.Numeric(precision=16, scale=4), nullable=True),
        sa.Column("plane_square_metres", sa.Numeric(precision=16, scale=4), nullable=False),
        sa.Column("ellipsoidal_square_metres", sa.Numeric(precision=16, scale=4), nullable=False),
        sa.Column("recorded_from", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("recorded_to", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint(
            "ellipsoidal_square_metres >= 0 AND plane_square_metres >= 0", name=op.f("ck_portion_square_metres")
        ),
        sa.ForeignKeyConstraint(
            ["parcel_version_id"], ["parcel_version.id"], name=op.f("fk_portion_parcel_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portion")),
    )
    op.create_index("ix_portion_parcel_version_id", "portion", ["parcel_version_id"], unique=False)
    # ### end Alembic commands ###


def _parcel_overlap() -> None:
    op.create_table(
        "parcel_overlap",
        sa.Column("first_version_id", sa.BigInteger(), nullable=False),
        sa.Column("second_version_id", sa.BigInteger(), nullable=False),
        sa.Column("plane_square_metres", sa.Numeric(precision=16, scale=4), nullable=False),
        sa.Column("ellipsoidal_square_metres", sa.Numeric(precision=16, scale=4), nullable=False),
        sa.CheckConstraint("first_version_id < second_version_id", name=op.f("ck_parcel_overlap_ordered")),
        sa.ForeignKeyConstraint(
            ["first_version_id"], ["parcel_version.id"], name=op.f("fk_parcel_overlap_first_version_id")
        ),
        sa.ForeignKeyConstraint(
            ["second_version_id"], ["parcel_version.id"], name=op.f("fk_parcel_overlap_second_version_id")
        ),
        sa.PrimaryKeyConstraint("first_version_id", "second_version_id", name=op.f("pk_parcel_overlap")),
    )
    op.create_index("ix_parcel_overlap_second_version_id", "parcel_overlap", ["second_version_id"], unique=False)
    # ### end Alembic commands ###


def _overlap_face(srid: int) -> None:
    op.create_table(
        "overlap_face",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "geom",
            geoalchemy2.types.Geometry(
                geometry_type="MULTIPOLYGON", srid=srid, dimension=2, spatial_index=False, nullable=False
            ),
            nullable=False,
        ),
        sa.Column("district", sa.Text(), nullable=True),
        sa.Column("sub_district", sa.Text(), nullable=True),
        sa.Column("community", sa.Text(), nullable=True),
        sa.Column("boundary_from", sa.Date(), server_default=sa.text("'-infinity'"), nullable=False),
        sa.Column("boundary_to", sa.Date(), server_default=sa.text("'infinity'"), nullable=False),
        sa.Column("plane_square_metres", sa.Numeric(precision=16, scale=4), nullable=False),
        sa.Column("ellipsoidal_square_metres", sa.Numeric(precision=16, scale=4), nullable=False),
        sa.Column("recorded_from", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("recorded_to", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_overlap_face")),
    )
    # ### end Alembic commands ###


def _overlap_face_member() -> None:
    op.create_table(
        "overlap_face_member",
        sa.Column("face_id", sa.BigInteger(), nullable=False),
        sa.Column("parcel_version_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["face_id"], ["overlap_face.id"], name=op.f("fk_overlap_face_member_face_id")),
        sa.ForeignKeyConstraint(
            ["parcel_version_id"], ["parcel_version.id"], name=op.f("fk_overlap_face_member_parcel_version_id")
        ),
        sa.PrimaryKeyConstraint("face_id", "parcel_version_id", name=op.f("pk_overlap_face_member")),
    )
    op.create_index(
        "ix_overlap_face_member_parcel_version_id", "overlap_face_member", ["parcel_version_id"], unique=False
    )
    # ### end Alembic commands ###
