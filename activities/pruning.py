"""Takes away what was told and is over, so that it does not grow for ever."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity

from activities.letters import heartbeats
from complaints.orders import Pruned
from complaints.retention import KeptFor
from policies.files import FOLDER
from policies.retention import retention
from register import pruning


class Pruning:
    """The other activity of the night."""

    def __init__(self, engine: AsyncEngine, rules: Path = FOLDER) -> None:
        self.engine, self.rules = engine, rules

    @activity.defn
    async def prune(self) -> Pruned:
        """All that is older than the rules keep it; tried again, it goes on where it stopped."""
        rule = retention(self.rules).pruned
        async with heartbeats():
            return Pruned(
                digests=await self._all(pruning.digests, rule.digests),
                links=await self._all(pruning.links, rule.links),
                comparisons=await self._all(pruning.comparisons, rule.comparisons),
            )

    async def _all(self, some: Callable[[AsyncEngine, datetime], Awaitable[int]], kept: KeptFor) -> int:
        """How many went, taken away a batch at a time."""
        before, count = datetime.now(UTC) - timedelta(days=kept.days), 0
        while gone := await some(self.engine, before):
            count += gone
        return count
