"""What the private cluster is made of: programs, user, folders, passwords, roles and databases.

PostgreSQL refuses to run as root, so a root service runs it as an unprivileged user. Everything that user owns is its
data folder and its socket folder; passwords stay with whoever runs the service.
"""

import json
import os
import pwd
import re
import secrets
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources
from pathlib import Path

import psycopg
from psycopg import sql

from app.errors import Unavailable
from app.settings import Settings

OLDEST = 15
SUPERUSER = "postgres"
OWNER = "landbank_owner"
APP = "landbank_app"
DATABASE = "landbank"

HBA = f"""# Written by landbank. No network; the superuser is known by the operating system, the roles by password.
local all {SUPERUSER} peer map=landbank
local all all scram-sha-256
"""


@dataclass(frozen=True)
class Passwords:
    """The two roles' passwords, random, kept in a 0600 file under home."""

    owner: str
    app: str


@dataclass(frozen=True)
class Cluster:
    """Where one private cluster lives and who runs it."""

    home: Path
    user: pwd.struct_passwd

    @property
    def data(self) -> Path:
        """PostgreSQL's data folder."""
        return self.home / "pg"

    @property
    def log(self) -> Path:
        """What PostgreSQL says while it starts; from then on it writes ``pg/log``."""
        return self.data / "start.log"

    @property
    def runtime(self) -> Path:
        """The socket folder: short, since a socket's path is limited to 107 bytes, and one for each home."""
        name = f"landbank-{self.user.pw_uid}-{sha256(os.fsencode(self.home)).hexdigest()[:12]}"
        # Not TMPDIR: two shells of one user must find the same socket.
        return Path("/run" if os.geteuid() == 0 else "/tmp") / name  # noqa: S108  make_runtime refuses others' folders

    def run(
        self, *command: str | Path, timeout: float = 120, folder: Path = Path("/")
    ) -> subprocess.CompletedProcess[str]:
        """Run a program as the cluster's user, with nothing of our environment in it but the search path."""
        root = os.geteuid() == 0
        return subprocess.run(  # noqa: S603  no shell; the arguments are paths and constants of ours
            [str(part) for part in command],
            user=self.user.pw_uid if root else None,
            group=self.user.pw_gid if root else None,
            extra_groups=[] if root else None,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )


def cluster_of(settings: Settings) -> Cluster:
    """The cluster of this home: whoever owns its data runs it; for a new one as root, ``postgres`` or ``nobody``."""
    data = settings.home / "pg"
    if os.geteuid() != 0:
        return Cluster(settings.home, pwd.getpwuid(os.geteuid()))
    if data.exists() and data.stat().st_uid != 0:
        return Cluster(settings.home, pwd.getpwuid(data.stat().st_uid))
    try:
        return Cluster(settings.home, pwd.getpwnam(SUPERUSER))
    except KeyError:
        return Cluster(settings.home, pwd.getpwnam("nobody"))


def programs(cluster: Cluster) -> Path:
    """The folder of the newest PostgreSQL that has PostGIS, or of the version that the data belongs to."""
    found = {version: folder for version, folder in _installed() if version >= OLDEST}
    made_by = cluster.data / "PG_VERSION"
    if made_by.exists():
        version = int(made_by.read_text("ascii"))
        if version not in found:
            raise Unavailable("postgres_other_version", path=cluster.data, version=version)
        return found[version]
    if not found:
        raise Unavailable("postgres_missing")
    return found[max(found)]


def _installed() -> Iterator[tuple[int, Path]]:
    for folder in (*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")):
        version = re.search(r"(\d+)/bin$", str(folder))
        shares = (Path(f"/usr/share/postgresql/{folder.parent.name}"), folder.parent / "share")
        has_postgis = any((share / "extension" / "postgis.control").exists() for share in shares)
        if version and has_postgis and (folder / "postgres").exists():
            yield int(version[1]), folder


def make_home(cluster: Cluster) -> None:
    """Home with its locks, which the cluster's user can pass through but not list or change."""
    mode = 0o711 if os.geteuid() == 0 else 0o700
    try:
        for folder in (cluster.home, cluster.home / "lock"):
            if not folder.exists():
                folder.mkdir(parents=True, mode=mode)
                folder.chmod(mode)
        usable = os.access(cluster.home / "lock", os.W_OK | os.X_OK)
    except OSError:  # also what is read-only, no folder, or below something that is none
        usable = False
    if not usable:
        raise Unavailable("home_unusable", path=cluster.home, user=pwd.getpwuid(os.geteuid()).pw_name)


def make_runtime(cluster: Cluster) -> None:
    """The socket folder, which nobody else made and nobody else can enter."""
    folder = cluster.runtime
    if not os.path.lexists(folder):
        folder.mkdir(mode=0o700)
        os.chown(folder, cluster.user.pw_uid, cluster.user.pw_gid)
    seen = folder.lstat()
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != cluster.user.pw_uid or stat.S_IMODE(seen.st_mode) & 0o077:
        raise Unavailable("runtime_directory_unsafe", path=folder)


def make_data(cluster: Cluster, bin_folder: Path) -> None:
    """``initdb`` with checksums into a folder that takes its name only when complete: a kill leaves nothing half."""
    fresh = cluster.home / "pg.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    os.chown(fresh, cluster.user.pw_uid, cluster.user.pw_gid)
    if cluster.run("test", "-w", fresh).returncode:
        fresh.rmdir()
        raise Unavailable("home_unusable", path=cluster.home, user=cluster.user.pw_name)
    made = cluster.run(
        bin_folder / "initdb",
        f"--pgdata={fresh}",
        f"--username={SUPERUSER}",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--data-checksums",
        "--auth=peer",
    )
    if made.returncode:
        raise Unavailable("postgres_failed", step="initdb", reason=last_line(made.stderr), log=cluster.home)
    (fresh / "pg_hba.conf").write_text(HBA, "ascii")
    users = dict.fromkeys((cluster.user.pw_name, pwd.getpwuid(os.geteuid()).pw_name))
    (fresh / "pg_ident.conf").write_text("".join(f'landbank "{user}" {SUPERUSER}\n' for user in users), "utf-8")
    fresh.rename(cluster.data)


def last_line(output: str) -> str:
    """What a program said last, for a message."""
    return next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "?")


def passwords(cluster: Cluster) -> Passwords:
    """The roles' passwords; made at the first call."""
    path = cluster.home / "passwords.json"
    try:
        if not path.exists():
            made = {"owner": secrets.token_urlsafe(32), "app": secrets.token_urlsafe(32)}
            draft = path.with_suffix(".new")
            draft.unlink(missing_ok=True)
            draft.touch(mode=0o600, exist_ok=False)
            draft.write_text(json.dumps(made), "ascii")
            draft.rename(path)
        return Passwords(**json.loads(path.read_bytes()))
    except PermissionError as error:
        user = pwd.getpwuid(os.geteuid()).pw_name
        raise Unavailable("home_unusable", path=cluster.home, user=user) from error


@contextmanager
def superuser(cluster: Cluster, database: str = "postgres") -> Iterator[psycopg.Connection]:
    """A connection as the cluster's superuser, each statement its own transaction."""
    with psycopg.connect(
        host=str(cluster.runtime), port=5432, user=SUPERUSER, dbname=database, autocommit=True, connect_timeout=10
    ) as connection:
        yield connection


def bootstrap(cluster: Cluster) -> None:
    """Roles and the database as they must be; repeats harmlessly."""
    known = passwords(cluster)
    with superuser(cluster) as connection, connection.transaction():
        for role, password in (("owner", known.owner), ("app", known.app)):
            connection.execute("SELECT set_config(%s, %s, true)", (f"landbank.{role}_password", password))
        # The statement that sets a password is not to reach the server's log.
        connection.execute("SET LOCAL log_statement = 'none'; SET LOCAL log_min_error_statement = 'panic'")
        connection.execute(_script("bootstrap_roles.sql"))
    create_database(cluster, DATABASE)


def create_database(cluster: Cluster, name: str, template: str | None = None) -> None:
    """A database of the owner's with PostGIS, unless it exists; ``template`` copies another one whole."""
    with superuser(cluster) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
            command = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(OWNER), sql.Identifier(template or "template0")
            )
            connection.execute(command)
    with superuser(cluster, name) as connection:
        connection.execute(_script("bootstrap_database.sql"))


def drop_database(cluster: Cluster, name: str) -> None:
    """Remove a database, whoever is connected to it."""
    with superuser(cluster) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _script(name: str) -> bytes:
    return resources.files("app").joinpath(name).read_bytes()
