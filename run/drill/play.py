"""Plays a script: moves the clocks of its complaints on to each move, and makes the move through the API."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
from temporalio.service import RPCError, RPCStatusCode

from api.absence import away
from complaints.case import Case
from register import people, read
from run.drill import filling, moves
from run.drill.load import Drill
from run.drill.office import Office, office_at
from run.drill.rooms import Room
from run.drill.script import HANDLER, Move
from run.drill.times import parse

SECOND = timedelta(seconds=1)
AT_MOST = 180.0
TRIES = 5
DONE = "done"


@dataclass
class Held:
    """A complaint in play, and the office in whose calendar it was opened."""

    label: str
    office: Office
    reference: str
    ended: bool = False


@dataclass
class Step:
    """One move as it went. `happened` is done, or the code of the refusal; times are the office's wall clock."""

    number: int
    at: datetime
    move: Move
    user: str | None = None
    on: str | None = None
    happened: str = DONE
    detail: str = ""

    @property
    def expected(self) -> str:
        """What the script says comes of it."""
        return self.move.refused or DONE


Tell = Callable[[datetime, Step | None], None]
"""Hears how far the play is: the office's wall clock, and the move that was made."""


@dataclass
class Play:
    """One script being played in its room."""

    drill: Drill
    room: Room
    stack: AsyncExitStack
    tell: Tell
    now: datetime
    held: dict[str, Held] = field(default_factory=dict)
    offices: dict[datetime, Office] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    stopped: bool = False
    broken: str | None = None

    async def run(self) -> None:
        """From the beginning to the end; what stops it is kept in `broken`."""
        try:
            async with asyncio.timeout(AT_MOST):
                await self._run()
        except TimeoutError:
            self.broken = f"nothing more happened: the play was stopped after {AT_MOST:.0f} real seconds"
        except (RPCError, RuntimeError, LookupError, httpx.HTTPError) as error:
            self.broken = f"{type(error).__name__}: {error}"

    async def _run(self) -> None:
        script = self.drill.script
        await self._office(script.begin)
        for label in script.at_begin():
            await self._open(label, script.begin)
        for number, (move, at) in enumerate(zip(script.moves, self.drill.times, strict=True), start=1):
            await self._forward(at)
            step = Step(number, at, move)
            self.steps.append(step)
            await self._do(step)
            self.tell(self.now, step)
        await self._forward(self.drill.until)
        await self._settle()
        self.tell(self.now, None)

    async def _do(self, step: Step) -> None:
        move = step.move
        if move.opens:
            step.on, step.user = move.opens, self.drill.script.user(move.who or "agent")
            await self._open(move.opens, step.at, step)
        elif move.does:
            await self._act(step, move.does)
        elif move.staff:
            step.user = await self._who(move.staff.who, None)
            await people.change_staff(self.room.engine, step.user, state=move.staff.now)
            if move.staff.now != "working":
                await away(self.room.env.client, step.user, next(iter(self.offices.values())).queue)
                await self._settle()
        elif move.letters:
            self.room.mailbox.refuses = move.letters == "refuse"
        elif move.worker:
            await (self._worker_stops() if move.worker == "stops" else self._worker_starts())

    async def _open(self, label: str, at: datetime, step: Step | None = None) -> None:
        office = await self._office(at)
        form = filling.fill(self.drill.script.complaints[label], self._words(at, office))
        user = step.user if step and step.user else self.drill.script.user("agent")
        answer = await office.call(user, "POST", "/complaints", form, **{"Idempotency-Key": str(uuid4())})
        if answer.status_code != 201:
            raise LookupError(f"{label} was not opened: {_refusal(answer)[1]}")
        self.held[label] = Held(label, office, answer.json()["reference"])
        await self._settle()

    async def _office(self, at: datetime) -> Office:
        """The office for what is opened at that time: a clock that begins now, on a calendar on which now is then."""
        if at not in self.offices:
            room = self.room
            opened = office_at(
                at, room.env, room.engine, room.post, room.folder,
                kind=Office, password=room.password, secret=room.secret,
            )  # fmt: skip
            self.offices[at] = await self.stack.enter_async_context(opened)
        return self.offices[at]

    async def _act(self, step: Step, name: str) -> None:
        move, held = step.move, self.held[self.drill.script.on(step.move)]
        step.on = held.label
        case = await held.office.case(held.reference)
        try:
            step.user = await self._who(move.who or "", case)
            path = moves.path(name, case, step.user, move.which)
        except moves.NoSuchPlace as nothing:
            step.happened, step.detail = "impossible", str(nothing)
            return
        body = filling.fill(move.with_, self._words(step.at, held.office, case))
        answer = await held.office.call(step.user, "POST", path, body, **{"Idempotency-Key": str(uuid4())})
        if answer.status_code >= 300:
            step.happened, step.detail = _refusal(answer)
        await self._settle()

    async def _who(self, label: str, case: dict[str, Any] | None) -> str:
        if label != HANDLER:
            return self.drill.script.user(label)
        if case is None:
            held = next(iter(self.held.values()))
            case = await held.office.case(held.reference)
        handler = (case.get("assignment") or {}).get("handler")
        if handler is None:
            raise moves.NoSuchPlace("nobody holds the case")
        return str(handler)

    def _words(self, at: datetime, office: Office, case: dict[str, Any] | None = None) -> Callable[[bool, str], str]:
        """What stands in the gaps of a body sent at that time; moments are those of the case's own calendar."""

        def word(is_time: bool, name: str) -> str:
            if is_time:
                spoken = parse(name)
                start = self.drill.script.begin if spoken.anchor else at
                return office.real(spoken.count(start, self.drill.days)).isoformat()
            if name in self.held:
                return self.held[name].reference
            if name == HANDLER and case is not None:
                return str((case.get("assignment") or {}).get("handler"))
            return self.drill.script.user(name)

        return word

    # -- time --------------------------------------------------------------------------------------------------------

    def _live(self) -> list[Held]:
        return [held for held in self.held.values() if not held.ended]

    async def _forward(self, to: datetime) -> None:
        """Let every open complaint's clock run on to that time, in step: from alarm to alarm, all of them together."""
        while not self.stopped and self.now < to:
            stop = to
            if len(live := self._live()) > 1:
                alarms = [at for held in live for at in await self._alarm(held) if at > self.now]
                stop = min([to, *(at + SECOND for at in alarms)])
            await asyncio.gather(*(self._run_on(held, stop) for held in live))
            self.now = stop
            self.tell(self.now, None)
        self.now = max(self.now, to)

    async def _alarm(self, held: Held) -> list[datetime]:
        """When that case makes itself heard next."""
        state = await read.case_state(self.room.engine, held.reference)
        at = Case.model_validate(state).next_alarm_at() if state else None
        return [held.office.borrowed(at)] if at else []

    async def _run_on(self, held: Held, to: datetime) -> None:
        left = held.office.real(to) - await held.office.now(held.reference)
        if left > timedelta(0):
            await self._fast(held, left)

    async def _fast(self, held: Held, span: timedelta) -> None:
        try:
            held.ended = not await self.room.env.fast_forward(held.office.handle(held.reference), span)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            held.ended = True  # its process has come to its end

    async def _settle(self) -> None:
        """Wait until the letters on their way are out: a second of a case's time does not pass before."""
        if not self.stopped:
            await asyncio.gather(*(self._sent(held) for held in self._live()))

    async def _sent(self, held: Held) -> None:
        """One that has to be tried again, as on a machine that stood still, takes some seconds more."""
        for _ in range(TRIES):
            await self._fast(held, SECOND)
            described = None if held.ended else await held.office.handle(held.reference).describe()
            if described is None or not described.raw_description.pending_activities:
                return

    # -- the worker --------------------------------------------------------------------------------------------------

    async def _worker_stops(self) -> None:
        self.stopped = True
        for office in self.offices.values():
            await office.worker_stops()

    async def _worker_starts(self) -> None:
        """Time has gone on meanwhile, up to the first thing that wanted a worker; that is what the new one finds."""
        ahead = {held.label: asyncio.create_task(self._run_on(held, self.now)) for held in self._live()}
        for label, task in ahead.items():
            held = self.held[label]
            while not task.done():
                description = await held.office.handle(held.reference).describe()
                if description.raw_description.HasField("pending_workflow_task"):
                    break
        for office in self.offices.values():
            await office.worker_starts()
        self.stopped = False
        await asyncio.gather(*ahead.values())
        await self._settle()


def _refusal(answer: httpx.Response) -> tuple[str, str]:
    """The code and the words of a refusal."""
    body = answer.json()
    wrong = "; ".join(f"{e['field']}: {e['message']}" for e in body.get("errors", []))
    detail = " – ".join(part for part in (body.get("detail", ""), wrong) if part)
    return str(body.get("type", answer.status_code)).removeprefix("urn:amends:"), detail


async def play(drill: Drill, room: Room, stack: AsyncExitStack, tell: Tell) -> Play:
    """Play the script; the offices stay open until `stack` ends, so that what came of it can be read."""
    played = Play(drill, room, stack, tell, drill.script.begin)
    await played.run()
    return played
