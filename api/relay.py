"""The relay of every web server: starts the processes of complaints that were kept while Temporal was away."""

import asyncio
from datetime import UTC, datetime

import structlog
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from api import opening
from api.opening import ANSWER_WITHIN, AWAY
from api.parts import Parts
from api.up import process_side
from register import intake
from register.intake import Kept
from vault.box import KeyDestroyed

log = structlog.get_logger()
LOOK_EVERY = 5.0
AT_A_LOOK, UNDER_WAY = 200, 16
GIVE_UP_AFTER, MOST_TRIES = 3, 5


async def relay(parts: Parts) -> None:
    """Look into the inbox for as long as the web server lives."""
    while True:
        began = 0
        try:
            if began := await catch_up(parts.engine, parts.temporal, parts.task_queue):
                log.info("relay.caught_up", started=began)
        except Exception as error:  # whatever it is, the next look comes: a relay that has ended starts nothing
            log.error("relay.look_failed", error=kind_of(error))
        if began < AT_A_LOOK:
            await asyncio.sleep(LOOK_EVERY)  # the inbox is looked at at this pace; nothing waits for it


def kind_of(error: Exception) -> str:
    """The class of an error; of a group, of the first in it."""
    return kind_of(error.exceptions[0]) if isinstance(error, ExceptionGroup) else type(error).__name__


async def catch_up(engine: AsyncEngine, client: Client, task_queue: str) -> int:
    """Start what was kept while Temporal was away, in the order it came; gives how many were started.

    While UNDER_WAY of them wait to be assigned, no more begin: people's acts do not wait behind the whole inbox.
    One that can never start must not hold up the others: what cannot even be read is set aside at once, what cannot be
    started goes to the end of the line after some looks and, while others start, is set aside after some more.
    """
    began, failed, room = 0, list[str](), asyncio.Semaphore(UNDER_WAY)
    async with asyncio.TaskGroup() as under_way:
        for kept in await intake.waiting(engine, AT_A_LOOK, datetime.now(UTC) - 2 * ANSWER_WITHIN):
            if kept.locked:  # another server may have the master key of its key
                failed.append(kept.reference)
                continue
            started = await _begin(engine, client, task_queue, kept)
            if started is False:
                answers, _ = await process_side(client, task_queue)
                if not answers:
                    break  # the next look comes soon
                started = await _begin(engine, client, task_queue, kept)  # it may have come back: keep the order
            if started:
                began += 1
                await room.acquire()
                under_way.create_task(_assigned(client, kept.reference, room))
            elif started is False:
                failed.append(kept.reference)
                if not began and len(failed) >= GIVE_UP_AFTER:
                    break  # it is not the complaints
    for reference in await intake.not_started(engine, failed, MOST_TRIES, aside=bool(began)) if failed else []:
        log.error("opening.set_aside", reference=reference, error="could not be started")
    return began


async def _begin(engine: AsyncEngine, client: Client, task_queue: str, kept: Kept) -> bool | None:
    """Whether its process runs; None for one that is set aside."""
    try:
        return await opening.begin(engine, client, task_queue, kept)
    except (ValidationError, KeyDestroyed) as unreadable:
        await intake.set_aside(engine, kept.reference, type(unreadable).__name__)
        log.error("opening.set_aside", reference=kept.reference, error=type(unreadable).__name__)
        return None


async def _assigned(client: Client, reference: str, room: asyncio.Semaphore) -> None:
    """Keep its room until it is assigned; its process runs by itself, so where that takes long, the others go on."""
    try:
        await opening.assigned(client, reference)
    except AWAY as error:
        log.warning("relay.not_assigned_yet", reference=reference, error=type(error).__name__)
    finally:
        room.release()
