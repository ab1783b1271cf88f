"""Registering, listing and removing local CRSs. What is registered is used by ``crs=NAME`` and shown to nobody."""

import re
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.auth import Actor, audit
from app.errors import BadRequest, NotFound
from app.uploads.models import LocalCrs
from app.uploads.registered import Registered, kind_of

NAME = re.compile(r"[^\W\d_][\w.-]{0,59}")
OF_CODE = re.compile(r"EPSG:\d{4,6}")
"""A name that replaces what PROJ would do for a code: for old datums only, which are refused without."""
CGCS2000 = 4490


def register(
    session: Session, actor: Actor, name: str, definition: str, target: int, storage_srid: int
) -> tuple[LocalCrs, bool]:
    """Keep a definition under a name; whether the name is new. Raises ``BadRequest``, which never repeats it."""
    _check_name(name)
    made = Registered(name, kind_of(definition), target, definition.strip())
    _check_use(made, storage_srid)
    known = session.get(LocalCrs, name, with_for_update=True)
    kept = session.merge(
        LocalCrs(
            name=name,
            kind=made.kind,
            target_srid=target,
            definition=made.definition,
            actor=actor.name,
            registered_at=func.clock_timestamp(),
        )
    )
    session.flush()
    session.refresh(kept)
    audit(session, actor, "crs.register", f"crs:{name}", {"kind": made.kind, "target": target})
    return kept, known is None


def _check_name(name: str) -> None:
    from app.uploads.crs import OLD_DATUMS, parse_stated  # noqa: PLC0415  PROJ is loaded only where it is needed
    from app.uploads.problems import FileRefusedError  # noqa: PLC0415

    try:
        code = parse_stated(name)
    except FileRefusedError:
        code = None
    free = code is None and NAME.fullmatch(name) is not None
    old = code is not None and OF_CODE.fullmatch(name) is not None and OLD_DATUMS.search(str(code.geodetic_crs))
    if not (free or old):
        raise BadRequest("crs_name_invalid", parameter="name", name=name[:80])


def _check_use(made: Registered, storage_srid: int) -> None:
    from pyproj import CRS  # noqa: PLC0415
    from pyproj.exceptions import CRSError  # noqa: PLC0415

    from app.uploads.place import find_path  # noqa: PLC0415
    from app.uploads.problems import FileRefusedError  # noqa: PLC0415

    try:
        find_path(CRS.from_epsg(made.target), CRS.from_epsg(storage_srid))
    except (CRSError, FileRefusedError):
        raise BadRequest("crs_target_unknown", parameter="target", target=made.target) from None
    try:
        made.way(storage_srid)
    except FileRefusedError:
        raise BadRequest("crs_definition_invalid", parameter="definition", name=made.name) from None


def every(session: Session) -> list[LocalCrs]:
    """All registered CRSs, by name."""
    return list(session.scalars(select(LocalCrs).order_by(LocalCrs.name)))


def known(session: Session) -> list[Registered]:
    """The same for the child process, which uses at most one of them."""
    return [Registered(one.name, kind_of(one.definition), one.target_srid, one.definition) for one in every(session)]


def is_registered(session: Session, stated: str) -> bool:
    """Whether an upload's ``crs=`` names one."""
    return session.get(LocalCrs, stated.strip()) is not None


def remove(session: Session, actor: Actor, name: str) -> None:
    """Forget a CRS; what was stored by it stays as it is. Raises ``NotFound``."""
    found = session.get(LocalCrs, name, with_for_update=True)
    if found is None:
        raise NotFound("crs_not_registered", parameter="name", name=name[:80])
    session.delete(found)
    session.flush()
    audit(session, actor, "crs.remove", f"crs:{name}", {})


def document(found: LocalCrs) -> dict[str, Any]:
    """A registered CRS as answered: without its definition."""
    return {
        "name": found.name,
        "kind": found.kind,
        "target": f"EPSG:{found.target_srid}" if found.kind == "pipeline" else None,
        "actor": found.actor,
        "registered_at": found.registered_at,
    }
