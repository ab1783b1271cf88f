"""Portions and overlap faces cut anew after place boundaries changed; the old ones stay for what was known before."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from geoalchemy2 import WKBElement
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from app.db import Publication
from app.geometry import decimal_to_e4, from_e4
from app.inventory.models import OverlapFace, OverlapFaceMember, ParcelVersion, Portion
from app.reference import service as reference
from app.settings import Settings
from app.uploads.catalogue import EVER_BEFORE
from app.uploads.child import run_cut
from app.uploads.cutting import CutJob, Piece


def recut(session: Session, settings: Settings, publication: Publication) -> None:
    """Cut everything that is held for true along the places that are held for true."""
    versions = session.execute(
        select(
            ParcelVersion.id,
            ParcelVersion.geom.ST_AsBinary(),
            ParcelVersion.plane_square_metres,
            ParcelVersion.ellipsoidal_square_metres,
            ParcelVersion.declared_square_metres,
            ParcelVersion.document_square_metres,
        ).where(ParcelVersion.recorded_to.is_(None), ParcelVersion.retired.is_(False))
    ).all()
    pieces = _cut(session, settings, versions)
    session.execute(update(Portion).where(Portion.recorded_to.is_(None)).values(recorded_to=publication.recorded_at))
    if pieces:
        rows = [
            {"parcel_version_id": piece.id, "recorded_from": publication.recorded_at} | _columns(piece)
            for piece in pieces
        ]
        session.execute(insert(Portion), rows)
    _recut_faces(session, settings, publication)


def _recut_faces(session: Session, settings: Settings, publication: Publication) -> None:
    faces = session.execute(
        select(
            OverlapFace.id,
            OverlapFace.geom.ST_AsBinary(),
            OverlapFace.plane_square_metres,
            OverlapFace.ellipsoidal_square_metres,
        )
        # Each boundary epoch has cut the same land once: the first epoch's faces are all of it.
        .where(OverlapFace.recorded_to.is_(None), OverlapFace.boundary_from == EVER_BEFORE)
    ).all()
    pieces = _cut(session, settings, [(*face, None, None) for face in faces])
    members: dict[int, list[int]] = {}
    for face_id, version_id in session.execute(select(OverlapFaceMember.face_id, OverlapFaceMember.parcel_version_id)):
        members.setdefault(face_id, []).append(version_id)
    session.execute(
        update(OverlapFace).where(OverlapFace.recorded_to.is_(None)).values(recorded_to=publication.recorded_at)
    )
    for piece in pieces:
        columns = _columns(piece)
        del columns["declared_square_metres"], columns["document_square_metres"]
        face = OverlapFace(
            geom=WKBElement(piece.wkb, srid=settings.srid), recorded_from=publication.recorded_at, **columns
        )
        session.add(face)
        session.flush()
        session.execute(
            insert(OverlapFaceMember),
            [{"face_id": face.id, "parcel_version_id": version_id} for version_id in members[piece.id]],
        )


def _cut(session: Session, settings: Settings, rows: Sequence[Any]) -> list[Piece]:
    """``rows``: id, WKB, then plane, ellipsoidal, declared and document square metres."""
    if not rows:
        return []
    figures = [(decimal_to_e4(row[2]), decimal_to_e4(row[3]), _e4(row[4]), _e4(row[5])) for row in rows]
    places = reference.place_polygons(session)
    return run_cut(CutJob(settings.srid, [row[0] for row in rows], [bytes(row[1]) for row in rows], figures, places))


def _e4(size: Decimal | None) -> int | None:
    return None if size is None else decimal_to_e4(size)


def _columns(piece: Piece) -> dict[str, Any]:
    names = ("district", "sub_district", "community", "boundary_from", "boundary_to")
    return {name: getattr(piece, name) for name in names} | {
        f"{name}_square_metres": None if getattr(piece, name) is None else from_e4(getattr(piece, name))
        for name in ("plane", "ellipsoidal", "declared", "document")
    }
