"""Setting targets and reading them. A target set again ends its old version and starts the next one."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.auth import Actor, audit
from app.db import Publication, publish
from app.errors import Refused
from app.landbank.events.service import named_document
from app.landbank.hectares.query import MEASURES
from app.landbank.models import Document, Target
from app.landbank.targets.schemas import TargetIn
from app.reference.models import LandCategory, Place

Known = tuple[Target, Document | None]
_KEY = ("programme", "measure", "category", "sub_district", "year", "kind")
_SAID = ("status", "comparator", "value", "unit", "document_id")


def add_target(session: Session, actor: Actor, asked: TargetIn) -> Known:
    """Set a target, or its next version. Saying what is already set changes nothing. Raises ``Refused``."""
    return add_targets(session, actor, [asked])[0]


def add_targets(session: Session, actor: Actor, asked: Sequence[TargetIn]) -> list[Known]:
    """Set several targets in one publication: all or none."""
    publication = publish(session, actor.name, "target.set", str(len(asked)))
    return [_set(session, actor, publication, one) for one in asked]


def targets(
    session: Session, known_at: datetime, *, year: int | None = None, programme: str | None = None
) -> list[Known]:
    """The targets known at a moment."""
    statement = (
        select(Target, Document)
        .outerjoin(Document, Document.id == Target.document_id)
        .where(Target.recorded_from <= known_at, or_(Target.recorded_to.is_(None), Target.recorded_to > known_at))
        .order_by(Target.year, Target.programme, Target.kind, Target.measure, Target.category.nulls_first(), Target.id)
    )
    if year is not None:
        statement = statement.where(Target.year == year)
    if programme is not None:
        statement = statement.where(Target.programme == programme)
    return [(target, document) for target, document in session.execute(statement)]


def _set(session: Session, actor: Actor, publication: Publication, asked: TargetIn) -> Known:
    _check_codes(session, asked)
    document = None if asked.document is None else named_document(session, actor, asked.document)
    values = asked.model_dump(exclude={"document"}) | {"document_id": None if document is None else document.id}
    same = [getattr(Target, name).is_not_distinct_from(values[name]) for name in _KEY]
    before = session.scalars(select(Target).where(*same, Target.recorded_to.is_(None))).one_or_none()
    if before is not None:
        if all(getattr(before, name) == values[name] for name in _SAID):
            return before, document
        before.recorded_to = publication.recorded_at
        session.flush()
    made = Target(
        **values,
        version=1 if before is None else before.version + 1,
        actor=actor.name,
        recorded_from=publication.recorded_at,
    )
    session.add(made)
    session.flush()
    audit(session, actor, "target.set", str(made.id), {"year": made.year, "measure": made.measure})
    return made, document


def _check_codes(session: Session, asked: TargetIn) -> None:
    if asked.unit == "ha" and asked.measure not in MEASURES:
        raise Refused("target_measure_unknown", parameter="measure", measure=asked.measure, allowed=", ".join(MEASURES))
    categories = select(LandCategory.id).where(LandCategory.code == asked.category, LandCategory.recorded_to.is_(None))
    if asked.category is not None and session.execute(categories.limit(1)).first() is None:
        raise Refused("category_not_known", parameter="category", category=asked.category)
    places = select(Place.id).where(
        Place.level == "sub_district", Place.code == asked.sub_district, Place.recorded_to.is_(None)
    )
    if asked.sub_district is not None and session.execute(places.limit(1)).first() is None:
        raise Refused("sub_district_not_known", parameter="sub_district", sub_district=asked.sub_district)
