"""Random sequences on real servers: each case on its own skipping clock, many at once, one worker that is restarted.

A sequence is drawn from a seed and its number alone, so that one that fails can be run again by itself.
"""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from time import monotonic
from typing import Any
from uuid import uuid4

import httpx
from flow import almanac
from office import PLAIN, Office
from oracle import disagreements, expected
from oracle_clocks import Expected, rules_as_data
from random_moves import FORMS, Move, Try, attempt, choose, until
from seen import SEEN, Seen
from sqlalchemy import select
from sqlmodel import col
from temporalio.service import RPCError
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker

from register.tables import SlaClock, table

Json = dict[str, Any]
RULES = rules_as_data()
DOUBT = timedelta(seconds=3)
PATIENCE = 300
"""Seconds that one sequence may take; one that stands still fails, and says where."""


def moves_of(seed: int, number: int, length: int) -> list[Move]:
    """The moves of that sequence."""
    draw = Random(f"{seed}:{number}")
    return [Move(draw.randrange(100), draw.randrange(200), draw.randrange(48)) for _ in range(length)]


class Bench:
    """An office with one worker that can be stopped and followed by another while acts are on their way."""

    def __init__(self, office: Office, seen: Counter[str]) -> None:
        self.office, self.seen = office, seen
        self.almanac = almanac(office.day, office.zone)
        self.worker, self.changing = office.worker, asyncio.Lock()
        self.replayer = Replayer(
            workflows=[Seen],
            data_converter=office.env.client.data_converter,
            workflow_runner=UnsandboxedWorkflowRunner(),
        )

    async def send(self, one: Try, key: str) -> httpx.Response:
        """The request, repeated under its key for as long as nobody works on it."""
        patience = monotonic() + PATIENCE / 2
        while monotonic() < patience:
            answer = await self.office.call(one.user, "POST", one.path, one.body, **{"Idempotency-Key": key})
            if answer.status_code not in (202, 503):
                return answer
            self.seen[f"repeated after {answer.status_code}"] += 1
        raise TimeoutError(f"nobody takes {one}")

    async def forward(self, reference: str, span: timedelta) -> None:
        """Let the case's clock run on; it may end meanwhile."""
        if span > timedelta(0):
            try:
                await self.office.env.fast_forward(self.office.handle(reference), span)
            except RPCError as ended:
                if "already completed" not in str(ended):
                    raise

    async def forward_without_worker(self, reference: str, span: timedelta, one: Try, key: str) -> httpx.Response:
        """The clock runs on and the act comes in while nobody works; then another worker starts."""
        async with self.changing:
            await self.worker.shutdown()
            going = asyncio.create_task(self.forward(reference, span))
            acting = asyncio.create_task(self.send(one, key))
            await self.office.pending_workflow_task(reference)
            self.worker = await self._started(self.office.build())
        self.seen["worker restarts"] += 1
        answer, _ = await asyncio.gather(acting, going)
        return answer

    async def _started(self, worker: Worker) -> Worker:
        return await worker.__aenter__()

    async def at_rest(self, reference: str) -> None:
        """Until the process has nothing to do, and no letter is on its way."""
        async with asyncio.timeout(60):
            while True:
                info = (await self.office.handle(reference).describe()).raw_description
                if not info.HasField("pending_workflow_task") and not info.pending_activities:
                    return

    async def run(self, seed: int, number: int, length: int) -> None:
        """One sequence, with what must hold after every move and at the end."""
        moves = moves_of(seed, number, length)
        form = (
            PLAIN | FORMS[number % len(FORMS)] | {"matter": f"{PLAIN['matter']}（{seed}.{number}）"} | FORMS[number % 7]
        )
        opened = await self.send(Try("open", "agent", "/complaints", form), str(uuid4()))
        assert opened.status_code in (200, 201), opened.text
        reference = opened.json()["reference"]
        done: list[tuple[Move, str]] = []
        try:
            async with asyncio.timeout(PATIENCE):
                case, events = await self.look(reference)
                for step, move in enumerate(moves):
                    if case["stage"] == "closed" and not case["lingers"]:
                        break
                    one = attempt(choose(move, case), move.turn, case)
                    done.append((move, one.act))
                    case, events = await self.move(reference, move, one, f"{reference}-{step}", case, events)
                await self.same_everywhere(reference)
        except Exception as failed:
            failed.add_note(f"sequence {seed}:{number}, {reference}, form {number % len(FORMS)}: {done}")
            raise
        self.seen["sequences"] += 1
        self.seen[f"ended {case['stage']}"] += 1
        self.seen["clocks"] += len(case["clocks"])
        self.seen["breaches"] += sum(c["state"] == "breached" for c in case["clocks"])
        self.seen["events"] += len(events)

    async def move(
        self, reference: str, move: Move, one: Try, key: str, case: Json, events: list[Json]
    ) -> tuple[Json, list[Json]]:
        """Wait, act, perhaps repeat the request; give what the register then says."""
        now = await self.office.now(reference)
        ends = [_at(c["due_at"]) for c in case["clocks"] if not c["stopped_at"] and not c["paused_at"]]
        span = until(move.gap, now, ends, None) - now
        if move.turn == 13:
            answer = await self.forward_without_worker(reference, span, one, key)
        else:
            await self.forward(reference, span)
            await self.at_rest(reference)
            case, events = await self.look(reference)
            answer = await self.send(one, key)
        await self.at_rest(reference)
        now_case, now_events = await self.look(reference)
        self.unchanged_or_said(one, answer, (case, events), (now_case, now_events))
        self.seen[f"{one.act} {answer.status_code}"] += 1
        if move.turn % 5 == 0 and now_case["lingers"] | (now_case["stage"] != "closed"):
            again = await self.send(one, key)
            assert (again.status_code == 200) >= (answer.status_code == 200), (one, answer.text, again.text)
            await self.at_rest(reference)
            last_case, last_events = await self.look(reference)
            if answer.status_code == 200:
                said = [e for e in last_events[len(now_events) :] if e["by"] != "process"]
                assert said == [], f"a repeated {one.act} was done again: {said}"
            now_case, now_events = last_case, last_events
            self.seen["requests repeated"] += 1
        return now_case, now_events

    def unchanged_or_said(
        self, one: Try, answer: httpx.Response, before: tuple[Json, list[Json]], after: tuple[Json, list[Json]]
    ) -> None:
        """A refusal leaves the case as it was, but for what its clocks and letters do by themselves."""
        new = after[1][len(before[1]) :]
        if answer.status_code == 200:
            return
        assert 400 <= answer.status_code < 500, (one, answer.text)
        assert all(e["by"] == "process" for e in new), (one, answer.text, new)
        if not new:
            assert _plain(before[0]) == _plain(after[0]), f"{one.act} was refused and changed the case"

    async def look(self, reference: str) -> tuple[Json, list[Json]]:
        """The case and its events by the API, which the oracle must agree with.

        The server fires what its skipping clock has passed a moment after the clock says so; hence a second look.
        """
        patience = monotonic() + 20
        while True:
            case, events = await self.office.case(reference), await self.office.events(reference)
            now = await self.office.now(reference)
            wanted = expected(case, events, now, self.almanac, RULES)
            wrong = disagreements(case["clocks"], wanted, now, DOUBT)
            late = [c for c in wanted.values() if c.breached and not c.said and (c.stopped or now - c.due > DOUBT)]
            wrong += [f"{c.name} is broken, and nobody was told" for c in late]
            if not wrong:
                break
            assert monotonic() < patience, (wrong, str(now))
            self.seen["looked again"] += 1
            await self.at_rest(reference)
        assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
        assert all(_at(a["at"]) <= _at(b["at"]) for a, b in pairwise(events))
        self.not_stuck(case, wanted)
        return case, events

    def not_stuck(self, case: Json, wanted: dict[str, Expected]) -> None:
        """An open case has a clock that counts and somebody who holds it."""
        running = {n for n, c in wanted.items() if c.open()}
        if case["stage"] == "closed":
            assert all(n.startswith(("major_response", "incident_task")) for n in running), running
            return
        assert running, "no clock runs"
        assert case["confirm"] or case["assignment"], "nobody holds it"
        waiting = [a for a in case["approvals"] if a["decision"] is None]
        assert case["stage"] != "awaiting_approval" or waiting
        assert all(a["clock"] in running for a in waiting)
        number = "" if case["round"] == 1 else f"_{case['round']}"
        assert (f"callback{number}" if case["stage"] == "callback" else f"resolution{number}") in running

    async def same_everywhere(self, reference: str) -> None:
        """The register's rows, the API and the process itself, replayed from its history, say the same.

        An alarm that sounds between two of the readings makes another round of them.
        """
        patience = monotonic() + 20
        while True:
            case, events = await self.look(reference)
            query = select(table(SlaClock)).where(col(SlaClock.reference) == reference)
            async with self.office.engine.connect() as db:
                rows = {r["name"]: r for r in (await db.execute(query)).mappings()}
            history = await self.office.handle(reference).fetch_history()
            await self.replayer.replay_workflow(history)
            own = SEEN.pop(reference)
            if own.seq == len(events) or monotonic() > patience:
                break
        assert set(rows) == set(own.clocks) == {c["name"] for c in case["clocks"]}
        for shown in case["clocks"]:
            row, clock = rows[shown["name"]], own.clocks[shown["name"]]
            for what in ("started_at", "due_at", "stopped_at", "warned_at"):
                assert row[what] == getattr(clock, what) == _at(shown[what]), (shown["name"], what)
            assert (row["breached_at"], row["level"], shown["state"]) == (clock.breached_at, clock.level, clock.state())
        assert own.seq == len(events), (own.seq, len(events))
        assert not own.unsaved and not own.wanted
        assert (own.stage, own.outcome, own.round) == (case["stage"], case["outcome"], case["round"])
        for what in (
            "assignments",
            "approvals",
            "extensions",
            "pauses",
            "transfers",
            "callbacks",
            "closings",
            "letters",
        ):
            has = own.model_dump(mode="json", include={what})[what]
            assert has == case[what], (what, has, case[what])


def _plain(case: Json) -> Json:
    """The case without what only says how late it is by now."""
    clocks = [{k: v for k, v in c.items() if k != "lateness_seconds"} for c in case["clocks"]]
    return case | {"clocks": clocks}


def _at(moment: str | None) -> datetime | None:
    return datetime.fromisoformat(moment).astimezone(UTC) if moment else None
