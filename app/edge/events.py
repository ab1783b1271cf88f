"""Server-sent events: a client that waits is told of each change as it comes, until the end."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import anyio.to_thread
import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

HEAD = "landbank.head"
"""Set in the scope of a request whose answer goes out without its body."""
LOOK_SECONDS = 0.5
SILENT_LOOKS = 30
"""After so many looks without a change a comment is sent, so that proxies keep the connection."""


def event_stream(request: Request, look: Callable[[], tuple[dict[str, Any], bool]]) -> Response:
    """An answer that sends what ``look`` gives whenever it has changed, until it says that this was the last.

    ``look`` is called in a thread, again and again, and opens what it needs itself. A service that stops ends the
    stream; the client then asks again.
    """
    # A proxy that gathers an answer before it passes it on would tell everything at once.
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(request, look), headers=headers, media_type="text/event-stream")


async def _events(request: Request, look: Callable[[], tuple[dict[str, Any], bool]]) -> AsyncIterator[bytes]:
    last: dict[str, Any] | None = None
    silent = 0
    while True:
        document, ended = await anyio.to_thread.run_sync(look)
        silent += 1
        if document != last:
            last, silent = document, 0
            yield b"data: " + orjson.dumps(document) + b"\n\n"
        elif silent % SILENT_LOOKS == 0:
            yield b": still\n\n"
        if ended or request.app.state.closing.is_set() or HEAD in request.scope:
            return
        await anyio.sleep(LOOK_SECONDS)
