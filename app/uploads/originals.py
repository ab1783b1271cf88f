"""``GET /uploads/{id}/file``: what was sent, byte for byte; the last door behind a figure."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Query, Request
from starlette.responses import Response

from app import files
from app.auth import Role, require
from app.edge import SessionDep, file_answer
from app.edge import router as make_router
from app.errors import BadRequest
from app.settings import Settings
from app.uploads import queries
from app.uploads.models import Upload

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


def file_links(upload: Upload) -> list[dict[str, str]]:
    """Where each file of an upload is."""
    path = f"/uploads/{upload.id}/file"
    if len(upload.files) == 1:
        return [{"rel": "file", "href": path}]
    return [{"rel": "file", "href": f"{path}?{urlencode({'name': one['name']})}"} for one in upload.files]
