"""The registers a measurement is made on: an empty one, and those of DATA that hold so many seeded complaints."""

import asyncio
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from stack import running

from run.seed import command


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
