"""How late deadlines are heard: at rest, a thousand in one minute, and after Temporal was away while they fell due.

A complaint is keyed in 48 hours late, but for as long as is left to its deadline: its first response is due at a moment
of our choice. Late is the moment written on the event of the breach, minus the deadline; of the outage, minus the
moment Temporal answers again, where that is later.
"""

import asyncio
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from breaking import answers, breakable, started, stopped
from clerks import UNLIMITED, Clerks, at_work
from results import Json
from spread import tails
from stack import running

from run.settings import Settings
from run.stack import Stack

LIMIT, CLOCK = timedelta(hours=48), "first_response"
PATIENCE = timedelta(minutes=10)
HEARD = """
    SELECT min(e.at) AS heard, c.due_at FROM slaclock c JOIN caseevent e
    ON e.reference = c.reference AND e.kind = 'breached' AND e.at >= c.due_at
    WHERE c.name = %s AND c.reference = ANY(%s) GROUP BY c.reference, c.due_at
"""


def options(parser: ArgumentParser) -> None:
    """What can be asked of it."""
    parser.add_argument("--spread", type=int, default=200, help="deadlines at rest")
    parser.add_argument("--over", type=float, default=120, help="the seconds they are spread over")
    parser.add_argument("--crowd", type=int, default=1000, help="deadlines in one minute")
    parser.add_argument("--outage", type=float, default=10, help="minutes that Temporal is away")
    parser.add_argument("--away", type=int, default=300, help="deadlines that fall due meanwhile")


async def due_at(clerks: Clerks, moments: Sequence[datetime], lanes: int = 6) -> list[str]:
    """Complaints whose first response is due at these moments."""
    left, references = list(reversed(moments)), list[str]()

    async def lane() -> None:
        while left:
            due = left.pop()
            case = await clerks.opened(channel="counter", received_at=(due - LIMIT).isoformat())
            (found,) = (c["due_at"] for c in case["clocks"] if c["name"] == CLOCK)
            if abs(datetime.fromisoformat(found) - due) > timedelta(milliseconds=1) or due < datetime.now(UTC):
                raise RuntimeError(f"due at {found}, not at {due}, or opened after it")
            references.append(case["reference"])

    async with asyncio.TaskGroup() as group:
        for _ in range(lanes):
            group.create_task(lane())
    return references


async def begun(clerks: Clerks, number: int) -> datetime:
    """A moment by which so many can surely be opened: it is tried with twelve."""
    began = time.monotonic()
    await due_at(clerks, [datetime.now(UTC) + timedelta(hours=1)] * 12)
    each = (time.monotonic() - began) / 12
    return datetime.now(UTC) + timedelta(seconds=20 + 1.5 * each * number)


async def heard(url: str, references: list[str]) -> list[tuple[datetime, datetime]]:
    """When each breach was heard, and when it was due; waits until all were."""
    end = datetime.now(UTC) + PATIENCE
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as db:
        while datetime.now(UTC) < end:
            rows = await (await db.execute(HEARD, (CLOCK, references))).fetchall()
            if len(rows) == len(references):
                return [(row[0], row[1]) for row in rows]
            await asyncio.sleep(1)  # looks at the register now and then; nothing tells when the last one is in
    raise RuntimeError(f"{len(references) - len(rows)} of {len(references)} deadlines were not heard in {PATIENCE}")


def late(times: list[tuple[datetime, datetime]], since: datetime | None = None) -> Json:
    """How late they were, in seconds; of what was due before `since`, after that."""
    return tails([(at - max(due, since or due)).total_seconds() for at, due in times])


async def spread_over(clerks: Clerks, url: str, number: int, seconds: float) -> Json:
    """So many deadlines, evenly over so many seconds, with nothing else to do."""
    first = await begun(clerks, number)
    step = timedelta(seconds=seconds / number)
    references = await due_at(clerks, [first + n * step for n in range(number)])
    wait = (first + number * step - datetime.now(UTC)).total_seconds()
    await asyncio.sleep(max(wait, 0))
    return late(await heard(url, references))


async def outage(stack: Stack, wanted: Namespace) -> Json:
    """Temporal is killed; deadlines fall due; it comes back."""
    async with at_work(stack.settings.api_port) as clerks:
        length = timedelta(minutes=wanted.outage)
        first = await begun(clerks, wanted.away)
        references = await due_at(clerks, [first + n * length / wanted.away * 0.9 for n in range(wanted.away)])
    await asyncio.sleep(max((first - datetime.now(UTC)).total_seconds() - 2, 0))
    environment = stopped(stack, "temporal", kill=True)
    await asyncio.sleep(length.total_seconds())
    started(stack, "temporal", environment)
    await asyncio.to_thread(answers, stack.settings.temporal_port)
    back = datetime.now(UTC)
    found = late(await heard(address(stack.own), references), back)
    return found | {"minutes": wanted.outage}


def address(settings: Settings) -> str:
    """The register, for psycopg."""
    assert settings.database_url
    return settings.database_url.get_secret_value().replace("+psycopg", "", 1)


def measure(wanted: Namespace) -> Json:
    """All three; one that is given 0 deadlines is left out."""
    found: Json = {}

    async def at_ease(port: int, url: str) -> None:
        async with at_work(port) as clerks:
            for name, number, seconds in (("at rest", wanted.spread, wanted.over), ("crowd", wanted.crowd, 60.0)):
                if number:
                    found[name] = await spread_over(clerks, url, number, seconds) | {"seconds": seconds}
                    print(name, found[name], flush=True)

    with TemporaryDirectory(prefix="amends-late-", ignore_cleanup_errors=True) as folder:
        with running(Path(folder) / "data", **UNLIMITED) as here:
            asyncio.run(at_ease(here.port, address(here.settings())))
        if wanted.away:
            with breakable(Path(folder) / "other") as (stack, _):
                found["outage"] = asyncio.run(outage(stack, wanted))
            print("outage", found["outage"], flush=True)
    return found
