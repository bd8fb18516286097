"""Commands about what is kept of people: erase it, keep it from being erased, print their letters, turn the keys."""

from pathlib import Path
from typing import Annotated

import typer

from run.auditing import os_user
from run.going import err, go, out, settings
from run.settings import beside_the_local_stack

Reason = Annotated[str, typer.Option(help="kept in the audit log")]
keys_app = typer.Typer(help="The keys: a new master key, and how many data keys each one wraps.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Make these commands of `amends`."""
    app.command()(erase)
    app.command()(hold)
    app.command("print")(print_)
    app.add_typer(keys_app, name="keys")


def erase(reference: str, reason: Reason) -> None:
    """Make a closed complaint unreadable everywhere, for good, and prove it. Its figures and the audit log stay."""
    from run import erasing

    _said(reason)
    go(erasing.erase(settings(beside_the_local_stack), reference, reason, os_user()))


def hold(
    reference: Annotated[str | None, typer.Argument(help="none: list the holds")] = None,
    reason: Reason = "",
    release: Annotated[bool, typer.Option("--release", help="end the hold")] = False,
) -> None:
    """Keep a complaint from being erased while a matter of law goes on."""
    from run import erasing

    found = settings(beside_the_local_stack)
    if reference is None:
        go(erasing.holds(found))
    else:
        _said(reason)
        go(erasing.hold(found, reference, reason, os_user(), release=release))


def print_(to: Annotated[Path, typer.Option(help="folder for the PDF files", file_okay=False)]) -> None:
    """Open the letters that wait in the print queue, for the print room, and take them out of the queue."""
    from run import printing

    go(printing.release(settings(beside_the_local_stack), to, os_user()))


@keys_app.command("new")
def new_master(name: Annotated[str, typer.Argument(help="such as 2026-11")]) -> None:
    """Make a master key: put it first in AMENDS_MASTER_KEYS of every part, then run `amends keys rotate`."""
    from vault.master import LocalMaster

    try:
        made = LocalMaster.new(name)
        LocalMaster.parse(made)
        out.print(made, highlight=False, soft_wrap=True)
    except ValueError as wrong:
        err.print(f"[red]{wrong}[/]")
        raise typer.Exit(2) from None


@keys_app.command("rotate")
def rotate() -> None:
    """Wrap every data key with the first master key; nothing that was sealed has to be written anew."""
    from run import rotating

    go(rotating.rotate(settings(beside_the_local_stack), os_user()))


@keys_app.command("show")
def show() -> None:
    """How many data keys each master key wraps, and how many were destroyed."""
    from run import rotating

    go(rotating.show(settings(beside_the_local_stack)))


def _said(reason: str) -> None:
    if not reason.strip():
        err.print("[red]say why: --reason[/]")
        raise typer.Exit(2)
