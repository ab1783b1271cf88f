"""Splits, merges and boundary changes. Nothing enters the bank and nothing leaves it: who holds the land changes.

The publish lock is held while the child process compares outlines, so that of two simultaneous splits one sees the
other. What no land may have twice is proven before the commit, as for events.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from app.auth import Actor, audit
from app.db import Publication, lock_publication, publish
from app.errors import Conflict, Refused
from app.geometry import from_e4
from app.inventory.models import LineageOperation
from app.landbank.events.queries import credits_of
from app.landbank.events.schemas import Remark
from app.landbank.events.service import named_document, refuse_problems
from app.landbank.hectares.rollup import append_rollup
from app.landbank.models import Document
from app.reference import service as reference
from app.settings import Settings
from app.sql import run
from app.uploads.lineage import checking, queries, storing
from app.uploads.lineage.drawing import Drawn
from app.uploads.lineage.queries import Land, Standing
from app.uploads.lineage.schemas import BoundaryIn, ChildIn, MergeIn, OperationIn, OperationRow, SplitIn
from app.uploads.lineage.storing import Made
from app.uploads.overlaps import record_overlaps

AGREED = ("programme", "layer", "role", "land_category")
"""What the parents of a merge must have in common, unless the child says otherwise."""


def split(session: Session, settings: Settings, actor: Actor, asked: SplitIn) -> OperationRow:
    """The parent ends, its children begin, each with its share of what the parent has, place by place."""
    lock_publication(session)
    document = named_document(session, actor, asked.document)
    parent = queries.standing(session, asked.parent, "parent")
    codes = [child.code for child in asked.children]
    day = _checked_day(session, asked, document, [parent], codes, "children")
    lands = [land for land in queries.lands(session, parent) if land.same_outline or land.credited]
    other = [land for land in lands if not land.same_outline]
    geometries = [
        (f"children.{number}.geometry", child.geometry or {"type": None}) for number, child in enumerate(asked.children)
    ]
    drawn = checking.draw(session, settings, asked.crs, geometries, [parent.version.id], [land.wkb for land in other])
    checking.refuse_difference(settings, drawn, checking.tolerance([parent], drawn), codes, [parent])
    publication = publish(session, actor.name, "lineage.split", parent.parcel.code)
    operation = _operation(session, publication, actor, asked, document, day, "split", _difference([parent], drawn))
    source = queries.accounts(session, [land.version_id for land in lands])
    children = [
        _child(session, settings, publication, child, [parent], drawn, number, accounts, day)
        for number, (child, accounts) in enumerate(
            zip(asked.children, storing.shared(source[parent.version.id], drawn.shapes), strict=True)
        )
    ]
    rows = [(land.version_id, made.version_id, made) for land in lands if land.same_outline for made in children]
    for number, land in enumerate(other):
        rows += _carried(session, settings, publication, land, drawn, number, children, source, day)
    storing.insert_links(session, operation, parent, rows)
    return _finished(session, settings, publication, actor, operation, [parent], children, asked)


def merge(session: Session, settings: Settings, actor: Actor, asked: MergeIn) -> OperationRow:
    """The parents end, their child begins, with everything that each of them has: its entry, its day, its places."""
    lock_publication(session)
    document = named_document(session, actor, asked.document)
    if len(set(asked.parents)) < len(asked.parents):
        twice = sorted({code for code in asked.parents if asked.parents.count(code) > 1})
        raise Refused("lineage_code_twice", parameter="parents", codes=", ".join(twice))
    parents = [queries.standing(session, code, "parents") for code in asked.parents]
    day = _checked_day(session, asked, document, parents, [asked.child.code], "child")
    present = [parent.version.id for parent in parents]
    geometries = [] if asked.child.geometry is None else [("child.geometry", asked.child.geometry)]
    drawn = checking.draw(session, settings, asked.crs, geometries, present)
    checking.refuse_difference(settings, drawn, checking.tolerance(parents, drawn), [asked.child.code], parents)
    publication = publish(session, actor.name, "lineage.merge", asked.child.code)
    operation = _operation(session, publication, actor, asked, document, day, "merge", _difference(parents, drawn))
    source = queries.accounts(session, present)
    accounts = storing.summed([source[version_id] for version_id in present])
    child = _child(session, settings, publication, asked.child, parents, drawn, 0, accounts, day)
    for parent in parents:
        rows = [(land.version_id, land.version_id, child) for land in queries.lands(session, parent)]
        storing.insert_links(session, operation, parent, rows)
    return _finished(session, settings, publication, actor, operation, parents, [child], asked)


def change_boundary(session: Session, settings: Settings, actor: Actor, code: str, asked: BoundaryIn) -> OperationRow:
    """The parcel has a new outline from a day on; what it has in the bank stays on the land that was entered."""
    lock_publication(session)
    document = named_document(session, actor, asked.document)
    parcel = queries.standing(session, code, "code")
    day = checking.day_of(asked.effective_date, document, [parcel])
    drawn = checking.draw(session, settings, asked.crs, [("geometry", asked.geometry)], [parcel.version.id])
    if drawn.gap is None and drawn.excess is None:
        raise Refused("boundary_unchanged", parameter="geometry", parcel=code)
    if drawn.gap is not None and from_e4(drawn.gap.square_metres) >= parcel.version.ellipsoidal_square_metres:
        raise Refused("boundary_elsewhere", parameter="geometry", parcel=code)
    publication = publish(session, actor.name, "lineage.boundary_change", code)
    difference = _difference([parcel], drawn)
    operation = _operation(
        session, publication, actor, asked, document, day, "boundary_change", difference, cause=asked.cause
    )
    shape = drawn.shapes[0]
    columns = storing.attributes_of(parcel.version) | {
        "parcel_id": parcel.parcel.id, "effective_date": day, "method": storing.DRAWN, "source_crs": asked.crs
    }  # fmt: skip
    made = storing.insert_version(session, publication, shape, storing.measured(shape), columns, settings.srid)
    storing.insert_links(session, operation, parcel, [(parcel.version.id, made.version_id, made)])
    return _finished(session, settings, publication, actor, operation, [parcel], [made], asked)


def undo(session: Session, actor: Actor, operation_id: int, reason: str | None = None) -> OperationRow:
    """Take an operation back: a reversal; what it made ends in recorded time. Nothing is erased.

    Raises ``Conflict`` where it was taken back before, or where something later stands on what it made.
    """
    lock_publication(session)
    found = queries.operation(session, operation_id).operation
    if found.type == "reversal" or queries.operation(session, operation_id).reversed_by is not None:
        raise Conflict("lineage_reversed", parameter="id", operation=operation_id)
    if found.upload_id is not None:
        raise Conflict("lineage_of_upload", parameter="id", operation=operation_id, upload=found.upload_id)
    codes = queries.built_upon(session, found)
    if codes:
        raise Conflict("lineage_built_upon", parameter="id", operation=operation_id, codes=", ".join(codes[:10]))
    publication = publish(session, actor.name, "lineage.undo", str(operation_id))
    reversal = reverse(session, publication, actor, found, reason)
    moments = {"made_at": found.recorded_at, "recorded_at": publication.recorded_at}
    run(session, "app.uploads", "end_portions.sql", **moments)
    run(session, "app.uploads", "end_versions.sql", **moments)
    append_rollup(session, publication)
    audit(session, actor, "lineage.undo", str(operation_id), {"reversal": reversal.id})
    return queries.operation(session, reversal.id)


def reverse(
    session: Session, publication: Publication, actor: Actor, operation: LineageOperation, reason: str | None
) -> LineageOperation:
    """Append the reversal of an operation; the caller ends what it made."""
    made = LineageOperation(
        type="reversal",
        effective_date=operation.effective_date,
        document_id=operation.document_id,
        reason=reason,
        reverses_id=operation.id,
        actor=actor.name,
        recorded_at=publication.recorded_at,
    )
    session.add(made)
    session.flush()
    return made


def _checked_day(
    session: Session, asked: OperationIn, document: Document, parents: Sequence[Standing], codes: list[str], name: str
) -> date:
    checking.refuse_codes(session, codes, name)
    day = checking.day_of(asked.effective_date, document, parents)
    checking.refuse_later_events(session, parents, day)
    return day


def _difference(parents: Sequence[Standing], drawn: Drawn) -> Decimal:
    """Ellipsoidal square metres: what was drawn less what is there."""
    before = sum((parent.version.ellipsoidal_square_metres for parent in parents), Decimal(0))
    return sum((from_e4(shape.ellipsoidal) for shape in drawn.shapes), Decimal(0)) - before


def _operation(
    session: Session,
    publication: Publication,
    actor: Actor,
    asked: OperationIn,
    document: Document,
    day: date,
    kind: str,
    difference: Decimal,
    cause: str | None = None,
) -> LineageOperation:
    made = LineageOperation(
        type=kind,
        cause=cause,
        effective_date=day,
        document_id=document.id,
        reason=asked.reason,
        difference_square_metres=difference,
        actor=actor.name,
        recorded_at=publication.recorded_at,
    )
    session.add(made)
    session.flush()
    return made


def _child(
    session: Session,
    settings: Settings,
    publication: Publication,
    asked: ChildIn,
    parents: Sequence[Standing],
    drawn: Drawn,
    number: int,
    accounts: queries.Accounts,
    day: date,
) -> Made:
    columns = _attributes(session, asked, parents) | {
        "parcel_id": storing.identity(session, asked.code), "effective_date": day, "method": storing.SHARED
    }  # fmt: skip
    return storing.insert_version(session, publication, drawn.shapes[number], accounts, columns, settings.srid)


def _attributes(session: Session, asked: ChildIn, parents: Sequence[Standing]) -> dict[str, Any]:
    """The child's own, and what its parents have in common."""
    own = {name: value for name, value in asked.model_dump(exclude={"code", "geometry"}).items() if value is not None}
    if asked.land_category is not None:
        known = {category.code for category in reference.catalogue(session).categories}
        if asked.land_category not in known:
            raise Refused("category_not_known", parameter="land_category", category=asked.land_category)
        own |= {"land_use_scheme": None, "land_use_code": None}
    columns = [storing.attributes_of(parent.version) for parent in parents]
    common = {name: value for name, value in columns[0].items() if all(other[name] == value for other in columns)}
    differing = [name for name in AGREED if name not in common | own]
    if differing:
        raise Refused("lineage_parents_differ", parameter="child", names=", ".join(differing))
    nothing: dict[str, Any] = dict.fromkeys(columns[0])
    attributes = nothing | {"source_crs": columns[0]["source_crs"], "attributes": {}} | common | own
    return attributes if len(parents) == 1 else attributes | {"attributes": {}}


def _carried(
    session: Session,
    settings: Settings,
    publication: Publication,
    land: Land,
    drawn: Drawn,
    number: int,
    children: Sequence[Made],
    source: dict[int, queries.Accounts],
    day: date,
) -> list[tuple[int, int, Made]]:
    """Who carries on a land that is not the parent's own outline: one child the whole, or each its part."""
    parts = [(made, shape) for made, shape in zip(children, drawn.lands[number], strict=True) if shape is not None]
    if not parts:
        return [(land.version_id, land.version_id, children[0])]
    total = sum(shape.ellipsoidal for _, shape in parts)
    made, largest = max(parts, key=lambda part: part[1].ellipsoidal)
    if from_e4(total - largest.ellipsoidal) <= Decimal(1):
        return [(land.version_id, land.version_id, made)]
    shared = storing.shared(source[land.version_id], [shape for _, shape in parts])
    return [
        (
            land.version_id,
            storing.insert_part(session, publication, land.version_id, shape, accounts, day, settings.srid),
            made,
        )
        for (made, shape), accounts in zip(parts, shared, strict=True)
    ]


def _finished(
    session: Session,
    settings: Settings,
    publication: Publication,
    actor: Actor,
    operation: LineageOperation,
    parents: Sequence[Standing],
    children: Sequence[Made],
    asked: OperationIn,
) -> OperationRow:
    """Overlaps found, the ledger proven, the roll-up kept; the operation as it stands."""
    record_overlaps(session, settings, publication)
    ids = [child.parcel_id for child in children]
    _refuse_retained(session, children)
    refuse_problems(session, publication, [*ids, *(parent.parcel.id for parent in parents)])
    append_rollup(session, publication)
    audit(session, actor, f"lineage.{operation.type}", str(operation.id), {"parcels": [p.parcel.code for p in parents]})
    return replace(queries.operation(session, operation.id), remarks=_remarks(operation, asked))


def _refuse_retained(session: Session, children: Sequence[Made]) -> None:
    """Retained land stays with its owner: it cannot carry on what is in the bank."""
    retained = {code for made in children if (code := queries.retained_code(session, made.version_id))}
    credited = {credit.parcel for credit in credits_of(session, [made.parcel_id for made in children])}
    for code in sorted(retained & credited):
        raise Refused("retained_banked", parameter="role", parcel=code)


def _remarks(operation: LineageOperation, asked: OperationIn) -> tuple[Remark, ...]:
    remarks = []
    day = str(operation.effective_date)
    if asked.effective_date is not None and asked.effective_date != operation.effective_date:
        remarks.append(
            Remark("note", "lineage_takes_effect_later", (("asked", str(asked.effective_date)), ("day", day)))
        )
    if operation.difference_square_metres:
        size = (("square_metres", f"{operation.difference_square_metres:+.4f}"),)
        code = "boundary_difference" if operation.type == "boundary_change" else "lineage_difference"
        remarks.append(Remark("note", code, size))
    return tuple(remarks)
