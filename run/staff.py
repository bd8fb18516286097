"""`amends staff`: the first administrator of a new register, and whoever comes and goes."""

import asyncio
from typing import Annotated

import typer
from argon2 import PasswordHasher
from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.service import RPCError

from complaints.names import HEAD_OFFICE, Role
from complaints.policy import Department as NamedDepartment
from complaints.records import CUSTOMER
from policies.load import load
from register import people, read
from register.tables import Staff
from run import connect
from run.absence import away
from run.settings import beside_the_local_stack

app = typer.Typer(help="Members of staff: add, list, set their working state or password.", no_args_is_help=True)
out, err = Console(), Console(stderr=True)
SHORTEST = 12


def _register() -> AsyncEngine:
    return connect.register(beside_the_local_stack())


def _hash(password: str) -> str:
    if len(password) < SHORTEST:
        err.print(f"[red]a password has at least {SHORTEST} characters[/]")
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
    password: Annotated[str, typer.Option(prompt=True, confirmation_prompt=True, hide_input=True)] = "",
) -> None:
    """Add a member of staff; the departments of the routing table are made on the way."""
    person = Staff(
        username=username,
        name=name,
        email=email,
        roles=[r.value for r in role],
        department=department,
        region=region,
        skills=skill or [],
        password=_hash(password),
    )

    async def go() -> None:
        engine = _register()
        known = [*load().routing.departments, NamedDepartment(code=HEAD_OFFICE, zh="总行", en="Head office")]
        if department and department not in {d.code for d in known}:
            err.print(f"[red]no department {department}; one of: {', '.join(d.code for d in known)}[/]")
            raise typer.Exit(2)
        await people.add_departments(engine, known)
        if username == CUSTOMER or await read.staff_member(engine, username):
            err.print(f"[red]{username} is there already[/]")
            raise typer.Exit(1)
        await people.put_staff(engine, [person])
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
        return await away(await connect.temporal(beside_the_local_stack()), username)
    except (RuntimeError, RPCError) as error:
        err.print(f"[red]Temporal does not answer, so nothing was given to others; run it again[/] ({error})")
        raise typer.Exit(1) from None


def _change(username: str, **values: str) -> None:
    if not asyncio.run(people.change_staff(_register(), username, **values)):
        err.print(f"[red]nobody has the user name {username}[/]")
        raise typer.Exit(1)
    out.print(f"{username} changed")
