"""What can be wrong with an installation, each looked at by one function: its title, its remedy, and what was found.

The remedies are in the catalogue under ``doctor_`` and the function's name.
"""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from app import embedded
from app.db import make_engine, unit_of_work
from app.embedded_bootstrap import OLDEST
from app.errors import LandbankError, Messages, message
from app.jobs import QueueState, queue_state
from app.settings import Settings
from app.sql import Query

FREE_BYTES = 500 * 10**6
"""Below this PostgreSQL may stop in the middle of its log, since even reading can write."""
OLDEST_POSTGIS = (3, 3)


@dataclass(frozen=True)
class Facts:
    """The row of ``doctor.sql``."""

    server_version: int
    postgis_version: str
    has_checksums: bool
    role_name: str
    is_privileged: bool
    owned: int
    may_create: bool
    has_queue: bool
    srid: int | None


@dataclass(frozen=True)
class Check:
    """One thing looked at. ``problem`` tells what to do where ``ok`` is false."""

    name: str
    title: str
    ok: bool
    found: str
    problem: Messages | None

    @property
    def remedy(self) -> str:
        """What to do, in Chinese and English; nothing where all is well."""
        return "" if self.problem is None else f"{self.problem.zh.do} {self.problem.en.do}"


@dataclass(frozen=True)
class Patient:
    """What the checks look at; ``facts`` is None where the database does not answer, ``queue`` where it has none."""

    settings: Settings
    facts: Facts | None
    queue: QueueState | None
    silence: str


Look = Callable[[Patient], tuple[bool, str]]
_FACTS = Query("app", "doctor.sql", Facts)
_LOOKS: list[Look] = []


def check(look: Look) -> Look:
    """Register a check; its title is the docstring's first line."""
    _LOOKS.append(look)
    return look


def of_database(look: Callable[[Settings, Facts], tuple[bool, str]]) -> Look:
    """Register a check of the database's facts, which fails where there are none."""

    def asked(patient: Patient) -> tuple[bool, str]:
        return (False, patient.silence) if patient.facts is None else look(patient.settings, patient.facts)

    asked.__name__, asked.__doc__ = look.__name__, look.__doc__
    return check(asked)


@of_database
def postgres_version(_settings: Settings, facts: Facts) -> tuple[bool, str]:
    """PostgreSQL is 15 or newer."""
    major, minor = divmod(facts.server_version, 10000)
    return major >= OLDEST, f"{major}.{minor}"


@of_database
def postgis_version(_settings: Settings, facts: Facts) -> tuple[bool, str]:
    """PostGIS is 3.3 or newer."""
    version = tuple(int(part) for part in facts.postgis_version.split(".")[:2])
    return version >= OLDEST_POSTGIS, facts.postgis_version


@of_database
def data_checksums(_settings: Settings, facts: Facts) -> tuple[bool, str]:
    """The database notices a page that the disk changed."""
    return facts.has_checksums, "on" if facts.has_checksums else "off"


@of_database
def app_role(_settings: Settings, facts: Facts) -> tuple[bool, str]:
    """The service's database role owns nothing and may create nothing."""
    found = f"{facts.role_name}: owns {facts.owned}"
    if facts.is_privileged:
        found += ", privileged"
    if facts.may_create:
        found += ", may create"
    return facts.owned == 0 and not facts.is_privileged and not facts.may_create, found


@of_database
def storage_crs(settings: Settings, facts: Facts) -> tuple[bool, str]:
    """The database stores parcels in the CRS of LANDBANK_CRS."""
    return facts.srid == settings.srid, "not migrated" if facts.srid is None else f"EPSG:{facts.srid}"


@check
def queue_worked(patient: Patient) -> tuple[bool, str]:
    """Uploads that wait find a worker."""
    queue = patient.queue
    if queue is None:
        return False, patient.silence or "not migrated"
    return queue.waiting == 0 or queue.workers > 0, f"{queue.waiting} waiting, {queue.workers} workers"


@check
def files_folder(patient: Patient) -> tuple[bool, str]:
    """Originals and documents can be written."""
    folder = patient.settings.files_path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True, str(folder)
    except OSError as error:
        return False, f"{folder}: {error.strerror}"


@check
def free_space(patient: Patient) -> tuple[bool, str]:
    """There is room on the disk."""
    place = patient.settings.home
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    return free >= FREE_BYTES, f"{free / 10**9:.1f} GB"


def doctor(settings: Settings) -> list[Check]:
    """Every check, in order. Starts the private cluster if it is stopped, and stops it again."""
    facts, queue, silence = None, None, ""
    try:
        with embedded.running(settings) as urls:
            engine = make_engine(urls.app)
            try:
                with unit_of_work(engine) as session:
                    facts = _FACTS.all(session)[0]
                    if facts.has_queue:
                        queue = queue_state(session)
            finally:
                engine.dispose()
    except LandbankError as error:
        silence = f"{error.messages.zh.what} {error.messages.en.what}"
    except SQLAlchemyError as error:
        silence = type(error).__name__
    patient = Patient(settings, facts, queue, silence)
    return [_checked(look, patient) for look in _LOOKS]


def _checked(look: Look, patient: Patient) -> Check:
    ok, found = look(patient)
    title = (look.__doc__ or "").partition("\n")[0]
    return Check(look.__name__, title, ok, found, None if ok else message(f"doctor_{look.__name__}"))
