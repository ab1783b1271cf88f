"""The real server on a real socket: deadlines of receipt, early answers, and a clean end."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI

from app.edge.protocol import DeadlineProtocol
from app.settings import Settings

PATIENCE_SECONDS = 60


class Hurried(DeadlineProtocol):
    """The same protocol with deadlines that a test can wait for."""

    header_seconds = 0.3
    body_window_seconds = 0.3
    linger_seconds = 0.3


@contextmanager
def served(app: FastAPI, protocol: type[DeadlineProtocol]) -> Iterator[tuple[str, int]]:
    config = uvicorn.Config(app, port=0, http=protocol, ws="none", log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield listening.getsockname()
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@pytest.fixture
def hurried(app: FastAPI) -> Iterator[tuple[str, int]]:
    with served(app, Hurried) as address:
        yield address


def until_closed(connection: socket.socket) -> bytes:
    """Everything that the server sends until it closes; the test fails when it never does."""
    connection.settimeout(PATIENCE_SECONDS)
    received = b""
    try:
        while data := connection.recv(1 << 16):
            received += data
    except ConnectionResetError:
        pass
    return received


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /heal",
    ],
)
def test_silent_and_stalled_headers_are_closed(hurried: tuple[str, int], beginning: bytes) -> None:
    with socket.create_connection(hurried) as connection:
        connection.sendall(beginning)
        received = until_closed(connection)
    assert received.count(b"HTTP/1.1 200 OK") == beginning.count(b"\r\n\r\n")


def test_trickled_headers_are_closed(hurried: tuple[str, int]) -> None:
    """A byte now and then does not move the deadline."""
    with socket.create_connection(hurried) as connection:
        connection.settimeout(0.05)
        connection.sendall(b"GET /healthz HTTP/1.1\r\n")
        for _ in range(20 * PATIENCE_SECONDS):
            try:
                connection.sendall(b"X")
                if connection.recv(1) == b"":
                    return
            except TimeoutError:
                continue
            except (BrokenPipeError, ConnectionResetError):
                return
    pytest.fail("the connection is still open")


def test_a_stalled_body_is_closed(hurried: tuple[str, int], keys: dict[str, str]) -> None:
    head = (
        "POST /probe/files?filename=a.zip HTTP/1.1\r\nHost: x\r\n"
        f"X-API-Key: {keys['editor']}\r\nContent-Length: 100000\r\n\r\n"
    )
    with socket.create_connection(hurried) as connection:
        connection.sendall(head.encode() + b"x" * 1000)
        assert b"200 OK" not in until_closed(connection)


def test_whole_requests_are_served_one_after_the_other(hurried: tuple[str, int], keys: dict[str, str]) -> None:
    head = (
        "POST /probe/files?filename=a.zip HTTP/1.1\r\nHost: x\r\n"
        f"X-API-Key: {keys['editor']}\r\nContent-Length: 200000\r\n\r\n"
    )
    with socket.create_connection(hurried) as connection:
        connection.sendall((head.encode() + b"x" * 200_000) * 2 + b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        received = until_closed(connection)
    assert received.count(b"HTTP/1.1 200 OK") == 3


class Lenient(DeadlineProtocol):
    """Looks often, and is content with nothing."""

    body_window_seconds = 0.02
    body_window_bytes = 0


def test_a_body_that_keeps_coming_is_waited_for(app: FastAPI, keys: dict[str, str]) -> None:
    head = (
        "POST /probe/files?filename=a.zip HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"X-API-Key: {keys['editor']}\r\nContent-Length: 2000\r\n\r\n"
    )
    with served(app, Lenient) as address, socket.create_connection(address) as connection:
        connection.sendall(head.encode() + b"x" * 1000)
        # Long enough for several windows to end.
        time.sleep(0.5)
        connection.sendall(b"x" * 1000)
        assert until_closed(connection).startswith(b"HTTP/1.1 200 OK")


def test_an_answer_that_breaks_off_is_not_taken_for_whole(hurried: tuple[str, int]) -> None:
    with socket.create_connection(hurried) as connection:
        connection.sendall(b"GET /probe/broken-stream HTTP/1.1\r\nHost: x\r\n\r\n")
        received = until_closed(connection)
    assert b"begun" in received
    # The last chunk of a whole chunked body is empty.
    assert not received.endswith(b"0\r\n\r\n")


def test_a_refused_sender_can_read_why(hurried: tuple[str, int]) -> None:
    """The 401 comes while the body is still being sent, and the connection ends soon after."""
    with socket.create_connection(hurried) as connection:
        connection.sendall(b"POST /probe/files?filename=a HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000000\r\n\r\n")
        connection.sendall(b"x" * 100_000)
        received = until_closed(connection)
    assert received.startswith(b"HTTP/1.1 401")
    assert b"key_missing" in received


def test_an_endless_sender_is_cut_off(app: FastAPI) -> None:
    with served(app, DeadlineProtocol) as address, socket.create_connection(address) as connection:
        connection.settimeout(PATIENCE_SECONDS)
        connection.sendall(b"POST /probe/files?filename=a HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000000\r\n\r\n")
        sent = 0
        with suppress(BrokenPipeError, ConnectionResetError):
            while sent < 9_000_000_000:
                connection.sendall(b"x" * 1_000_000)
                sent += 1_000_000
        # What the deadline lets through and what two sockets hold is a few megabytes of the nine thousand.
        assert sent < 100_000_000


def test_sigterm_ends_the_service_and_what_follows_it_runs(edge_settings: Settings, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    done = tmp_path / "done"
    program = (
        "import sys\nfrom pathlib import Path\nfrom app.main import serve\nfrom app.settings import load_settings\n"
        "serve(load_settings(), '127.0.0.1', int(sys.argv[1]))\nPath(sys.argv[2]).touch()\n"
    )
    assert edge_settings.database_url is not None
    environment = os.environ | {
        "DATABASE_URL": edge_settings.database_url.get_secret_value(),
        "LANDBANK_HOME": str(tmp_path),
    }
    with subprocess.Popen(
        [sys.executable, "-c", program, str(port), str(done)], env=environment, stderr=subprocess.PIPE
    ) as process:
        answered = _wait_for(port, process)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_SECONDS)
    assert answered.startswith(b"HTTP/1.1 200 OK")
    assert process.returncode == 0
    assert done.exists()


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> bytes:
    while process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                return until_closed(connection)
        except ConnectionRefusedError:
            continue
    pytest.fail("the service did not start")
