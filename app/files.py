"""Originals and documents, kept by content: ``files/ab/abcd…``. Written once, never changed."""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from app.errors import Unavailable

_CHUNK = 1 << 20
FREE_BYTES = 500 * 1024**2
"""Below this, nothing new is taken in: PostgreSQL without room for its log stops for everybody."""


def keep(root: Path, source: Path) -> str:
    """Copy a file into the store; its SHA-256. Raises ``Unavailable`` when the disk is nearly full."""
    root.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(root).free < FREE_BYTES + source.stat().st_size:
        raise Unavailable("disk_nearly_full")
    digest = hashlib.sha256()
    descriptor, name = tempfile.mkstemp(dir=root)
    with os.fdopen(descriptor, "wb") as target, source.open("rb") as original:
        while chunk := original.read(_CHUNK):
            digest.update(chunk)
            target.write(chunk)
        target.flush()
        os.fsync(target.fileno())
    sha256 = digest.hexdigest()
    final = path_of(root, sha256)
    final.parent.mkdir(exist_ok=True)
    Path(name).replace(final)
    return sha256


def path_of(root: Path, sha256: str) -> Path:
    """Where the content of a SHA-256 lies."""
    return root / sha256[:2] / sha256
