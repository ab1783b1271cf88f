"""The one error tree, and the one catalogue of what people are told, in Chinese and English.

    LandbankError             500   exit 1
    ├── BadRequest            400   exit 2   a parameter is wrong
    ├── Unauthorised          401   exit 1
    ├── Forbidden             403   exit 1
    ├── NotFound              404   exit 1
    ├── NotAllowed            405   exit 1
    ├── Conflict              409   exit 1   the state does not allow it
    ├── PreconditionFailed    412   exit 1   somebody else changed it first
    ├── TooLarge              413   exit 5
    ├── UnsupportedMedia      415   exit 5
    ├── Refused               422   exit 5   the data is refused
    │   └── Unprocessable     422   exit 5
    └── Unavailable           503   exit 1   try again later

Each class carries the HTTP status and the command's exit code, so that neither edge decides again.
"""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, ClassVar

import orjson


@dataclass(frozen=True)
class Text:
    """What is the matter, and what to do about it, in one language."""

    what: str
    do: str


@dataclass(frozen=True)
class Messages:
    """The same text in Chinese and in English."""

    zh: Text
    en: Text


@cache
def catalogue() -> dict[str, dict[str, dict[str, str]]]:
    """Every message code with its texts: the files of ``app/messages`` read as one."""
    codes: dict[str, dict[str, dict[str, str]]] = {}
    for file in sorted(resources.files("app.messages").iterdir(), key=lambda item: item.name):
        if file.name.endswith(".json"):
            codes |= orjson.loads(file.read_bytes())
    return codes


def message(code: str, /, **values: object) -> Messages:
    """The texts of ``code`` with ``values`` put in.

    Values are inserted as they are and never parsed as format strings, so that a parcel named
    ``{0.__class__}`` is printed and not evaluated.
    """
    texts = catalogue()[code]
    return Messages(*(Text(*(_fill(texts[lang][part], values) for part in ("what", "do"))) for lang in ("zh", "en")))


def _fill(template: str, values: dict[str, object]) -> str:
    for name, value in values.items():
        template = template.replace("{" + name + "}", str(value))
    return template


class LandbankError(Exception):
    """Something a person must be told about, by its message code."""

    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(
        self, code: str, *, parameter: str | None = None, extra: dict[str, Any] | None = None, **values: object
    ) -> None:
        """``parameter`` names the request parameter at fault; ``extra`` goes into the problem document."""
        self.code = code
        self.parameter = parameter
        self.extra = extra or {}
        self.values = values
        super().__init__(code, values)

    @property
    def messages(self) -> Messages:
        """What to tell the person."""
        return message(self.code, **self.values)


class BadRequest(LandbankError):
    """A parameter is missing, unknown or malformed."""

    status = 400
    exit_code = 2


class Unauthorised(LandbankError):
    """No key, or not one of ours."""

    status = 401


class Forbidden(LandbankError):
    """The key's role does not allow this."""

    status = 403


class NotFound(LandbankError):
    """No such thing."""

    status = 404


class NotAllowed(LandbankError):
    """The address exists, the method does not."""

    status = 405


class Conflict(LandbankError):
    """The thing is in a state that does not allow this."""

    status = 409


class PreconditionFailed(LandbankError):
    """Somebody else changed it first (If-Match)."""

    status = 412


class TooLarge(LandbankError):
    """More bytes than the limit."""

    status = 413
    exit_code = 5


class UnsupportedMedia(LandbankError):
    """Not a kind of content that this address takes."""

    status = 415
    exit_code = 5


class Refused(LandbankError):
    """The data was understood and is refused."""

    status = 422
    exit_code = 5


class Unprocessable(Refused):
    """The body is well formed and makes no sense."""


class Unavailable(LandbankError):
    """The service cannot answer now; trying again later is right."""

    status = 503
