"""`amends staff key`: keys with which service accounts call the API."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncEngine

from api.auth import KEY_BEGINS
from policies.access import TABLE
from register import keys as kept
from register import read
from register.links import digest, new_token
from register.sign_in_tables import ServiceKey
from run import connect
from run.noting import noted
from run.settings import beside_the_local_stack

out, err = Console(soft_wrap=True), Console(stderr=True)


def _register() -> AsyncEngine:
    return connect.register(beside_the_local_stack())


def key(
    username: str,
    scope: Annotated[list[str], typer.Option(help="an act the key may do, such as open or read; once for each")],
    days: Annotated[int, typer.Option(help="how long it is good", min=1, max=366)] = 90,
) -> None:
    """Make a key for a service account and print it, this once. It never does more than the account's roles may."""
    known = {entry.does for entry in TABLE.routes.values() if not entry.public}
    if wrong := [name for name in scope if name not in known]:
        err.print(f"no such act: {', '.join(wrong)}; one of: {', '.join(sorted(known))}", style="red", markup=False)
        raise typer.Exit(2)
    token, now = KEY_BEGINS + new_token(), datetime.now(UTC)
    row = ServiceKey(
        id=secrets.token_hex(6),
        username=username,
        digest=digest(token),
        scopes=sorted(set(scope)),
        made_at=now,
        expires_at=now + timedelta(days=days),
    )

    async def go() -> bool:
        engine = _register()
        staff = await read.staff_member(engine, username)
        if staff is None or staff.state == "disabled":
            return False
        await kept.make(engine, row)
        await noted(engine, "key_made", username, {"key": [None, row.id], "scopes": [None, list(row.scopes)]})
        await engine.dispose()
        return True

    if not asyncio.run(go()):
        err.print("[red]nobody who can sign in has that user name[/]")
        raise typer.Exit(1)
    err.print(f"key {row.id}, good until {row.expires_at:%Y-%m-%d}; it is not shown again")
    out.print(token, markup=False, highlight=False)


def keys() -> None:
    """Every key there ever was, without the keys themselves."""
    table = Table("id", "account", "scopes", "made", "good until", "last used", "")
    now = datetime.now(UTC)
    for k in asyncio.run(kept.every(_register())):
        state = "revoked" if k.revoked_at else "expired" if k.expires_at <= now else ""
        used = f"{k.seen_at:%Y-%m-%d}" if k.seen_at else "never"
        table.add_row(
            k.id, k.username, ", ".join(k.scopes), f"{k.made_at:%Y-%m-%d}", f"{k.expires_at:%Y-%m-%d}", used, state
        )
    out.print(table)


def revoke_key(key_id: str) -> None:
    """End a key at once and for good."""

    async def go() -> str | None:
        engine = _register()
        username = await kept.revoke(engine, key_id, datetime.now(UTC))
        if username is not None:
            await noted(engine, "key_revoked", username, {"key": [key_id, None]})
        await engine.dispose()
        return username

    if (username := asyncio.run(go())) is None:
        err.print("[red]no key of that id is good now[/]")
        raise typer.Exit(1)
    out.print(f"key {key_id} of {username} revoked")
