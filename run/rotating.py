"""`amends keys`: turns to another master key while everything runs."""

from rich.console import Console
from rich.table import Table

from register import audit
from run import connect
from run.settings import Settings
from vault.keyring import counts, keyring_of, rewrap

out = Console()


async def rotate(settings: Settings, by: str) -> None:
    """Wrap what other master keys have wrapped with the current one, some hundred at a time."""
    engine = connect.register(settings)
    current, done = keyring_of(engine).master.current, 0
    async for some in rewrap(engine):
        done += some
        out.print(f"{done} data keys wrapped with {current}", highlight=False)
    change = {"keys": done, "master": current}
    await audit.append(engine, audit.Entry(who=by, act="master_key_rotated", change=change, origin="command line"))
    await engine.dispose()
    out.print(f"every data key is wrapped with {current}; the other master keys are needed no more", highlight=False)


async def show(settings: Settings) -> None:
    """Print which master key wraps how many."""
    engine = connect.register(settings)
    table = Table("master key", "data keys")
    for master, number in await counts(engine):
        table.add_row(master or "(destroyed)", str(number))
    await engine.dispose()
    out.print(table)
