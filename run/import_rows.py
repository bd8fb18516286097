"""Rows of a file into open cases: several at once, at a pace that leaves room for people's own work."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.exceptions import TemporalError

from api import opening
from complaints import cfpb
from complaints.errors import Refused
from policies import imports
from policies.load import calendar
from policies.names import DEFAULT_JURISDICTION
from register import read
from register.connect import REGISTER_AWAY

AT_ONCE = 8
GIVE_UP_AFTER = 3 * AT_ONCE


def reason(refused: Refused) -> str:
    """Why a row is refused, in one line: every column or field at fault."""
    if refused.code == "key_reused":
        return "this complaint was opened before, and the row has changed since"
    return "; ".join(f"{e.field}: {e.message}" for e in refused.errors) or refused.message


class Pace:
    """Lets one pass at a time, evenly."""

    def __init__(self, per_second: float) -> None:
        self._gap, self._next = 1 / per_second, 0.0

    async def turn(self) -> None:
        """Wait for the next turn."""
        now = asyncio.get_running_loop().time()
        turn = max(self._next, now)
        self._next = turn + self._gap
        await asyncio.sleep(turn - now)  # this is the pace asked for; nothing is waited for


@dataclass
class Import:
    """One import under way: what it works with, and what it has done."""

    engine: AsyncEngine
    temporal: Client
    task_queue: str
    agent: str
    file: str
    as_is: bool
    pace: Pace
    refuse: Callable[[cfpb.Record, str], None]
    others: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    stopped: str | None = None
    _failed_in_a_row: int = 0

    async def bring_in(self, records: Iterator[cfpb.Record], done: Callable[[], None] = lambda: None) -> None:
        """Open a case for each row, until there is none left or `stopped` says why not to go on."""

        async def desk() -> None:
            for record in records:
                self.counts["read"] += 1
                self.counts[await self._one(record)] += 1
                done()
                if self.stopped:
                    return

        async with asyncio.TaskGroup() as desks:
            for _ in range(AT_ONCE):
                desks.create_task(desk())

    async def _one(self, record: cfpb.Record) -> str:
        zone = ZoneInfo(calendar(DEFAULT_JURISDICTION).time_zone)
        try:
            form = cfpb.form_of(record, imports.cfpb(), self.file, datetime.now(UTC), zone, as_is=self.as_is)
            key = cfpb.key(record.row)
            agent = await self._in_whose_name(key)
            kept, _ = await opening.keep(self.engine, form, agent, key, cfpb.digest(record.row))
            if kept.started_at is not None:
                return "already open"
            await self.pace.turn()
            began = not self.stopped and await opening.start(self.engine, self.temporal, self.task_queue, kept)
        except Refused as refused:
            self.refuse(record, reason(refused))
            return "refused"
        except REGISTER_AWAY:
            self.stopped = "the register does not answer"
            return "not done"
        except TemporalError:
            began = False
        self._failed_in_a_row = 0 if began else self._failed_in_a_row + 1
        if self._failed_in_a_row >= GIVE_UP_AFTER:
            self.stopped = "Temporal or the worker does not answer"
        return "opened" if began else "kept, not started"

    async def _in_whose_name(self, key: str) -> str:
        """Keys are an agent's own; a row of another agent's import must be found again, not opened twice."""
        found = await read.kept_by(self.engine, self.others, key) if self.others else None
        return found or self.agent
