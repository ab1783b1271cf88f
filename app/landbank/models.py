"""The ledger: evidence documents, land events, recognition rules, targets, and the roll-up that makes totals fast."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Numeric, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT, BYTEA, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base

EVENT_TYPES = "('bank_entry', 'bank_exit', 'supply', 'handover', 'reversal')"
DOCUMENT_TYPES = (
    "('handover_confirmation', 'survey_report', 'grant_contract', 'allocation_decision', 'approval', 'other')"
)


class Document(Base):
    """An evidence document. Append-only; its file may come later."""

    __tablename__ = "document"
    __table_args__ = (
        CheckConstraint(f"type IN {DOCUMENT_TYPES}", name="type"),
        UniqueConstraint("type", "number", "date", "issuer", postgresql_nulls_not_distinct=True),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    type: Mapped[str]
    number: Mapped[str]
    date: Mapped[date]
    issuer: Mapped[str | None]
    recorded_at: Mapped[datetime]


class DocumentFile(Base):
    """The file of a document, by content. Append-only: the newest counts."""

    __tablename__ = "document_file"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    document_id: Mapped[int] = mapped_column(ForeignKey("document.id"))
    sha256: Mapped[str]
    filename: Mapped[str]
    recorded_at: Mapped[datetime]


class LandEvent(Base):
    """What happened to a parcel: the ledger. Append-only; a correction is a reversal plus a new event.

    The parcel version gives the square metres by each basis; the land category is the one at the event.
    ``supporting_ids`` are documents beside the evidence document, such as the survey of a handover.
    """

    __tablename__ = "land_event"
    __table_args__ = (
        CheckConstraint(f"type IN {EVENT_TYPES}", name="type"),
        CheckConstraint("(type = 'reversal') = (reverses_id IS NOT NULL)", name="reversal"),
        CheckConstraint("kind IS NULL OR (type = 'supply' AND kind IN ('grant', 'allocation'))", name="kind"),
        UniqueConstraint("reverses_id"),
        Index("ix_land_event_parcel_id", "parcel_id"),
        Index("ix_land_event_parcel_version_id", "parcel_version_id"),
        Index("ix_land_event_upload_id", "upload_id"),
        Index("ix_land_event_recorded_at", "recorded_at"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    type: Mapped[str]
    parcel_id: Mapped[int] = mapped_column(ForeignKey("parcel.id"))
    parcel_version_id: Mapped[int] = mapped_column(ForeignKey("parcel_version.id"))
    land_category: Mapped[str]
    effective_date: Mapped[date]
    document_id: Mapped[int] = mapped_column(ForeignKey("document.id"))
    supporting_ids: Mapped[list[int]] = mapped_column(ARRAY(BIGINT), server_default=text("'{}'"))
    kind: Mapped[str | None]
    reverses_id: Mapped[int | None] = mapped_column(ForeignKey("land_event.id"))
    reason: Mapped[str | None]
    actor: Mapped[str]
    upload_id: Mapped[int | None]
    upload_row: Mapped[int | None]
    recorded_at: Mapped[datetime]


class RecognitionRule(Base):
    """Versioned data: which bank entries count for a programme, by which date, square metres and category.

    An entry counts when its document is of one of ``document_types`` and when, by the day that it counts on, its
    parcel has every one of ``required_events`` and ``required_documents``. A rule speaks for entries whose document
    is dated from the first day of ``from_year`` to the last of ``to_year`` (null: without end).
    ``category_at``: the land category is the one at the entry, or the one in force on the day of the report.
    """

    __tablename__ = "recognition_rule"
    __table_args__ = (
        CheckConstraint("programme IN ('renewal', 'consolidation')", name="programme"),
        CheckConstraint("date_field IN ('document_date', 'effective_date')", name="date_field"),
        CheckConstraint("basis IN ('declared', 'document', 'plane', 'ellipsoidal')", name="basis"),
        CheckConstraint("category_at IN ('entry', 'report')", name="category_at"),
        CheckConstraint("from_year <= to_year", name="years"),
        # Two rules in force for the same years would count a piece twice.
        Index(
            "uq_recognition_rule_in_force",
            "programme",
            "from_year",
            unique=True,
            postgresql_where=text("recorded_to IS NULL"),
            postgresql_nulls_not_distinct=True,
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    code: Mapped[str]
    version: Mapped[int]
    programme: Mapped[str]
    name_zh: Mapped[str]
    name_en: Mapped[str]
    document_types: Mapped[list[str]] = mapped_column(ARRAY(TEXT))
    required_events: Mapped[list[str]] = mapped_column(ARRAY(TEXT), server_default=text("'{}'"))
    required_documents: Mapped[list[str]] = mapped_column(ARRAY(TEXT), server_default=text("'{}'"))
    date_field: Mapped[str]
    basis: Mapped[str]
    category_at: Mapped[str] = mapped_column(server_default=text("'entry'"))
    from_year: Mapped[int | None]
    to_year: Mapped[int | None]
    recorded_from: Mapped[datetime]
    recorded_to: Mapped[datetime | None]


class Target(Base):
    """A task set for a year, in versions: provisional, issued, adjusted; the city's or the district's stretch."""

    __tablename__ = "target"
    __table_args__ = (
        CheckConstraint("programme IN ('renewal', 'consolidation')", name="programme"),
        CheckConstraint("kind IN ('city', 'district_stretch')", name="kind"),
        CheckConstraint("status IN ('provisional', 'issued', 'adjusted')", name="status"),
        CheckConstraint("comparator IN ('>=', '=')", name="comparator"),
        CheckConstraint("unit IN ('ha', 'units', '10k_m2', 'count')", name="unit"),
        CheckConstraint("value >= 0 AND value < 1e12", name="value"),
        Index(
            "uq_target_current",
            "programme",
            "measure",
            "category",
            "sub_district",
            "year",
            "kind",
            unique=True,
            postgresql_where=text("recorded_to IS NULL"),
            postgresql_nulls_not_distinct=True,
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    version: Mapped[int]
    programme: Mapped[str]
    measure: Mapped[str]
    category: Mapped[str | None]
    sub_district: Mapped[str | None]
    year: Mapped[int]
    kind: Mapped[str]
    status: Mapped[str]
    comparator: Mapped[str]
    value: Mapped[Decimal] = mapped_column(Numeric)
    unit: Mapped[str]
    document_id: Mapped[int | None] = mapped_column(ForeignKey("document.id"))
    actor: Mapped[str]
    upload_id: Mapped[int | None]
    upload_row: Mapped[int | None]
    recorded_from: Mapped[datetime]
    recorded_to: Mapped[datetime | None]


class StageWeight(Base):
    """The share of the land at a project stage that is expected to count by the year's end, as a range. Versioned."""

    __tablename__ = "stage_weight"
    __table_args__ = (
        CheckConstraint("programme IN ('renewal', 'consolidation')", name="programme"),
        CheckConstraint("0 <= low AND low <= mid AND mid <= high AND high <= 1", name="share"),
        Index(
            "uq_stage_weight_current",
            "programme",
            "stage",
            unique=True,
            postgresql_where=text("recorded_to IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    programme: Mapped[str]
    stage: Mapped[str]
    low: Mapped[Decimal] = mapped_column(Numeric)
    mid: Mapped[Decimal] = mapped_column(Numeric)
    high: Mapped[Decimal] = mapped_column(Numeric)
    version: Mapped[int]
    actor: Mapped[str]
    recorded_from: Mapped[datetime]
    recorded_to: Mapped[datetime | None]


class CardRule(Base):
    """When a card is green, yellow or red: shares of what the calendar expects by now. Versioned, one at a time.

    ``exact_*`` are shares of the target itself, for targets that are to be met exactly.
    """

    __tablename__ = "card_rule"
    __table_args__ = (
        CheckConstraint("0 <= yellow_from AND yellow_from <= green_from", name="behind"),
        CheckConstraint("1 <= exact_green_to AND exact_green_to <= exact_yellow_to", name="beyond"),
        UniqueConstraint("version"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    green_from: Mapped[Decimal] = mapped_column(Numeric)
    yellow_from: Mapped[Decimal] = mapped_column(Numeric)
    exact_green_to: Mapped[Decimal] = mapped_column(Numeric)
    exact_yellow_to: Mapped[Decimal] = mapped_column(Numeric)
    version: Mapped[int]
    actor: Mapped[str]
    recorded_from: Mapped[datetime]
    recorded_to: Mapped[datetime | None]


class HectaresKey(Base):
    """What the roll-up tells pieces apart by: a few thousand rows, so that sums run over numbers and not over texts."""

    __tablename__ = "hectares_key"
    __table_args__ = (
        UniqueConstraint("programme", "land_category", "layer", "sub_district", postgresql_nulls_not_distinct=True),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    programme: Mapped[str]
    land_category: Mapped[str]
    layer: Mapped[str]
    sub_district: Mapped[str | None]


class HectaresRollup(Base):
    """Derived from ``counted_piece``: what changed in each day, month and year, so that a figure adds few rows.

    ``grain``: ``day``, ``month`` and ``year`` say which period begins on ``first_day``; all three hold the same
    changes. ``parcel`` holds, day by day, those parcels that a flow counts more than once, each by its id, since they
    are one parcel however often they come. ``parcels`` counts parcels in the sub-district, ``parcels_once`` each parcel
    in one of its sub-districts only, so that totals add up. Rebuilt by ``landbank db rebuild``.
    """

    __tablename__ = "hectares_rollup"
    __table_args__ = (
        CheckConstraint("grain IN ('day', 'month', 'year', 'parcel')", name="grain"),
        CheckConstraint("(grain = 'parcel') = (parcel_id IS NOT NULL)", name="parcel"),
        UniqueConstraint("measure", "grain", "first_day", "key_id", "parcel_id", postgresql_nulls_not_distinct=True),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    measure: Mapped[str]
    grain: Mapped[str]
    first_day: Mapped[date]
    key_id: Mapped[int]
    parcel_id: Mapped[int | None]
    counted_square_metres: Mapped[Decimal] = mapped_column(Numeric(18, 4))
    declared_square_metres: Mapped[Decimal] = mapped_column(Numeric(18, 4))
    document_square_metres: Mapped[Decimal] = mapped_column(Numeric(18, 4))
    plane_square_metres: Mapped[Decimal] = mapped_column(Numeric(18, 4))
    ellipsoidal_square_metres: Mapped[Decimal] = mapped_column(Numeric(18, 4))
    parcels: Mapped[int]
    parcels_once: Mapped[int]


class PostedShape(Base):
    """An outline that somebody posted to count within, under its SHA-256, so that links can name it.

    WKB in the storage CRS: nothing in the database ever overlays it. ``keys``: the features' ids or indices as JSON.
    """

    __tablename__ = "posted_shape"
    __table_args__ = (Index("ix_posted_shape_posted_at", "posted_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    keys: Mapped[str | None]
    outlines: Mapped[list[bytes]] = mapped_column(ARRAY(BYTEA))
    posted_at: Mapped[datetime]


class TreeKey(Base):
    """What parcels of a tree node are summed by: derived, as the tree is."""

    __tablename__ = "tree_key"
    __table_args__ = (UniqueConstraint("programme", "land_category", "layer"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    programme: Mapped[str]
    land_category: Mapped[str]
    layer: Mapped[str]


class TreeNode(Base):
    """A rectangle (storage CRS) with the sums of the parcels in it: derived from ``counted_piece``, for polygons.

    ``settled``: the day number from which nothing of these parcels changes, as now known; ``sums`` hold from then on.
    A leaf also has its ``parcels``, packed. Kept by every publication, rebuilt by ``landbank db rebuild``.
    """

    __tablename__ = "tree_node"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    parent_id: Mapped[int | None]
    level: Mapped[int]
    west: Mapped[float]
    south: Mapped[float]
    east: Mapped[float]
    north: Mapped[float]
    settled: Mapped[int]
    sums: Mapped[bytes] = mapped_column(BYTEA)
    parcels: Mapped[bytes | None] = mapped_column(BYTEA)


class TreeParcel(Base):
    """Which leaf a parcel is in."""

    __tablename__ = "tree_parcel"

    parcel_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    leaf_id: Mapped[int]
