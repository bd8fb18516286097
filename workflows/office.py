"""What every step of a complaint needs: waiting, keeping time, keeping the record, sending letters.

The clock that counts is the workflow's own (`workflow.now()`); nothing here polls: there is one timer, for the
next moment at which any clock of the case makes itself heard.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import JsonValue
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

from activities.desk import Desk
from activities.letters import Letters
from activities.wording import wording
from complaints.case import Case, Opening
from complaints.names import Stage, Way
from complaints.orders import LetterDone, LetterOrder, LettersDone, Record
from complaints.policy import LetterKind
from complaints.procedure import PROCESS, sound_alarms
from complaints.records import Letter
from workflows import search_attributes

# A short register write is tried at once and again within the worker; a longer outage becomes a durable timer on the
# server, so that a waiting case costs little history.
LOCAL: dict[str, Any] = {
    "start_to_close_timeout": timedelta(seconds=10),
    "local_retry_threshold": timedelta(seconds=2),
    "retry_policy": RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(minutes=1)),
}


class Withdrawn(Exception):
    """The complainant has withdrawn; the procedure goes straight to closing."""


class ContinueAsNew(Exception):
    """The history has grown long; the case goes on in a new run."""


class Office:
    """The state of one case and the means to move it."""

    def __init__(self, opening: Opening) -> None:
        self.case: Case = opening.case or Case(
            reference=opening.reference,
            form=opening.form,
            opened_by=opening.opened_by,
            opened_at=opening.recorded_at,
        )
        self._saving = asyncio.Lock()
        self._letters: list[asyncio.Task[LettersDone]] = []
        self._shown: dict[str, Any] = {}
        self._time: asyncio.Task[None] | None = None

    # -- waiting -----------------------------------------------------------------------------------------------------

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait for a person's act; the clocks keep time meanwhile. Silence is answered by their ladders."""
        await workflow.wait_condition(
            lambda: happened() or bool(self.case.withdrawn) or self._long() or self._time_stands_still()
        )
        if self._time is not None and self._time_stands_still():
            self._time.result()  # raises what stopped it: the workflow task fails loudly instead of losing deadlines
        if self.case.withdrawn:
            raise Withdrawn
        if not happened():
            raise ContinueAsNew

    def _long(self) -> bool:
        """Time for a new run: only at rest, so that nothing in flight is lost."""
        at_rest = all(t.done() for t in self._letters)
        return at_rest and workflow.info().is_continue_as_new_suggested()

    def _time_stands_still(self) -> bool:
        return self._time is not None and self._time.done() and self.case.stage is not Stage.closed

    def start_time(self) -> None:
        """Begin to keep time, beside the procedure."""
        self._time = asyncio.create_task(self.keep_time())

    async def keep_time(self) -> None:
        """Let every clock make itself heard at its moment, for as long as the case is open."""
        while self.case.stage is not Stage.closed:
            await self._sleep_until(self.case.next_alarm_at())
            self.catch_up()
            await self.save()

    async def _sleep_until(self, at: datetime | None) -> None:
        def changed() -> bool:
            return self.case.next_alarm_at() != at

        if at is None:
            await workflow.wait_condition(changed)
            return
        left = at - workflow.now()
        if left > timedelta(0):
            try:
                await workflow.wait_condition(changed, timeout=left, timeout_summary=self._next_alarm_said())
            except TimeoutError:
                return

    def _next_alarm_said(self) -> str:
        """What the timer is for, as ops read it in the history."""
        name, alarm = min(
            ((n, a) for n, c in self.case.clocks.items() if (a := c.next_alarm())), key=lambda pair: pair[1].at
        )
        return f"{name}: {alarm.what} to {', '.join(alarm.tell)} at {alarm.at.isoformat(timespec='minutes')}"

    def catch_up(self) -> None:
        """Everything that fell due by now has happened, whatever message arrives first: timestamps decide."""
        for kind in sound_alarms(self.case, workflow.now()):
            self.post(kind)

    # -- the record --------------------------------------------------------------------------------------------------

    async def save(self) -> None:
        """Bring the register up to date; one write at a time, so that the last word is the last written."""
        async with self._saving:
            if not self.case.unsaved:
                return
            # The record is turned into bytes as it is ordered: what happens while it is written is in the next one.
            events, self.case.unsaved = self.case.unsaved, []
            self._show()
            await workflow.execute_local_activity_method(
                Desk.record,
                Record(case=self.case, events=events),
                summary=", ".join(wording(e.kind, "en") for e in events)[:180],
                **LOCAL,
            )

    def _show(self) -> None:
        """What ops see of the case in Temporal's own UI and CLI."""
        changes = [u for u in search_attributes.updates(self.case) if self._shown.get(u.key.name) != u.value]
        if changes:
            self._shown.update({u.key.name: u.value for u in changes})
            workflow.upsert_search_attributes(changes)
        workflow.set_current_details(self._details())

    def _details(self) -> str:
        case, held = self.case, self.case.assignment
        lines = [f"**Stage** {case.stage}" + (f" ({case.outcome})" if case.outcome else "")]
        if held:
            lines.append(f"**Held by** {held.handler or 'queue'} in {held.department}")
        for name, clock in sorted(case.clocks.items(), key=lambda item: item[1].due_at):
            if clock.stopped_at is None:
                late = ", **broken**" if clock.breached_at else ""
                lines.append(f"**Due** {name} by {clock.due_at.isoformat(timespec='minutes')}{late}")
        return "\n\n".join(lines)

    # -- letters -----------------------------------------------------------------------------------------------------

    def post(self, kind: LetterKind) -> None:
        """Order a letter to the complainant by the best way there is; with none, it is not written."""
        way = self.way("letters")
        if way not in (None, Way.spoken):
            self.send([kind], way)

    def way(self, purpose: Literal["letters", "result"]) -> Way | None:
        """The first way of the policy for which there is contact data; None when nobody can be told."""
        person = self.case.form.complainant
        if person is None:
            return None
        have = {Way.email: person.email, Way.sms: person.phone, Way.post: person.address, Way.spoken: True}
        ways = self.case.rules.letters.ways[self.case.form.channel][purpose]
        return next((w for w in ways if have[w]), Way.spoken)

    def send(self, kinds: list[LetterKind], way: Way) -> asyncio.Task[LettersDone]:
        """Send them beside the procedure; a letter that waits for its peer holds nothing up."""
        known = self.case.letters
        for kind in kinds:
            known.append(Letter(number=len(known) + 1, kind=kind, way=way, ordered_at=workflow.now()))
        task = asyncio.create_task(self._send(known[-len(kinds) :], way))
        self._letters.append(task)
        return task

    async def _send(self, letters: list[Letter], way: Way) -> LettersDone:
        hours = self.case.rules.letters.give_up_after_hours
        order = LetterOrder(
            reference=self.case.reference,
            letters={letter.number: letter.kind for letter in letters},
            way=way,
            written_at=workflow.now(),
        )
        await self.save()  # a letter says what the register says
        try:
            done = await workflow.execute_activity_method(
                Letters.send_letters,
                order,
                start_to_close_timeout=timedelta(seconds=90),
                schedule_to_close_timeout=timedelta(hours=hours),
                heartbeat_timeout=timedelta(seconds=10),
                retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1)),
                summary=f"{', '.join(letter.kind.replace('_', ' ') for letter in letters)} by {way}",
            )
        except ActivityError:
            failed = LetterDone(state="failed", error=f"not delivered within {hours} hours")
            done = LettersDone(letters={letter.number: failed for letter in letters})
        for letter in letters:
            self._letter_done(letter, done.letters[letter.number])
        await self.save()
        return done

    def _letter_done(self, letter: Letter, done: LetterDone) -> None:
        letter.state, letter.done_at = done.state, workflow.now()
        tell = [] if done.state == "sent" else self.case.recipients(["agent"])
        data: dict[str, JsonValue] = {"number": letter.number, "letter": letter.kind, "way": letter.way}
        if done.error:
            data["error"] = done.error
        self.case.note(f"letter_{done.state}", PROCESS, workflow.now(), data, tell)
