"""The worker beside a real service: it works what is large, ends with the service, and finishes what a kill left."""

import http.client
import io
import json
import shutil
import signal
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import embedded
from app.settings import Settings, load_settings
from app.uploads.running import SMALL_BYTES
from tests.platform.test_start import LANDBANK, ROOT, environment, free_port

KEY = "a key of an administrator for this test alone"


@pytest.fixture
def home() -> Iterator[Settings]:
    path = Path(tempfile.mkdtemp(prefix="landbank-worker-"))
    path.chmod(0o711)
    settings = load_settings(home=path)
    yield settings
    embedded.stop(settings)
    shutil.rmtree(path)


def serve(home: Settings, port: int) -> "subprocess.Popen[bytes]":
    """A service that has been asked and has answered; its worker beside it."""
    process = subprocess.Popen(
        [*LANDBANK, "up", "--no-demo", "--port", str(port)],
        env=environment(home) | {"LANDBANK_ADMIN_KEY": KEY},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    wait(lambda: ask(port, "/readyz")["hints"]["worker"] == "ok")
    return process


def ask(port: int, path: str, body: bytes | None = None) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET" if body is None else "POST", path, body, {"X-API-Key": KEY})
        document: dict[str, Any] = json.load(connection.getresponse())
    finally:
        connection.close()
    return document


def wait(whether: Any) -> None:
    """Until it is so, for as long as a busy machine may take."""
    for _ in range(1200):
        try:
            if whether():
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError("it never came to be so")


def large(name: str) -> bytes:
    """A sample with something beside it that makes it a large file."""
    body = io.BytesIO((ROOT / "sample_parcels" / name).read_bytes())
    with zipfile.ZipFile(body, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr("read me.txt", b"." * (SMALL_BYTES + 1))
    return body.getvalue()


def post(port: int, name: str, collection: str) -> int:
    query = f"/uploads?filename={name}&collection={collection}&commit=auto"
    received = ask(port, query, large(name))
    assert received["state"] == "received"
    identity: int = received["id"]
    return identity


def state(port: int, upload: int) -> str:
    return str(ask(port, f"/uploads/{upload}")["state"])


def children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text("ascii").split()]
    return [child for child in found if b"worker" in Path(f"/proc/{child}/cmdline").read_bytes()]


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_large_file_is_worked_beside_the_service_and_after_its_kill(home: Settings) -> None:
    port = free_port()
    service = serve(home, port)
    try:
        [worker] = children(service.pid)
        first = post(port, "districts.zip", "districts")
        wait(lambda: state(port, first) == "committed")
        second = post(port, "sub_districts.zip", "sub-districts")
    finally:
        service.send_signal(signal.SIGKILL)
        service.communicate()
    wait(lambda: gone(worker))
    again = serve(home, port)
    try:
        wait(lambda: state(port, second) == "committed")
        assert state(port, first) == "committed"
        [worker] = children(again.pid)
    finally:
        again.send_signal(signal.SIGTERM)
        again.communicate(timeout=120)
    assert again.returncode == 0
    assert gone(worker)
    assert embedded.status(home) == embedded.Status(running=False, serving=False, pid=None)


def test_a_worker_alone_ends_in_order(home: Settings) -> None:
    made = subprocess.run(
        [*LANDBANK, "db", "migrate"], env=environment(home), cwd=ROOT, capture_output=True, check=False
    )
    assert made.returncode == 0, made.stderr
    worker = subprocess.Popen([*LANDBANK, "worker"], env=environment(home), cwd=ROOT, stdin=subprocess.DEVNULL)
    try:
        wait(lambda: embedded.status(home).running)
        doctor = [*LANDBANK, "doctor", "--json"]

        def lives() -> bool:
            told = subprocess.run(doctor, env=environment(home), cwd=ROOT, capture_output=True, check=False)
            checks = {check["name"]: check["found"] for check in json.loads(told.stdout)}
            return bool(checks["queue_worked"] == "0 waiting, 1 workers")

        wait(lives)
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.communicate(timeout=120)
    assert worker.returncode == 0
    assert not embedded.status(home).running
