"""Hostile jobs run through the real child; only what it runs is swapped, in the child itself."""

import socket
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import shapely

from app.errors import BadRequest, Refused
from app.uploads import child
from app.uploads.catalogue import Catalogue
from app.uploads.child import Limits, run_overlay, run_prepare
from app.uploads.overlaying import Outlines, OverlayJob
from app.uploads.prepare import Job
from tests.uploads_prepare.drawn_files import CATEGORIES, square, write

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = (
    "import sys; sys.path.insert(0, sys.argv[1]); import app.uploads.worker as worker\n"
    "def bad(kind, job, home):\n    {}\nworker._outcome = bad\nworker.main(sys.argv[2])"
)


def hostile(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.setattr(child, "_START", HOSTILE.replace("{}", line, 1))


def job(tmp_path: Path, **options: Any) -> Job:
    folder = tmp_path / "in"
    folder.mkdir()
    files = write(folder, [square(0), square(1)], {"code": ["A", "B"], "category": ["other", "其他"]})
    return Job("renewal-parcels", files, 4547, Catalogue(CATEGORIES), crs="4547", **options)


def test_a_file_goes_in_and_rows_come_out(tmp_path: Path) -> None:
    found = run_prepare(job(tmp_path), tmp_path)
    assert (found.read, found.staged) == (2, 2)
    assert found.rows.stat().st_size > 0


@pytest.mark.parametrize(
    ("line", "limits", "code"),
    [
        ("raise RuntimeError('secret')", Limits(), "reader_crashed"),
        ("import os; os.abort()", Limits(), "reader_crashed"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", Limits(), "reader_crashed"),
        ("while True: pass", Limits(processor=1), "file_too_heavy"),
        ("import time; time.sleep(60)", Limits(wall=1.0), "file_too_heavy"),
        ("open(home / 'x', 'wb').write(bytes(10**7))", Limits(file=10**6), "reader_crashed"),
    ],
)
def test_what_breaks_or_overruns_the_child_is_a_refused_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, limits: Limits, code: str
) -> None:
    hostile(monkeypatch, line)
    found = run_prepare(job(tmp_path), tmp_path, limits)
    [finding] = found.findings
    assert (finding.code, finding.row) == (code, None)
    assert "secret" not in finding.messages.en.what


def test_a_memory_hog_is_a_file_too_heavy(tmp_path: Path) -> None:
    found = run_prepare(job(tmp_path), tmp_path, Limits(memory=150 * 1024**2))
    assert found.findings[0].code in {"file_too_heavy", "reader_crashed"}


def test_the_child_has_no_network_and_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        allowed = subprocess.run(["unshare", "-rn", "true"], check=False).returncode == 0
        line = (
            f"import os, socket; code = socket.socket().connect_ex(('127.0.0.1', {port}));"
            " return {'error': 'env' if 'DATABASE_URL' in os.environ else f'net{code == 0}', 'values': {}}"
        )
        hostile(monkeypatch, line)
        with pytest.raises(Refused) as caught:
            run_overlay(OverlayJob(4547, Outlines([], [], []), Outlines([], [], []), [], []))
    assert caught.value.code == ("netFalse" if allowed else "netTrue")


def test_a_senseless_mapping_is_the_requests_fault(tmp_path: Path) -> None:
    with pytest.raises(BadRequest) as caught:
        run_prepare(job(tmp_path, mapping={"fields": {"colour": "x"}}), tmp_path)
    assert caught.value.values["key"] == "fields.colour"


def test_overlaps_come_back_as_pairs_and_faces() -> None:
    boxes = [shapely.to_wkb(shapely.box(500_000 + x, 2_500_000, 500_100 + x, 2_500_100)) for x in (0, 50, 60)]
    new = Outlines([3, 2], ["surface"] * 2, [bytes(boxes[0]), bytes(boxes[1])])
    stored = Outlines([1], ["surface"], [bytes(boxes[2])])
    found = run_overlay(OverlayJob(4547, new, stored, [], []))
    assert {frozenset((pair.a, pair.b)) for pair in found.pairs} == {frozenset(p) for p in ((2, 3), (1, 3), (1, 2))}
    assert {face.members for face in found.faces} == {(1, 2), (2, 3), (1, 2, 3)}


VRT = (
    '<OGRVRTDataSource><OGRVRTLayer name="x"><SrcDataSource>/etc/passwd</SrcDataSource></OGRVRTLayer>'
    "</OGRVRTDataSource>"
)


@pytest.mark.parametrize("suffix", ["shp", "geojson", "gpkg", "kml", "fgb", "dxf", "txt", "vrt"])
@pytest.mark.parametrize("zipped", [False, True])
def test_a_vrt_under_any_name_is_never_opened(tmp_path: Path, suffix: str, zipped: bool) -> None:
    path = tmp_path / f"probe.{suffix}"
    path.write_text(VRT)
    if zipped:
        with zipfile.ZipFile(tmp_path / "probe.zip", "w") as archive:
            archive.write(path, path.name)
            archive.write(path, "probe.dbf")
        path = tmp_path / "probe.zip"
    out = tmp_path / "out"
    out.mkdir()
    found = run_prepare(Job("parcels", [(path.name, path)], 4547), out)
    assert found.staged == 0
    assert any(one.severity == "refuse" and one.row is None for one in found.findings)
    assert "root:" not in repr(found.findings)


def test_only_the_allowed_drivers_are_registered() -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\nfrom app.uploads import drivers\n"
        "found = set(drivers.gdal().list_drivers())\nassert found <= drivers.ALLOWED and 'GPKG' in found, found"
    )
    subprocess.run([sys.executable, "-I", "-c", script, str(ROOT)], check=True)
    unskipped = script.replace("found = set", "drivers.ENVIRONMENT.clear()\nfound = set")
    assert (
        subprocess.run(
            [sys.executable, "-I", "-c", unskipped, str(ROOT)], check=False, stderr=subprocess.DEVNULL
        ).returncode
        != 0
    )
