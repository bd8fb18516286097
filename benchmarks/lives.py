"""Lifecycles a second of the whole system, from the API to closed, against the floor, by turns in one run."""

import asyncio
import os
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable
from typing import Any

from clerks import UNLIMITED, Clerks, at_work
from floor import bare_life, floor_worker
from registers import caught_up, registers
from results import Json
from spread import ratios, spread, tails
from stack import Running, running
from temporalio.client import Client
from watching import Meter

RAMP = 3.0


def options(parser: ArgumentParser) -> None:
    """What can be asked of it."""
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20, help="counted in a round; the ramp before is not")
    parser.add_argument("--lanes", type=int, default=12, help="complaints worked at once")


async def rate(life: Callable[[], Awaitable[None]], lanes: int, seconds: float) -> tuple[float, float, int]:
    """Lives a second at a steady pace; the seconds counted, and how many lives ended in them."""
    ended, stop = list[float](), asyncio.Event()

    async def lane() -> None:
        while not stop.is_set():
            await life()
            ended.append(time.monotonic())

    async with asyncio.TaskGroup() as group:
        for _ in range(lanes):
            group.create_task(lane())
        await asyncio.sleep(RAMP)
        began = time.monotonic()
        await asyncio.sleep(seconds)
        over = time.monotonic()
        stop.set()
    counted = sum(began < at <= over for at in ended)
    return counted / (over - began), over - began, counted


async def rounds(here: Running, clerks: Clerks, client: Client, wanted: Namespace) -> Json:
    """Rounds of both by turns; the first of each kind is not counted."""
    meter, lives, floors = Meter(here), list[float](), list[float]()
    costs, counts = list[dict[str, float]](), list[float]()
    kinds: list[tuple[str, Callable[[], Awaitable[None]]]] = [
        ("amends", clerks.life),
        ("floor", lambda: bare_life(client)),
    ]
    for number in range(wanted.rounds + 1):
        for kind, life in kinds if number % 2 else reversed(kinds):
            meter.look()
            per_second, seconds, _ = await rate(life, wanted.lanes, wanted.seconds if number else 3)
            spent = meter.look()
            if number:
                (lives if kind == "amends" else floors).append(per_second)
                print(f"{kind:<7} {per_second:7.2f}/s  cpu {_said(spent)}", flush=True)
                if kind == "amends":
                    costs.append(spent)
                    counts.append(per_second * (seconds + RAMP))
            else:
                clerks.latencies.clear()
    return {
        "lives": spread(lives),
        "floor": spread(floors),
        "ratio": ratios(list(zip(lives, floors, strict=True))),
        "per core": spread([value / (os.cpu_count() or 1) for value in lives]),
        "latency": {what: tails(values) for what, values in clerks.latencies.items()},
        "cpu share": shares(costs),
        "core seconds a life": each(costs, counts),
    }


def shares(costs: list[dict[str, float]]) -> dict[str, float]:
    """Each part's share of the processor time that all of them spent."""
    whole = sum(sum(cost.values()) for cost in costs) or 1.0
    return {part: round(sum(cost.get(part, 0) for cost in costs) / whole, 3) for part in costs[0]} if costs else {}


def each(costs: list[dict[str, float]], counts: list[float]) -> dict[str, float]:
    """Processor seconds of each part for one life."""
    return {part: round(sum(c.get(part, 0) for c in costs) / (sum(counts) or 1), 4) for part in costs[0]}


def _said(spent: dict[str, float]) -> str:
    return " ".join(f"{part} {value:.1f}" for part, value in spent.items())


async def _measured(here: Running, wanted: Namespace) -> Json:
    address = f"127.0.0.1:{here.temporal_port}"
    with floor_worker(address):
        async with at_work(here.port) as clerks:
            return await rounds(here, clerks, await caught_up(address), wanted)


def measure(wanted: Namespace) -> Json:
    """At each size of the register that is there."""
    found: dict[str, Any] = {}
    for size, data in registers(wanted):
        with running(data, **UNLIMITED) as here:
            print(f"{size} complaints in the register", flush=True)
            found[str(size)] = asyncio.run(_measured(here, wanted))
    return {"sizes": found, "lanes": wanted.lanes, "seconds": wanted.seconds, "updates": 4}
