"""The registers a measurement is made on: an empty one, and those of DATA that hold so many seeded complaints."""

import asyncio
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from stack import running
from temporalio.client import Client

from run.seed import command
from workflows.reconcile import Reconcile

UNDER_WAY = f"WorkflowType = '{Reconcile.__name__}' AND ExecutionStatus = 'Running'"


def options(parser: ArgumentParser) -> None:
    """Which registers."""
    parser.add_argument("--sizes", default="0,100000,1000000", help="complaints in the register, parted by commas")
    parser.add_argument("--data", type=Path, help="folder with a folder for each size; without it, only 0 is measured")
    parser.add_argument("--seed", action="store_true", help="make the registers that are not there, in --data")


def registers(wanted: Namespace) -> Iterator[tuple[int, Path]]:
    """Each size with the data of an `amends run`; sizes that are not there are skipped, and that is said."""
    for size in (int(said) for said in wanted.sizes.split(",")):
        if size == 0:
            with TemporaryDirectory(prefix="amends-bench-", ignore_cleanup_errors=True) as folder:
                yield 0, Path(folder) / "data"
        elif (data := _seeded(wanted, size)) is not None:
            yield size, data
        else:
            print(f"{size} complaints: skipped, there is no such register; --data DIR --seed makes it")


async def caught_up(address: str) -> Client:
    """Temporal, when the comparison is over that was due while the register lay there: it is not what is measured."""
    client = await Client.connect(address)
    for _ in range(1200):
        if not [w async for w in client.list_workflows(UNDER_WAY)]:
            return client
        await asyncio.sleep(1)  # it takes some minutes, and tells nobody
    raise RuntimeError("the comparison is still under way after twenty minutes")


def _seeded(wanted: Namespace, size: int) -> Path | None:
    if wanted.data is None:
        return None
    data: Path = wanted.data.resolve() / str(size)
    done = data.parent / f"{size}.seeded"  # beside it: a register that was seeded by half is not measured
    if not done.exists() and wanted.seed:
        data.parent.mkdir(parents=True, exist_ok=True)
        with running(data) as here:
            asyncio.run(command.told(here.settings(), size, 1095, 1, sure=False))
        done.touch()
    return data if done.exists() else None
