"""What ``./start`` does once programs and packages are there (``landbank up``), and ``landbank serve``."""

import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from pydantic import SecretStr
from sqlalchemy import make_url

from app import embedded, main, working
from app.auth import ensure_admin
from app.console import Command, operator, out
from app.db import make_engine, unit_of_work
from app.demo import load_categories, load_demo
from app.embedded import Urls
from app.errors import Conflict, message
from app.landbank import service as landbank
from app.landbank.cli import print_hectares
from app.landbank.progress.cli import print_progress
from app.migrate import migrate
from app.release import check_migrated
from app.settings import Settings
from app.working import worker_beside


def up(settings: Settings, *, host: str, port: int, demo: bool, once: bool) -> None:
    """Database, tables, administrator, demo district, the tables of hectares and targets; then serve unless ``once``.

    Run again it finds all that done and changes nothing.
    """
    with _terminated_in_order(), embedded.serving(settings), embedded.running(settings) as urls:
        if not once:
            check_port(host, port)
            check_tls(settings)
        upgrade(settings, urls)
        engine = make_engine(urls.app)
        try:
            with unit_of_work(engine) as session:
                key = ensure_admin(session, settings)
                load_categories(session, operator())
            # Told at once: nobody can show it again, whatever happens next.
            if key is not None:
                _say("first_key", key=key)
            work = Command(settings, engine, operator())
            if demo:
                load_demo(work)
            print_bank(work)
        finally:
            engine.dispose()
        if not once:
            _listen(settings, urls, host, port)


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve a database that has been migrated, until Ctrl-C or SIGTERM."""
    with _terminated_in_order(), embedded.serving(settings), embedded.running(settings) as urls:
        check_port(host, port)
        check_tls(settings)
        engine = make_engine(urls.app)
        try:
            check_migrated(engine, settings.srid)
        finally:
            engine.dispose()
        _listen(settings, urls, host, port)


def work(settings: Settings, *, with_parent: bool) -> None:
    """Work jobs and serve nothing, until Ctrl-C or SIGTERM."""
    with embedded.running(settings) as urls:
        working.work(settings, urls, with_parent=with_parent)


def upgrade(settings: Settings, urls: Urls) -> None:
    """Create or upgrade the tables, and grant the app's role what it needs."""
    app_role = make_url(urls.app).username
    migrate(urls.owner, app_role or "", settings.srid)


def print_bank(work: Command) -> None:
    """Hectares in the bank today by category, and the year's targets."""
    today = work.settings.today()
    with work.session() as session:
        query = landbank.resolve(session, work.settings, landbank.HectaresParams(measure="banked", by="category"))
        table = landbank.hectares(session, work.settings, query)
        known_at = landbank.resolve_known_at(session, None)
        found = landbank.progress(session, work.settings, today.year, today, known_at)
    print_hectares(table)
    print_progress(found)


def check_port(host: str, port: int) -> None:
    """Raise ``Conflict`` when nothing can listen there: better now than after the set-up."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Conflict("port_unavailable", parameter="port", host=host, port=port, reason=reason) from error


def check_tls(settings: Settings) -> None:
    """Raise ``Conflict`` when HTTPS is asked for without a certificate and a key that belong together."""
    files = (settings.tls_cert, settings.tls_key)
    if files == (None, None):
        return
    if settings.tls_cert is None or settings.tls_key is None:
        raise Conflict("tls_half_set")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or str(error)
        raise Conflict("tls_unusable", certificate=files[0], key=files[1], reason=reason) from error


def _listen(settings: Settings, urls: Urls, host: str, port: int) -> None:
    scheme = "http" if settings.tls_cert is None else "https"
    _say("serving_on", url=f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/")
    with worker_beside(urls):
        main.serve(settings.model_copy(update={"database_url": SecretStr(urls.app)}), host, port)


def _say(code: str, **values: object) -> None:
    told = message(code, **values)
    for text in (told.zh, told.en):
        out.print(f"{text.what}  {text.do}", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _terminated_in_order() -> Iterator[None]:
    """SIGTERM ends this process as Ctrl-C does: the private cluster is stopped on the way out."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
