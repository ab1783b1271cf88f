"""Prepared rows into the staging tables: Arrow batches, encoded once, by binary COPY."""

from pathlib import Path

import pyarrow as pa
from pgpq import ArrowToPostgresBinaryEncoder
from psycopg import sql
from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.uploads.models import StagedOverlaps, StagedPortion, StagedRow
from app.uploads.prepare import Prepared


def stage(session: Session, upload_id: int, prepared: Prepared) -> None:
    """Stage what a file was prepared to, under an upload.

    Geometry is EWKB in the storage CRS; square metres are whole numbers of 1e-4 m².
    """
    _copy(session, StagedRow.__tablename__, upload_id, prepared.rows)
    _copy(session, StagedPortion.__tablename__, upload_id, prepared.portions)
    session.add(StagedOverlaps(upload_id=upload_id, overlaid=prepared.overlaps.read_bytes()))
    session.flush()


def clear(session: Session, upload_id: int) -> None:
    """Forget the staged rows of an upload."""
    for table in (StagedRow, StagedPortion, StagedOverlaps):
        session.execute(delete(table).where(table.upload_id == upload_id))


def _copy(session: Session, table: str, upload_id: int, file: Path) -> None:
    with pa.OSFile(str(file), "r") as source, pa.ipc.open_file(source) as reader:
        schema = reader.schema.insert(0, pa.field("upload_id", pa.int64()))
        encoder = ArrowToPostgresBinaryEncoder(schema)
        statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
            sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, schema.names))
        )
        connection = session.connection().connection.driver_connection
        assert connection is not None  # noqa: S101  a session in a transaction has a connection
        with connection.cursor().copy(statement) as copy:
            copy.write(encoder.write_header())
            for number in range(reader.num_record_batches):
                batch = reader.get_batch(number)
                ids = pa.array([upload_id], pa.int64()).take(pa.array([0] * batch.num_rows, pa.int64()))
                whole = pa.RecordBatch.from_arrays([ids, *batch.columns], schema=schema)
                copy.write(encoder.write_batch(whole))
            copy.write(encoder.finish())
