"""The cause of a change, from what its publication recorded."""

from collections.abc import Sequence
from datetime import date

from app.landbank.changes.queries import Facts, Happened, Published
from app.landbank.hectares.labels import Label

CAUSES = {
    "new_event": Label("新事项", "New event"),
    "late_document": Label("迟到文件", "Late document"),
    "survey_correction": Label("测绘更正", "Survey correction"),
    "boundary_change": Label("界址变更", "Boundary change"),
    "category_change": Label("用地类别变更", "Category change"),
    "split": Label("分割", "Split"),
    "merge": Label("合并", "Merge"),
    "reversal": Label("冲正", "Reversal"),
    "rule_change": Label("认定口径变更", "Rule change"),
    "category_list_change": Label("用地类别表变更", "Land category list changed"),
    "places_changed": Label("行政区划变更", "Place boundaries changed"),
    "zones_changed": Label("片区变更", "Zones changed"),
    "parcel_new": Label("新增地块", "New parcel"),
    "parcel_replaced": Label("地块资料更新", "Parcel replaced"),
    "parcel_retired": Label("地块注销", "Parcel retired"),
    "undone": Label("上传撤销", "Upload undone"),
    "other": Label("其他", "Other"),
}
_BY_ACTION = {
    "undo": "undone",
    "lineage.split": "split",
    "lineage.merge": "merge",
    "lineage.boundary_change": "boundary_change",
    "lineage.undo": "undone",
}


def cause(by: Published, facts: Facts, event: Happened | None, known_before: date) -> str:
    """Why a publication changed the count of one parcel; ``event`` is the event concerned, where one is.

    A document dated before the day of the earlier answer is late: it was there, and not yet known.
    """
    if by.action in _BY_ACTION:
        return _BY_ACTION[by.action]
    for name, changed in (("rule_change", by.changed_rules), ("zones_changed", by.changed_zones)):
        if changed:
            return name
    if event is not None:
        return _of_event(event, known_before)
    if facts.versions:
        return _of_version(facts)
    if by.changed_categories:
        return "category_list_change"
    return "places_changed" if by.changed_places else "other"


def concerned(events: Sequence[Happened], event_id: int | None) -> Happened | None:
    """The event that a piece came, went or was corrected by: its own, what took its place, or what took it back."""
    if event_id is None or not events:
        return None
    own = next((event for event in events if event.id == event_id), None)
    if own is not None:
        return own
    back = next((event for event in events if event.reverses_id == event_id), None)
    if back is None:
        # An exit, or what a rule requires: the entry itself is older.
        return events[-1]
    return next((event for event in events if event.id == back.successor_id), back)


def _of_event(event: Happened, known_before: date) -> str:
    if event.reason in {"survey_correction", "boundary_change"}:
        return event.reason
    if event.type == "reversal":
        return "reversal"
    return "late_document" if event.document_date < known_before else "new_event"


def _of_version(facts: Facts) -> str:
    version = facts.versions[-1]
    if version.retired:
        return "parcel_retired"
    if version.is_first:
        return "parcel_new"
    if version.other_outline:
        return "boundary_change"
    return "category_change" if version.other_category else "parcel_replaced"
