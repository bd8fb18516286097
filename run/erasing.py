"""`amends erase`, `amends hold`: makes what is known of a closed complaint unreadable everywhere, and proves it."""

from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode

from register import erasure
from run import connect, proof
from run.settings import Settings
from vault.box import Unreadable

out = Console()
PATIENCE = timedelta(seconds=30)


async def erase(settings: Settings, reference: str, reason: str, by: str) -> None:
    """Erase a closed complaint, and print what is left to read of it: nothing."""
    engine = connect.register(settings)
    try:
        await erasure.erasable(engine, reference)
        client = await connect.temporal(settings, engine)
        await _let_go(client, reference)
        await proof.remove_plain_runs(client, reference)
        await erasure.erase(engine, reference, by, reason, "command line", datetime.now(UTC))
        places = await proof.attempts(engine, client, settings, reference)
    except (erasure.NotErasable, RPCError) as refused:
        raise RuntimeError(str(refused)) from None
    finally:
        await engine.dispose()
    table = Table("place", "found", "readable", title=f"{reference} erased; what can still be read of it")
    for place in places:
        table.add_row(place.name, str(place.found), str(place.readable))
    out.print(table)
    out.print(
        "Backups of the register and of Temporal hold no key. Copies of the keys themselves (schema vault) still open "
        "them until they expire: docs/encryption.md says how long to keep those."
    )
    if readable := [place.name for place in places if place.readable]:
        raise RuntimeError(f"still readable: {', '.join(readable)}")


async def _let_go(client: Client, reference: str) -> None:
    """A closed case stays for as long as it can be opened again; nobody will."""
    handle = client.get_workflow_handle(reference)
    try:
        await handle.execute_update("let_go", id=f"let-go-{reference}", rpc_timeout=PATIENCE)
        await handle.result(rpc_timeout=PATIENCE)
    except WorkflowUpdateFailedError as failed:
        raise RuntimeError(f"{reference}: {failed.cause}") from None
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:  # it has ended before
            raise RuntimeError(f"{reference}: its process did not answer; is a worker running?") from None


async def hold(settings: Settings, reference: str, reason: str, by: str, *, release: bool) -> None:
    """Keep a complaint from being erased, or end that."""
    engine = connect.register(settings)
    try:
        if not release:
            await erasure.hold(engine, reference, by, reason, datetime.now(UTC))
            out.print(f"{reference} is on hold")
        elif await erasure.release(engine, reference, by, reason, datetime.now(UTC)):
            out.print(f"{reference} is not on hold any more")
        else:
            raise RuntimeError(f"{reference} is not on hold")
    except Unreadable as unknown:
        raise RuntimeError(f"{reference}: {unknown}") from None
    finally:
        await engine.dispose()


async def holds(settings: Settings) -> None:
    """Print every hold in force."""
    engine: AsyncEngine = connect.register(settings)
    table = Table("complaint", "since", "by", "reason")
    for row in await erasure.holds(engine):
        table.add_row(row["reference"], f"{row['set_at']:%Y-%m-%d}", row["by"], row["reason"])
    await engine.dispose()
    out.print(table)
