"""Jobs and results as JSON, for the way into the child process and out of it. No pickle: the child is not trusted."""

from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

from app.uploads import progress
from app.uploads.catalogue import Catalogue, places_from_json, places_to_json
from app.uploads.cutting import CutJob, cut
from app.uploads.findings import Finding
from app.uploads.lineage.drawing import DrawJob, draw, drawn_to_json
from app.uploads.options import RECORD_COLLECTIONS
from app.uploads.overlaying import Outlines, OverlayJob, overlay
from app.uploads.prepare import Job, Prepared, paths, prepare
from app.uploads.prepare_records import prepare_records
from app.uploads.refused_rows import RefusedJob, refused_rows
from app.uploads.registered import Registered


def run(kind: str, job: dict[str, Any], home: Path) -> dict[str, Any]:
    """Do a job in the child; the result as JSON."""
    if kind == "prepare":
        asked = job_from_json(job)
        made = prepare_records if asked.collection in RECORD_COLLECTIONS else prepare
        with progress.told_to(lambda step, _share: _note(home, step)):
            return prepared_to_json(made(asked, home))
    if kind == "cut":
        return {"pieces": [piece.to_json() for piece in cut(CutJob.from_json(job))]}
    if kind == "refused":
        told = {int(row): text for row, text in job["told"].items()}
        files = [(name, Path(path)) for name, path in job["files"]]
        return refused_rows(RefusedJob(job["collection"], files, job["layer"], job["encoding"], told), home)
    if kind == "draw":
        return drawn_to_json(draw(DrawJob.from_json(job)))
    return overlay(overlay_from_json(job)).to_json()


def _note(home: Path, step: str) -> None:
    """Add a step to the file in which the parent looks for them."""
    with (home / "steps").open("a", encoding="ascii") as file:
        file.write(step + "\n")


def job_to_json(job: Job) -> dict[str, Any]:
    """A prepare job."""
    return {
        "collection": job.collection, "files": [[name, str(path)] for name, path in job.files], "srid": job.srid,
        "catalogue": job.catalogue.to_json(), "crs": job.crs, "encoding": job.encoding, "layer": job.layer,
        "mapping": job.mapping, "accepted": sorted(job.accepted), "max_features": job.max_features,
        "max_vertices": job.max_vertices,
        "slivers": job.slivers, "gap_width": job.gap_width, "registered": [one.to_json() for one in job.registered],
    }  # fmt: skip


def job_from_json(data: dict[str, Any]) -> Job:
    """The job that :func:`job_to_json` wrote."""
    return Job(
        data["collection"], [(name, Path(path)) for name, path in data["files"]], data["srid"],
        Catalogue.from_json(data["catalogue"]), data["crs"], data["encoding"], data["layer"], data["mapping"],
        frozenset(data["accepted"]), data["max_features"], data["max_vertices"],
        registered=[Registered.from_json(one) for one in data["registered"]], slivers=data["slivers"],
        gap_width=data["gap_width"],
    )  # fmt: skip


def refused_to_json(job: RefusedJob) -> dict[str, Any]:
    """A job for the refused rows of a file."""
    return {
        "collection": job.collection, "files": [[name, str(path)] for name, path in job.files], "layer": job.layer,
        "encoding": job.encoding, "told": {str(row): text for row, text in job.told.items()},
    }  # fmt: skip


def prepared_to_json(prepared: Prepared) -> dict[str, Any]:
    """A prepared file without its paths."""
    data = {
        name: value
        for name, value in vars(prepared).items()
        if name not in {"rows", "portions", "overlaps", "findings"}
    }
    return data | {"findings": [finding.to_json() for finding in prepared.findings]}


def prepared_from_json(data: dict[str, Any], workdir: Path) -> Prepared:
    """What :func:`prepared_to_json` wrote, with its files in ``workdir``."""
    findings = [Finding.from_json(finding) for finding in data.pop("findings")]
    return Prepared(*paths(workdir), findings, **data)


def overlay_to_json(job: OverlayJob) -> dict[str, Any]:
    """An overlay job."""
    return {
        "srid": job.srid, "new": _outlines(job.new), "stored": _outlines(job.stored),
        "known": [list(pair) for pair in job.known], "places": places_to_json(job.places),
    }  # fmt: skip


def _outlines(outlines: Outlines) -> list[Any]:
    return [outlines.ids, outlines.layers, [b64encode(wkb).decode("ascii") for wkb in outlines.wkb]]


def overlay_from_json(data: dict[str, Any]) -> OverlayJob:
    """The job that :func:`overlay_to_json` wrote. Takes the outlines out of ``data``: they are not held twice."""
    stated = data.pop("new"), data.pop("stored")
    sides = [Outlines(ids, layers, [b64decode(wkb) for wkb in wkbs]) for ids, layers, wkbs in stated]
    del stated
    known = [(one, other) for one, other in data["known"]]
    return OverlayJob(data["srid"], sides[0], sides[1], known, places_from_json(data["places"]))
