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
from temporalio.exceptions import ActivityError, FailureError

from activities.desk import Desk
from activities.letters import Letters
from activities.wording import wording
from complaints import alarms
from complaints.case import Case, Opening
from complaints.detours import extension, news
from complaints.names import Way
from complaints.orders import LetterDone, LetterOrder, LettersDone, Record
from complaints.policy import LetterKind
from complaints.records import PROCESS, Letter
from complaints.turns import Errand
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


class Merged(Exception):
    """Another complaint goes on for this one, too; the procedure goes straight to closing."""


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
        self._errands: asyncio.Task[None] | None = None

    # -- waiting -----------------------------------------------------------------------------------------------------

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait for a person's act; the clocks keep time meanwhile. Silence is answered by their ladders."""
        case = self.case
        await workflow.wait_condition(
            lambda: happened() or bool(case.withdrawn or case.merged_into) or self.must_stop_waiting()
        )
        if case.withdrawn:
            raise Withdrawn
        if case.merged_into:
            raise Merged
        if not happened():
            self.stop_waiting()

    def must_stop_waiting(self) -> bool:
        """Whether the history has grown long, or what runs beside the procedure has failed."""
        return self._long() or self._stands_still() is not None

    def stop_waiting(self) -> None:
        """Ask for a new run; what has failed fails the workflow task loudly instead of losing deadlines."""
        if (failed := self._stands_still()) is not None:
            failed.result()
        raise ContinueAsNew

    def _long(self) -> bool:
        """Time for a new run: only at rest, so that nothing in flight is lost."""
        return self.at_rest() and workflow.info().is_continue_as_new_suggested()

    def at_rest(self) -> bool:
        """Whether no letter, no errand and no merger is under way: who asks for a merger waits for its end."""
        return all(t.done() for t in self._letters) and not self.case.errands and self.case.merging is None

    def _stands_still(self) -> "asyncio.Task[None] | None":
        beside = (self._time, self._errands)
        return next((t for t in beside if t is not None and t.done() and not self.case.over), None)

    def start_time(self) -> None:
        """Begin to keep time, and to run errands, beside the procedure."""
        self._time = asyncio.create_task(self.keep_time())
        self._errands = asyncio.create_task(self.run_errands())

    async def keep_time(self) -> None:
        """Let every clock make itself heard at its moment, for as long as the case lives."""
        while not self.case.over:
            await self._sleep_until(self.case.next_alarm_at())
            self.catch_up()
            await self.save()

    async def _sleep_until(self, at: datetime | None) -> None:
        def changed() -> bool:
            return self.case.next_alarm_at() != at or self.case.over

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
        said = [
            (a.at, f"{name}: {a.what} to {', '.join(alarms.told(self.case, name, a))}")
            for name, c in self.case.clocks.items()
            if (a := c.next_alarm())
        ]
        if self.case.pause is not None:
            said.append((self.case.pause.next_at(), "waiting for the complainant"))
        at, what = min(said)
        return f"{what} at {at.isoformat(timespec='minutes')}"

    def catch_up(self) -> None:
        """Everything that fell due by now has happened, whatever message arrives first: timestamps decide."""
        alarms.sound(self.case, workflow.now())
        self.post_wanted()

    # -- other complaints --------------------------------------------------------------------------------------------

    async def run_errands(self) -> None:
        """Tell other complaints' processes what this one has for them; kept until it is told."""
        case = self.case
        while not case.over or case.errands:
            await workflow.wait_condition(lambda: bool(case.errands) or case.over)
            some = case.errands[:50]
            await asyncio.gather(*(self._run_errand(e) for e in some))
            del case.errands[: len(some)]
            await self.save()

    async def _run_errand(self, errand: Errand) -> None:
        try:
            await workflow.get_external_workflow_handle(errand.to).signal("hear", errand.news)
        except FailureError:  # no such process any more
            news.not_told(self.case, errand, workflow.now())

    # -- the record --------------------------------------------------------------------------------------------------

    async def save(self, *, again: bool = False) -> None:
        """Bring the register up to date; one write at a time, so that the last word is the last written.

        `again`: also when there is nothing new, because the register was found to say something else.
        """
        async with self._saving:
            if not (self.case.unsaved or again):
                return
            # The record is turned into bytes as it is ordered: what happens while it is written is in the next one.
            events, self.case.unsaved = self.case.unsaved, []
            self._show()
            await workflow.execute_local_activity_method(
                Desk.record,
                Record(case=self.case, events=events, at=workflow.now()),
                summary=", ".join(wording(e.kind, "en") for e in events)[:180] or "the record again",
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
                late = {"breached": ", **broken**", "paused": ", **paused**"}.get(clock.state(), "")
                lines.append(f"**Due** {name} by {clock.due_at.isoformat(timespec='minutes')}{late}")
        if case.incident_of or (case.incident and not case.incident.over()):
            lines.append(f"**Major incident** of {case.incident_of or case.reference}")
        if case.reopen_until:
            lines.append(f"**Can be reopened** until {case.reopen_until.isoformat(timespec='minutes')}")
        return "\n\n".join(lines)

    # -- letters -----------------------------------------------------------------------------------------------------

    def post_wanted(self) -> None:
        """Order the letters that an act or an alarm has asked for."""
        wanted, self.case.wanted = self.case.wanted, []
        for letter in wanted:
            self.post(letter.kind, letter.about)

    def post(self, kind: LetterKind, about: int | None = None) -> None:
        """Order a letter to the complainant by the best way there is; with none, it is not written."""
        way = self.way("letters")
        if way not in (None, Way.spoken):
            self.send([kind], way, about)
        elif kind == "extension_notice" and about is not None:
            extension.by_person(self.case, about, workflow.now())

    def way(self, purpose: Literal["letters", "result"]) -> Way | None:
        """The first way of the policy for which there is contact data; None when nobody can be told."""
        return self.case.reached_by(self.case.rules.letters.ways[self.case.form.channel][purpose])

    def send(self, kinds: list[LetterKind], way: Way, about: int | None = None) -> asyncio.Task[LettersDone]:
        """Send them beside the procedure; a letter that waits for its peer holds nothing up."""
        known = self.case.letters
        for kind in kinds:
            known.append(Letter(number=len(known) + 1, kind=kind, way=way, about=about, ordered_at=workflow.now()))
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
            done = await self._given_up(order, letters, hours)
        for letter in letters:
            self._letter_done(letter, done.letters[letter.number])
        await self.save()
        return done

    async def _given_up(self, order: LetterOrder, letters: list[Letter], hours: int) -> LettersDone:
        """What became of letters that were not all delivered: some may be, and what is left must not go out later."""
        if not workflow.patched("end-letters"):
            failed = LetterDone(state="failed", error=f"not delivered within {hours} hours")
            return LettersDone(letters={letter.number: failed for letter in letters})
        return await workflow.execute_local_activity_method(
            Letters.end_letters, order, summary="what became of the letters", **LOCAL
        )

    def _letter_done(self, letter: Letter, done: LetterDone) -> None:
        letter.state, letter.done_at = done.state, workflow.now()
        tell = [] if done.state == "sent" else self.case.recipients(["agent"])
        data: dict[str, JsonValue] = {"number": letter.number, "letter": letter.kind, "way": letter.way}
        if done.error:
            data["error"] = done.error
        self.case.note(f"letter_{done.state}", PROCESS, workflow.now(), data, tell)
        if letter.kind == "extension_notice" and letter.about is not None:
            sent = done.state == "sent"
            self.catch_up()  # what fell due while the letter was on its way came first
            extension.notice_done(self.case, letter.about, letter.number, sent=sent, now=workflow.now())
