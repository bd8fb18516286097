"""Erases what has been kept for its time."""

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity

from activities.letters import heartbeats
from complaints.orders import Erased, RetentionOrder
from complaints.records import PROCESS
from policies.files import FOLDER
from policies.retention import retention
from register import erasure

AT_ONCE = 200


class Erasing:
    """The activity of the night: the keys of complaints whose time is over are destroyed."""

    def __init__(self, engine: AsyncEngine, rules: Path = FOLDER) -> None:
        self.engine, self.rules = engine, rules

    @activity.defn
    async def erase_due(self, order: RetentionOrder) -> Erased:
        """Erase some of them; `more` when others are left."""
        now = datetime.now(UTC)
        before = retention(self.rules).kept_from(order.jurisdiction, now)
        why = f"closed before {before:%Y-%m-%d}, kept for its time"
        count = 0
        async with heartbeats():
            due = await erasure.due(self.engine, order.jurisdiction, before, AT_ONCE)
            for reference in due:
                try:
                    await erasure.erase(self.engine, reference, PROCESS, why, PROCESS, now)
                except erasure.NotErasable:  # somebody was quicker: erased it, or put it on hold
                    continue
                count += 1
        return Erased(count=count, more=len(due) == AT_ONCE and count > 0)
