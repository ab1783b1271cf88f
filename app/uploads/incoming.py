"""What a command is given, as files to upload: sidecars beside a file are taken along, a .gdb folder is zipped."""

import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from app.errors import BadRequest
from app.uploads.sniff import PARTS


@contextmanager
def incoming(paths: Sequence[Path]) -> Iterator[list[tuple[str, Path]]]:
    """Names and files to upload; a zip made of a .gdb folder is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="landbank-") as folder:
        chosen: dict[Path, None] = {}
        for path in paths:
            if path.is_dir() and path.suffix.lower() == ".gdb":
                chosen[_zipped(path, Path(folder) / f"{path.name}.zip")] = None
            elif path.is_file():
                chosen |= dict.fromkeys([path, *_beside(path)])
            else:
                raise BadRequest("file_not_found", parameter="file", name=path.name)
        yield [(path.name, path) for path in chosen]


def _beside(path: Path) -> list[Path]:
    """The other parts of a data set of several files, in whatever case they are written."""
    suffixes = PARTS.get(path.suffix.lower(), ())
    stem = path.stem.casefold()
    around = sorted(path.parent.iterdir()) if suffixes else []
    return [one for one in around if one.stem.casefold() == stem and one.suffix.lower() in suffixes]


def _zipped(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            if path.is_file():
                archive.write(path, f"{folder.name}/{path.name}")
    return target
