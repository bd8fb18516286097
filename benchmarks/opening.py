"""How long opening a complaint takes over the API, against a bare workflow's start with its first answer, by turns."""

import asyncio
import time
from argparse import ArgumentParser, Namespace
from typing import Any

from clerks import UNLIMITED, Clerks, at_work
from floor import bare_opening, floor_worker
from registers import caught_up, registers
from results import Json
from spread import ratios, tails
from stack import Running, running
from temporalio.client import Client

WARM = 5


def options(parser: ArgumentParser) -> None:
    """What can be asked of it."""
    parser.add_argument("--openings", type=int, default=200)
    parser.add_argument("--pause", type=float, default=0.2, help="seconds between two: what was opened is at rest then")


async def turns(clerks: Clerks, client: Client, wanted: Namespace) -> Json:
    """One of each by turns; the first of them are not counted."""
    opened, bare = list[float](), list[float]()
    for number in range(WARM + wanted.openings):
        began = time.perf_counter()
        await bare_opening(client)
        between = time.perf_counter()
        await clerks.opened()
        over = time.perf_counter()
        if number >= WARM:
            bare.append(1000 * (between - began))
            opened.append(1000 * (over - between))
        await asyncio.sleep(wanted.pause)
    found = {"open ms": tails(opened, 1), "bare ms": tails(bare, 1)}
    found["ratio"] = ratios(list(zip(opened, bare, strict=True)), 2)
    found["ratio of medians"] = round(found["open ms"]["p50"] / found["bare ms"]["p50"], 2)
    print(found["open ms"], found["bare ms"], found["ratio of medians"], flush=True)
    return found


async def _measured(here: Running, wanted: Namespace) -> Json:
    address = f"127.0.0.1:{here.temporal_port}"
    with floor_worker(address):
        async with at_work(here.port) as clerks:
            return await turns(clerks, await caught_up(address), wanted)


def measure(wanted: Namespace) -> Json:
    """At each size of the register that is there."""
    found: dict[str, Any] = {}
    for size, data in registers(wanted):
        with running(data, **UNLIMITED) as here:
            print(f"{size} complaints in the register", flush=True)
            found[str(size)] = asyncio.run(_measured(here, wanted))
    return {"sizes": found}
