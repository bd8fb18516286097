"""`amends import`: each row of a file becomes a complaint by the same way as one through the API.

What was opened before is found again by its key, so the same command, run again, goes on where it stopped.
"""

import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncEngine

from complaints import cfpb
from complaints.errors import Refused
from complaints.names import TASK_QUEUE, Role
from register import audit, read
from register.connect import REGISTER_AWAY
from run import connect, import_report
from run.auditing import own_entry
from run.import_rows import Import, Pace
from run.settings import Settings

PREFIX = "cfpb:"


class CannotImport(RuntimeError):
    """The import cannot begin, or had to stop; the message says what to do."""


def lines(file: Path) -> Iterator[str]:
    """The lines of a text file, one at a time; Refused with the line that is not UTF-8."""
    with file.open("rb") as handle:
        number = 0
        while line := handle.readline(cfpb.LONGEST_FIELD):
            number += 1
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                raise Refused("invalid", f"line {number} is not UTF-8; convert the file first") from None


@contextmanager
def _stoppable(run: Import) -> Iterator[None]:
    """Ctrl-C lets the rows under way come to their end; they are few, and none is left half done."""
    loop, signals = asyncio.get_running_loop(), (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, lambda: setattr(run, "stopped", "stopped as asked"))
    yield
    for number in signals:
        loop.remove_signal_handler(number)


async def import_file(
    settings: Settings, file: Path, *, limit: int | None, as_is: bool, agent: str, per_second: float = 20
) -> None:
    """Import a file of the CFPB's; tell how it goes and what came of it."""
    total = _looked_through(file, limit)
    engine = connect.register(settings)
    try:
        client = await connect.temporal(settings, engine)
        others = await _other_agents(engine, agent)
        began, clock = datetime.now(UTC), time.monotonic()
        with import_report.Refusals(settings.data / f"{file.name}.rejected.csv") as refusals:
            run = Import(engine, client, TASK_QUEUE, agent, file.name, as_is, Pace(per_second), refusals.add, others)
            try:
                with import_report.bar(total) as done, _stoppable(run):
                    await run.bring_in(islice(cfpb.records(lines(file)), limit), done)
            finally:
                counts: dict[str, JsonValue] = {"format": PREFIX.rstrip(":"), "agent": agent, **run.counts}
                await audit.append(engine, own_entry("imported", change=counts))
        seconds = time.monotonic() - clock
        import_report.show(run.counts, seconds, refusals, await read.opened_since(engine, PREFIX, began))
    except REGISTER_AWAY as error:
        raise CannotImport(f"the register does not answer: {error.__cause__ or error}") from None
    finally:
        await engine.dispose()
    if run.stopped:
        raise CannotImport(f"{run.stopped}; run the same command again to go on from here")


def _looked_through(file: Path, limit: int | None) -> int:
    """How many rows there are; a file that cannot be read to its end is refused before anything is opened."""
    try:
        return sum(1 for _ in islice(cfpb.records(lines(file)), limit))
    except Refused as refused:
        raise CannotImport(f"{file}: {refused.message}") from None


async def _other_agents(engine: AsyncEngine, agent: str) -> list[str]:
    """In whose names there were imports before; the agent of this one has to be one."""
    member = await read.staff_member(engine, agent)
    if member is None or member.state == "disabled" or Role.agent not in member.roles:
        raise CannotImport(f"{agent!r} is no member of staff with the role agent; name one with --agent")
    return [a for a in await read.kept_agents(engine, PREFIX) if a != agent]
