"""The database: declarative base, engine, the unit of work, and the publish lock.

One request or command is one transaction. What a published total depends on is written under one advisory
lock, so that recorded times strictly increase and two writers cannot both see land as free (DESIGN §3, rule 2).
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, ClassVar

import numpy as np
import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format
from sqlalchemy import BigInteger, Identity, MetaData, Text, create_engine, func, select, text
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

PUBLISH_LOCK = 0x4C414E44
"""The advisory lock of publication: the letters LAND."""


class Base(DeclarativeBase):
    """All tables. Constraints have names, so that migrations and errors can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: TIMESTAMP(timezone=True), int: BigInteger, str: Text}


class Publication(Base):
    """One moment at which the bank's knowledge changed: who changed what. Append-only.

    ``recorded_at`` strictly increases and is the service's recorded time ("known at").
    """

    __tablename__ = "publication"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    recorded_at: Mapped[datetime] = mapped_column(unique=True)
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]


class Ids(Dumper):
    """A numpy array of whole numbers as ``bigint[]``, in PostgreSQL's binary form: 100,000 of them in a millisecond."""

    format = Format.BINARY
    _BIGINT = psycopg.adapters.types["int8"]
    oid = _BIGINT.array_oid

    def dump(self, obj: Any) -> bytes:
        """Dimensions, no nulls, the type of the elements; length and first index; then each with its length."""
        items = np.zeros(len(obj), dtype=[("length", ">i4"), ("value", ">i8")])
        items["length"], items["value"] = 8, obj
        if not len(obj):
            return struct.pack(">iiI", 0, 0, self._BIGINT.oid)
        return struct.pack(">iiIii", 1, 0, self._BIGINT.oid, len(obj), 1) + items.tobytes()


psycopg.adapters.register_dumper(np.ndarray, Ids)


def normalised_url(url: str) -> str:
    """``postgresql://`` and ``postgresql+psycopg://`` are both accepted; psycopg 3 serves them."""
    return make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def make_engine(url: str) -> Engine:
    """An engine that survives a restart of the server and speaks UTC to it.

    Statements are planned for the parameters at hand: a plan for any question at all took 15 s for one of 0.1 s.
    """
    return create_engine(
        normalised_url(url),
        pool_pre_ping=True,
        pool_size=10,
        max_overflow=5,
        # An error goes into logs: without what was to be stored, which may be confidential.
        hide_parameters=True,
        # Jobs are enqueued by functions that name their tables without the schema.
        connect_args={
            "options": "-c timezone=UTC -c search_path=public,jobs -c plan_cache_mode=force_custom_plan",
            "connect_timeout": 10,
        },
    )


@contextmanager
def unit_of_work(engine: Engine) -> Iterator[Session]:
    """One transaction: committed when the block ends well, rolled back otherwise."""
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


def lock_publication(session: Session) -> None:
    """Take the publish lock until the transaction ends; a second taking is free."""
    session.execute(select(func.pg_advisory_xact_lock(PUBLISH_LOCK)))


def nothing_under_way(session: Session) -> bool:
    """Whether no publication is being made elsewhere, nor will be before this transaction ends."""
    return bool(session.execute(select(func.pg_try_advisory_xact_lock_shared(PUBLISH_LOCK))).scalar_one())


def publish(session: Session, actor: str, action: str, subject: str) -> Publication:
    """Take the publish lock and record a publication, later than every one before."""
    lock_publication(session)
    later = func.greatest(func.clock_timestamp(), func.max(Publication.recorded_at) + text("interval '1 microsecond'"))
    recorded_at = session.execute(select(later)).scalar_one()
    publication = Publication(recorded_at=recorded_at, actor=actor, action=action, subject=subject)
    session.add(publication)
    session.flush()
    return publication


def last_publication(session: Session) -> datetime:
    """The moment of the newest publication; the migration writes the first."""
    return session.execute(select(func.max(Publication.recorded_at))).scalar_one()
