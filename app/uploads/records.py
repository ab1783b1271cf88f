"""Findings on record: what the file showed, and what stood against it in the ledger."""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
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
    _insert(session, settings, upload_id, "file", from_file)
    _insert(session, settings, upload_id, "ledger", ledger)


def _insert(session: Session, settings: Settings, upload_id: int, origin: str, findings: Sequence[Finding]) -> None:
    shown = _crs84(settings, [finding.geometry for finding in findings])
    rows = [
        {
            "upload_id": upload_id,
            "origin": origin,
            "code": finding.code,
            "severity": finding.severity,
            "row": finding.row,
            "feature": finding.feature,
            "geometry": geometry,
            "parameters": finding.values,
            "square_metres_before": finding.square_metres_before,
            "square_metres_after": finding.square_metres_after,
        }
        for finding, geometry in zip(findings, shown, strict=True)
    ]
    if rows:
        session.execute(insert(Record), rows)


def crs84(settings: Settings, geometry: shapely.Geometry) -> dict[str, Any] | None:
    """A geometry of the storage CRS as GeoJSON in CRS84."""
    return _crs84(settings, [geometry])[0]


def _crs84(settings: Settings, geometries: Sequence[shapely.Geometry | None]) -> list[dict[str, Any] | None]:
    """GeoJSON in lon, lat; None where there is none or the coordinates are no place on Earth. All moved at once."""

    def move(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(_to_crs84(settings.srid).transform(points[:, 0], points[:, 1]))

    moved = shapely.transform(shapely.force_2d(np.array(geometries, dtype=object)), move)
    points, owner = shapely.get_coordinates(moved, return_index=True)
    shown = np.zeros(len(moved), dtype=bool)
    shown[owner] = True
    shown[owner[~np.isfinite(points).all(axis=1)]] = False
    moved[~shown] = None
    return [None if text is None else orjson.loads(text) for text in shapely.to_geojson(moved).tolist()]


@lru_cache(maxsize=8)
def _to_crs84(srid: int) -> Transformer:
    # With x first this is CRS84, which PROJ takes four times as long to look up under its own name.
    return Transformer.from_crs(srid, "EPSG:4326", always_xy=True)


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
    _insert(session, settings, upload_id, "ledger", ledger)


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
