"""``/hectares``, ``/parcels``, ``/events`` and ``/documents``."""

from typing import Annotated, Any, get_args
from urllib.parse import urlencode

from fastapi import Depends, Query, Request
from pydantic import Field, ValidationError
from sqlalchemy.orm import Session
from starlette.responses import Response

from app.auth import Actor, Role, require
from app.db import last_publication
from app.edge import (
    JsonBody,
    KeptAnswers,
    Received,
    SessionDep,
    Uploads,
    answer,
    check_if_match,
    csv_answer,
    file_answer,
    workbook_answer,
)
from app.edge import router as make_router
from app.edge.problems import from_validation
from app.errors import BadRequest, NotFound, PreconditionFailed
from app.files import path_of
from app.landbank import schemas, service, workbooks
from app.landbank.events.schemas import (
    DocumentIn,
    DocumentRow,
    EventIn,
    EventType,
    credit_document,
    document_document,
    event_document,
)
from app.landbank.events.service import document_remarks
from app.landbank.hectares.posted import MOST_BYTES
from app.landbank.hectares.query import HectaresParams, moment, one_of
from app.settings import Settings

router = make_router(tags=["land bank"])
viewer = Depends(require(Role.VIEWER))
Editor = Annotated[Actor, Depends(require(Role.EDITOR))]
Limit = Annotated[int, Query(ge=1, description="At most 10,000; above that, 10,000 are given")]
After = Annotated[int, Query(ge=0, lt=2**63, description="Those after this id")]
event_body = JsonBody(EventIn)
within_body = JsonBody(service.WithinIn, limit=MOST_BYTES)
document_form = Uploads("type", "number", "date", "issuer", file_optional=True)
document_file = Uploads()
KNOWN: dict[int | str, dict[str, Any]] = {200: {"description": "Already recorded"}}


class TableParams(HectaresParams):
    """``GET /hectares`` with the form of its answer."""

    f: str = Field("json", description="json, csv or xlsx")


class PiecesParams(HectaresParams):
    """``GET /parcels``: every parameter of ``/hectares``, and which page."""

    limit: int = Field(100, ge=1, description="At most 10,000; above that, 10,000 are given")
    cursor: str | None = Field(None, description="Where the page before ended")
    f: str = Field("json", description="json, csv or xlsx")


def settings_of(request: Request) -> Settings:
    """The service's settings."""
    settings: Settings = request.app.state.settings
    return settings


SettingsDep = Annotated[Settings, Depends(settings_of)]


def format_of(value: str, offered: tuple[str, ...] = ("json", "csv", "xlsx")) -> str:
    """The form of an answer. Raises ``BadRequest``."""
    return one_of("f", value, offered)


@router.get("/hectares", dependencies=[viewer])
def hectares(
    request: Request, session: SessionDep, settings: SettingsDep, params: Annotated[TableParams, Query()]
) -> Response:
    """Hectares by category, place, programme, project or period; every row links to the pieces that it counts."""
    form = format_of(params.f)
    query = service.resolve(session, settings, params)

    newest = query.known_at if params.known_at is None else last_publication(session)
    facts = request.app.state.newest.at(newest) if query.known_at == newest else None

    def make() -> Response:
        return _rendered(service.hectares(session, settings, query, facts), form)

    if query.known_at > newest:
        # A publication under way may yet turn out to be earlier than this moment.
        return make()
    kept: KeptAnswers = request.app.state.kept_answers
    # Whoever may read may read everything: whatever comes to narrow that belongs into the key.
    # Which versions a filter lets through follows from the filter and the moment: they may be a million.
    return kept.answer((query.narrowed(versions=None), form), make)


def _rendered(table: service.HectaresTable, form: str) -> Response:
    name = f"hectares-{table.query.measure}-{table.query.as_of}.{form}"
    if form == "csv":
        return csv_answer(*schemas.hectares_cells(table), name)
    if form == "xlsx":
        return workbook_answer(workbooks.hectares_sheets(table), name)
    return schemas.hectares_answer(table)


@router.post("/hectares", dependencies=[viewer])
def hectares_within(
    request: Request,
    session: SessionDep,
    settings: SettingsDep,
    params: Annotated[TableParams, Query()],
    body: Annotated[service.WithinIn, Depends(within_body)],
) -> Response:
    """The same within a posted outline: parcels are clipped to it, feature by feature where it is a collection."""
    form = format_of(params.f)
    shape = service.read(body, settings.srid)
    # What is kept in memory may only come from a snapshot; and a shape is kept once it was answered for.
    with Session(request.app.state.read_engine) as reading:
        query = service.resolve_shape(reading, settings, params, shape)
        newest = query.known_at if params.known_at is None else last_publication(reading)
        facts = request.app.state.newest.at(newest) if query.known_at == newest else None
        made = _rendered(service.hectares(reading, settings, query, facts, shape), form)
    service.keep(session, shape)
    return made


@router.get("/parcels", dependencies=[viewer])
def parcels(
    request: Request, session: SessionDep, settings: SettingsDep, params: Annotated[PiecesParams, Query()]
) -> Response:
    """Each counted piece behind a figure of ``/hectares``, by parcel code; tables name the next page in ``Link``."""
    form = format_of(params.f)
    query = service.resolve(session, settings, params)
    page = service.pieces(session, settings, query, params.limit, params.cursor)
    following = None
    if page.cursor is not None:
        kept = {name: value for name, value in request.query_params.items() if name not in {"cursor", "known_at"}}
        known_at = {"known_at": moment(query.known_at), "as_of": str(query.as_of)}
        following = "/parcels?" + urlencode(kept | known_at | {"cursor": page.cursor})
    name = f"parcels-{query.measure}-{query.as_of}.{form}"
    if form == "json":
        return answer(schemas.pieces_document(query, page, following))
    if form == "csv":
        made = csv_answer(schemas.PIECE_COLUMNS, schemas.pieces_cells(page), name)
    else:
        made = workbook_answer(workbooks.pieces_sheets(query, page), name)
    if following is not None:
        made.headers["Link"] = f'<{following}>; rel="next"'
    return made


@router.get("/parcels/{code:path}/events", dependencies=[viewer])
def parcel_events(session: SessionDep, code: str) -> Response:
    """What the ledger says about a parcel, also what was reversed; and what it has in the bank, by each entry."""
    held = [credit_document(credit) for credit in service.credits_held(session, code)]
    return answer({"events": [event_document(row) for row in service.events_of(session, code)], "credits": held})


@router.get("/events", dependencies=[viewer])
def events(
    session: SessionDep,
    parcel: str | None = None,
    type: str | None = None,  # noqa: A002  the contract's word
    limit: Limit = 100,
    after: After = 0,
) -> Response:
    """The ledger in the order of its recording."""
    if type is not None:
        one_of("type", type, get_args(EventType))
    rows = service.events(session, parcel=parcel, kind=type, after=after, limit=limit)
    return answer({"events": [event_document(row) for row in rows]})


@router.post("/events", status_code=201)
def record_event(session: SessionDep, actor: Editor, body: Annotated[EventIn, Depends(event_body)]) -> Response:
    """Append an event. What is wrong with it is refused; what is worth knowing is told with it."""
    recorded = service.record_event(session, actor, body)
    return answer(event_document(recorded.row, recorded.remarks), 201)


@router.get("/documents", dependencies=[viewer])
def documents(session: SessionDep, limit: Limit = 100, after: After = 0) -> Response:
    """Evidence documents in the order of their recording."""
    rows = service.documents(session, after=after, limit=limit)
    return answer({"documents": [document_document(row, document_remarks(row)) for row in rows]})


@router.post("/documents", status_code=201, responses=KNOWN)
def add_document(
    session: SessionDep, settings: SettingsDep, actor: Editor, body: Annotated[Received, Depends(document_form)]
) -> Response:
    """Record an evidence document; its file may come later. One already recorded is answered with 200."""
    try:
        asked = DocumentIn.model_validate(body.form)
    except ValidationError as error:
        raise from_validation(error.errors(include_url=False, include_input=False)[0]) from error
    if len(body.files) > 1:
        raise BadRequest("one_file_expected", parameter="file")
    file = (body.files[0].path, body.files[0].name) if body.files else None
    row, made = service.add_document(session, settings, actor, asked, file)
    return answer(document_document(row, document_remarks(row)), 201 if made else 200)


@router.get("/documents/{document}", dependencies=[viewer])
def document(session: SessionDep, document: int) -> Response:
    """One evidence document."""
    row = service.document(session, document)
    return answer(document_document(row, document_remarks(row)))


@router.get("/documents/{document}/file", dependencies=[viewer])
def get_document_file(session: SessionDep, settings: SettingsDep, document: int) -> Response:
    """The newest file of a document, as it was sent."""
    row = service.document(session, document)
    if row.file_sha256 is None:
        raise NotFound("document_without_file", parameter="document", id=document, number=row.document.number)
    name = row.filename or row.file_sha256
    return file_answer(path_of(settings.files_path, row.file_sha256), name, row.file_sha256)


@router.put("/documents/{document}/file")
def put_document_file(
    request: Request,
    session: SessionDep,
    settings: SettingsDep,
    actor: Editor,
    document: int,
    body: Annotated[Received, Depends(document_file)],
) -> Response:
    """The file of a document; the newest counts, earlier ones stay."""
    before = service.document(session, document)
    if before.file_sha256 is None and "if-match" in request.headers:
        raise PreconditionFailed("changed_meanwhile")
    check_if_match(request, _file_etag(before))
    if len(body.files) > 1:
        raise BadRequest("one_file_expected", parameter="file")
    row = service.add_file(session, settings, actor, document, body.files[0].path, body.files[0].name)
    return answer(document_document(row), headers={"ETag": _file_etag(row)})


def _file_etag(row: DocumentRow) -> str:
    """That of the newest file, as ``GET`` gives it."""
    return f'"{row.file_sha256}"'
