"""Request bodies: received only after the sender was let in, counted while they stream, refused beyond a limit.

FastAPI reads a declared body before its dependencies run (1 GiB was swallowed before a 401), so a handler declares
no body: it depends on ``JsonBody(Model)`` or ``Uploads(parameters)``, which the route has filled beforehand.
"""

import hashlib
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import anyio.to_thread
import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from app.edge.multipart import Form, safe_filename
from app.edge.problems import from_validation
from app.errors import BadRequest, TooLarge, Unavailable, UnsupportedMedia

JSON_LIMIT_BYTES = 1 << 20
FREE_BYTES = 500 * 1024**2
"""Kept free on the disk that receives: PostgreSQL without room for its log stops for everybody."""

Model = TypeVar("Model", bound=BaseModel)


async def counted(request: Request, limit: int, code: str) -> AsyncIterator[bytes]:
    """The body as it arrives. Raises ``TooLarge`` before reading when the length is announced, else on passing it.

    Raises ``UnsupportedMedia`` for a compressed body: a few bytes of it may become any number.
    """
    if request.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise UnsupportedMedia("content_encoding_unsupported")
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise TooLarge(code, limit=limit)
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > limit:
            raise TooLarge(code, limit=limit)
        yield chunk


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


class JsonBody(Generic[Model]):
    """A JSON body of at most 1 MB, or of ``limit`` bytes, as a Pydantic model."""

    def __init__(self, model: type[Model], *, optional: bool = False, limit: int = JSON_LIMIT_BYTES) -> None:
        """``optional``: no body means the model's defaults."""
        self.model, self.optional, self.limit = model, optional, limit

    async def __call__(self, request: Request) -> Model:
        """The received model, for FastAPI's ``Depends``."""
        value = request.state.body
        assert isinstance(value, self.model)  # noqa: S101  the route received it with this very object
        return value

    async def receive(self, request: Request, stack: AsyncExitStack) -> tuple[Model, bytes]:  # noqa: ARG002  as Uploads
        """The model and the body's SHA-256."""
        kind = _media_type(request)
        if kind and kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
            raise UnsupportedMedia("content_type_unsupported", expected="application/json")
        raw = b"".join([chunk async for chunk in counted(request, self.limit, "body_too_large")])
        if not raw and self.optional:
            return self._checked(b"{}"), hashlib.sha256(raw).digest()
        if not raw:
            raise BadRequest("body_missing")
        if not kind:
            raise UnsupportedMedia("content_type_unsupported", expected="application/json")
        return self._checked(raw), hashlib.sha256(raw).digest()

    def _checked(self, raw: bytes) -> Model:
        try:
            document = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise BadRequest("json_invalid", line=error.lineno, column=error.colno) from error
        if "\0" in _texts(document):
            raise BadRequest("value_not_storable")
        try:
            return self.model.model_validate_json(raw)
        except ValidationError as error:
            raise from_validation(error.errors(include_url=False, include_input=False)[0]) from error

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI request body: the model's schema."""
        schema = self.model.model_json_schema(ref_template="#/components/schemas/{model}")
        return {"required": not self.optional, "content": {"application/json": {"schema": schema}}}


def _texts(document: object) -> str:
    """Every character of every string and key in a JSON document."""
    found: list[str] = []
    waiting = [document]
    while waiting:
        match waiting.pop():
            case str() as text:
                found.append(text)
            case list() as items:
                waiting.extend(items)
            case dict() as members:
                found.extend(members)
                waiting.extend(members.values())
            case _:
                pass
    return "".join(found)


class ReceivedFile(NamedTuple):
    """One file as sent: its last path component, where it lies until the request ends, SHA-256, bytes."""

    name: str
    path: Path
    sha256: str
    size: int


@dataclass(frozen=True)
class Received:
    """The files of an upload and its parameters, whether they came as form fields or in the query."""

    files: list[ReceivedFile]
    form: dict[str, str]


class Uploads:
    """Files as multipart (``file`` repeated) or one file as a raw body with ``filename=`` in the query.

    ``parameters`` are the names accepted beside the files. ``file_optional``: a form without a file is accepted.
    """

    def __init__(self, *parameters: str, file_optional: bool = False) -> None:
        """``parameters`` beside ``filename``, which only a raw body has."""
        self.parameters = frozenset(parameters)
        self.query_names = self.parameters | {"filename"}
        self.file_optional = file_optional

    async def __call__(self, request: Request) -> Received:
        """The received files, for FastAPI's ``Depends``."""
        value = request.state.body
        assert isinstance(value, Received)  # noqa: S101  the route received it with this very object
        return value

    async def receive(self, request: Request, stack: AsyncExitStack) -> tuple[Received, bytes]:
        """The files, spooled to a private folder that ``stack`` removes, and a SHA-256 of all that was sent."""
        limit: int = request.app.state.settings.max_upload_bytes
        query = _once(request.query_params.multi_items())
        multipart = _media_type(request) == "multipart/form-data"
        if not multipart and "filename" not in query:
            if _media_type(request) == "application/x-www-form-urlencoded":
                raise UnsupportedMedia("content_type_unsupported", expected="multipart/form-data")
            raise BadRequest("filename_missing", parameter="filename")
        folder = await anyio.to_thread.run_sync(self._folder, request, limit)
        stack.push_async_callback(_remove, folder)
        chunks = counted(request, limit, "upload_too_large")
        form = Form(folder, self.parameters)
        if multipart:
            await form.parse(chunks, request.headers["content-type"])
        else:
            await form.take_whole(chunks, safe_filename(query.pop("filename")))
        repeated = query.keys() & form.fields.keys()
        if repeated:
            raise BadRequest("parameter_repeated", parameter=min(repeated), name=min(repeated))
        if not form.files and not self.file_optional:
            raise BadRequest("file_missing", parameter="file")
        received = Received([ReceivedFile(*file) for file in form.files], query | form.fields)
        return received, _fingerprint(received)

    @staticmethod
    def _folder(request: Request, limit: int) -> Path:
        root: Path = request.app.state.settings.home / "incoming"
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        announced = request.headers.get("content-length", "")
        needed = int(announced) if announced.isdecimal() else 0
        if needed <= limit and shutil.disk_usage(root).free < FREE_BYTES + needed:
            raise Unavailable("disk_nearly_full")
        return Path(tempfile.mkdtemp(prefix="upload-", dir=root))

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI request body: a form, or the bytes themselves."""
        fields: dict[str, Any] = {name: {"type": "string"} for name in sorted(self.parameters)}
        files = {"type": "array", "items": {"type": "string", "format": "binary"}}
        form = {"type": "object", "properties": fields | {"file": files}}
        if not self.file_optional:
            form["required"] = ["file"]
        raw = {"schema": {"type": "string", "format": "binary"}}
        content = {"multipart/form-data": {"schema": form}, "application/octet-stream": raw}
        return {"required": True, "content": content}


async def _remove(folder: Path) -> None:
    await anyio.to_thread.run_sync(partial(shutil.rmtree, folder, ignore_errors=True))


def _once(items: list[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in items:
        if name in found:
            raise BadRequest("parameter_repeated", parameter=name, name=name)
        found[name] = value
    return found


def _fingerprint(received: Received) -> bytes:
    digest = hashlib.sha256()
    for file in received.files:
        digest.update(f"{file.name}\0{file.sha256}\0".encode())
    for name, value in sorted(received.form.items()):
        digest.update(f"{name}\0{value}\0".encode())
    return digest.digest()
