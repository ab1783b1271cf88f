"""Answers kept in memory: the same question about the same knowledge has the same bytes.

Each process keeps its own. What a key names must say everything that the answer depends on, so that nothing kept is
ever wrong: after a publication questions name another moment, and what was kept for the one before is pushed out.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock

from starlette.responses import Response

from app.edge.responses import body_etag

LIMIT_BYTES = 64 << 20
_LARGEST_SHARE = 8
"""One answer takes at most this part of the whole, so that a huge one does not push out all others."""


class KeptAnswers:
    """At most ``limit`` bytes of answers; those asked for longest ago go first. Threads share it."""

    def __init__(self, limit: int = LIMIT_BYTES) -> None:
        """``limit``: bytes of bodies."""
        self.limit, self.size = limit, 0
        self._kept: OrderedDict[Hashable, Response] = OrderedDict()
        self._lock = Lock()

    def answer(self, key: Hashable, make: Callable[[], Response]) -> Response:
        """The answer kept under ``key``, else the one that ``make`` gives, which is kept."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
        if found is None:
            found = make()
            found.headers.setdefault("ETag", body_etag(found))
            self._keep(key, found)
        # Each request has headers of its own.
        copy = Response(found.body, found.status_code)
        copy.raw_headers = list(found.raw_headers)
        return copy

    def _keep(self, key: Hashable, made: Response) -> None:
        size = len(made.body)
        if size * _LARGEST_SHARE > self.limit:
            return
        with self._lock:
            before = self._kept.pop(key, None)
            self.size += size - (0 if before is None else len(before.body))
            self._kept[key] = made
            while self.size > self.limit:
                _, oldest = self._kept.popitem(last=False)
                self.size -= len(oldest.body)
