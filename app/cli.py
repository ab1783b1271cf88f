"""The ``landbank`` command: every slice's commands under one name, of which only the one asked for is imported."""

import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from app.console import guarded

WHERE = {
    "upload": "app.uploads.cli:upload",
    "uploads": "app.uploads.cli:uploads",
    "commit": "app.uploads.cli:commit_upload",
    "undo": "app.uploads.cli:undo_upload",
    "findings": "app.uploads.cli:findings",
    "refused": "app.uploads.cli:refused_rows",
    "hectares": "app.landbank.cli:hectares",
    "contiguous": "app.landbank.contiguous.cli:contiguous",
    "changes": "app.landbank.changes.cli:changes",
    "progress": "app.landbank.progress.cli:progress",
    "projects": "app.landbank.progress.cli:projects",
    "stage-weights": "app.landbank.progress.cli:weights_app",
    "card-rules": "app.landbank.progress.cli:cards_app",
    "targets": "app.landbank.cli:targets_app",
    "event": "app.landbank.cli:event_app",
    "rules": "app.landbank.rules.cli:app",
    "check": "app.check.cli:check",
    "parcel": "app.uploads.lineage.cli:app",
    "reference": "app.reference.cli:app",
    "mapping": "app.uploads.mappings.cli:app",
    "crs": "app.uploads.registry.cli:app",
    "user": "app.auth_cli:user_app",
    "key": "app.auth_cli:key_app",
    "serve": "app.operate_cli:serve",
    "worker": "app.operate_cli:worker",
    "up": "app.operate_cli:up",
    "doctor": "app.operate_cli:show_doctor",
    "db": "app.operate_cli:db_app",
}
"""Where each command, or group of commands, is written: ``module:name``."""
HIDDEN = frozenset({"up"})
"""What ./start calls."""


class Commands(TyperGroup):
    """Commands that are imported when they are asked for: an upload need not wait for what serves HTTP."""

    def list_commands(self, _ctx: Any) -> list[str]:
        """Every name, in the order of the table."""
        return list(WHERE)

    def get_command(self, _ctx: Any, cmd_name: str) -> Any:
        """The command of a name; None where there is none."""
        if cmd_name not in WHERE:
            return None
        module, name = WHERE[cmd_name].split(":")
        found, one = getattr(import_module(module), name), typer.Typer()
        if isinstance(found, typer.Typer):
            one.add_typer(found, name=cmd_name)
        else:
            one.command(cmd_name, hidden=cmd_name in HIDDEN)(found)
        return get_group(one).commands[cmd_name]


app = typer.Typer(
    cls=Commands, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False, help=__doc__
)


@app.callback()
def landbank() -> None:
    """The land bank: uploads, hectares against targets, and the service."""


def main() -> None:
    """Entry point of the ``landbank`` command."""
    sys.exit(guarded(lambda: app(standalone_mode=True)))
