"""Waits until a run has come to rest: every part works, everything kept is started, sent and written."""

import asyncio
import time
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col
from temporalio.client import Client
from temporalio.service import RPCError

from benchmarks.chaos.stand import Stand
from register import tables as t
from run import connect

PATIENCE, STILL = 240.0, 3.0
ENDS_SOON = ("StaffDigest", "Reconcile", "Retention")
"""Of these none may be under way: a digest gathers or has something to send, a comparison compares."""


async def at_rest(stand: Stand, patience: float = PATIENCE) -> datetime:
    """When it came to rest, or when patience ended: then the checker says what is still missing."""
    for link in stand.proxies.links:
        stand.proxies.do(link, lambda p: p.open())
    for disk in stand.disks.values():
        disk.free()
    end, since, before = time.monotonic() + patience, 0.0, ()
    engine = connect.register(stand.settings())
    client: Client | None = None
    while time.monotonic() < end:
        await asyncio.sleep(1)  # looks again at this pace; other processes give no sign
        if not await asyncio.to_thread(stand.ready):
            continue
        try:
            client = client or await connect.temporal(stand.settings(), engine)
            now = await _state(engine, client)
        except (SQLAlchemyError, RPCError, RuntimeError, OSError):
            continue
        if now != before:
            since, before = time.monotonic(), now
        if now[0] == 0 and time.monotonic() - since >= STILL:
            break
    await engine.dispose()
    return datetime.now(UTC)


async def _state(engine: AsyncEngine, client: Client) -> tuple[int, int]:
    """How many things are still on their way, and how many events are written."""
    async with engine.connect() as db:
        unstarted = select(func.count()).where(col(t.Intake.started_at).is_(None), col(t.Intake.set_aside).is_(None))
        open_, written = await db.scalar(unstarted) or 0, await db.scalar(select(func.count()).select_from(t.CaseEvent))
        open_ += await db.scalar(select(func.count()).where(col(t.Digest.done_at).is_(None))) or 0
        waiting = col(t.Sending.state).in_(("ready", "handing_over"))
        open_ += await db.scalar(select(func.count()).select_from(t.Sending).where(waiting)) or 0
        open_ += await db.scalar(select(func.count()).where(col(t.StaffNotice.digest).is_(None))) or 0
    async for one in client.list_workflows("ExecutionStatus = 'Running'"):
        raw = (await client.get_workflow_handle(one.id).describe()).raw_description
        open_ += bool(one.workflow_type in ENDS_SOON or raw.HasField("pending_workflow_task") or raw.pending_activities)
    return open_, written or 0
