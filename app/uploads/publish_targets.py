"""Committing an upload of targets: new ones and next versions, all of which must fit within each other."""

from pydantic import ValidationError
from sqlalchemy.orm import Session

from app.auth import Actor
from app.db import Publication, lock_publication, publish
from app.errors import Conflict, LandbankError
from app.expected import expected
from app.landbank.models import Target
from app.landbank.targets import service as targets
from app.landbank.targets.schemas import TargetIn
from app.uploads import queries
from app.uploads.findings import Finding, Severity
from app.uploads.models import Upload
from app.uploads.outcome import Outcome


def commit_targets(session: Session, upload: Upload, actor: Actor, leave_out: set[int]) -> Outcome:
    """Set what is staged, without the rows of ``leave_out``; ``Outcome.findings`` holds what stands against it."""
    lock_publication(session)
    outcome = Outcome({"new": 0, "changed": 0, "unchanged": 0})
    publication = publish(session, actor.name, "upload", f"upload:{upload.id}")
    made: dict[int, Target] = {}
    for row in queries.staged_rows(session, upload.id):
        if row.row in leave_out:
            continue
        try:
            asked = TargetIn.model_validate_json(row.attributes)
            found = targets.set_target(session, actor, publication, asked, (upload.id, row.row))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            told = expected(first)
            values = {
                "field": ".".join(map(str, first["loc"])), "reason_zh": told.zh.what, "reason_en": told.en.what
            }  # fmt: skip
            outcome.findings.append(Finding("target_invalid", "refuse", row.row, row.code, values=values))
        except LandbankError as error:
            values = {name: str(value) for name, value in error.values.items()}
            outcome.findings.append(Finding(error.code, "refuse", row.row, row.code, values=values))
        else:
            outcome.counts[found.fate] += 1
            made[row.row] = found.target
            outcome.findings += [
                Finding(remark.code, "warn", row.row, row.code, values=dict(remark.values)) for remark in found.remarks
            ]
    outcome.findings += _misfits(session, publication, made)
    outcome.publication = publication if outcome.counts["new"] + outcome.counts["changed"] else None
    return outcome


def _misfits(session: Session, publication: Publication, made: dict[int, Target]) -> list[Finding]:
    """What the targets make wrong together, told at the last of the file's rows that takes part in it."""
    rows = {target.id: row for row, target in made.items()}
    found = []
    for misfit in targets.misfits_of(session, publication, list(made.values())):
        concerned = [rows[one.id] for one in (*misfit.targets, misfit.whole) if one.id in rows]
        values = targets.misfit_values(misfit)
        severity: Severity = "refuse" if misfit.severity == "refuse" else "warn"
        found.append(Finding(misfit.code, severity, max(concerned), targets.name_of(misfit.targets[0]), values=values))
    return found


def take_back_targets(session: Session, publication: Publication, upload: Upload, made: Publication) -> None:
    """Take back what an upload set. Raises ``Conflict`` where something newer was set since."""
    later = targets.take_back(session, made, publication)
    if later:
        raise Conflict("upload_built_upon", parameter="id", upload=upload.id, codes=", ".join(later[:10]))
