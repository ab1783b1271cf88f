"""Overlaps of one publication: found in the child process, kept per pair and per face, told as findings."""

from typing import Any

import orjson
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.db import Publication
from app.inventory.models import ParcelOverlap, ParcelVersion
from app.reference import service as reference
from app.settings import Settings
from app.sql import run
from app.uploads import queries
from app.uploads.child import run_overlay
from app.uploads.findings import Finding
from app.uploads.overlaying import Outlines, Overlaid, OverlayJob

TOLD = 1000
"""Overlap findings of one upload; the pairs themselves are all kept."""


def record_overlaps(session: Session, settings: Settings, publication: Publication) -> list[Finding]:
    """Find, keep and tell the overlaps of this publication's versions, with each other and with what is stored."""
    new = session.execute(
        select(ParcelVersion.id, ParcelVersion.layer, ParcelVersion.geom.ST_AsBinary(), ParcelVersion.upload_row)
        .where(ParcelVersion.recorded_from == publication.recorded_at, ParcelVersion.retired.is_(False))
        .order_by(ParcelVersion.id)
    ).all()
    stored = queries.CANDIDATES.all(session, recorded_at=publication.recorded_at)
    known = [row.id for row in stored]
    pairs = session.execute(
        select(ParcelOverlap.first_version_id, ParcelOverlap.second_version_id).where(
            ParcelOverlap.first_version_id.in_(known), ParcelOverlap.second_version_id.in_(known)
        )
    ).all()
    job = OverlayJob(
        settings.srid,
        Outlines([row[0] for row in new], [row[1] for row in new], [bytes(row[2]) for row in new]),
        Outlines(known, [row.layer for row in stored], [bytes(row.geom) for row in stored]),
        [(one, other) for one, other in pairs],
        reference.place_polygons(session),
    )
    rows = {row[0]: row[3] for row in new}
    del new  # its outlines are in the job
    overlaid = run_overlay(job)
    if overlaid.pairs:
        _keep(session, settings, publication, overlaid)
    return [
        Finding(
            "overlap",
            "warn",
            rows.get(max(pair.a, pair.b)),
            None,
            geometry=pair.geometry,
            values={"square_metres": f"{pair.ellipsoidal:.4f}", "other_row": str(rows.get(min(pair.a, pair.b), "–"))},
        )
        for pair in overlaid.pairs[:TOLD]
    ]


def _keep(session: Session, settings: Settings, publication: Publication, overlaid: Overlaid) -> None:
    pairs: list[dict[str, Any]] = [
        {
            "first_version_id": min(pair.a, pair.b),
            "second_version_id": max(pair.a, pair.b),
            "plane_square_metres": pair.plane,
            "ellipsoidal_square_metres": pair.ellipsoidal,
        }
        for pair in overlaid.pairs
    ]
    session.execute(insert(ParcelOverlap), pairs)
    members = sorted({member for face in overlaid.faces for member in face.members})
    run(session, "app.uploads", "end_faces.sql", versions=members, recorded_at=publication.recorded_at)
    faces = [
        {
            "wkb": face.wkb.hex(),
            "district": face.district,
            "sub_district": face.sub_district,
            "community": face.community,
            "boundary_from": face.boundary_from,
            "boundary_to": face.boundary_to,
            "plane": str(face.plane),
            "ellipsoidal": str(face.ellipsoidal),
            "members": face.members,
        }
        for face in overlaid.faces
    ]
    run(
        session,
        "app.uploads",
        "insert_faces.sql",
        faces=orjson.dumps(faces).decode(),
        srid=settings.srid,
        recorded_at=publication.recorded_at,
    )
