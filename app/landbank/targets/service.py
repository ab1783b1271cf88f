"""Setting targets and reading them. A target set again ends its old version and starts the next one."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.auth import Actor, audit
from app.db import Publication, lock_publication, publish
from app.errors import LandbankError, NotFound, Refused
from app.landbank.events.schemas import Remark
from app.landbank.events.service import named_document
from app.landbank.hectares.query import MEASURES
from app.landbank.models import Target
from app.landbank.targets import queries
from app.landbank.targets.nesting import Misfit, misfits, remainders
from app.landbank.targets.schemas import TargetIn, TargetRow
from app.reference.models import LandCategory, Place

_SAID = ("status", "comparator", "value", "unit", "document_id")
_SHOWN = 5
SCOPE_MEASURES = ("study_scope", "demolition_scope")
"""Hectares of key projects' boundaries."""


def add_target(session: Session, actor: Actor, asked: TargetIn) -> TargetRow:
    """Set a target, or its next version. Saying what is already set changes nothing. Raises ``Refused``."""
    return add_targets(session, actor, [asked])[0]


def add_targets(session: Session, actor: Actor, asked: Sequence[TargetIn]) -> list[TargetRow]:
    """Set several targets in one publication: all or none. Raises ``Refused`` for the first that does not fit."""
    publication = publish(session, actor.name, "target.set", str(len(asked)))
    made = [set_target(session, actor, publication, one) for one in asked]
    found = misfits_of(session, publication, [row.target for row in made])
    for one in found:
        if one.severity == "refuse":
            raise refusal(one)
    return [_told(row, found) for row in made]


def set_target(
    session: Session, actor: Actor, publication: Publication, asked: TargetIn, source: tuple[int, int] | None = None
) -> TargetRow:
    """Set one target in a publication; whether it fits among the others is for ``misfits_of``, after all are set.

    ``source`` is an upload's id and row. Raises ``Refused`` for unknown codes.
    """
    _check_codes(session, asked)
    document = None if asked.document is None else named_document(session, actor, asked.document)
    values = asked.model_dump(exclude={"document"}) | {"document_id": None if document is None else document.id}
    before = queries.current_like(session, asked)
    if before is not None:
        if all(getattr(before, name) == values[name] for name in _SAID):
            return TargetRow(before, document)
        before.recorded_to = publication.recorded_at
        session.flush()
    upload_id, upload_row = source or (None, None)
    made = Target(
        **values,
        version=1 if before is None else before.version + 1,
        actor=actor.name,
        upload_id=upload_id,
        upload_row=upload_row,
        recorded_from=publication.recorded_at,
    )
    session.add(made)
    session.flush()
    audit(session, actor, "target.set", str(made.id), {"year": made.year, "measure": made.measure})
    remarks: tuple[Remark, ...] = ()
    if before is not None and made.status == "provisional" != before.status:
        remarks = (Remark("warn", "target_status_back", (("before", before.status), ("status", made.status))),)
    return TargetRow(made, document, (), remarks, "new" if before is None else "changed")


def misfits_of(session: Session, publication: Publication, made: Sequence[Target]) -> list[Misfit]:
    """Everything that targets just set make wrong."""
    parents = queries.category_parents(session, publication.recorded_at)
    changed = {target.id for target in made}
    found: list[Misfit] = []
    for year in sorted({target.year for target in made}):
        known = [target for target, _ in queries.targets(session, publication.recorded_at, year=year)]
        found += misfits(known, changed, parents)
    return found


def refusal(misfit: Misfit) -> Refused:
    """A misfit as the error that refuses it."""
    told: dict[str, Any] = {"parameter": "value"} | misfit_values(misfit)
    return Refused(misfit.code, **told)


def misfit_values(misfit: Misfit) -> dict[str, str]:
    """What fills a misfit's texts."""
    shown = [name_of(one) for one in misfit.targets[:_SHOWN]] + (["…"] if len(misfit.targets) > _SHOWN else [])
    return {
        "targets": "; ".join(shown),
        "summed": format(misfit.summed, "f"),
        "whole": name_of(misfit.whole),
        "value": format(misfit.whole.value, "f"),
        "unit": misfit.whole.unit,
    }


def name_of(target: Target) -> str:
    """A target in one line, by its codes."""
    parts = (target.programme, target.measure, target.category, target.sub_district, target.year, target.kind)
    return "/".join(str(part) for part in parts if part is not None)


def _told(row: TargetRow, found: Sequence[Misfit]) -> TargetRow:
    remarks = [
        Remark(one.severity, one.code, tuple(misfit_values(one).items()))
        for one in found
        if row.target.id in {one.whole.id, *(target.id for target in one.targets)}
    ]
    return replace(row, remarks=(*row.remarks, *remarks))


def targets(
    session: Session,
    known_at: datetime,
    *,
    year: int | None = None,
    programme: str | None = None,
    history: bool = False,
) -> list[TargetRow]:
    """The targets known at a moment; with ``history`` every version recorded by then, the newest first."""
    if history:
        return [TargetRow(*row) for row in queries.versions(session, known_at, year=year, programme=programme)]
    parents = queries.category_parents(session, known_at)
    rows = queries.targets(session, known_at, year=year, programme=programme)
    known = [target for target, _ in rows]
    return [TargetRow(target, document, remainders(target, known, parents)) for target, document in rows]


def target_versions(session: Session, target_id: int, known_at: datetime) -> list[TargetRow]:
    """Every version of the target of which ``target_id`` is one, the newest first. Raises ``NotFound``."""
    target = session.get(Target, target_id)
    if target is None or target.recorded_from > known_at:
        raise NotFound("target_unknown", parameter="id", target=target_id)
    return [TargetRow(*row) for row in queries.versions(session, known_at, like=target)]


def current_target(session: Session, asked: TargetIn) -> Target | None:
    """The version that a new one would replace, under the publish lock, so that nobody replaces it first."""
    lock_publication(session)
    return queries.current_like(session, asked)


def take_back(session: Session, made: Publication, publication: Publication) -> list[str]:
    """End the targets that a publication set and set again what it ended, as next versions; the names of those that
    later ones have replaced and that therefore cannot be taken back.
    """
    ended = {queries.key_of(row): row for row in queries.ended_at(session, made.recorded_at)}
    later: list[str] = []
    for row in queries.recorded_at(session, made.recorded_at):
        if row.recorded_to is not None:
            later.append(name_of(row))
            continue
        row.recorded_to = publication.recorded_at
        session.flush()
        before = ended.get(queries.key_of(row))
        if before is not None:
            again = {name: getattr(before, name) for name in (*queries.KEY, *_SAID, "actor", "upload_id", "upload_row")}
            session.add(Target(**again, version=row.version + 1, recorded_from=publication.recorded_at))
    session.flush()
    return later


def _check_codes(session: Session, asked: TargetIn) -> None:
    error: LandbankError | None = None
    categories = select(LandCategory.id).where(LandCategory.code == asked.category, LandCategory.recorded_to.is_(None))
    places = select(Place.id).where(
        Place.level == "sub_district", Place.code == asked.sub_district, Place.recorded_to.is_(None)
    )
    if asked.unit == "ha" and asked.measure not in (*MEASURES, *SCOPE_MEASURES):
        allowed = ", ".join((*MEASURES, *SCOPE_MEASURES))
        error = Refused("target_measure_unknown", parameter="measure", measure=asked.measure, allowed=allowed)
    elif asked.unit != "ha" and asked.measure in (*MEASURES, *SCOPE_MEASURES):
        error = Refused("target_unit_wrong", parameter="unit", measure=asked.measure, unit=asked.unit)
    elif asked.category is not None and session.execute(categories.limit(1)).first() is None:
        error = Refused("category_not_known", parameter="category", category=asked.category)
    elif asked.sub_district is not None and session.execute(places.limit(1)).first() is None:
        error = Refused("sub_district_not_known", parameter="sub_district", sub_district=asked.sub_district)
    if error is not None:
        raise error
