"""The child's side: fences first, then the job."""

import ctypes
import gc
import os
import resource
import sys
from pathlib import Path
from typing import Any

import orjson

from app.uploads import drivers

_CLONE_NEWUSER, _CLONE_NEWNET, _CLONE_NEWIPC = 0x10000000, 0x40000000, 0x08000000
_PR_SET_NO_NEW_PRIVS, _PR_SET_DUMPABLE = 38, 4
NOBODY = 65534
_OTHERS_READ = 0o4
_OTHERS_ENTER = 0o1


def main(private: str) -> None:
    """Fence this process in, run the job of ``private/job.json``, write ``private/result.json``."""
    home = Path(private)
    # Hundreds of thousands of geometries, no cycles, one job: looking for garbage would take a third of the time.
    gc.disable()
    order = orjson.loads((home / "job.json").read_bytes())
    limit(order["limits"])
    cut_network()
    drop_privileges(home)
    drivers.restrict()
    sys.meta_path.insert(0, _NoPandas())
    result = _outcome(order["kind"], order["job"], home)
    (home / "result.json").write_bytes(orjson.dumps(result))
    # Interpreter shutdown of large arrays costs time and can say nothing more.
    sys.stderr.flush()


class _NoPandas:
    """Where pandas is installed, pyarrow spends a second and 60 MB on it to ask whether values are its."""

    @staticmethod
    def find_spec(name: str, _path: Any, _target: Any = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


def limit(limits: dict[str, Any]) -> None:
    """Address space, processor, file size, open files; no core dump, which would hold the upload."""
    for name, value in (
        (resource.RLIMIT_AS, limits["memory"]),
        (resource.RLIMIT_CPU, limits["processor"]),
        (resource.RLIMIT_FSIZE, limits["file"]),
        (resource.RLIMIT_NOFILE, limits["open_files"]),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(name)
        lowest = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(name, (lowest, lowest))
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_SET_DUMPABLE, 0)


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def cut_network() -> bool:
    """Leave for a network namespace that holds nothing; False where the kernel or a container forbids it."""
    libc = ctypes.CDLL(None, use_errno=True)
    flags = _CLONE_NEWNET | _CLONE_NEWIPC
    return bool(libc.unshare(flags) == 0 or libc.unshare(flags | _CLONE_NEWUSER) == 0)


def drop_privileges(home: Path) -> bool:
    """As root, become nobody, where nobody can read this interpreter and its packages; False otherwise."""
    if os.geteuid() != 0 or not all(_readable(Path(path)) for path in (sys.executable, *sys.path) if path):
        return False
    for path in (home, *home.iterdir()):
        os.chown(path, NOBODY, NOBODY)
    try:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    except OSError:  # a user namespace that maps nobody else
        return False
    return True


def _readable(path: Path) -> bool:
    """Whether everyone may read a file or folder, and enter the folders above it."""
    if not path.exists():
        return True
    real = path.resolve()
    entered = all(folder.stat().st_mode & _OTHERS_ENTER for folder in real.parents)
    return entered and bool(real.stat().st_mode & _OTHERS_READ)


def _outcome(kind: str, job: dict[str, Any], home: Path) -> dict[str, Any]:
    """The result, or the code of what is to be told. Anything unforeseen ends the process: the parent tells that."""
    from app.errors import LandbankError  # noqa: PLC0415 - nothing heavy is imported before the fences stand
    from app.uploads import exchange  # noqa: PLC0415

    try:
        return {"result": exchange.run(kind, job, home)}
    except MemoryError:
        return {"error": "file_too_heavy", "values": {}}
    except LandbankError as error:
        return {"error": error.code, "values": {name: str(value) for name, value in error.values.items()}}
