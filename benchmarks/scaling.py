"""`make scaling`: lifecycles a second by the number of workers and of web servers, 1 to 3 of each.

All against one Temporal and one PostgreSQL of this machine; the processor time of each part says what is full.
"""

import asyncio
import os
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from breaking import answers
from clerks import UNLIMITED, at_work
from lives import rate
from results import Json, keep
from stack import Running, running
from watching import Meter

from run.stack import free_port


@contextmanager
def more(here: Running, part: str) -> Iterator[int]:
    """One more worker or web server beside those that run; its port."""
    written = (line.partition("=") for line in (here.data / "environment").read_text().splitlines())
    port = free_port()
    environment = os.environ | UNLIMITED | {name: value for name, _, value in written} | {"AMENDS_API_PORT": str(port)}
    with (here.data / f"logs/{part}-{port}.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", "run.cli", part], env=environment, stdout=log, stderr=log)
    try:
        if part == "web":
            answers(port)
        yield port
    finally:
        process.terminate()
        process.wait(60)


async def measured(here: Running, ports: list[int], wanted: Namespace) -> Json:
    """Lives a second with what runs now, and what each part uses of one core meanwhile."""
    async with at_work(*ports) as clerks:
        await rate(clerks.life, wanted.lanes, 3)
        meter = Meter(here)
        meter.look()
        began = time.monotonic()
        per_second, _, _ = await rate(clerks.life, wanted.lanes, wanted.seconds)
        spent, whole = meter.look(), time.monotonic() - began  # with the ramp, and the lives that end after the round
    return {"lives": round(per_second, 2), "cores": {part: round(used / whole, 2) for part, used in spent.items()}}


def main() -> int:
    """Every pair of numbers."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--lanes", type=int, default=24)
    wanted = parser.parse_args()
    found: list[Json] = []
    with (
        TemporaryDirectory(prefix="amends-scaling-", ignore_cleanup_errors=True) as folder,
        running(Path(folder) / "data", **UNLIMITED) as here,
    ):
        for workers in range(1, wanted.most + 1):
            for webs in range(1, wanted.most + 1):
                with ExitStack() as stack:
                    for _ in range(workers - 1):
                        stack.enter_context(more(here, "worker"))
                    ports = [here.port, *(stack.enter_context(more(here, "web")) for _ in range(webs - 1))]
                    one = asyncio.run(measured(here, ports, wanted))
                found.append({"workers": workers, "webs": webs, **one})
                print(found[-1], flush=True)
    keep("scaling", {"by number": found, "lanes": wanted.lanes})
    return 0


if __name__ == "__main__":
    sys.exit(main())
