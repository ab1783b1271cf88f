"""``landbank serve``, ``worker``, ``doctor`` and ``db``: running the service and its database."""

from dataclasses import asdict
from typing import Annotated

import typer
from sqlalchemy.engine import make_url

from app import doctor, embedded, startup
from app.console import JsonFlag, command, out, print_json, print_table
from app.db import publish
from app.landbank.hectares.rollup import rebuild_rollup
from app.migrate import analyze_derived, migrate
from app.settings import load_settings

db_app = typer.Typer(no_args_is_help=True, help="The database: migrate, rebuild what is derived, tell its address.")

Host = Annotated[str, typer.Option(help="The address to listen on.")]
Port = Annotated[int, typer.Option(min=1, max=65535)]


def serve(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Serve HTTP until Ctrl-C or SIGTERM; the private cluster is started and stopped with it."""
    startup.serve(load_settings(), host, port)


def worker(with_parent: Annotated[bool, typer.Option("--with-parent", hidden=True)] = False) -> None:
    """Work jobs until Ctrl-C or SIGTERM, beside a service or on another machine with the same database and files."""
    startup.work(load_settings(), with_parent=with_parent)


def up(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    demo: Annotated[bool, typer.Option("--demo/--no-demo")] = True,
    once: Annotated[bool, typer.Option("--once")] = False,
) -> None:
    """What ./start runs once everything is installed."""
    startup.up(load_settings(), host=host, port=port, demo=demo, once=once)


def show_doctor(as_json: JsonFlag = False) -> None:
    """Check the installation; exit code 1 when something needs attention."""
    checks = doctor.doctor(load_settings())
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        rows = [
            ["ok" if check.ok else "!", check.title, check.found, "" if check.ok else check.remedy] for check in checks
        ]
        print_table("doctor", ["", "check", "found", "what to do"], rows)
    raise typer.Exit(0 if all(check.ok for check in checks) else 1)


@db_app.command("migrate")
def db_migrate() -> None:
    """Create or upgrade the tables, as their owner."""
    settings = load_settings()
    with embedded.running(settings) as urls:
        migrate(urls.owner, make_url(urls.app).username or "", settings.srid)
    out.print("ok")


@db_app.command("rebuild")
def db_rebuild() -> None:
    """Rebuild everything derived: the roll-up behind fast totals."""
    with embedded.running(load_settings()) as urls:
        with command() as run, run.session() as session:
            publish(session, run.actor.name, "rebuild", "rollup")
            rebuild_rollup(session)
        analyze_derived(urls.owner)
    out.print("ok")


@db_app.command("url")
def db_url() -> None:
    """Print the address of the app's role, for psql. It holds a password."""
    with embedded.running(load_settings()) as urls:
        out.print(urls.app, markup=False, highlight=False, soft_wrap=True)
