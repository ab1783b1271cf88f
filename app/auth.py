"""Who may do what, and who did what: users with a role, their keys, the guard of each route, the audit trail.

A key is ``lb_`` and 43 random characters (256 bits). Only its SHA-256 is stored: with that much randomness a slow hash
adds nothing, and a copy of the database holds no usable key.
"""

import base64
import binascii
import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from hmac import compare_digest
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends
from sqlalchemy import CheckConstraint, Engine, ForeignKey, Identity, Index, LargeBinary, func, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column
from starlette.requests import Request
from starlette.responses import Response

from app.db import Base
from app.edge import Guard, answer, request_id, router
from app.errors import BadRequest, Conflict, Forbidden, NotFound, Unauthorised
from app.settings import Settings

KEY_START = "lb_"
PREFIX_CHARACTERS = 10
"""How much of a key is shown again, so that its owner can tell it from others."""
_NAME = re.compile(r"[\w.@-]{1,64}")
_ADMIN_LOCK = 0x41444D4E


class Role(StrEnum):
    """What a person may do; each role includes those before it."""

    VIEWER = "viewer"
    EDITOR = "editor"
    APPROVER = "approver"
    ADMIN = "admin"

    def includes(self, needed: "Role") -> bool:
        """Whether this role may do what ``needed`` may."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True)
class Actor:
    """Who acts. Names with a colon are no users: the command line, the settings' key, the public."""

    id: int | None
    name: str
    role: Role


SETTINGS_ADMIN = Actor(None, "setting:admin_key", Role.ADMIN)
ANYONE = Actor(None, "public:anyone", Role.VIEWER)


class AppUser(Base):
    """A person or a system with a role."""

    __tablename__ = "app_user"
    __table_args__ = (CheckConstraint("role IN ('viewer', 'editor', 'approver', 'admin')", name="role"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    disabled_at: Mapped[datetime | None]


class ApiKey(Base):
    """A key's SHA-256 and the start of the key, for its owner to recognise."""

    __tablename__ = "api_key"
    __table_args__ = (
        CheckConstraint("octet_length(sha256) = 32", name="sha256"),
        Index("ix_api_key_user_id", "user_id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("app_user.id"))
    prefix: Mapped[str]
    sha256: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class AuditEntry(Base):
    """One thing that somebody did. Append-only; written in the transaction of what it tells."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index("ix_audit_entry_recorded_at", "recorded_at"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    recorded_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    actor_id: Mapped[int | None]
    actor_name: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB)
    request_id: Mapped[str | None]


def audit(session: Session, actor: Actor, action: str, subject: str, detail: Mapping[str, Any] | None = None) -> None:
    """Record who did what, in the transaction that does it."""
    session.add(
        AuditEntry(
            actor_id=actor.id,
            actor_name=actor.name,
            action=action,
            subject=subject,
            detail=dict(detail or {}),
            request_id=request_id.get() or None,
        )
    )
    session.info["audited"] = True


def hashed(key: str) -> bytes:
    """The form in which keys are stored and compared."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def presented_key(headers: Mapping[str, str]) -> str | None:
    """The key of a request: ``X-API-Key``, ``Authorization: Bearer``, or the password of HTTP Basic."""
    if "x-api-key" in headers:
        return headers["x-api-key"]
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(value.strip(), validate=True).decode("utf-8", "replace")
        except binascii.Error:
            return ""
        return decoded.partition(":")[2]
    return None if not scheme else ""


def authenticate(engine: Engine, settings: Settings, key: str) -> Actor:
    """Whose key it is. Raises ``Unauthorised`` when unknown, revoked, expired, or its user is disabled."""
    digest = hashed(key)
    if settings.admin_key is not None and compare_digest(digest, hashed(settings.admin_key.get_secret_value())):
        return SETTINGS_ADMIN
    statement = (
        select(AppUser.id, AppUser.name, AppUser.role, ApiKey.sha256)
        .join(ApiKey, ApiKey.user_id == AppUser.id)
        .where(
            ApiKey.sha256 == digest,
            ApiKey.revoked_at.is_(None),
            AppUser.disabled_at.is_(None),
            func.coalesce(ApiKey.expires_at > func.clock_timestamp(), True),
        )
    )
    # Its own connection, given back at once: an upload may take minutes to arrive and must not hold one.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        row = connection.execute(statement).one_or_none()
    if row is None or not compare_digest(bytes(row.sha256), digest):
        raise Unauthorised("key_not_valid")
    return Actor(row.id, row.name, Role(row.role))


class Require(Guard):
    """Lets in whoever has at least ``role``; with public reading on, also anyone to what a viewer may read."""

    def __init__(self, role: Role) -> None:
        """``role``: the least that suffices."""
        self.role = role

    def admit(self, request: Request) -> Actor:
        """Who acts. Raises ``Unauthorised`` or ``Forbidden``."""
        settings: Settings = request.app.state.settings
        key = presented_key(request.headers)
        if key is None:
            if settings.public_read and self.role is Role.VIEWER and request.method in {"GET", "HEAD"}:
                return ANYONE
            raise Unauthorised("key_missing")
        _refuse_forged(request)
        actor = authenticate(request.app.state.engine, settings, key)
        if not actor.role.includes(self.role):
            raise Forbidden("role_not_sufficient", role=actor.role.value, needed=self.role.value)
        return actor

    def record(self, request: Request, session: Session, response: Response) -> None:
        """Every write leaves a trace, also where its service recorded nothing itself."""
        if not session.info.get("audited"):
            action = f"{request.method} {request.scope['route'].path}"
            audit(session, request.state.actor, action, request.scope["path"], {"status": response.status_code})

    async def __call__(self, request: Request) -> Actor:
        """The actor whom the route has admitted, for FastAPI's ``Depends``."""
        actor: Actor = request.state.actor
        return actor


def _refuse_forged(request: Request) -> None:
    """Browsers add a Basic password to whatever page of another site writes here; no other form of a key."""
    headers = request.headers
    if request.method in {"GET", "HEAD"} or not headers.get("authorization", "").lower().startswith("basic"):
        return
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    same = site in {"same-origin", "none"} if site else origin is None or urlsplit(origin).netloc == headers.get("host")
    if not same:
        raise Forbidden("cross_site_write")


@cache
def require(role: Role) -> Require:
    """The guard of a route: ``actor: Annotated[Actor, Depends(require(Role.EDITOR))]``."""
    return Require(role)


@dataclass(frozen=True)
class UserRow:
    """A user as listed."""

    id: int
    name: str
    role: str
    created_at: datetime
    disabled_at: datetime | None


@dataclass(frozen=True)
class KeyRow:
    """A key as listed: never the key."""

    id: int
    user: str
    prefix: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


def users(session: Session) -> list[UserRow]:
    """Every user, by name."""
    found = session.scalars(select(AppUser).order_by(AppUser.name))
    return [UserRow(user.id, user.name, user.role, user.created_at, user.disabled_at) for user in found]


def _user(session: Session, name: str) -> AppUser:
    user = session.scalars(select(AppUser).where(AppUser.name == name).with_for_update()).one_or_none()
    if user is None:
        raise NotFound("user_unknown", name=name)
    return user


def add_user(session: Session, actor: Actor, name: str, role: Role) -> UserRow:
    """A new user, without a key. Raises ``Conflict`` when the name is taken."""
    if not _NAME.fullmatch(name):
        raise BadRequest("user_name_invalid", parameter="name")
    user = AppUser(name=name, role=role.value)
    try:
        with session.begin_nested():
            session.add(user)
    except IntegrityError as error:
        raise Conflict("user_exists", name=name) from error
    session.refresh(user)
    audit(session, actor, "user.add", name, {"role": role.value})
    return UserRow(user.id, user.name, user.role, user.created_at, user.disabled_at)


def disable_user(session: Session, actor: Actor, name: str) -> None:
    """None of the user's keys opens anything any more; disabling twice is the same as once."""
    user = _user(session, name)
    if user.disabled_at is None:
        user.disabled_at = session.execute(select(func.clock_timestamp())).scalar_one()
        audit(session, actor, "user.disable", name)


def keys(session: Session) -> list[KeyRow]:
    """Every key, by user."""
    statement = (
        select(ApiKey.id, AppUser.name, ApiKey.prefix, ApiKey.created_at, ApiKey.expires_at, ApiKey.revoked_at)
        .join(AppUser, AppUser.id == ApiKey.user_id)
        .order_by(AppUser.name, ApiKey.id)
    )
    return [KeyRow(*row) for row in session.execute(statement)]


def add_key(session: Session, actor: Actor, user_name: str, expires_at: datetime | None = None) -> tuple[int, str]:
    """A new key's number and the key itself, which nobody can show again."""
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise BadRequest("expiry_in_past", parameter="expires")
    user = _user(session, user_name)
    if user.disabled_at is not None:
        raise Conflict("user_disabled", name=user_name)
    key = KEY_START + secrets.token_urlsafe(32)
    row = ApiKey(user_id=user.id, prefix=key[:PREFIX_CHARACTERS], sha256=hashed(key), expires_at=expires_at)
    session.add(row)
    session.flush()
    audit(session, actor, "key.add", user_name, {"key": row.id, "prefix": row.prefix})
    return row.id, key


def revoke_key(session: Session, actor: Actor, key_id: int) -> None:
    """The key opens nothing from the commit on; revoking twice is the same as once."""
    row = session.get(ApiKey, key_id, with_for_update=True)
    if row is None:
        raise NotFound("key_number_unknown", id=key_id)
    if row.revoked_at is None:
        row.revoked_at = session.execute(select(func.clock_timestamp())).scalar_one()
        audit(session, actor, "key.revoke", row.prefix, {"key": row.id})


def ensure_admin(session: Session, settings: Settings) -> str | None:
    """On the first run, a user ``admin`` with one key, which is returned this once; later ``None``.

    With ``LANDBANK_ADMIN_KEY`` set there is an administrator already, and nothing is made.
    """
    session.execute(select(func.pg_advisory_xact_lock(_ADMIN_LOCK)))
    known = session.execute(select(func.count()).select_from(AppUser)).scalar_one()
    if known or settings.admin_key is not None:
        return None
    first_run = Actor(None, "cli:first_run", Role.ADMIN)
    add_user(session, first_run, "admin", Role.ADMIN)
    return add_key(session, first_run, "admin")[1]


me = router(tags=["people"])


@me.get("/me")
def who_am_i(actor: Annotated[Actor, Depends(require(Role.VIEWER))]) -> Response:
    """Whose key this is, and what it may do."""
    return answer({"name": actor.name, "role": actor.role.value})
