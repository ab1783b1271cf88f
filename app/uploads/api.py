"""``/uploads``: bring a file in, read what was found, commit or undo."""

from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import Depends, Query, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from app.auth import Actor, Role, require
from app.edge import (
    JsonBody,
    Received,
    SessionDep,
    Uploads,
    answer,
    check_if_match,
    csv_answer,
    event_stream,
    weak_etag,
)
from app.edge import router as make_router
from app.errors import BadRequest
from app.settings import Settings
from app.uploads import differences, policy, queries, running, service
from app.uploads.models import Upload
from app.uploads.options import MAX_GAP_WIDTH, UploadOptions, parsed_mapping, with_defaults
from app.uploads.schemas import (
    ChangeIn,
    CommitIn,
    UndoIn,
    finding_document,
    progress_document,
    upload_document,
)
from app.uploads.undo import undo

router = make_router(tags=["uploads"])
viewer = Depends(require(Role.VIEWER))
editor = Depends(require(Role.EDITOR))
PARAMETERS = (
    "collection",
    "crs",
    "encoding",
    "layer",
    "mapping",
    "dry_run",
    "on_existing",
    "scope",
    "rows",
    "commit",
    "name",
    "restrictive",
    "slivers",
    "gap_width",
)
received = Uploads(*PARAMETERS)
change_body = JsonBody(ChangeIn)
commit_body = JsonBody(CommitIn, optional=True)
undo_body = JsonBody(UndoIn, optional=True)
ACCEPTED: dict[int | str, dict[str, Any]] = {202: {"description": "A job works on it"}}
STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}, "description": "Events"}}
FINDING_COLUMNS = (
    "severity",
    "code",
    "row",
    "feature",
    "message_zh",
    "action_zh",
    "message_en",
    "action_en",
    "square_metres_before",
    "square_metres_after",
)


def settings_of(request: Request) -> Settings:
    """The service's settings."""
    settings: Settings = request.app.state.settings
    return settings


def actor_of(request: Request) -> Actor:
    """Who acts: the guard let them in."""
    actor: Actor = request.state.actor
    return actor


def options_of(form: dict[str, str]) -> UploadOptions:
    """The parameters of an upload as they came, parsed."""
    values: dict[str, Any] = {name: value for name, value in form.items() if value}
    if "collection" not in values:
        raise BadRequest("collection_missing", parameter="collection")
    for name in {"dry_run", "restrictive"} & values.keys():
        values[name] = _boolean(name, values[name])
    if "gap_width" in values:
        values["gap_width"] = _metres("gap_width", values["gap_width"])
    if "mapping" in values:
        values["mapping"] = parsed_mapping(values["mapping"])
    return UploadOptions(**values)


def _boolean(name: str, text: str) -> bool:
    if text.lower() not in {"true", "false", "1", "0"}:
        raise BadRequest("choice_unknown", parameter=name, name=name, choices="true, false")
    return text.lower() in {"true", "1"}


def _metres(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadRequest("gap_width_invalid", parameter=name, limit=MAX_GAP_WIDTH) from None


def _etag(upload: Upload) -> str:
    return weak_etag(upload.id, upload.state, upload.changed_at, *upload.position)


def _shown(upload: Upload, status: int = 200) -> Response:
    headers = {"ETag": _etag(upload), "Location": f"/uploads/{upload.id}"}
    return answer(upload_document(upload), status, headers)


@router.post("/uploads", status_code=201, responses=ACCEPTED, dependencies=[editor])
def create_upload(request: Request, session: SessionDep, files: Annotated[Received, Depends(received)]) -> Response:
    """Bring in one file: a zip, or the loose parts of a shapefile. Without ``commit=auto`` it waits in ``checked``.

    Files of at most 1 MiB are worked at once and answered with 201; larger ones are answered with 202 at once and
    worked by a job: ask their address, or its ``/events``, until the state is neither ``received`` nor ``reading``.
    """
    incoming = [(file.name, file.path) for file in files.files]
    options = options_of(files.form)
    upload = running.bring_in(session, settings_of(request), actor_of(request), incoming, options)
    return _shown(upload, 202 if upload.underway else 201)


@router.get("/uploads", dependencies=[viewer])
def list_uploads(session: SessionDep, limit: Annotated[int, Query(ge=1)] = 100) -> Response:
    """The newest uploads first."""
    found = queries.uploads(session, min(limit, 1000))
    return answer({"uploads": [upload_document(upload) for upload in found]})


@router.get("/uploads/{upload_id}", dependencies=[viewer])
def show_upload(session: SessionDep, upload_id: int) -> Response:
    """State, counts, hectares before and after."""
    return _shown(queries.upload_by_id(session, upload_id))


@router.get("/uploads/{upload_id}/events", responses=STREAM, dependencies=[viewer])
def follow_upload(request: Request, session: SessionDep, upload_id: int) -> Response:
    """State, step and progress as they change, as server-sent events, until no job works on the upload any more."""
    queries.upload_by_id(session, upload_id)

    def look() -> tuple[dict[str, Any], bool]:
        with Session(request.app.state.read_engine) as reading:
            upload = queries.upload_by_id(reading, upload_id)
            return progress_document(upload), not upload.underway

    return event_stream(request, look)


@router.patch("/uploads/{upload_id}", responses=ACCEPTED, dependencies=[editor])
def change_upload(
    request: Request, session: SessionDep, upload_id: int, body: Annotated[ChangeIn, Depends(change_body)]
) -> Response:
    """Check again with other parameters, or with decisions on findings; files of more than 1 MiB by a job (202)."""
    upload = queries.upload_by_id(session, upload_id, lock=True)
    check_if_match(request, _etag(upload))
    changes = with_defaults(body.model_dump(exclude_unset=True))
    if isinstance(changes.get("mapping"), str):
        changes["mapping"] = parsed_mapping(changes["mapping"])
    running.change(session, settings_of(request), actor_of(request), upload, changes)
    return _shown(upload, 202 if upload.underway else 200)


@router.get("/uploads/{upload_id}/rows", dependencies=[viewer])
def list_rows(
    session: SessionDep,
    upload_id: int,
    fate: Literal["new", "changed", "unchanged"] | None = None,
    after: Annotated[int, Query(ge=0, description="The row after which the page begins")] = 0,
    limit: Annotated[int, Query(ge=1)] = differences.PAGE,
) -> Response:
    """What a parcel upload brings, row by row: fields and outlines (CRS84) before and after, to be looked at first."""
    upload = queries.upload_by_id(session, upload_id)
    found = differences.rows(session, upload, fate=fate, after=after, limit=limit)
    documents = [differences.document(row) for row in found]
    asked = urlencode({"after": found[-1].row, "limit": limit} | ({"fate": fate} if fate else {})) if found else ""
    full = len(found) == min(limit, differences.MAX_PAGE)
    links = [{"rel": "next", "href": f"/uploads/{upload_id}/rows?{asked}"}] if full else []
    return answer({"rows": documents, "links": links})


@router.get("/uploads/{upload_id}/findings", dependencies=[viewer])
def list_findings(session: SessionDep, upload_id: int, f: Literal["json", "geojson", "csv"] = "json") -> Response:
    """What was found, the severest first; as GeoJSON in CRS84 for a map, as CSV for a list to work through."""
    queries.upload_by_id(session, upload_id)
    documents = [finding_document(finding) for finding in queries.findings_of(session, upload_id)]
    if f == "csv":
        rows = [[_cell(document, column) for column in FINDING_COLUMNS] for document in documents]
        return csv_answer(FINDING_COLUMNS, rows, f"findings-{upload_id}.csv")
    if f == "geojson":
        features = [
            {"type": "Feature", "id": document["id"], "geometry": document.pop("geometry"), "properties": document}
            for document in documents
        ]
        return answer(
            {"type": "FeatureCollection", "features": features}, headers={"Content-Type": "application/geo+json"}
        )
    return answer({"findings": documents})


def _cell(document: dict[str, Any], column: str) -> object:
    name, _, language = column.rpartition("_")
    return document[name][language] if language in {"zh", "en"} else document[column]


@router.get("/findings", dependencies=[viewer])
def list_codes() -> Response:
    """Every code that a finding can have: its policy, what it means and what to do."""
    return answer({"findings": [one.document() for one in policy.entries()]})


@router.post("/uploads/{upload_id}/commit", dependencies=[editor])
def commit_upload(
    request: Request, session: SessionDep, upload_id: int, body: Annotated[CommitIn, Depends(commit_body)]
) -> Response:
    """Store what was checked; with ``rows=good`` without the refused rows.

    It is answered when it is done, however large: one transaction, all or nothing.
    """
    upload = queries.upload_by_id(session, upload_id, lock=True)
    check_if_match(request, _etag(upload))
    service.commit(session, settings_of(request), actor_of(request), upload, body.rows)
    return _shown(upload)


@router.post("/uploads/{upload_id}/undo", dependencies=[editor])
def undo_upload(
    request: Request, session: SessionDep, upload_id: int, _body: Annotated[UndoIn, Depends(undo_body)]
) -> Response:
    """Take a committed upload back: events are reversed, versions end, nothing is erased."""
    upload = queries.upload_by_id(session, upload_id, lock=True)
    check_if_match(request, _etag(upload))
    undo(session, settings_of(request), actor_of(request), upload)
    return _shown(upload)
