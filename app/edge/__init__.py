"""The edge: what every HTTP request and answer has in common, so that a handler is parse, one call, render."""

from app.edge.bodies import JsonBody, Received, ReceivedFile, Uploads
from app.edge.events import event_stream
from app.edge.idempotency import IdempotencyKey
from app.edge.kept import KeptAnswers
from app.edge.links import public_url, with_absolute_links
from app.edge.problems import problem_document, request_id
from app.edge.responses import (
    answer,
    check_if_match,
    check_if_match_answer,
    csv_answer,
    csv_safe,
    file_answer,
    weak_etag,
)
from app.edge.routing import Guard, Route, SessionDep, allowed_methods, public, router
from app.edge.workbook import Sheet, workbook, workbook_answer

__all__ = [
    "Guard",
    "IdempotencyKey",
    "JsonBody",
    "KeptAnswers",
    "Received",
    "ReceivedFile",
    "Route",
    "SessionDep",
    "Sheet",
    "Uploads",
    "allowed_methods",
    "answer",
    "check_if_match",
    "check_if_match_answer",
    "csv_answer",
    "csv_safe",
    "event_stream",
    "file_answer",
    "problem_document",
    "public",
    "public_url",
    "request_id",
    "router",
    "weak_etag",
    "with_absolute_links",
    "workbook",
    "workbook_answer",
]
