"""Over random histories: changes explain differences exactly, and a past answer never changes by a byte."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from app.db import publish
from app.edge import answer
from app.errors import Refused
from app.landbank.changes.service import explain
from app.landbank.hectares.query import HectaresQuery
from app.landbank.hectares.service import pieces
from app.landbank.progress.schemas import progress_document
from app.landbank.progress.service import progress
from app.landbank.rules.schemas import RuleIn
from app.landbank.rules.service import set_rule
from app.landbank.schemas import hectares_document, pieces_document
from app.landbank.targets.schemas import TargetIn
from app.landbank.targets.service import add_target
from app.reference.models import LandCategory, Place
from tests.properties.test_ledger import DIMENSIONS, FLOWS, STOCKS, Step, World, steps, unshrunk
from tests.spec.maps import ACTOR
from tests.spec.test_changes import adds_up
from tests.spec.test_rules import DEFAULT

rules = st.fixed_dictionaries(
    {
        "programmes": st.sampled_from([["renewal"], ["consolidation"], ["consolidation", "renewal"]]),
        "document_types": st.sampled_from([["handover_confirmation"], ["approval"]]),
        "required_events": st.sampled_from([[], ["handover"]]),
        "date_field": st.sampled_from(["document_date", "effective_date"]),
        "basis": st.sampled_from(["plane", "ellipsoidal", "declared"]),
        "category_at": st.sampled_from(["entry", "report"]),
        "from_year": st.sampled_from([None, 2024, 2025]),
    }
)
TARGET = {"programme": "consolidation", "measure": "banked", "year": 2026, "status": "issued", "value": "8"}
few = settings(max_examples=8, phases=unshrunk)


def play(world: World, taken: list[Step], rule: dict[str, Any]) -> None:
    """Half of the steps, a change of rule where the ledger allows it, the other half."""
    half = len(taken) // 2
    for step in taken[:half]:
        world.take(step)
    try:
        with world.session.begin_nested():
            set_rule(world.session, ACTOR, RuleIn.model_validate(DEFAULT | rule))
    except Refused:
        world.session.expire_all()
    for step in taken[half:]:
        world.take(step)


def asked(world: World, measure: str, by: list[str]) -> HectaresQuery:
    given = {"measure": measure} | ({"from": "2024-01-01"} if measure in FLOWS else {})
    return world.query(**given, **({"by": ",".join(by)} if by else {}))


@few
@given(
    before=steps,
    after=steps,
    rule=rules,
    by=st.lists(st.sampled_from(DIMENSIONS), unique=True, max_size=3),
    measure=st.sampled_from([*STOCKS, *FLOWS]),
)
def test_changes_explain_the_difference_to_the_square_metre(
    engine: Engine, before: list[Step], after: list[Step], rule: dict[str, Any], by: list[str], measure: str
) -> None:
    world = World(engine)
    try:
        for step in before:
            world.take(step)
        since = asked(world, measure, by).known_at
        play(world, after, rule)
        found = explain(world.session, world.bank.settings, asked(world, measure, by), since)
        adds_up(found)
        assert "other" not in {change.cause for change in found.changes}
        assert all(change.before >= 0 <= change.after for change in found.changes)
        assert explain(world.session, world.bank.settings, found.before.query, since).changes == ()
    finally:
        world.close()


def everything(world: World, query: HectaresQuery) -> bytes:
    """Every answer to a question as it would leave the service."""
    page = pieces(world.session, world.bank.settings, query, 1000, None)
    parts = (hectares_document(world.ask(query)), pieces_document(query, page, None))
    return b"\n".join(bytes(answer(part).body) for part in parts)


def progress_of(world: World, query: HectaresQuery) -> bytes:
    found = progress(world.session, world.bank.settings, 2026, query.as_of, query.known_at)
    return bytes(answer(progress_document(found)).body)


def redefine(world: World) -> None:
    """Another name for a place, another name and parent for a category, another target: as may come later."""
    at = publish(world.session, ACTOR.name, "test", "redefine").recorded_at
    changed: tuple[tuple[type[Place | LandCategory], str, dict[str, Any]], ...] = (
        (Place, "N", {"name": "Renamed"}),
        (LandCategory, "school", {"name_zh": "改名", "parent_code": "other"}),
    )
    for table, code, changes in changed:
        row: Any = world.session.scalars(select(table).where(table.code == code, table.recorded_to.is_(None))).one()
        kept = {column.name: getattr(row, column.name) for column in table.__table__.columns if column.name != "id"}
        row.recorded_to = at
        world.session.flush()
        world.session.add(table(**(kept | changes | {"recorded_from": at, "recorded_to": None})))
        world.session.flush()
    add_target(world.session, ACTOR, TargetIn.model_validate(TARGET | {"value": "9", "status": "adjusted"}))


@few
@given(
    before=steps,
    after=steps,
    rule=rules,
    by=st.lists(st.sampled_from(DIMENSIONS), unique=True, max_size=3),
    measure=st.sampled_from([*STOCKS, *FLOWS]),
)
def test_a_past_answer_never_changes_by_a_byte(
    engine: Engine, before: list[Step], after: list[Step], rule: dict[str, Any], by: list[str], measure: str
) -> None:
    world = World(engine)
    try:
        for step in before:
            world.take(step)
        add_target(world.session, ACTOR, TargetIn.model_validate(TARGET))
        query = asked(world, measure, by)
        first = everything(world, query), progress_of(world, query)
        play(world, after, rule)
        redefine(world)
        assert (everything(world, query), progress_of(world, query)) == first
    finally:
        world.close()
