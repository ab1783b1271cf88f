"""Findings on record: what the file showed, and what stood against it in the ledger."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from app.errors import BadRequest
from app.settings import Settings
from app.uploads.findings import Finding
from app.uploads.models import Finding as Record
from app.uploads.models import Upload


def replace(
    session: Session, settings: Settings, upload_id: int, from_file: Sequence[Finding], ledger: Sequence[Finding]
) -> None:
    """Put an upload's findings on record in place of earlier ones; ``geometry`` goes from the storage CRS to CRS84."""
    session.execute(delete(Record).where(Record.upload_id == upload_id))
    transformer = Transformer.from_crs(settings.srid, "OGC:CRS84", always_xy=True)
    rows = [
        _row(transformer, upload_id, origin, finding)
        for origin, group in (("file", from_file), ("ledger", ledger))
        for finding in group
    ]
    if rows:
        session.execute(insert(Record), rows)


def crs84(settings: Settings, geometry: shapely.Geometry) -> dict[str, Any] | None:
    """A geometry of the storage CRS as GeoJSON in CRS84."""
    return _crs84(Transformer.from_crs(settings.srid, "OGC:CRS84", always_xy=True), geometry)


def _row(transformer: Transformer, upload_id: int, origin: str, finding: Finding) -> dict[str, Any]:
    return {
        "upload_id": upload_id,
        "origin": origin,
        "code": finding.code,
        "severity": finding.severity,
        "row": finding.row,
        "feature": finding.feature,
        "geometry": None if finding.geometry is None else _crs84(transformer, finding.geometry),
        "parameters": finding.values,
        "square_metres_before": finding.square_metres_before,
        "square_metres_after": finding.square_metres_after,
    }


def _crs84(transformer: Transformer, geometry: shapely.Geometry) -> dict[str, Any] | None:
    """GeoJSON in lon, lat; None where the coordinates are no place on Earth."""

    def move(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(transformer.transform(points[:, 0], points[:, 1]))

    moved = shapely.transform(shapely.force_2d(geometry), move)
    points = shapely.get_coordinates(moved)
    if not len(points) or not np.isfinite(points).all():
        return None
    document: dict[str, Any] = orjson.loads(shapely.to_geojson(moved))
    return document


def from_file(session: Session, upload_id: int) -> list[Finding]:
    """What the file itself showed at the last check. Geometry is left out: it is on record already as CRS84."""
    return _of_origin(session, upload_id, "file")


def from_ledger(session: Session, upload_id: int) -> list[Finding]:
    """What the last try found in the ledger."""
    return _of_origin(session, upload_id, "ledger")


def _of_origin(session: Session, upload_id: int, origin: str) -> list[Finding]:
    records = session.scalars(
        select(Record).where(Record.upload_id == upload_id, Record.origin == origin).order_by(Record.id)
    )
    return [
        Finding(
            record.code,
            record.severity,  # type: ignore[arg-type]  # the CHECK allows these three only
            record.row,
            record.feature,
            None,
            record.parameters,
            record.square_metres_before,
            record.square_metres_after,
        )
        for record in records
    ]


def replace_ledger(session: Session, settings: Settings, upload_id: int, ledger: Sequence[Finding]) -> None:
    """Put on record what a commit found in the ledger, in place of what an earlier try found."""
    session.execute(delete(Record).where(Record.upload_id == upload_id, Record.origin == "ledger"))
    transformer = Transformer.from_crs(settings.srid, "OGC:CRS84", always_xy=True)
    if ledger:
        session.execute(insert(Record), [_row(transformer, upload_id, "ledger", one) for one in ledger])


def counts(findings: Sequence[Finding]) -> dict[str, int]:
    """How many of each severity."""
    return dict.fromkeys(("refuse", "warn", "note"), 0) | Counter(one.severity for one in findings)


def decided(session: Session, upload: Upload, decisions: dict[str, str]) -> dict[str, str]:
    """Decisions by finding id as decisions by ``code:row``, which outlive the next check.

    Raises ``BadRequest`` for an id that is not a finding of this upload.
    """
    by_row: dict[str, str] = {}
    for finding_id, decision in decisions.items():
        record = session.get(Record, int(finding_id)) if finding_id.isdecimal() else None
        if record is None or record.upload_id != upload.id:
            raise BadRequest("finding_unknown", parameter="decisions", finding=finding_id)
        by_row[f"{record.code}:{record.row}"] = decision
    return by_row
