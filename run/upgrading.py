"""What `amends replay`, `promote` and `builds` do, and say."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.service import RPCError

from register import audit
from run import connect
from run.auditing import own_entry
from run.builds import build_id
from run.promoting import (
    UNVERSIONED,
    CannotPromote,
    deployment,
    known,
    make_current,
    ramp,
    routing,
    wait_for_workers,
)
from run.replaying import Compared, Run, compare, sample
from run.settings import Settings

out = Console(highlight=False, markup=False, soft_wrap=True)
SHOWN = 20


@asynccontextmanager
async def _connected(found: Settings) -> AsyncIterator[tuple[AsyncEngine, Client]]:
    engine = connect.register(found)
    try:
        yield engine, await connect.temporal(found, engine)
    except RPCError as error:
        raise RuntimeError(f"Temporal does not do it: {error.status.name.lower()}") from None
    finally:
        await engine.dispose()


async def replay(found: Settings, limit: int, seed: int | None, references: list[str]) -> None:
    """Replay those cases, or a sample of the open ones; the exit code says what came of it."""
    async with _connected(found) as (_, client):
        runs: list[Run] = [(name, None) for name in references] or await sample(client, limit, seed)
        done = await compare(client, runs)
    _tell(done)
    if done.failures or not done.replayed:
        raise typer.Exit(1 if done.failures else 2)


async def promote(found: Settings, named: str | None, percent: float | None, histories: int, wait: float) -> None:
    """Make a build current, or give it a share; first so many histories have to fit (0: none is looked at)."""
    own = build_id(found) if found.versioning else UNVERSIONED
    build = named or own
    if histories and build != own:
        raise CannotPromote(f"a replay here proves {own}; promote {build} from its own files, or add --without-replay")
    async with _connected(found) as (engine, client):
        if build == UNVERSIONED and await deployment(client) is None:
            out.print("Temporal knows no build: workers that name none have all cases")
            return
        await wait_for_workers(client, build, wait)
        if histories:
            done = await compare(client, await sample(client, histories))
            _tell(done)
            if done.failures:
                raise CannotPromote(f"{build} is not promoted: open cases would stand still under it")
        await (make_current(client, build) if percent is None else ramp(client, build, percent))
        await audit.append(engine, own_entry("promoted", change={"build": [None, build], "percent": [None, percent]}))
    out.print(f"{build} is current" if percent is None else f"{build} has {percent:g} % of the cases")


async def show(found: Settings) -> None:
    """Each build with its share of the cases."""
    async with _connected(found) as (_, client):
        of = await deployment(client)
    table, given = Table("build", "status", "of the cases", "this one"), routing(of)
    current, ramping = given.current_deployment_version.build_id, given.ramping_deployment_version.build_id
    share = {current: 100 - given.ramping_version_percentage, ramping: given.ramping_version_percentage}
    for build, status in known(of).items():
        table.add_row(build, status, f"{share.get(build, 0):g} %", "yes" if build == build_id(found) else "")
    out.print(table)
    if not current:
        out.print("no build is current: cases go on with workers that name none")


def _tell(done: Compared) -> None:
    out.print(f"{done.replayed} histories replayed, {len(done.failures)} do not fit, {done.gone} not comparable")
    for reference, why in sorted(done.failures.items())[:SHOWN]:
        out.print(f"  {reference}: {why}")
    if len(done.failures) > SHOWN:
        out.print(f"  … and {len(done.failures) - SHOWN} more")
