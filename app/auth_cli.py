"""Commands for people and keys: ``landbank user …`` and ``landbank key …``."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from app.auth import Role, add_key, add_user, disable_user, keys, revoke_key, users
from app.console import JsonFlag, clock_text, command, out, print_json, print_table

user_app = typer.Typer(help="People who may use the service.", no_args_is_help=True)
key_app = typer.Typer(help="Their keys.", no_args_is_help=True)

Expires = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Bureau's time.")]


@user_app.command("add")
def user_add(name: str, role: Annotated[Role, typer.Option()], as_json: JsonFlag = False) -> None:
    """Add a user; give a key with `landbank key add`."""
    with command() as work, work.session() as session:
        user = add_user(session, work.actor, name, role)
    if as_json:
        print_json(asdict(user))
    else:
        out.print(f"{user.name}: {user.role}", markup=False)


@user_app.command("list")
def user_list(as_json: JsonFlag = False) -> None:
    """List users."""
    with command() as work, work.session() as session:
        found = users(session)
    if as_json:
        print_json([asdict(user) for user in found])
        return
    rows = [
        [user.name, user.role, *(clock_text(one, work.settings.tz) for one in (user.created_at, user.disabled_at))]
        for user in found
    ]
    print_table("用户 users", ["name", "role", "created", "disabled"], rows)


@user_app.command("disable")
def user_disable(name: str, as_json: JsonFlag = False) -> None:
    """Disable a user: none of the user's keys opens anything any more."""
    with command() as work, work.session() as session:
        disable_user(session, work.actor, name)
    if as_json:
        print_json({"name": name, "disabled": True})
    else:
        out.print(f"{name}: disabled", markup=False)


@key_app.command("add")
def key_add(user: str, expires: Expires = None, as_json: JsonFlag = False) -> None:
    """Make a key for a user and print it, this once."""
    with command() as work, work.session() as session:
        until = expires and expires.replace(tzinfo=ZoneInfo(work.settings.tz))
        number, key = add_key(session, work.actor, user, until)
    if as_json:
        print_json({"id": number, "user": user, "key": key})
    else:
        out.print(f"{key}\n只显示这一次 (shown this once): key {number} of {user}", markup=False, soft_wrap=True)


@key_app.command("list")
def key_list(as_json: JsonFlag = False) -> None:
    """List keys by their first characters."""
    with command() as work, work.session() as session:
        found = keys(session)
    if as_json:
        print_json([asdict(key) for key in found])
        return
    rows = [
        [str(key.id), key.user, f"{key.prefix}…"]
        + [clock_text(one, work.settings.tz) for one in (key.created_at, key.expires_at, key.revoked_at)]
        for key in found
    ]
    print_table("密钥 keys", ["id", "user", "key", "created", "expires", "revoked"], rows, frozenset({"id"}))


@key_app.command("revoke")
def key_revoke(key_id: Annotated[int, typer.Argument(metavar="ID")], as_json: JsonFlag = False) -> None:
    """Revoke a key by its number: it opens nothing from now on."""
    with command() as work, work.session() as session:
        revoke_key(session, work.actor, key_id)
    if as_json:
        print_json({"id": key_id, "revoked": True})
    else:
        out.print(f"key {key_id}: revoked", markup=False)
