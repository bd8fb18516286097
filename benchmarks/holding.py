"""N open complaints held: the worker's memory as they come, what it costs to wait, and how soon all are awake again.

Every complaint waits for its first response. When the worker has been started anew with an empty cache, each of them
is touched by an act (a note of the agent's), so that its process is read back and goes on. The hourly comparison is
paused, and made twice by hand at the end: of all that has changed, and of nothing that has.
"""

import asyncio
import json
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from breaking import breakable, started, stopped
from clerks import Clerks, at_work
from results import Json
from stack import Running
from temporalio.client import Client
from watching import Meter, folder_size, memory

from complaints.names import RECONCILE
from run.stack import Stack

POINTS = 20


def options(parser: ArgumentParser) -> None:
    """What can be asked of it."""
    parser.add_argument("--number", type=int, default=20_000, help="complaints to hold")
    parser.add_argument("--rate", type=float, default=0, help="at most so many opened a second; 0: as it goes")
    parser.add_argument("--lanes", type=int, default=8)
    parser.add_argument("--idle", type=float, default=150, help="seconds of looking on while nothing happens")


async def lanes(number: int, at_once: int, rate: float, do: Callable[[int], Awaitable[None]]) -> float:
    """Do it for each number, so many at once and at most so many a second; the seconds it took."""
    began, numbers = time.monotonic(), iter(range(number))

    async def lane() -> None:
        for n in numbers:
            if rate:
                await asyncio.sleep(max(began + n / rate - time.monotonic(), 0))  # the rate asked for
            await do(n)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(lane())
    return time.monotonic() - began


async def held(here: Running, clerks: Clerks, wanted: Namespace) -> tuple[list[str], Json]:
    """Open them, and look at the memory on the way."""
    references, points, every = list[str](), list[Json](), max(wanted.number // POINTS, 1)

    async def opened(n: int) -> None:
        references.append((await clerks.opened())["reference"])
        if len(references) % every == 0:
            points.append({"open": len(references), **memory(here)})
            print(points[-1], flush=True)

    took = await lanes(wanted.number, wanted.lanes, wanted.rate, opened)
    return references, {"opened a second": round(wanted.number / took, 2), "memory MB": points}


async def idle(here: Running, seconds: float) -> Json:
    """What share of one core each part uses while all complaints wait."""
    await asyncio.sleep(45)  # the digests of the last openings go out within it
    meter = Meter(here)
    meter.look()
    await asyncio.sleep(seconds)
    return {part: round(spent / seconds, 4) for part, spent in meter.look().items()}


async def woken(stack: Stack, clerks: Clerks, references: list[str], at_once: int) -> Json:
    """Seconds until every one of them has taken an act, with a worker that knows none of them."""
    started(stack, "worker", stopped(stack, "worker", kill=False))
    tried_again = 0

    async def touched(n: int) -> None:
        nonlocal tried_again
        for _ in range(5):
            path = f"/complaints/{references[n]}/notes"
            answer = await clerks.call("agent", "POST", path, {"text": "touched by the benchmark"})
            if answer.status_code == 200:
                return
            tried_again += 1
        raise RuntimeError(f"{references[n]} does not take an act: {answer.status_code}")

    took = await lanes(len(references), at_once, 0, touched)
    grown = psutil.Process(stack.processes["worker"].pid).memory_info().rss / 2**20
    per_second = round(len(references) / took, 2)
    return {"seconds": round(took, 1), "a second": per_second, "again": tried_again, "worker MB after": round(grown)}


def compared(stack: Stack) -> Json:
    """Register and processes, compared by hand; raises where that cannot be done."""
    environment = psutil.Process(stack.processes["worker"].pid).environ()
    command = [sys.executable, "-m", "run.cli", "reconcile", "--json"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    if ended.returncode > 1:
        raise RuntimeError(ended.stderr)
    said = json.loads(ended.stdout)
    return {name: said[name] for name in ("compared", "asked", "seconds")} | {"found": said["found"]}


async def _measured(stack: Stack, here: Running, wanted: Namespace) -> Json:
    client = await Client.connect(f"127.0.0.1:{here.temporal_port}")
    await client.get_schedule_handle(RECONCILE).pause(note="it is measured by itself")
    async with at_work(here.port) as clerks:
        references, found = await held(here, clerks, wanted)
        found["idle share of a core"] = await idle(here, wanted.idle)
        print(found["idle share of a core"], flush=True)
        found["histories MB"] = round(sum(p.stat().st_size for p in here.data.glob("temporal.db*")) / 10**6)
        found["register MB"] = round(folder_size(here.data / "postgres/base") / 10**6)
        found["woken"] = await woken(stack, clerks, references, wanted.lanes)
        print(found["woken"], flush=True)
        found["comparisons"] = [compared(stack) for _ in range(2)]
        print(found["comparisons"], flush=True)
    return {"number": wanted.number, **found}


def measure(wanted: Namespace) -> Json:
    """Open, wait, wake."""
    with (
        TemporaryDirectory(prefix="amends-held-", ignore_cleanup_errors=True) as folder,
        breakable(Path(folder) / "data") as (stack, here),
    ):
        return asyncio.run(_measured(stack, here, wanted))
