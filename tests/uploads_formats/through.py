"""Files through the real child process: GDAL's drivers are held to the allow-list there, and only there."""

import json
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import shapely

from app.uploads.catalogue import Catalogue
from app.uploads.child import run_prepare
from app.uploads.prepare import Job, Prepared
from tests.uploads_prepare.drawn_files import CATEGORIES

MAPPING = {"fields": {"code": "$row"}, "constants": {"programme": "consolidation", "land_category": "other"}}
X, Y = 503_000.0, 2_494_000.0


@dataclass(frozen=True)
class Through:
    """What came of a file: what was prepared, and the rows that were staged."""

    prepared: Prepared
    rows: list[dict[str, Any]]

    @property
    def codes(self) -> list[str]:
        return [finding.code for finding in self.prepared.findings]

    @property
    def against(self) -> list[tuple[str, int | None]]:
        found = self.prepared.findings
        return [(finding.code, finding.row) for finding in found if finding.severity == "refuse"]

    @property
    def shapes(self) -> list[Any]:
        return [shapely.from_wkb(row["geom"]) for row in self.rows]

    def values(self, code: str) -> dict[str, str]:
        return next(finding.values for finding in self.prepared.findings if finding.code == code)

    def column(self, name: str) -> list[Any]:
        return [json.loads(row["attributes"]).get(name) for row in self.rows]


def upload(paths: Path | Sequence[Path], **options: Any) -> Through:
    """Prepare files as the service does; every row is either staged or refused."""
    files = [paths] if isinstance(paths, Path) else list(paths)
    storage = options.pop("storage", 4547)
    mapping = options.pop("mapping", MAPPING)
    job = Job(
        "parcels", [(path.name, path) for path in files], storage, Catalogue(CATEGORIES), mapping=mapping, **options
    )
    with tempfile.TemporaryDirectory() as folder:
        prepared = run_prepare(job, Path(folder))
        assert prepared.read == prepared.staged + prepared.refused
        if not prepared.rows.is_file():
            return Through(prepared, [])
        with pa.OSFile(str(prepared.rows), "rb") as source:
            rows = pa.ipc.open_file(source).read_all().to_pylist()
    return Through(prepared, rows)


def write(path: Path, text: str | dict[str, Any] | bytes) -> Path:
    content = json.dumps(text, ensure_ascii=False) if isinstance(text, dict) else text
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def zipped(folder: Path, target: Path) -> Path:
    """A folder as a zip that holds it."""
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, f"{folder.name}/{path.relative_to(folder)}")
    return target
