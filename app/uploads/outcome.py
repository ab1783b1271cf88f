"""What a commit did, or would have done."""

from dataclasses import dataclass, field

from app.db import Publication
from app.uploads.findings import Finding


@dataclass
class Outcome:
    """Rows by fate (new, changed, unchanged), and what stands against storing them; parcels retired by a replace."""

    counts: dict[str, int]
    findings: list[Finding] = field(default_factory=list)
    publication: Publication | None = None
    retired: int | None = None

    @property
    def refused_rows(self) -> set[int]:
        """Rows that cannot be stored."""
        return {finding.row for finding in self.findings if finding.severity == "refuse" and finding.row is not None}

    @property
    def refused(self) -> bool:
        """Whether anything at all stands against it."""
        return any(finding.severity == "refuse" for finding in self.findings)
