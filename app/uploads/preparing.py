"""The parent's half of a check: what the child must know of the service, and the job it gets."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.orm import Session

from app import files
from app.reference import service as reference
from app.reference.zones import restrictive_zones
from app.settings import Settings
from app.uploads.catalogue import Catalogue
from app.uploads.child import run_prepare
from app.uploads.models import Upload
from app.uploads.options import PARCEL_COLLECTIONS, UploadOptions
from app.uploads.prepare import Job, Prepared
from app.uploads.registry import service as registry


@contextmanager
def prepared(session: Session, settings: Settings, upload: Upload, options: UploadOptions) -> Iterator[Prepared]:
    """What the child made of an upload's originals; its Arrow files are gone when the block ends."""
    job = Job(
        collection=upload.collection,
        files=[(file["name"], files.path_of(settings.files_path, file["sha256"])) for file in upload.files],
        srid=settings.srid,
        catalogue=_catalogue(session, settings, upload),
        crs=options.crs,
        encoding=options.encoding,
        layer=options.layer,
        mapping=options.mapping if isinstance(options.mapping, dict) else None,
        slivers=options.slivers,
        gap_width=options.gap_width,
        registered=registry.known(session),
        accepted=frozenset(name for name, decision in options.decisions.items() if decision == "accept"),
        max_features=settings.max_features,
        max_vertices=settings.max_vertices,
    )
    with tempfile.TemporaryDirectory(prefix="landbank-upload-") as name:
        yield run_prepare(job, Path(name))


def _catalogue(session: Session, settings: Settings, upload: Upload) -> Catalogue:
    known = reference.catalogue(session)
    # Only parcels are compared with zones.
    zones = restrictive_zones(session, settings.today()) if upload.collection in PARCEL_COLLECTIONS else []
    return Catalogue(known.categories, known.land_uses, reference.place_polygons(session), zones, settings.today())
