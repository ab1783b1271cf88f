"""Where uploads are opened: a child process without network, secrets or privileges, with limits, killed on overrun.

The parent starts it, hands over a job as JSON and takes JSON and Arrow files back; nothing that the child writes is
unpickled or executed. Limits are set by the child's own first lines, before it looks at the job.
"""

import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from app.errors import Refused
from app.uploads import mapping, progress
from app.uploads.cutting import CutJob, Piece
from app.uploads.exchange import job_to_json, overlay_to_json, prepared_from_json, refused_to_json
from app.uploads.findings import Finding
from app.uploads.lineage.drawing import DrawJob, Drawn, drawn_from_json
from app.uploads.overlaying import Overlaid, OverlayJob
from app.uploads.prepare import Job, Prepared, paths
from app.uploads.refused_rows import RefusedJob

_ROOT = Path(__file__).resolve().parents[2]
_START = "import sys; sys.path.insert(0, sys.argv[1]); from app.uploads.worker import main; main(sys.argv[2])"
_PASSED_ON = ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")
"""Nothing of the parent's environment goes in but these: test runs measure the child's lines too."""
_SAID = 4_000
LOOK_SECONDS = 0.2
STEPS_FILE = "steps"
"""The file in the child's folder to which it adds the name of each step that begins, one a line."""
NOTED_BYTES = 1000
REFUSED_SUFFIXES = {suffix: suffix for suffix in (".zip", ".csv", ".xlsx")}
"""Endings that the child may name; it is not trusted with others."""
_OVERRUN = {-signal.SIGKILL, -signal.SIGXCPU, -signal.SIGXFSZ}
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """What one job may take: bytes of address space and of one file, seconds of processor and of wall clock."""

    memory: int = 2 * 1024**3
    processor: int = 600
    file: int = 4 * 1024**3
    open_files: int = 128
    wall: float = 600.0


LIMITS = Limits()
DRAWN = Limits(processor=60, wall=60.0)
"""A few outlines, while somebody waits and the publish lock is held."""


def run_prepare(job: Job, workdir: Path, limits: Limits = LIMITS) -> Prepared:
    """Prepare a file in the child. ``workdir`` is the caller's and holds the prepared files afterwards.

    A job that overruns or breaks the child comes back as a refused file (``file_too_heavy``, ``reader_crashed``).
    Raises ``BadRequest`` for a mapping that makes no sense.
    """
    mapping.parse(job.mapping, job.collection)
    with _private() as private:
        files = _handed(private, job.files)
        try:
            found = _run(private, "prepare", job_to_json(replace(job, files=files)), limits)
        except Refused as error:
            values = {name: str(value) for name, value in error.values.items()}
            finding = Finding(error.code, "refuse", values=values)
            nothing = {"refuse": 1, "warn": 0, "note": 0}
            return Prepared(*paths(workdir), [finding], nothing)
        prepared = prepared_from_json(found, workdir)
        for path in paths(workdir):
            shutil.move(private / path.name, path)
        return prepared


def run_overlay(job: OverlayJob, limits: Limits = LIMITS) -> Overlaid:
    """Overlay outlines in the child. Raises ``Refused``, such as ``overlay_too_heavy`` or ``file_too_heavy``."""
    with _private() as private:
        return Overlaid.from_json(_run(private, "overlay", overlay_to_json(job), limits))


def run_cut(job: CutJob, limits: Limits = LIMITS) -> list[Piece]:
    """Cut outlines along place borders in the child. Raises ``Refused`` as :func:`run_overlay` does."""
    with _private() as private:
        return [Piece.from_json(row) for row in _run(private, "cut", job.to_json(), limits)["pieces"]]


def run_draw(job: DrawJob, limits: Limits = DRAWN) -> Drawn:
    """Compare drawn outlines with present ones in the child. Raises ``Refused`` as :func:`run_overlay` does."""
    with _private() as private:
        return drawn_from_json(_run(private, "draw", job.to_json(), limits))


def run_refused(job: RefusedJob, limits: Limits = LIMITS) -> tuple[bytes, str]:
    """The refused rows of a file as a file, and the ending of its name. Raises ``Refused``."""
    with _private() as private:
        files = _handed(private, job.files)
        found = _run(private, "refused", refused_to_json(replace(job, files=files)), limits)
        return (private / "refused").read_bytes(), REFUSED_SUFFIXES[found["suffix"]]


def _handed(private: Path, files: Sequence[tuple[str, Path]]) -> list[tuple[str, Path]]:
    """Copies of files in the child's own folder, under names of ours."""
    handed = []
    for number, (name, path) in enumerate(files):
        copy = private / f"input-{number:03d}"
        shutil.copyfile(path, copy)
        handed.append((name, copy))
    return handed


@contextmanager
def _private() -> Iterator[Path]:
    """A folder of the child's own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="landbank-") as name:
        yield Path(name)


def _run(private: Path, kind: str, job: dict[str, Any], limits: Limits) -> Any:
    """Start the child on a job and wait; its result, or ``Refused``."""
    (private / "job.json").write_bytes(orjson.dumps({"kind": kind, "limits": asdict(limits), "job": job}))
    job.clear()  # outlines of a whole district: not to be held twice while the child works
    command = [sys.executable, "-I", "-c", _START, str(_ROOT), str(private)]
    code, said = _wait(command, private, limits)
    if code in _OVERRUN:
        raise Refused("file_too_heavy")
    result = private / "result.json"
    if code != 0 or not result.is_file():
        _LOG.error("upload worker ended with %s: %s", code, said)
        raise Refused("reader_crashed")
    answer = orjson.loads(result.read_bytes())
    if "error" in answer:
        raise Refused(answer["error"], **answer["values"])
    return answer["result"]


def _wait(command: list[str], private: Path, limits: Limits) -> tuple[int, str]:
    """The child's exit code and the end of what it said; the whole session is killed when time is up."""
    with (private / "said").open("wb") as said:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own code
            command, cwd=private, env=_environment(private), stdin=subprocess.DEVNULL, stdout=said, stderr=said,
            start_new_session=True, close_fds=True,
        )  # fmt: skip
        try:
            code = _watched(process, private / STEPS_FILE, limits.wall)
        finally:
            _kill(process)
    return code, (private / "said").read_bytes()[-_SAID:].decode("utf-8", "replace")


def _watched(process: subprocess.Popen[bytes], steps: Path, wall: float) -> int:
    """The child's exit code, or that of a kill when time is up. The steps that it notes are passed on, each of them."""
    end = time.monotonic() + wall
    code, passed_on = None, 0
    while code is None:
        try:
            code = process.wait(min(LOOK_SECONDS, max(end - time.monotonic(), 0.0)))
        except subprocess.TimeoutExpired:
            code = -signal.SIGKILL if time.monotonic() > end else None
            progress.still()
        noted = _noted(steps)
        for step in noted[passed_on:]:
            progress.begin(step)
        passed_on = len(noted)
    return code


def _noted(steps: Path) -> list[str]:
    """The steps that the child has noted, one a line; it is not trusted with anything else."""
    if not steps.is_file():
        return []
    with steps.open("rb") as file:
        lines = file.read(NOTED_BYTES).decode("ascii", "replace").split("\n")
    return [line for line in lines[:-1] if line in progress.STEPS]


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the child and whatever it may have started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
    process.wait()


def _environment(private: Path) -> dict[str, str]:
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    own = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(private), "TMPDIR": str(private)}
    # One thread each: thread pools reserve address space that the limit counts.
    threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"}
    return passed_on | own | threads | {"PYTHONDONTWRITEBYTECODE": "1"}
