"""The demo district of ``sample_parcels/``, loaded through the services that people use."""

from pathlib import Path

import orjson
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.auth import Actor
from app.console import Command
from app.db import unit_of_work
from app.errors import Refused
from app.inventory.models import Parcel, Project
from app.landbank import service as landbank
from app.landbank.events.schemas import EventIn
from app.landbank.models import Target
from app.landbank.targets.schemas import TargetIn
from app.reference import service as reference
from app.reference.models import LandCategory, Place
from app.uploads import service as uploads
from app.uploads.models import Upload
from app.uploads.options import UploadOptions

SAMPLES = Path(__file__).resolve().parent.parent / "sample_parcels"
DEMO_CRS = "EPSG:4547"
FILES = (
    ("districts", "districts"),
    ("sub_districts", "sub-districts"),
    ("communities", "communities"),
    ("renewal_units", "renewal-units"),
    ("consolidation_projects", "consolidation-projects"),
    ("consolidation_parcels_2025", "consolidation-parcels"),
    ("consolidation_parcels_2026", "consolidation-parcels"),
    ("renewal_parcels_2026", "renewal-parcels"),
    ("candidate_parcels", "parcels"),
)
"""File and collection, in the order in which they build on each other."""


def is_empty(session: Session) -> bool:
    """Whether nobody has brought anything in yet: no upload, place, project, parcel or target."""
    tables = (Upload, Place, Project, Parcel, Target)
    return not any(session.scalar(select(exists().select_from(table))) for table in tables)


def load_categories(session: Session, actor: Actor) -> None:
    """The land categories and crosswalks, into a database that has none: without them no parcel can come in."""
    if not session.scalar(select(exists().select_from(LandCategory))):
        reference.load(session, actor.name)


def load_demo(work: Command) -> bool:
    """Load the demo district into an empty database, and the categories where there are none; whether it did.

    All of it is one transaction: a start that was interrupted leaves no half a district behind. Elsewhere than in
    the demo's own coordinate system the district is left out, since it would lie on another country's land.
    """
    with unit_of_work(work.engine) as session:
        load_categories(session, work.actor)
        if work.settings.crs != DEMO_CRS or not is_empty(session):
            return False
        for name, collection in FILES:
            _upload(session, work, f"{name}.zip", collection)
        targets = orjson.loads((SAMPLES / "targets.json").read_bytes())
        _targets(session, work.actor, targets)
        for body in orjson.loads((SAMPLES / "events.json").read_bytes()):
            landbank.record_event(session, work.actor, EventIn.model_validate(body))
    return True


def _upload(session: Session, work: Command, name: str, collection: str) -> None:
    options = UploadOptions(collection=collection, commit="auto")
    upload = uploads.run_upload(session, work.settings, work.actor, [(name, SAMPLES / name)], options)
    if upload.state != "committed":
        raise Refused("demo_refused", file=name, state=upload.state)


def _targets(session: Session, actor: Actor, bodies: list[dict[str, object]]) -> None:
    """Provisional targets first: what was issued later is their next version."""
    for status in ("provisional", "issued"):
        asked = [TargetIn.model_validate(body) for body in bodies if body["status"] == status]
        landbank.add_targets(session, actor, asked)
