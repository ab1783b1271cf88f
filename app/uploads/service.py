"""A file comes in: receive → check (in the child process) → commit, or say what stands against it; undo later.

A dry run and a check are the commit itself, rolled back: one code path decides.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app import files
from app.auth import Actor, audit
from app.errors import BadRequest, Conflict
from app.settings import Settings
from app.uploads import mapping, preparing, progress, queries, records, scopes, sizes, staging, stated, states
from app.uploads.findings import Finding
from app.uploads.models import SavedMapping, Upload
from app.uploads.options import PARCEL_COLLECTIONS, PROJECT_COLLECTIONS, UploadOptions
from app.uploads.outcome import Outcome
from app.uploads.publish_events import commit_events
from app.uploads.publish_parcels import commit_parcels
from app.uploads.publish_places import commit_places, commit_projects, commit_zones
from app.uploads.publish_targets import commit_targets

ROUNDS = 5
"""How often good rows are tried again after rows that conflict in the ledger were left out."""


def run_upload(
    session: Session, settings: Settings, actor: Actor, incoming: Sequence[tuple[str, Path]], options: UploadOptions
) -> Upload:
    """Receive, check and, if asked by ``commit=auto``, commit one upload."""
    upload = receive(session, settings, actor, incoming, options)
    finish(session, settings, actor, upload)
    return upload


def finish(session: Session, settings: Settings, actor: Actor, upload: Upload) -> None:
    """Check a received upload and, if it asked for ``commit=auto``, commit it."""
    check(session, settings, actor, upload)
    options = UploadOptions(**upload.options)
    if upload.state == "checked" and options.commit == "auto" and not options.dry_run:
        commit(session, settings, actor, upload)


def receive(
    session: Session, settings: Settings, actor: Actor, incoming: Sequence[tuple[str, Path]], options: UploadOptions
) -> Upload:
    """Keep the originals by content and open the record."""
    if not incoming:
        raise BadRequest("file_missing", parameter="file")
    resolved = _resolved(session, options)
    kept = [{"name": name, "sha256": files.keep(settings.files_path, path)} for name, path in incoming]
    upload = Upload(
        state="received",
        step="received",
        progress=0.0,
        collection=options.collection,
        filename=_shown_name(kept),
        sha256=_digest(kept),
        files=kept,
        options=asdict(resolved),
        actor=actor.name,
        counts={},
        hectares_before={},
        hectares_after={},
    )
    session.add(upload)
    session.flush()
    states.enter(session, upload, "received", actor.name)
    audit(session, actor, "upload.receive", f"upload:{upload.id}", {"sha256": upload.sha256})
    return upload


def _shown_name(kept: list[dict[str, str]]) -> str:
    shapes = [file["name"] for file in kept if file["name"].lower().endswith((".shp", ".zip"))]
    return (shapes or [kept[0]["name"]])[0]


def _digest(kept: list[dict[str, str]]) -> str:
    """One file's own SHA-256; for loose parts, that of their sorted names and SHA-256s."""
    if len(kept) == 1:
        return kept[0]["sha256"]
    return sha256("\n".join(sorted(f"{file['name']} {file['sha256']}" for file in kept)).encode()).hexdigest()


def _resolved(session: Session, options: UploadOptions) -> UploadOptions:
    """The options with a saved mapping in place of its name. Raises ``BadRequest`` for one that makes no sense."""
    if isinstance(options.mapping, str):
        saved = session.get(SavedMapping, options.mapping)
        if saved is None:
            raise BadRequest("mapping_unknown", parameter="mapping", mapping=options.mapping)
        crs, encoding = options.crs or saved.crs, options.encoding or saved.encoding
        options = replace(options, mapping=saved.mapping, crs=crs, encoding=encoding)
    stated.check_stated(session, options)
    scopes.check_scope(session, options)
    mapping.parse(options.mapping if isinstance(options.mapping, dict) else None, options.collection)
    return options


def check(session: Session, settings: Settings, actor: Actor, upload: Upload) -> None:
    """Read and check the file in the child process, then try the commit and take it back; the state says the rest."""
    options = UploadOptions(**upload.options)
    progress.begin("reading")
    with preparing.prepared(session, settings, upload, options) as result:
        upload.crs, upload.encoding, upload.layer = result.crs, result.encoding, result.layer
        upload.location = result.location
        upload.column_names = result.column_names
        upload.suggested = None if options.mapping else queries.suggestion(session, upload)
        staging.clear(session, upload.id)
        if result.staged:
            progress.begin("staging")
            staging.stage(session, upload.id, result)
    progress.begin("comparing")
    outcome = _refusable(result.findings, options)
    tried_at_once = options.commit == "auto" and not options.dry_run and options.rows == "all"
    if not outcome.refused and not tried_at_once:
        outcome = _attempt(session, settings, upload, options, actor, result.findings, keep=False)
    ledger = [one for one in outcome.findings if one not in result.findings]
    records.replace(session, settings, upload.id, result.findings, ledger)
    _settle(upload, outcome, options, result.read, [*result.findings, *ledger])
    upload.finding_counts = _added(result.severities, records.counts(ledger))
    upload.counts = upload.counts | {"missing": _missing(session, settings, upload, options)}
    states.enter(session, upload, upload.state, actor.name)
    if upload.state == "refused":
        staging.clear(session, upload.id)


def _missing(session: Session, settings: Settings, upload: Upload, options: UploadOptions) -> int:
    """Parcels that the file lacks: of the scope that it replaces, else of the last file of its name."""
    if options.on_existing == "replace":
        return len(scopes.absent(session, settings, upload, options))
    return queries.missing(session, upload)


def _added(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {name: one[name] + other[name] for name in one}


def _refusable(found: list[Finding], options: UploadOptions) -> Outcome:
    """What the file itself leaves: a refused row refuses the file, unless the good rows are asked for."""
    against = [one for one in found if one.severity == "refuse" and (one.row is None or options.rows == "all")]
    return Outcome({"new": 0, "changed": 0, "unchanged": 0}, against)


def _attempt(
    session: Session,
    settings: Settings,
    upload: Upload,
    options: UploadOptions,
    actor: Actor,
    found: list[Finding],
    *,
    keep: bool,
) -> Outcome:
    """Commit inside a savepoint; without ``keep``, or when something stands against it, take it back.

    With ``rows=good``, rows that conflict are left out and the rest is tried again.
    """
    leave_out = {one.row for one in found if one.severity == "refuse" and one.row is not None}
    gathered: list[Finding] = []
    for _ in range(ROUNDS):
        savepoint = session.begin_nested()
        before = sizes.inventory(session, settings)
        outcome = _commit_collection(session, settings, upload, options, actor, leave_out)
        after = sizes.inventory(session, settings)
        if keep and not outcome.refused:
            savepoint.commit()
        else:
            savepoint.rollback()
        refused = outcome.refused_rows
        if options.rows == "good" and refused:
            gathered += [one for one in outcome.findings if one.severity == "refuse" and one.row is not None]
            leave_out |= refused
            continue
        upload.hectares_before, upload.hectares_after = sizes.by_category(before), sizes.by_category(after)
        upload.hectares = sizes.compared(before, after)
        break
    outcome.findings += gathered
    return outcome


def _commit_collection(
    session: Session, settings: Settings, upload: Upload, options: UploadOptions, actor: Actor, leave_out: set[int]
) -> Outcome:
    if upload.collection in PARCEL_COLLECTIONS:
        return commit_parcels(session, settings, upload, options, actor, leave_out)
    if upload.collection in PROJECT_COLLECTIONS:
        return commit_projects(session, upload, actor, leave_out)
    if upload.collection == "zones":
        return commit_zones(session, upload, options, actor, leave_out)
    if upload.collection == "events":
        return commit_events(session, upload, actor, leave_out)
    if upload.collection == "targets":
        return commit_targets(session, upload, actor, leave_out)
    return commit_places(session, settings, upload, actor, leave_out)


def _settle(upload: Upload, outcome: Outcome, options: UploadOptions, read: int, everything: Sequence[Finding]) -> None:
    """Write down how a check or a commit ended."""
    rows = {one.row for one in everything if one.severity == "refuse" and one.row is not None}
    whole = any(one.severity == "refuse" and one.row is None for one in everything)
    refused = whole or (bool(rows) and options.rows == "all")
    if refused:
        upload.counts = {"read": read, "new": 0, "changed": 0, "unchanged": 0, "refused": read}
        upload.hectares_after = upload.hectares_before
        upload.hectares = [row | {"after": row["before"]} for row in upload.hectares]
    else:
        upload.counts = {"read": read, **outcome.counts, "refused": read - sum(outcome.counts.values())}
    upload.state = upload.step = "refused" if refused else "checked"
    upload.progress = 1.0


def commit(session: Session, settings: Settings, actor: Actor, upload: Upload, rows: str | None = None) -> None:
    """Store a checked upload: lock, versions, events, portions, in the caller's transaction.

    What has come to stand against it since the check refuses it, with findings. Where four eyes are asked for it waits
    in ``quarantined`` for the second person. Raises ``Conflict`` in another state.
    """
    if rows is not None and upload.state in states.COMMITTABLE:
        upload.options = upload.options | {"rows": rows}
    if not states.may_commit(session, settings, actor, upload):
        return
    options = UploadOptions(**upload.options)
    found = records.from_file(session, upload.id)
    before = records.counts(records.from_ledger(session, upload.id))
    outcome = _refusable(found, options)
    if not outcome.refused:
        outcome = _attempt(session, settings, upload, options, actor, found, keep=True)
    ledger = [one for one in outcome.findings if one not in found]
    records.replace_ledger(session, settings, upload.id, ledger)
    missing = upload.counts["missing"] if outcome.retired is None else outcome.retired
    _settle(upload, outcome, options, upload.counts["read"], [*found, *ledger])
    after = records.counts(ledger)
    upload.finding_counts = {name: n - before[name] + after[name] for name, n in upload.finding_counts.items()}
    upload.counts = upload.counts | {"missing": missing}
    if upload.state == "checked":
        upload.publication_id = outcome.publication.id if outcome.publication else None
    states.enter(session, upload, "committed" if upload.state == "checked" else upload.state, actor.name)
    staging.clear(session, upload.id)
    audit(session, actor, "upload.commit", f"upload:{upload.id}", {"state": upload.state, "counts": upload.counts})


def change(session: Session, settings: Settings, actor: Actor, upload: Upload, changes: dict[str, Any]) -> None:
    """Check a checked or refused upload again, with other parameters or with decisions on its findings."""
    reopen(session, actor, upload, changes)
    finish(session, settings, actor, upload)


def reopen(session: Session, actor: Actor, upload: Upload, changes: dict[str, Any]) -> None:
    """Take a checked, quarantined or refused upload back to ``received``, with other parameters or decisions.

    It waits for a commit once more unless the changes say ``commit=auto``.
    """
    if upload.state not in states.RECHECKABLE:
        raise Conflict("upload_state", parameter="id", upload=upload.id, state=upload.state)
    decisions = records.decided(session, upload, changes.pop("decisions", {}))
    kept = upload.options | {"commit": "ask"}
    if changes.get("on_existing", "replace") != "replace":
        kept["scope"] = None
    options = UploadOptions(**(kept | changes))
    options = replace(options, decisions=options.decisions | decisions)
    upload.options = asdict(_resolved(session, options))
    upload.collection = options.collection
    upload.progress, upload.commit_asked_by = 0.0, None
    states.enter(session, upload, "received", actor.name)
    audit(session, actor, "upload.change", f"upload:{upload.id}", {"changes": changes, "decisions": decisions})
