"""The whole comparison of register and processes, and the activity that makes it at fixed times."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities import comparing
from activities.comparing import BATCH, CannotCompare, Sides
from activities.letters import heartbeats
from activities.mending import mend as mended
from complaints.names import Stage
from complaints.orders import Reconciled, ReconcileOrder
from complaints.records import PROCESS
from complaints.standing import Difference, Kind, Reconciliation
from register import reconciling

LAG = timedelta(minutes=2)
"""Older than that, what is kept has been looked at by the relay several times."""
SUSPECTS_AT_ONCE = 20
CLOSED_WITHIN = timedelta(hours=2)
STARTED_WITHIN = timedelta(days=2)
"""An hourly comparison looks at what was started since so long before the last one that left no start lost."""
T = TypeVar("T")
Progress = Callable[[int, int], None]
"""Told how many cases have been asked, of how many."""


async def reconcile(here: Sides, *, mend: bool, progress: Progress = lambda done, of: None) -> Reconciliation:
    """Compare every open and every lately closed case; raises CannotCompare where a part is away."""
    began, now = time.monotonic(), datetime.now(UTC)
    try:
        await comparing.somebody_works(here)
        found = Reconciliation(at=now, seconds=0, compared=0, seeded=0)
        await _processes(here, found, now, progress, mend=mend)
        await _kept(here, found, now, mend=mend)
        found.seconds = round(time.monotonic() - began, 1)
        await reconciling.keep(here.engine, found, here.who)
        await reconciling.forget(here.engine, now - CLOSED_WITHIN)
    except (SQLAlchemyError, OSError) as away:
        raise CannotCompare(f"the register does not answer ({type(away).__name__})") from None
    return found


async def _processes(here: Sides, found: Reconciliation, now: datetime, progress: Progress, *, mend: bool) -> None:
    """Cases on either side: what the register has open or lately closed, and what runs and is not among them."""
    references, found.seeded = await reconciling.to_compare(here.engine, now - CLOSED_WITHIN)
    shown, known = await comparing.running(here), set(references)
    # A closed case whose process stays for its reopening window is as it should be: Temporal's list is enough for it.
    beside = [r for r, stage in shown.items() if r not in known]
    closed = {r for some in _parts(beside, BATCH) for r in await reconciling.closed(here.engine, some)}
    references += sorted(r for r in beside if not (r in closed and shown[r] == Stage.closed))
    found.compared = len(references) + len(closed & shown.keys())
    done = 0
    for some in _parts(references, BATCH):
        suspects, asked = await comparing.differ(here, some)
        found.asked += asked
        for few in _parts(suspects, SUSPECTS_AT_ONCE):
            for one in await asyncio.gather(*(_sure(here, reference, mend=mend) for reference in few)):
                found.moving += one is None
                found.differences += one or []
        done += len(some)
        progress(done, len(references))


async def _sure(here: Sides, reference: str, *, mend: bool) -> list[Difference] | None:
    """In what a case differs once it stands still, mended where that is wanted and safe."""
    differences = await comparing.settled(here, reference)
    if differences and differences[0].kind is Kind.no_process and differences[0].record is None:
        return []  # ended and gone between the looks; or kept and never recorded, which is looked at below
    return await mended(here, reference, differences) if mend and differences else differences


async def _kept(here: Sides, found: Reconciliation, now: datetime, *, mend: bool) -> None:
    """What was kept and has no process, or had one that is gone before it left a record."""
    before = now - LAG
    since = look_since(await reconciling.none_lost(here.engine), now) if here.who == PROCESS else None
    kept = {row["reference"]: row["set_aside"] for row in await reconciling.not_started(here.engine, before)}
    lost = [r for r in await reconciling.without_record(here.engine, before, since) if await _gone(here, r)]
    differences = [
        Difference(reference=r, kind=Kind.set_aside if why else Kind.not_started, record=why) for r, why in kept.items()
    ] + [Difference(reference=r, kind=Kind.start_lost) for r in lost]
    found.compared += len(differences)
    for one in differences:
        safe = mend and one.kind is not Kind.set_aside
        found.differences += await mended(here, one.reference, [one]) if safe else [one]


def look_since(none_lost: datetime | None, now: datetime) -> datetime | None:
    """Since when the complaints were started that an hourly comparison looks at; None: all, in the first of each week.

    `none_lost`: the last hourly one that left none. What was lost while none was made, or is left, stays in sight so;
    what is lost longer after its start (its process stopped, and forgotten by Temporal) is seen within the week.
    """
    if none_lost is None or none_lost.astimezone(UTC).isocalendar()[:2] != now.isocalendar()[:2]:
        return None
    return none_lost - STARTED_WITHIN


async def _gone(here: Sides, reference: str) -> bool:
    return (await comparing.ask(here, reference)).trouble is Kind.no_process


def _parts(whole: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (whole[at : at + size] for at in range(0, len(whole), size))


class Reconciling:
    """The activity of every hour; it mends what is safe to mend."""

    def __init__(self, here: Sides) -> None:
        self.here = here

    @activity.defn(name="reconcile")
    async def reconcile(self, order: ReconcileOrder) -> Reconciled:
        """Compare, mend and keep what came of it; how many cases and differences there were is the result."""
        async with heartbeats():
            try:
                found = await reconcile(self.here, mend=order.mend)
            except CannotCompare as away:
                raise ApplicationError(str(away), type="CannotCompare") from None
        return Reconciled(compared=found.compared, found=found.found(), mended=found.mended(), left=len(found.left()))
