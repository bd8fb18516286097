"""The commands of an upgrade: does it fit the open cases, make it current, what is current (docs/upgrading.md)."""

from typing import Annotated

import typer

from run.going import err, go, settings
from run.settings import beside_the_local_stack

ENOUGH = 50
"""Histories that are replayed before a build is promoted, when nobody says another number."""


def add_to(app: typer.Typer) -> None:
    """Make these commands of `amends`."""
    app.command()(replay)
    app.command()(promote)
    app.command()(builds)


def replay(
    open_: Annotated[bool, typer.Option("--open", help="a random sample of the open processes")] = False,
    limit: Annotated[int, typer.Option(help="at most so many", min=1, max=100_000)] = ENOUGH,
    seed: Annotated[int | None, typer.Option(help="the same number draws the same sample")] = None,
    reference: Annotated[list[str] | None, typer.Option(help="this case instead; may be said again")] = None,
) -> None:
    """Replay histories of running cases under this build. Nothing is changed and nothing written down.

    Exit code 0: all fit; 1: one does not; 2: there was nothing to compare.
    """
    from run import upgrading

    if open_ is bool(reference):
        err.print("[red]say either --open or --reference REF[/]")
        raise typer.Exit(2)
    go(upgrading.replay(settings(beside_the_local_stack), limit, seed, reference or []))


def promote(
    build: Annotated[str | None, typer.Option(help="another build than this one")] = None,
    ramp: Annotated[float | None, typer.Option(help="only this share of the cases, in percent", min=0, max=100)] = None,
    histories: Annotated[int, typer.Option(help="histories of open cases that have to fit first", min=1)] = ENOUGH,
    without_replay: Annotated[bool, typer.Option("--without-replay", help="whether they fit or not")] = False,
    wait: Annotated[float, typer.Option(help="seconds a worker of it may take to ask for work", min=0)] = 60,
) -> None:
    """Let open and new cases go on with this build; returns when every part of the task queue knows.

    First its workers have to ask for work, and histories of open cases have to fit it. The workers before it may be
    stopped afterwards.
    """
    from run import upgrading

    checked = 0 if without_replay else histories
    go(upgrading.promote(settings(beside_the_local_stack), build, ramp, checked, wait))


def builds() -> None:
    """The builds that Temporal knows, and what each is given."""
    from run import upgrading

    go(upgrading.show(settings(beside_the_local_stack)))
