"""A multipart form, spooled to disk while it arrives: bounded parts, bounded headers, no name of the sender's used."""

import hashlib
import re
from collections.abc import AsyncIterator
from io import BufferedWriter
from pathlib import Path

import anyio.to_thread
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.errors import BadRequest, TooLarge

MAX_PARTS = 64
MAX_FIELD_BYTES = 1 << 20
_FLUSH_BYTES = 1 << 20
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def safe_filename(name: str) -> str:
    """The last path component without control characters, at most 200 characters: to be shown, never opened."""
    last = _CONTROL.sub("", name.replace("\\", "/").rsplit("/", 1)[-1]).strip()
    if last in {"", ".", ".."}:
        raise BadRequest("filename_missing", parameter="filename")
    return last[-200:]


class _Spool:
    """One file being written: hashed on the way."""

    def __init__(self, name: str, path: Path) -> None:
        self.name, self.path = name, path
        self.digest, self.size = hashlib.sha256(), 0
        self.target: BufferedWriter = path.open("xb")

    def write(self, data: bytes) -> None:
        self.digest.update(data)
        self.size += len(data)
        self.target.write(data)


class Form:
    """The fields and files of one request."""

    def __init__(self, folder: Path, parameters: frozenset[str]) -> None:
        """``folder`` is private to the request; ``parameters`` are the field names accepted beside ``file``."""
        self.fields: dict[str, str] = {}
        self.files: list[tuple[str, Path, str, int]] = []
        self._folder, self._parameters = folder, parameters
        self._parts = 0
        self._header_name, self._header_value = bytearray(), bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._field = ""
        self._text = bytearray()
        self._spool: _Spool | None = None
        self._ended = False

    async def take_whole(self, chunks: AsyncIterator[bytes], name: str) -> None:
        """The whole body is one file."""
        self._spool = _Spool(name, self._folder / "0")
        try:
            async for batch in _batched(chunks):
                await anyio.to_thread.run_sync(self._spool.write, batch)
        finally:
            self._close()
        if not self.files[0][3]:
            self.files.clear()

    async def parse(self, chunks: AsyncIterator[bytes], content_type: str) -> None:
        """Read a multipart body. Raises ``BadRequest`` when it is malformed or cut off."""
        boundary = parse_options_header(content_type)[1].get(b"boundary")
        if not boundary:
            raise BadRequest("multipart_invalid")
        try:
            parser = MultipartParser(boundary, self._callbacks())  # type: ignore[arg-type]  # its TypedDict is private
            async for batch in _batched(chunks):
                await anyio.to_thread.run_sync(parser.write, batch)
        except FormParserError as error:
            raise BadRequest("multipart_invalid") from error
        finally:
            if self._spool is not None:
                self._spool.target.close()
        if not self._ended:
            raise BadRequest("multipart_invalid")

    def _callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_data,
            "on_part_end": self._on_end,
            "on_end": self._on_last,
        }

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise TooLarge("too_many_parts", limit=MAX_PARTS)
        self._headers = {}

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[bytes(self._header_name).lower()] = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _on_headers_finished(self) -> None:
        kind, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if kind != b"form-data" or b"name" not in options:
            raise BadRequest("multipart_invalid")
        self._field = options[b"name"].decode("utf-8", "replace")
        if self._field == "file":
            name = safe_filename(options.get(b"filename", b"").decode("utf-8", "replace"))
            self._spool = _Spool(name, self._folder / str(len(self.files)))
        elif self._field not in self._parameters:
            raise BadRequest("parameter_unknown", parameter=self._field, name=self._field)
        elif self._field in self.fields:
            raise BadRequest("parameter_repeated", parameter=self._field, name=self._field)

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._spool is not None:
            self._spool.write(data[start:end])
            return
        if len(self._text) + end - start > MAX_FIELD_BYTES:
            raise TooLarge("body_too_large", limit=MAX_FIELD_BYTES)
        self._text += data[start:end]

    def _on_end(self) -> None:
        if self._spool is not None:
            self._close()
            return
        try:
            value = self._text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadRequest("value_not_storable", parameter=self._field) from error
        if "\0" in value:
            raise BadRequest("value_not_storable", parameter=self._field)
        self.fields[self._field] = value
        self._text.clear()

    def _on_last(self) -> None:
        self._ended = True

    def _close(self) -> None:
        spool = self._spool
        assert spool is not None  # noqa: S101  called while a file is open only
        spool.target.close()
        self.files.append((spool.name, spool.path, spool.digest.hexdigest(), spool.size))
        self._spool = None


async def _batched(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """About 1 MB at a time, so that a thread is asked for seldom."""
    waiting = bytearray()
    async for chunk in chunks:
        waiting += chunk
        if len(waiting) >= _FLUSH_BYTES:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)
