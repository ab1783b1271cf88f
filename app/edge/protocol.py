"""HTTP/1.1 with deadlines of receipt, which uvicorn lacks: silent, stalled and trickling clients are closed.

Headers must be complete 10 s after their first byte (or after connecting). A body must bring at least 15 kB in each
15 s, so that an idle one is closed within 30 s; time during which the service itself holds reading back does not
count. A client that goes on sending after its answer may send 4 MiB or 2 s more, so that it can read the answer.
"""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS = 10.0
BODY_WINDOW_SECONDS = 15.0
BODY_WINDOW_BYTES = 15_000
LINGER_SECONDS = 2.0
LINGER_BYTES = 4 << 20


class DeadlineProtocol(H11Protocol):
    """uvicorn's protocol, closed by timers."""

    header_seconds = HEADER_SECONDS
    body_window_seconds = BODY_WINDOW_SECONDS
    body_window_bytes = BODY_WINDOW_BYTES
    linger_seconds = LINGER_SECONDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Timers: one for the headers, one for the body's window, one after an early answer."""
        super().__init__(*args, **kwargs)
        self._header_timer: asyncio.TimerHandle | None = None
        self._body_timer: asyncio.TimerHandle | None = None
        self._linger_timer: asyncio.TimerHandle | None = None
        self._window_bytes = 0
        self._lingering_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """The clock for the first headers starts with the connection."""
        super().connection_made(transport)
        self._header_timer = self.loop.call_later(self.header_seconds, self._close)

    def connection_lost(self, exc: Exception | None) -> None:
        """No timer outlives the connection."""
        for timer in (self._header_timer, self._body_timer, self._linger_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what came, then see which deadline applies."""
        self._window_bytes += len(data)
        if self._linger_timer is not None:
            self._lingering_bytes += len(data)
            if self._lingering_bytes > LINGER_BYTES:
                self._close()
                return
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """After an answer to a body that is still arriving, close soon; else wait for the next request."""
        unread = self.conn.their_state is h11.SEND_BODY
        super().on_response_complete()
        if self.transport.is_closing():
            return
        if unread:
            self._unset_keepalive_if_required()
            self._linger_timer = self.loop.call_later(self.linger_seconds, self._close)
        self._watch()

    def _watch(self) -> None:
        state = self.conn.their_state
        waiting = state is h11.IDLE
        if not waiting and self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None
        elif waiting and self._header_timer is None and self.conn.trailing_data[0]:
            # Armed by the first byte of the next request and not moved by later ones.
            self._header_timer = self.loop.call_later(self.header_seconds, self._close)
        if state is h11.SEND_BODY and self._linger_timer is None:
            if self._body_timer is None:
                self._open_window()
        elif self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None

    def _open_window(self) -> None:
        self._window_bytes = 0
        self._body_timer = self.loop.call_later(self.body_window_seconds, self._end_window)

    def _end_window(self) -> None:
        held_back = self.flow.read_paused
        if self._window_bytes < self.body_window_bytes and not held_back:
            self._close()
        else:
            self._open_window()

    def _close(self) -> None:
        self.transport.close()
