"""Overlaps of one publication, kept per pair and per face, told as findings.

What the file's own parcels share was found while they were checked. Only where a new version lies near stored land, or
where a cluster lost one of its rows, does the child process overlay again, and only what hangs together there.
"""

from collections.abc import Sequence

import orjson
from sqlalchemy.orm import Session

from app.db import Publication
from app.reference import service as reference
from app.settings import Settings
from app.sql import run
from app.uploads import queries
from app.uploads.child import run_overlay
from app.uploads.findings import Finding
from app.uploads.overlaying import Outlines, Overlaid, OverlapPair, OverlayJob
from app.uploads.queries import NamedVersion, StoredOutline

TOLD = 1000
"""Overlap findings of one upload; the pairs themselves are all kept."""


def record_overlaps(
    session: Session, settings: Settings, publication: Publication, upload_id: int | None = None
) -> list[Finding]:
    """Find, keep and tell the overlaps of this publication's versions, with each other and with what is stored.

    Without an upload nothing was found beforehand: all its versions are overlaid.
    """
    at = publication.recorded_at
    (near,) = queries.NEAR.all(session, recorded_at=at, srid=settings.srid)
    if upload_id is None:
        overlaid, again = Overlaid([], []), queries.versions_made(session, at)
    else:
        found = queries.staged_overlaps(session, upload_id)
        versions = queries.versions_of(session, at, {row for pair in found.pairs for row in (pair.a, pair.b)})
        overlaid, again = found.split(versions, set(near.new))
    again |= set(near.new)
    if again:
        overlaid += _with_stored(session, settings, again, near.stored)
    if overlaid.pairs:
        _keep_pairs(session, overlaid.pairs)
        _keep_faces(session, settings, publication, overlaid)
    if near.gone:
        # Pairs only: no answer has both at once, but the ledger must not have their land in the bank twice.
        gone, kept = set(near.gone), {(pair.a, pair.b) for pair in overlaid.pairs}
        pairs = _with_stored(session, settings, set(near.successors), near.gone).pairs
        _keep_pairs(session, [one for one in pairs if {one.a, one.b} & gone and (one.a, one.b) not in kept])
    return _told(session, publication, overlaid)


def redraw_faces(session: Session, settings: Settings, publication: Publication, versions: Sequence[int]) -> None:
    """Draw the faces of stored versions anew: their parcels are there again, beside what came after them."""
    overlaid = _with_stored(session, settings, set(versions), list(versions))
    _keep_faces(session, settings, publication, overlaid)


def _with_stored(session: Session, settings: Settings, new: set[int], near: list[int]) -> Overlaid:
    """What the child finds among some new versions and the stored ones that hang together with them."""
    stored = [row for row in queries.CANDIDATES.all(session, near=near) if row.id not in new]
    known = queries.KNOWN_OVERLAPS.all(session, versions=[row.id for row in stored])
    job = OverlayJob(
        settings.srid,
        _outlines(queries.OUTLINES.all(session, versions=sorted(new))),
        _outlines(stored),
        [(pair.one, pair.other) for pair in known],
        reference.place_polygons(session),
    )
    return run_overlay(job)


def _outlines(rows: Sequence[StoredOutline]) -> Outlines:
    return Outlines([row.id for row in rows], [row.layer for row in rows], [bytes(row.geom) for row in rows])


def _told(session: Session, publication: Publication, overlaid: Overlaid) -> list[Finding]:
    """Each pair at the later of its rows, with the parcel that holds the land beside it, its programme and layer."""
    # What rounds to nothing is the rounding of neighbours' common corners; it is kept, and nothing to warn of.
    worth = (pair for pair in overlaid.pairs if round(pair.ellipsoidal, 4) > 0)
    pairs = sorted(worth, key=lambda pair: (pair.a, pair.b))[:TOLD]
    named = queries.named_versions(session, publication.recorded_at, {end for one in pairs for end in (one.a, one.b)})
    return [_finding(pair, named[max(pair.a, pair.b)], named[min(pair.a, pair.b)]) for pair in pairs]


def _finding(pair: OverlapPair, own: NamedVersion, other: NamedVersion) -> Finding:
    values = {
        "square_metres": f"{pair.ellipsoidal:.4f}",
        "parcel": own.parcel,
        "programme": own.programme,
        "layer": own.layer,
        "other": other.parcel,
        "other_programme": other.programme,
        "other_row": "–" if other.row is None else str(other.row),
    }
    return Finding("overlap", "warn", own.row, own.parcel, geometry=pair.geometry, values=values)


def _keep_pairs(session: Session, pairs: Sequence[OverlapPair]) -> None:
    run(
        session,
        "app.uploads",
        "insert_overlaps.sql",
        one=[pair.a for pair in pairs],
        other=[pair.b for pair in pairs],
        plane=[pair.plane for pair in pairs],
        ellipsoidal=[pair.ellipsoidal for pair in pairs],
    )


def _keep_faces(session: Session, settings: Settings, publication: Publication, overlaid: Overlaid) -> None:
    members = sorted({member for face in overlaid.faces for member in face.members})
    run(session, "app.uploads", "end_faces.sql", versions=members, recorded_at=publication.recorded_at)
    run(
        session,
        "app.uploads",
        "insert_faces.sql",
        faces=orjson.dumps(overlaid.to_json()["faces"]).decode(),
        srid=settings.srid,
        recorded_at=publication.recorded_at,
    )
