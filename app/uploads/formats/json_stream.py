"""JSON read piece by piece, so that a file of many features is never in memory as a whole.

GDAL refuses a whole file for one number that is no finite one, keeps the last of two equal names and says nothing of
either; here every feature is decoded by itself.
"""

import codecs
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from app.uploads.encoding import UTF8, detect
from app.uploads.formats.source import Source
from app.uploads.problems import FileRefusedError, Problem, refusal

CHUNK = 1 << 20
MAX_VALUE = 1 << 28
"""Characters of one feature, or of one member beside the features."""
_SPACE = re.compile(r"[\s\x1e]*")
"""White space, and the record separator of RFC 8142."""
_ODD = re.compile(rb"[\x80-\xff]+")
_EVIDENCE = 5000
_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_TEXTS_BYTES = 64 * 1024**2


class Stream:
    """Values of a JSON text, one after the other. ``repeated`` counts objects that name a member twice."""

    def __init__(self, file: TextIO) -> None:
        self.file, self.text, self.at, self.ended, self.repeated = file, "", 0, False, 0
        self.decoder = json.JSONDecoder(object_pairs_hook=self._object)

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        self.repeated += len(found) != len(pairs)
        return found

    def _more(self) -> bool:
        """Read on; what has been used is let go."""
        piece = self.file.read(max(CHUNK, len(self.text) - self.at))
        self.text, self.at, self.ended = self.text[self.at :] + piece, 0, not piece
        return bool(piece)

    def peek(self) -> str:
        """The next character that is no white space; empty at the end."""
        while True:
            match = _SPACE.match(self.text, self.at)
            self.at = match.end() if match else self.at
            if self.at < len(self.text):
                return self.text[self.at]
            if not self._more():
                return ""

    def take(self, *wanted: str) -> str:
        """The next character, which must be one of ``wanted``."""
        found = self.peek()
        if found not in wanted or not found:
            raise ValueError(found)
        self.at += 1
        return found

    def value(self) -> Any:
        """The next value, whole."""
        self.peek()
        while True:
            try:
                value, end = self.decoder.raw_decode(self.text, self.at)
            except json.JSONDecodeError:
                if len(self.text) - self.at > MAX_VALUE or not self._more():
                    raise
                continue
            # A number that reaches to the end of what was read may go on.
            if end < len(self.text) or not self._more():
                self.at = end
                return value

    def members(self) -> Iterator[str]:
        """The names of an object's members; after each the caller takes its value."""
        self.take("{")
        if self.peek() == "}":
            self.at += 1
            return
        while True:
            name = self.value()
            self.take(":")
            yield str(name)
            if self.take(",", "}") == "}":
                return

    def elements(self) -> Iterator[Any]:
        """The values of an array."""
        self.take("[")
        if self.peek() == "]":
            self.at += 1
            return
        while True:
            yield self.value()
            if self.take(",", "]") == "]":
                return


def reading(path: Path, found: Source, stated: str | None, use: Callable[[Stream], None]) -> None:
    """Let ``use`` read the text of a file, in the encoding that its bytes are in; refuses what is no JSON."""
    encoding = _encoding(path, found, stated)
    with path.open(encoding=encoding, newline="") as file:
        stream = Stream(file)
        try:
            use(stream)
        except RecursionError as error:
            raise refusal("json_too_deep") from error
        except UnicodeDecodeError as error:
            raise refusal("json_undecodable", encoding=encoding) from error
        except ValueError as error:
            around = stream.text[stream.at : stream.at + 40]
            problem = Problem("json_damaged", "refuse", values={"row": found.row_count + 1, "text": around})
            raise FileRefusedError(problem, row_count=found.row_count) from error
        if stream.repeated:
            found.tell("json_repeated_names", "warn", count=stream.repeated)


def _encoding(path: Path, found: Source, stated: str | None) -> str:
    with path.open("rb") as file:
        head = file.read(4)
    for mark, name in _MARKS.items():
        if head.startswith(mark):
            found.encoding, found.encoding_evidence = name, "bytes"
            found.tell("encoding_detected", "warn", encoding=name)
            return name
    if stated is None and _is_utf8(path):
        found.encoding, found.encoding_evidence = UTF8, "bytes"
        return "utf-8-sig"
    encoding = detect(_odd(path), None, 0, stated)
    found.encoding, found.encoding_evidence = encoding.name, encoding.evidence
    found.problems += encoding.problems
    return "utf-8-sig" if encoding.name == UTF8 else encoding.name


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        try:
            while chunk := file.read(CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _odd(path: Path) -> list[bytes]:
    """Distinct texts of the file that are not plain ASCII."""
    with path.open("rb") as file:
        raw = file.read(_TEXTS_BYTES)
    # Quotation marks are never the second byte of a character in the encodings that are looked for.
    texts = dict.fromkeys(text for text in raw.split(b'"') if _ODD.search(text))
    return list(texts)[:_EVIDENCE]
