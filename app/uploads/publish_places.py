"""Committing uploads of places and of projects: few rows, so plain objects."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.auth import Actor
from app.db import Publication, lock_publication, publish
from app.inventory.models import Project, ProjectBoundary, ProjectVersion
from app.landbank.hectares.rollup import append_rollup
from app.reference import service as reference
from app.reference import zones
from app.settings import Settings
from app.uploads import queries
from app.uploads.findings import Finding
from app.uploads.models import StagedRow, Upload
from app.uploads.options import UploadOptions
from app.uploads.outcome import Outcome
from app.uploads.recut import recut

_E4 = 10_000


def commit_places(session: Session, settings: Settings, upload: Upload, actor: Actor, leave_out: set[int]) -> Outcome:
    """Store dated place polygons; every portion that they cut is cut anew."""
    lock_publication(session)
    rows = [row for row in queries.staged_rows(session, upload.id) if row.row not in leave_out]
    publication = publish(session, actor.name, "upload", f"upload:{upload.id}")
    counts = reference.load_places(session, publication, rows)
    if counts["new"] + counts["changed"]:
        recut(session, settings, publication)
        append_rollup(session, publication)
    return Outcome(counts, publication=publication)


def commit_zones(
    session: Session, upload: Upload, options: UploadOptions, actor: Actor, leave_out: set[int]
) -> Outcome:
    """Store a set of zones: the file is its new version, unless only additions are asked for."""
    lock_publication(session)
    rows = [row for row in queries.staged_rows(session, upload.id) if row.row not in leave_out]
    publication = publish(session, actor.name, "upload", f"upload:{upload.id}")
    counts = zones.load_zones(
        session,
        publication,
        options.name or "",
        rows,
        restrictive=options.restrictive,
        whole=options.on_existing != "add",
    )
    return Outcome(counts, publication=publication)


def commit_projects(session: Session, upload: Upload, actor: Actor, leave_out: set[int]) -> Outcome:
    """Store renewal units or consolidation projects: identity, attributes and one boundary per role."""
    lock_publication(session)
    rows = [row for row in queries.staged_rows(session, upload.id) if row.row not in leave_out]
    outcome = Outcome({"new": 0, "changed": 0, "unchanged": 0})
    publication = publish(session, actor.name, "upload", f"upload:{upload.id}")
    for row in rows:
        project = _project(session, row)
        if project.programme != row.programme:
            outcome.findings.append(
                Finding("project_other_programme", "refuse", row.row, row.code, values={"project": row.code})
            )
            continue
        outcome.counts[_boundary(session, publication, project, row, upload)] += 1
        _attributes(session, publication, project, row)
    outcome.publication = publication
    append_rollup(session, publication)
    return outcome


def _project(session: Session, row: StagedRow) -> Project:
    project = session.scalars(select(Project).where(Project.code == row.code)).one_or_none()
    if project is None:
        project = Project(code=row.code, programme=row.programme)
        session.add(project)
        session.flush()
    return project


def _boundary(session: Session, publication: Publication, project: Project, row: StagedRow, upload: Upload) -> str:
    current = session.scalars(
        select(ProjectBoundary).where(
            ProjectBoundary.project_id == project.id,
            ProjectBoundary.boundary_role == row.boundary_role,
            ProjectBoundary.recorded_to.is_(None),
        )
    ).one_or_none()
    if current is not None and current.content_sha256 == row.content_sha256:
        return "unchanged"
    if current is not None:
        current.recorded_to = publication.recorded_at
        session.flush()
    session.add(
        ProjectBoundary(
            project_id=project.id,
            boundary_role=row.boundary_role,
            geom=func.ST_GeomFromEWKB(row.geom),
            plane_square_metres=row.plane_e4 / _E4,
            ellipsoidal_square_metres=row.ellipsoidal_e4 / _E4,
            content_sha256=row.content_sha256,
            upload_id=upload.id,
            upload_row=row.row,
            recorded_from=publication.recorded_at,
        )
    )
    session.flush()
    return "new" if current is None else "changed"


def _attributes(session: Session, publication: Publication, project: Project, row: StagedRow) -> None:
    """A project stands in several rows, one per boundary role: a column left empty says nothing new."""
    current = session.scalars(
        select(ProjectVersion).where(ProjectVersion.project_id == project.id, ProjectVersion.recorded_to.is_(None))
    ).one_or_none()
    names = ("name", "stage", "key", "batch", "land_category")
    said = {name: getattr(row, name) for name in names if getattr(row, name) is not None}
    held = {name: getattr(current, name) for name in names} if current else {"key": False}
    if current is not None:
        if held | said == held:
            return
        if current.recorded_from == publication.recorded_at:
            for name, value in said.items():
                setattr(current, name, value)
            return
        current.recorded_to = publication.recorded_at
        session.flush()
    session.add(ProjectVersion(project_id=project.id, recorded_from=publication.recorded_at, **(held | said)))
    session.flush()
