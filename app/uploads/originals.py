"""``GET /uploads/{id}/file``: what was sent, byte for byte; the last door behind a figure; and its refused rows."""

from pathlib import PurePath
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import Depends, Query, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from app import files
from app.auth import Role, require
from app.edge import SessionDep, file_answer
from app.edge import router as make_router
from app.errors import BadRequest, NotFound, message
from app.settings import Settings
from app.uploads import queries
from app.uploads.child import run_refused
from app.uploads.models import Upload
from app.uploads.refused_rows import RefusedJob

router = make_router(tags=["uploads"])
viewer = Depends(require(Role.VIEWER))


@router.get("/uploads/{upload_id}/file", dependencies=[viewer])
def original(
    request: Request,
    session: SessionDep,
    upload_id: int,
    name: Annotated[str | None, Query(description="Which part, where several came together")] = None,
) -> Response:
    """The file of an upload as it was sent; of loose parts the one named."""
    settings: Settings = request.app.state.settings
    kept = queries.upload_by_id(session, upload_id).files
    chosen = [one for one in kept if name in {None, one["name"]}]
    if not chosen or (name is None and len(kept) > 1):
        names = ", ".join(one["name"] for one in kept)
        raise BadRequest("choice_unknown", parameter="name", name="name", choices=names)
    found = chosen[0]
    return file_answer(files.path_of(settings.files_path, found["sha256"]), found["name"], found["sha256"])


@router.get("/uploads/{upload_id}/refused", dependencies=[viewer])
def refused(request: Request, session: SessionDep, upload_id: int) -> Response:
    """The refused rows as a file of the format that they came in, with a column ``findings``, to be mended and sent."""
    settings: Settings = request.app.state.settings
    content, name = refused_file(session, settings, queries.upload_by_id(session, upload_id))
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Security-Policy": "sandbox",
    }
    return Response(content, headers=headers, media_type="application/octet-stream")


def refused_file(session: Session, settings: Settings, upload: Upload) -> tuple[bytes, str]:
    """The refused rows of an upload as a file, and its name.

    Raises ``NotFound`` where no row is refused, ``Refused`` for a format in which none can be written.
    """
    told: dict[int, str] = {}
    for finding in queries.findings_of(session, upload.id):
        if finding.severity == "refuse" and finding.row is not None:
            texts = message(finding.code, **finding.parameters)
            before = f"{told[finding.row]} " if finding.row in told else ""
            told[finding.row] = f"{before}{finding.code}: {texts.zh.what}"
    if not told:
        raise NotFound("no_refused_rows", parameter="id", upload=upload.id)
    kept = [(file["name"], files.path_of(settings.files_path, file["sha256"])) for file in upload.files]
    layer = upload.options["layer"]
    content, suffix = run_refused(RefusedJob(upload.collection, kept, layer, upload.encoding, told))
    return content, f"{PurePath(upload.filename).stem}-refused{suffix}"


def file_links(upload: Upload) -> list[dict[str, str]]:
    """Where each file of an upload is."""
    path = f"/uploads/{upload.id}/file"
    if len(upload.files) == 1:
        return [{"rel": "file", "href": path}]
    return [{"rel": "file", "href": f"{path}?{urlencode({'name': one['name']})}"} for one in upload.files]
