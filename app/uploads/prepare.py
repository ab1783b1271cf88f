"""One file from bytes to rows ready for staging. Runs wholly in the limited child process: no database, no network."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import shapely

from app.errors import Refused
from app.geometry import to_e4
from app.uploads import checks, gaps, location, mapping, outlines, progress, restricted, ring_checks, slivers
from app.uploads.archive import Upload
from app.uploads.arrow import pa, pc
from app.uploads.catalogue import Catalogue, Epoch, epochs
from app.uploads.findings import Finding, from_problem
from app.uploads.options import PARCEL_COLLECTIONS
from app.uploads.overlay import Figures, Parcels, Portions, portions
from app.uploads.overlaying import Overlaid, overlaid
from app.uploads.reader import Read, read
from app.uploads.registered import Registered
from app.uploads.rows import Bools, Ints, Rows, distinct

BATCH = 20_000
"""Rows of one Arrow batch: what COPY encodes at once."""
TEXTS = (
    "code", "name", "programme", "project_code", "role", "layer", "land_category", "land_use_scheme", "land_use_code",
    "cadastral_code",
)  # fmt: skip
ROW_SCHEMA = pa.schema(
    [
        ("row", pa.int64()), *((name, pa.string()) for name in TEXTS),
        ("declared_e4", pa.int64()), ("document_e4", pa.int64()), ("plane_e4", pa.int64()),
        ("ellipsoidal_e4", pa.int64()), ("geom", pa.binary()), ("content_sha256", pa.binary()),
        ("attributes", pa.string()), ("event", pa.string()), ("effective_date", pa.date32()),
        ("document_type", pa.string()), ("document_number", pa.string()), ("document_date", pa.date32()),
        ("document_issuer", pa.string()), ("kind", pa.string()), ("level", pa.string()), ("parent_code", pa.string()),
        ("valid_from", pa.date32()), ("boundary_role", pa.string()), ("stage", pa.string()), ("key", pa.bool_()),
        ("batch", pa.string()),
    ]
)  # fmt: skip
"""The columns of ``staged_row``, in its order, without id and upload_id."""
PORTION_SCHEMA = pa.schema(
    [
        ("row", pa.int64()), ("district", pa.string()), ("sub_district", pa.string()), ("community", pa.string()),
        ("boundary_from", pa.date32()), ("boundary_to", pa.date32()), ("declared_e4", pa.int64()),
        ("document_e4", pa.int64()), ("plane_e4", pa.int64()), ("ellipsoidal_e4", pa.int64()),
    ]
)  # fmt: skip
"""The columns of ``staged_portion``, likewise. ``date.min`` and ``date.max`` stand for ever."""


@dataclass(frozen=True)
class Job:
    """What to prepare: files with their senders' names, the upload's options, and what is known of the service.

    ``accepted`` holds ``code:row`` of each finding that a person decided to accept.
    """

    collection: str
    files: Sequence[tuple[str, Path]]
    srid: int
    catalogue: Catalogue = field(default_factory=Catalogue)
    crs: str | None = None
    encoding: str | None = None
    layer: str | None = None
    mapping: dict[str, Any] | None = None
    accepted: frozenset[str] = frozenset()
    max_features: int = 5_000_000
    max_vertices: int = 100_000
    registered: Sequence[Registered] = ()
    slivers: str = "keep"
    gap_width: float | None = None


@dataclass(frozen=True)
class Prepared:
    """What came of a file: ``read`` = ``staged`` + ``refused``; Arrow IPC files of rows and of portions.

    ``overlaps`` is the JSON of what the file's own parcels share, an ``Overlaid`` whose ids are row numbers.
    """

    rows: Path
    portions: Path
    overlaps: Path
    findings: list[Finding]
    severities: dict[str, int]
    read: int = 0
    staged: int = 0
    refused: int = 0
    crs: str | None = None
    encoding: str | None = None
    encoding_evidence: str | None = None
    layer: str | None = None
    layers: list[str] = field(default_factory=list)
    columns: dict[str, str] = field(default_factory=dict)
    column_names: list[str] = field(default_factory=list)
    location: dict[str, Any] | None = None


def paths(workdir: Path) -> tuple[Path, Path, Path]:
    """The files of a :class:`Prepared` in a folder."""
    return workdir / "rows.arrow", workdir / "portions.arrow", workdir / "overlaps.json"


@dataclass(frozen=True)
class _Cut:
    """The portions of the good rows per boundary epoch, and what they share with each other."""

    portions: Sequence[tuple[Portions, Epoch]] = ()
    overlaid: Overlaid = field(default_factory=lambda: Overlaid([], []))


def prepare(job: Job, workdir: Path) -> Prepared:
    """Read, map, check, measure and cut one file; never raises for what is wrong with it. Writes into ``workdir``."""
    wanted = mapping.parse(job.mapping, job.collection)
    inside = workdir / "unpacked"
    inside.mkdir()
    found = read(
        [Upload(path, name) for name, path in job.files],
        layer=job.layer, encoding=job.encoding, crs=job.crs, registered=job.registered,
        storage_srid=job.srid, workdir=inside,
    )  # fmt: skip
    count = len(found.geometries)
    chosen = mapping.choose(list(found.columns), wanted, job.collection)
    many = found.row_count > job.max_features
    complete = not found.file_refused and not many and count == found.row_count
    fields = mapping.apply(found.columns, chosen.columns, wanted, count) if complete else {}
    rows = Rows(job.collection, job.srid, count, fields, found.geometries, job.catalogue, job.accepted, found.columns)
    rows.max_vertices = job.max_vertices
    rows.findings.add(from_problem(problem) for problem in found.problems)
    cut = None
    if many:
        rows.tell_file("too_many_features", "refuse", count=str(found.row_count), limit=str(job.max_features))
    if complete:
        rows.good[np.array(sorted(found.refused), dtype=np.int64) - 1] = False
        rows.findings.add(chosen.findings)
        cut = _checked(rows, job)
    where = location.tell(rows, found.crs, found.middles)
    unmapped = {name: column for name, column in found.columns.items() if name not in set(chosen.columns.values())}
    return replace(_written(rows, cut, unmapped, found, chosen.columns, workdir), location=where)


def _checked(rows: Rows, job: Job) -> _Cut:
    """Check everything; what the good rows are cut into."""
    if rows.findings.file_refused:
        return _Cut()
    progress.begin("checking")
    checks.check(rows)
    if rows.findings.file_refused:
        return _Cut()
    outlines.check(rows)
    if rows.collection not in PARCEL_COLLECTIONS:
        return _Cut()
    if job.slivers == "clip":
        slivers.clip(rows)
    if job.gap_width is not None:
        gaps.check(rows, job.gap_width)
    restricted.check(rows)
    progress.begin("cutting")
    try:
        return _cut(rows, np.flatnonzero(rows.good), epochs(rows.catalogue.places))
    except Refused as error:
        rows.tell_file(error.code, "refuse", **{name: str(value) for name, value in error.values.items()})
        return _Cut()


def _cut(rows: Rows, good: Ints, borders: Sequence[Epoch]) -> _Cut:
    geometries, figures = rows.geometries[good], _figures(rows, good)
    cut = [(portions(geometries, figures, epoch.places, rows.srid), epoch) for epoch in borders]
    _, layers = distinct(rows.staged["layer"])
    return _Cut(cut, overlaid(Parcels(geometries, good + 1, layers[good]), Parcels.none(), [], borders, rows.srid))


def _figures(rows: Rows, good: Ints) -> Figures:
    stated = [
        rows.staged[name].fill_null(-1).to_numpy(zero_copy_only=False)[good]
        if name in rows.staged
        else np.full(len(good), -1, dtype=np.int64)
        for name in ("declared_e4", "document_e4")
    ]
    return Figures(to_e4(rows.plane[good]), to_e4(rows.ellipsoidal[good]), *stated)


def _written(
    rows: Rows,
    cut: _Cut | None,
    unmapped: dict[str, Any],
    found: Read,
    columns: dict[str, str],
    workdir: Path,
) -> Prepared:
    """Write the files and say what is in them. A refused file stages nothing."""
    rows.findings.name(rows.feature)
    good: Bools = rows.good if cut is not None and not rows.findings.file_refused else np.zeros(rows.count, dtype=bool)
    staged = np.flatnonzero(good)
    batches = (staged[at : at + BATCH] for at in range(0, len(staged), BATCH))
    cut = cut or _Cut()
    written = paths(workdir)
    _write(written[0], ROW_SCHEMA, (_row_table(rows, batch, unmapped) for batch in batches))
    _write(written[1], PORTION_SCHEMA, _portion_tables(cut.portions, staged))
    written[2].write_bytes(orjson.dumps(cut.overlaid.to_json()))
    return Prepared(
        *written, rows.findings.all(), rows.findings.by_severity(), found.row_count, len(staged),
        found.row_count - len(staged), found.crs, found.encoding, found.encoding_evidence, found.layer or None,
        found.layers, columns, list(found.columns),
    )  # fmt: skip


def _write(path: Path, schema: Any, tables: Iterable[Any]) -> None:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for table in tables:
            for batch in table.to_batches(max_chunksize=BATCH):
                writer.write_batch(batch)


def _row_table(rows: Rows, staged: Ints, unmapped: dict[str, Any]) -> Any:
    take = pa.array(staged)
    columns: dict[str, Any] = {}
    for entry in ROW_SCHEMA:
        column = rows.staged.get(entry.name)
        if column is not None:
            columns[entry.name] = column.take(take)
    columns["row"] = pa.array(staged + 1, pa.int64())
    columns["plane_e4"] = pa.array(to_e4(rows.plane[staged]), pa.int64())
    columns["ellipsoidal_e4"] = pa.array(to_e4(rows.ellipsoidal[staged]), pa.int64())
    columns["attributes"] = json_texts({name: column.take(take) for name, column in unmapped.items()}, len(staged))
    geometries = shapely.set_srid(ring_checks.multi(rows.geometries[staged]), rows.srid)
    wkb = shapely.to_wkb(geometries, include_srid=True, byte_order=1, output_dimension=2)
    columns["geom"] = pa.array(wkb, pa.binary())
    columns["content_sha256"] = _content(columns, wkb)
    empty = {entry.name: pa.nulls(len(staged), entry.type) for entry in ROW_SCHEMA if entry.name not in columns}
    return pa.table({**columns, **empty}).select(ROW_SCHEMA.names).cast(ROW_SCHEMA)


def _content(columns: dict[str, Any], wkb: Any) -> Any:
    """SHA-256 over what a row means, its other columns and its outline: equal where a later file changes nothing."""
    skipped = {"row", "geom", "plane_e4", "ellipsoidal_e4", "attributes"}
    told = {name: pc.cast(column, pa.string()) for name, column in sorted(columns.items()) if name not in skipped}
    texts = pc.binary_join_element_wise(json_texts(told, len(wkb)), columns["attributes"], "").to_pylist()
    digests = [hashlib.sha256(text.encode() + shape).digest() for text, shape in zip(texts, wkb, strict=True)]
    return pa.array(digests, pa.binary())


def json_texts(columns: dict[str, Any], count: int) -> Any:
    """One JSON object per row of the columns' texts, without those that are null; by column, not by row."""
    pieces = []
    for name, column in columns.items():
        if column.null_count == count:
            continue
        escaped = column
        if pc.any(pc.match_substring_regex(column, r'["\\\x00-\x1f]')).as_py():
            escaped = pc.replace_substring_regex(column, r'(["\\])', r"\\\1")
            if pc.any(pc.match_substring_regex(column, r"[\x00-\x1f]")).as_py():
                for code in range(0x20):
                    escaped = pc.replace_substring(escaped, chr(code), f"\\u{code:04x}")
        key = pa.scalar(f"{_json_string(name)}:" + '"', pa.string())
        pieces.append(pc.binary_join_element_wise(key, escaped, '"', ""))
    if not pieces:
        return pa.repeat(pa.scalar("{}", pa.string()), count)
    joined = pc.binary_join_element_wise(*pieces, ",", null_handling="skip")
    return pc.binary_join_element_wise("{", joined, "}", "")


def _json_string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(f"\\u{ord(letter):04x}" if letter < " " else letter for letter in escaped) + '"'


def _portion_tables(cut: Sequence[tuple[Portions, Epoch]], staged: Ints) -> Iterator[Any]:
    for found, epoch in cut:
        places = [*epoch.places, None]  # MISSING is -1: the last
        columns: dict[str, Any] = {"row": pa.array(staged[found.parcel] + 1, pa.int64())}
        for level in ("district", "sub_district", "community"):
            codes = pa.array([None if place is None else getattr(place, level) for place in places], pa.string())
            columns[level] = codes.take(pa.array(found.place % len(places)))
        for name, day in (("boundary_from", epoch.start), ("boundary_to", epoch.end)):
            columns[name] = pa.repeat(pa.scalar(day, pa.date32()), len(found.parcel))
        for name in ("declared", "document", "plane", "ellipsoidal"):
            figures: Ints = getattr(found.figures, name)
            columns[f"{name}_e4"] = pa.array(figures, pa.int64(), mask=figures < 0)
        yield pa.table(columns, schema=PORTION_SCHEMA)
