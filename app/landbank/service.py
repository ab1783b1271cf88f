"""The land bank's services under one name: what commands, HTTP and uploads call."""

from app.landbank.changes.service import Explanation, explain
from app.landbank.events.service import (
    StagedEvents,
    add_document,
    add_file,
    check_entries,
    credits_held,
    document,
    documents,
    events,
    events_of,
    record_event,
    record_staged_events,
)
from app.landbank.hectares.posted import WithinIn, read, resolve_shape, resolve_within
from app.landbank.hectares.query import HectaresParams, HectaresQuery, resolve, resolve_known_at
from app.landbank.hectares.rollup import append_rollup, rebuild_rollup
from app.landbank.hectares.service import HectaresTable, hectares, pieces
from app.landbank.hectares.shapes import keep
from app.landbank.progress.service import Progress, progress
from app.landbank.rules.queries import every_rule, rules
from app.landbank.rules.service import set_rule
from app.landbank.rules.trial import try_rule
from app.landbank.targets.service import add_target, add_targets, targets

__all__ = [
    "Explanation",
    "HectaresParams",
    "HectaresQuery",
    "HectaresTable",
    "Progress",
    "StagedEvents",
    "WithinIn",
    "add_document",
    "add_file",
    "add_target",
    "add_targets",
    "append_rollup",
    "check_entries",
    "credits_held",
    "document",
    "documents",
    "events",
    "events_of",
    "every_rule",
    "explain",
    "hectares",
    "keep",
    "pieces",
    "progress",
    "read",
    "rebuild_rollup",
    "record_event",
    "record_staged_events",
    "resolve",
    "resolve_known_at",
    "resolve_shape",
    "resolve_within",
    "rules",
    "set_rule",
    "targets",
    "try_rule",
]
