"""`amends staff`: the first administrator of a new register, and whoever comes and goes."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer
from argon2 import PasswordHasher
from pydantic import JsonValue
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.service import RPCError

from api.absence import away
from complaints.names import HEAD_OFFICE, Role
from complaints.policy import Department as NamedDepartment
from policies.load import load
from register import people, read, sessions
from register.tables import Staff
from register.usernames import RESERVED, USERNAME
from run import connect
from run.noting import noted
from run.settings import beside_the_local_stack
from run.staff_keys import key, keys, revoke_key

app = typer.Typer(help="Members of staff: add, list, set their working state or password.", no_args_is_help=True)
out, err = Console(), Console(stderr=True)
SHORTEST, LONGEST = 12, 1024
app.command()(key)
app.command()(keys)
app.command("revoke-key")(revoke_key)


def _register() -> AsyncEngine:
    return connect.register(beside_the_local_stack())


def _hash(password: str) -> str:
    if not SHORTEST <= len(password) <= LONGEST:
        err.print(f"[red]a password has {SHORTEST} to {LONGEST} characters[/]")
        raise typer.Exit(2)
    return PasswordHasher().hash(password)


@app.command()
def add(  # nosec B107: the empty default is asked for at the prompt, and refused as too short
    username: str,
    name: Annotated[str, typer.Option()],
    email: Annotated[str, typer.Option()],
    role: Annotated[list[Role], typer.Option(help="once for each role")],
    department: Annotated[str | None, typer.Option(help="its code, such as card_centre")] = None,
    region: Annotated[str | None, typer.Option()] = None,
    skill: Annotated[list[str] | None, typer.Option(help="a product they are skilled in; once for each")] = None,
    keys_only: Annotated[bool, typer.Option("--keys-only", help="a service account: no password, only keys")] = False,
    password: Annotated[str | None, typer.Option(help="asked for when not given")] = None,
) -> None:
    """Add a member of staff; the departments of the routing table are made on the way."""
    if not USERNAME.match(username) or username in RESERVED:
        err.print("[red]a user name is made of letters, digits, dot, dash and underscore, 64 at most[/]")
        raise typer.Exit(2)
    if password is None and not keys_only:
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    person = Staff(
        username=username,
        name=name,
        email=email,
        roles=[r.value for r in role],
        department=department,
        region=region,
        skills=skill or [],
        password=_hash(password) if password is not None else "",
    )

    async def go() -> None:
        engine = _register()
        known = [*load().routing.departments, NamedDepartment(code=HEAD_OFFICE, zh="总行", en="Head office")]
        if department and department not in {d.code for d in known}:
            err.print(f"[red]no department {department}; one of: {', '.join(d.code for d in known)}[/]")
            raise typer.Exit(2)
        await people.add_departments(engine, known)
        if await read.staff_member(engine, username):
            err.print(f"[red]{username} is there already[/]")
            raise typer.Exit(1)
        await people.put_staff(engine, [person])
        await noted(engine, "staff_added", username, {"roles": [None, [r.value for r in role]]})
        await engine.dispose()

    asyncio.run(go())
    out.print(f"{username} added")


@app.command("list")
def list_() -> None:
    """Everybody, with roles and working state; no passwords."""
    table = Table("user name", "name", "roles", "department", "region", "state")
    for s in asyncio.run(read.staff(_register())):
        table.add_row(s.username, s.name, ", ".join(s.roles), s.department or "", s.region or "", s.state)
    out.print(table)


@app.command()
def state(username: str, now: Annotated[str, typer.Argument(help="working, leave or disabled")]) -> None:
    """Set the working state: only who is working holds cases and is told things; who is disabled cannot sign in."""
    if now not in ("working", "leave", "disabled"):
        err.print("[red]working, leave or disabled[/]")
        raise typer.Exit(2)
    _change(username, state=now)
    if now != "working":
        told = asyncio.run(_give_away(username))
        out.print(f"{len(told)} cases told: {', '.join(told) or 'none'}")


@app.command()
def password(
    username: str, new: Annotated[str, typer.Option(prompt=True, confirmation_prompt=True, hide_input=True)] = ""
) -> None:
    """Set a new password."""
    _change(username, password=_hash(new))


async def _give_away(username: str) -> list[str]:
    try:
        return await away(await connect.temporal(beside_the_local_stack(), _register()), username)
    except (RuntimeError, RPCError) as error:
        err.print(f"[red]Temporal does not answer, so nothing was given to others; run it again[/] ({error})")
        raise typer.Exit(1) from None


@app.command("hand-over")
def hand_over(
    username: str, subject: Annotated[str, typer.Argument(help="who the person is at the provider: the claim `sub`")]
) -> None:
    """Give an account with a password to the identity provider: from then on it signs in there only."""
    issuer = beside_the_local_stack().oidc_issuer
    if not issuer:
        err.print("[red]AMENDS_OIDC_ISSUER is not set[/]")
        raise typer.Exit(2)
    _change(username, password="", provider=issuer, subject=subject)  # nosec B106: none, so that nobody can use it


def _change(username: str, **values: str) -> None:
    """Change the account. A new password, or none to use any more, ends its sessions at once."""

    async def go() -> str | None:
        engine, now = _register(), datetime.now(UTC)
        before = await read.staff_member(engine, username)
        if before is None:
            return f"nobody has the user name {username}"
        if before.provider is not None and "password" in values:
            return f"{username} signs in at {before.provider}, without a password here"
        try:
            await people.change_staff(engine, username, **values)
        except IntegrityError:
            return "somebody else has that account at the provider"
        if "password" in values or values.get("state") == "disabled":
            await sessions.end(engine, username, "account changed", now)
        shown: dict[str, JsonValue] = {
            name: [getattr(before, name), value] for name, value in values.items() if name != "password"
        }
        await noted(engine, "staff_changed" if shown else "password_set", username, shown)
        await engine.dispose()
        return None

    if refused := asyncio.run(go()):
        err.print(refused, style="red", markup=False)
        raise typer.Exit(1)
    out.print(f"{username} changed")
