"""Reads the four sides of a run: the client's notes, the register, the world outside, and Temporal."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from seen import SEEN
from seen import Seen as SeenWorkflow
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import SQLModel
from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from benchmarks.chaos.notes import read as notes_of
from benchmarks.chaos.seen import Asked, Case, Fault, Json, Kept, Mail, Process, Seen, moment
from complaints.names import WORKFLOW_TYPE
from register import audit_check, read
from register import tables as t
from run import connect
from run.settings import Settings

AT_ONCE = 8


def asked_in(path: Path) -> list[Asked]:
    """The client's notes, a request under each key."""
    found: dict[str, Asked] = {}
    of: dict[int, tuple[Asked, int]] = {}
    for note in notes_of(path):
        if note["what"] == "sent":
            new = Asked(note["key"], note["act"], note["user"], note["number"], note["said"], path=note["path"])
            one = found.setdefault(note["key"], new)
            one.first_at = one.first_at or moment(note["at"])
            of[note["id"]] = (one, len(one.statuses))
            one.statuses.append(None)
            continue
        one, place = of[note["id"]]
        if note["what"] == "answer":
            one.statuses[place] = note["status"]
            one.answered_at = one.answered_at or moment(note["at"])
            if note["reference"] and note["status"] < 300:
                one.references.add(note["reference"])
    return list(found.values())


def faults_in(path: Path, end: datetime) -> list[Fault]:
    """The times in which something was disturbed; one whose end nobody noted lasted to the end."""
    begun: dict[str, tuple[datetime, str]] = {}
    found = []
    for note in notes_of(path):
        if note["phase"] == "begins":
            begun[note["fault"]] = (moment(note["at"]), note["what"])
        elif note["phase"] == "over" and note["fault"] in begun:
            begin, what = begun.pop(note["fault"])
            found.append(Fault(begin, moment(note["at"]), what))
    return found + [Fault(begin, end, what) for begin, what in begun.values()]


def mail_in(path: Path) -> list[Mail]:
    """What the world outside has taken."""
    return [Mail(moment(note["at"]), note["kind"], note["key"], note["text"]) for note in notes_of(path)]


async def look(data: Path, settings: Settings, seed: int, began: datetime, quiet: datetime) -> Seen:
    """Everything there is to see of a run that has come to rest."""
    engine = connect.register(settings)
    client = await connect.temporal(settings, engine)
    now = datetime.now(UTC)
    seen = Seen(seed, began, quiet, now, asked_in(data / "client.jsonl"), faults_in(data / "faults.jsonl", now))
    seen.mail = mail_in(data / "sink.jsonl")
    seen.prints = {path.name.partition(".")[0] for path in (data / "print").glob("CMP-*")}
    seen.kept = [
        Kept(r["reference"], r["idempotency_key"], r["recorded_at"], r["started_at"], r["set_aside"])
        for r in await _rows(engine, t.Intake)
    ]
    seen.digests = [{k: r[k] for k in ("id", "mail", "webhook", "done_at")} for r in await _rows(engine, t.Digest)]
    seen.processes = await _processes(client)
    seen.standing = await _standing(client)
    rows = {r["reference"]: r for r in await _rows(engine, t.Complaint)}
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(reference: str) -> None:
        async with limit:
            await _pair(engine, client, seen, reference, rows.get(reference))

    await asyncio.gather(*(one(r) for r in sorted({*rows, *seen.processes})))
    report = await audit_check.verify(engine)
    seen.audit = f"line {report.fault.seq}: {report.fault.what}" if report.fault else ""
    seen.now = datetime.now(UTC)
    await engine.dispose()
    return seen


async def _pair(engine: AsyncEngine, client: Client, seen: Seen, reference: str, row: Json | None) -> None:
    """A case and its process; read again where something happened between the two readings."""
    for _ in range(3):
        if row is not None:
            seen.cases[reference] = await _case(engine, reference, row)
        if reference not in seen.processes:
            return
        await _replay(client, seen.processes[reference], reference)
        state = seen.processes[reference].state
        if row is None or (state and state["seq"] == seen.cases[reference].state["seq"]):
            return
        [row] = await _rows(engine, t.Complaint, reference)


async def _rows(engine: AsyncEngine, table: type[SQLModel], reference: str | None = None) -> list[Json]:
    query = select(t.table(table))
    if reference is not None:
        query = query.where(t.table(table).c.reference == reference)
    return await read.rows(engine, query)


async def _case(engine: AsyncEngine, reference: str, row: Json) -> Case:
    state: Any = await read.case_state(engine, reference)
    clocks = {r["name"]: r for r in await _rows(engine, t.SlaClock, reference)}
    letters = [{k: v for k, v in r.items() if k != "content"} for r in await _rows(engine, t.Sending, reference)]
    plain = {k: v for k, v in row.items() if k not in ("form", "state")}
    return Case(reference, plain, state, await read.events(engine, reference), clocks, letters)


async def _processes(client: Client) -> dict[str, Process]:
    """Every complaint's process: its last run's status, and how many runs there were."""
    found: dict[str, Process] = {}
    latest: dict[str, datetime] = {}
    async for one in client.list_workflows(f"WorkflowType = '{WORKFLOW_TYPE}'"):
        process = found.setdefault(one.id, Process("", runs=0))
        process.runs += 1
        process.begun = min(process.begun or one.start_time, one.start_time)
        if one.id not in latest or one.start_time > latest[one.id]:
            latest[one.id], process.status = one.start_time, one.status.name if one.status else ""
    return found


async def _standing(client: Client) -> dict[str, str]:
    """Running workflows of every type with a step that was tried before and is still to be done."""
    found: dict[str, str] = {}
    async for one in client.list_workflows("ExecutionStatus = 'Running'"):
        raw = (await client.get_workflow_handle(one.id).describe()).raw_description
        tried = {a.activity_type.name: a.attempt for a in raw.pending_activities}
        tried |= {"its workflow task": raw.pending_workflow_task.attempt}
        if again := [f"{what}, try {attempt}" for what, attempt in tried.items() if attempt > 1]:
            found[one.id] = "; ".join(again)
    return found


async def _replay(client: Client, process: Process, reference: str) -> None:
    history: WorkflowHistory = await client.get_workflow_handle(reference).fetch_history()
    failed = Counter(
        WorkflowTaskFailedCause.Name(e.workflow_task_failed_event_attributes.cause).removeprefix(
            "WORKFLOW_TASK_FAILED_CAUSE_"
        )
        for e in history.events
        if e.HasField("workflow_task_failed_event_attributes")
    )
    process.failed_tasks = dict(failed)
    replayer = Replayer(
        workflows=[SeenWorkflow],
        data_converter=client.data_converter,
        workflow_runner=UnsandboxedWorkflowRunner(),
        debug_mode=True,  # a busy machine is no deadlock
    )
    done = await replayer.replay_workflow(history, raise_on_replay_failure=False)
    process.broken = str(done.replay_failure or "")[:300]
    case = SEEN.pop(reference, None)
    if case is not None and case.policy is not None:
        process.state = case.model_dump(mode="json", exclude={"policy"})
