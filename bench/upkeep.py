"""What the roll-up costs a commit: 1,000 parcels into whatever is there, the roll-up's part timed within it."""

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pydantic import SecretStr
from starlette.testclient import TestClient

from app import embedded
from app.main import create_app
from app.settings import load_settings
from app.uploads import publish_parcels
from bench import make_parcels
from bench.house import ADMIN_KEY, LANDBANK, Home, timed
from bench.upload import MAPPING

COUNT, ROUNDS = 1000, 5
BESIDE = 6000.0
"""Metres west of the rest, so that nothing overlaps; each round lies beside the one before."""


def measure(home: Home) -> None:
    """Commit ``ROUNDS`` uploads and print how long each took, and the roll-up within it."""
    url = SecretStr(embedded.urls(home.settings).app)
    settings = load_settings(home=home.settings.home, database_url=url, admin_key=SecretStr(ADMIN_KEY))
    timed([LANDBANK, "reference", "load"], home.environment)
    parts: list[float] = []
    kept = publish_parcels.append_rollup
    publish_parcels.append_rollup = _timed(kept, parts)
    try:
        with TestClient(create_app(settings), headers={"X-API-Key": ADMIN_KEY}) as client:
            commits = [_commit(client, turn) for turn in range(ROUNDS)]
    finally:
        publish_parcels.append_rollup = kept
    whole, part = statistics.median(commits), statistics.median(parts)
    print(f"\ncommit of {COUNT} parcels: {whole:.0f} ms, the roll-up {part:.0f} ms of it, {100 * part / whole:.1f} %")


def _timed(function: Callable[..., None], found: list[float]) -> Callable[..., None]:
    def run(*arguments: Any) -> None:
        started = time.perf_counter()
        function(*arguments)
        found.append((time.perf_counter() - started) * 1000)

    return run


def _commit(client: TestClient, turn: int) -> float:
    """Milliseconds from asking for the commit of a checked upload to its answer."""
    parcels = make_parcels.make(COUNT, seed=turn)
    moved = shapely.transform(parcels.geometry, lambda points: points - [BESIDE * (turn + 1), 0.0])
    codes = np.array([f"U{turn}-{index}" for index in range(COUNT)], dtype=object)
    columns = parcels.columns | {"地块编号": codes}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "parcels.zip"
        make_parcels.write(make_parcels.Parcels(moved, columns), file)
        fields = {"collection": "parcels", "crs": "EPSG:4547", "mapping": json.dumps(MAPPING)}
        upload = client.post("/uploads", data=fields, files={"file": ("parcels.zip", file.read_bytes())}).json()
    if upload.get("state") != "checked":
        raise SystemExit(f"the upload was not accepted: {upload}")
    started = time.perf_counter()
    answer = client.post(f"/uploads/{upload['id']}/commit", json={"rows": "good"})
    elapsed = (time.perf_counter() - started) * 1000
    if answer.json().get("state") != "committed":
        raise SystemExit(f"the commit failed: {answer.text}")
    return elapsed
