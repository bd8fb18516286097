"""`amends reconcile`: compares the register with Temporal, names each difference, and mends it if asked."""

import asyncio
import json
import sys
from functools import partial

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from activities.comparing import CannotCompare, Sides
from activities.reconciling import reconcile
from api import opening
from complaints.names import TASK_QUEUE
from complaints.standing import Reconciliation
from run import connect
from run.auditing import os_user
from run.settings import MissingSetting, Settings

out, err = Console(highlight=False, markup=False), Console(stderr=True, markup=False, soft_wrap=True)


def sides(engine: AsyncEngine, client: Client, task_queue: str = TASK_QUEUE, **who: str) -> Sides:
    """Both sides, and how a complaint that was kept is started."""
    return Sides(engine, client, partial(opening.start, engine, client, task_queue), task_queue, **who)


def command(settings: Settings, *, mend: bool, as_json: bool) -> None:
    """Compare and say what differs; exit code 1 where something is left to do, 2 where it could not be compared."""
    try:
        found = asyncio.run(_compare(settings, mend=mend))
    except MissingSetting as missing:
        err.print(str(missing), style="red")
        raise typer.Exit(2) from None
    except CannotCompare as away:
        err.print(f"could not compare: {away}", style="red")
        raise typer.Exit(2) from None
    if as_json:
        typer.echo(json.dumps(said(found), ensure_ascii=False, indent=2))
    else:
        _told(found)
    if found.left():
        raise typer.Exit(1)


async def _compare(settings: Settings, *, mend: bool) -> Reconciliation:
    engine = connect.register(settings)
    try:
        client = await connect.temporal(settings, engine)
        here = sides(engine, client, TASK_QUEUE, who=os_user(), origin="command line")
        with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
            task = bar.add_task("asking the processes", total=None)
            return await reconcile(
                here, mend=mend, progress=lambda done, of: bar.update(task, completed=done, total=of)
            )
    except RuntimeError as away:  # Temporal's client, when it cannot connect
        raise away if isinstance(away, CannotCompare) else CannotCompare("Temporal does not answer") from None
    finally:
        await engine.dispose()


def said(found: Reconciliation) -> dict[str, object]:
    """The outcome as JSON; each difference with what a person does about it."""
    whole = found.model_dump(mode="json")
    whole["differences"] = [d.model_dump(mode="json") | {"to_do": d.to_do()} for d in found.differences]
    return whole | {"found": found.found(), "mended": found.mended()}


def _told(found: Reconciliation) -> None:
    if found.differences:
        table = Table("case", "differs in", "register", "process", "what now", box=None, padding=(0, 2, 0, 0))
        for d in found.differences:
            table.add_row(d.reference, d.kind, d.record or "-", d.process or "-", "mended" if d.mended else d.to_do())
        out.print(table)
    mended = sum(found.mended().values())
    out.print(
        f"{found.compared} cases compared in {found.seconds:.0f} s, {found.asked} processes asked: "
        f"{len(found.differences)} differences, "
        f"{mended} mended, {len(found.left())} left"
    )
    if found.seeded:
        out.print(f"{found.seeded} seeded cases left out: no process runs for them")
    if found.moving:
        out.print(f"{found.moving} cases changed each time they were asked; the next comparison looks at them again")
