"""The history of one complaint's process as Temporal keeps it: its runs, and the events of a run with what they say."""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from api.processes import camel, status
from vault.box import Unreadable

MOST_RUNS = 50
READ_WITHIN = timedelta(seconds=10)


@dataclass(frozen=True)
class Run:
    """One run of a process; a long history goes on in a new one. `events` is None while it runs."""

    id: str
    started_at: datetime
    closed_at: datetime | None
    status: str
    events: int | None


@dataclass(frozen=True)
class Told:
    """An event, with what of its sealed parts ops need: its summary, and who did the act."""

    event: HistoryEvent
    type: str
    summary: str | None = None
    who: str | None = None


@dataclass
class Reading:
    """A part of a run's history; `known`: all events up to there, which those of the part point to."""

    events: list[Told] = field(default_factory=list)
    known: dict[int, Told] = field(default_factory=dict)
    more: bool = False


async def runs(client: Client, reference: str) -> list[Run] | None:
    """Its runs, the newest first; None when Temporal has none of them any more."""
    try:
        now = await client.get_workflow_handle(reference).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    found = [now, *[w async for w in client.list_workflows(f"WorkflowId = '{reference}'", limit=MOST_RUNS)]]
    all_runs = [
        Run(w.run_id, w.start_time, w.close_time, status(w), w.history_length or None)
        for w in {w.run_id: w for w in reversed(found)}.values()  # what describe said counts: lists lag behind
    ]
    return sorted(all_runs, key=lambda run: run.started_at, reverse=True)


async def read(client: Client, reference: str, run: str, first: int, limit: int) -> Reading | None:
    """Events of a run, from the one of that number; None when Temporal does not have the run."""
    handle: WorkflowHandle[Any, Any] = client.get_workflow_handle(reference, run_id=run)
    reading = Reading()
    try:
        async for event in handle.fetch_history_events(page_size=1000):
            if event.event_id >= first + limit:
                reading.more = True
                break
            told = await _told(client, event, whole=event.event_id >= first)
            reading.known[event.event_id] = told
            if event.event_id >= first:
                reading.events.append(told)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    return reading


async def _told(client: Client, event: HistoryEvent, *, whole: bool) -> Told:
    kind = EventType.Name(event.event_type).removeprefix("EVENT_TYPE_")
    summary = await _opened(client, event.user_metadata.summary) if event.user_metadata.HasField("summary") else None
    who = None
    if whole and event.HasField("workflow_execution_update_accepted_event_attributes"):
        args = event.workflow_execution_update_accepted_event_attributes.accepted_request.input.args.payloads
        act = await _opened(client, args[0]) if args else None
        by = act.get("by") if isinstance(act, dict) else None
        who = by.get("username") if isinstance(by, dict) else None
    return Told(event, camel(kind), summary if isinstance(summary, str) else None, who)


async def _opened(client: Client, payload: Payload) -> Any:
    """What was sealed; nothing once the case is erased."""
    with suppress(Unreadable):
        return (await client.data_converter.decode([payload]))[0]
    return None
