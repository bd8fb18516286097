"""Erases what has been kept for its time."""

from datetime import UTC, datetime
from pathlib import Path

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity

from activities.letters import heartbeats
from complaints.orders import Erased, RetentionOrder
from complaints.records import PROCESS
from policies.files import FOLDER
from policies.retention import retention
from register import erasure
from register.connect import REGISTER_AWAY

AT_ONCE = 200
log = structlog.get_logger()


class Erasing:
    """The activity of the night: the keys of complaints whose time is over are destroyed."""

    def __init__(self, engine: AsyncEngine, rules: Path = FOLDER) -> None:
        self.engine, self.rules = engine, rules

    @activity.defn
    async def erase_due(self, order: RetentionOrder) -> Erased:
        """Erase some of them, going on past those that cannot be erased; `more` when others are left."""
        now = datetime.now(UTC)
        before = retention(self.rules).kept_from(order.jurisdiction, now)
        why = f"closed before {before:%Y-%m-%d}, kept for its time"
        count = failed = 0
        async with heartbeats():
            due = await erasure.due(self.engine, order.jurisdiction, before, order.after, AT_ONCE)
            for reference in (case.reference for case in due):
                try:
                    await erasure.erase(self.engine, reference, PROCESS, why, PROCESS, now)
                except erasure.NotErasable:  # somebody was quicker: erased it, or put it on hold
                    continue
                except REGISTER_AWAY:  # no fault of the case: it is tried again with all that follow
                    raise
                except Exception as error:  # whatever it is: one case holds up no other
                    log.error("erasing.failed", reference=reference, error=type(error).__name__)
                    failed += 1
                    continue
                count += 1
        return Erased(count=count, more=len(due) == AT_ONCE, failed=failed, after=due[-1] if due else order.after)
