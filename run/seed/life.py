"""A case lived through without any server: acts, alarms and letters in the order in which its workflow applies them.

What people do falls on the second MARK of its minute; only the ends and reminders that the calendar sets are on the
full minute. So many cases can be told after one life: each puts its own second in the place of the mark, and all its
times stay in order and true to the calendar.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any, Literal

from pydantic import BaseModel

from complaints import alarms, procedure
from complaints.case import Case
from complaints.detours import extension, rounds
from complaints.errors import Refused
from complaints.form import ComplaintForm
from complaints.messages import Act
from complaints.names import Outcome, Role, Stage, Way
from complaints.policy import CasePolicy, LetterKind
from complaints.records import PROCESS, Actor, Classification, Event, Feedback, Letter
from register.usernames import SEEDED
from run.seed.crew import Crew

MARK = timedelta(seconds=7, microseconds=70707)
REFERENCE = "CMP-0000-000000"
MINUTE = timedelta(minutes=1)


class Over(Exception):
    """The present has come: the rest of this life is not told."""


def marked(moment: datetime) -> datetime:
    """That minute, on the mark."""
    return moment.replace(second=0, microsecond=0) + MARK


class Judged(BaseModel):
    """What the rules make of a form: its kind and its department."""

    found: Classification
    department: str


class Life:
    """One case, its time, and everything that was noted; it ends at `until`."""

    def __init__(
        self,
        form: ComplaintForm,
        made_of_it: Judged,
        policy: CasePolicy,
        crew: Crew,
        dice: Random,
        until: datetime,
        keyed: timedelta,
    ) -> None:
        self.crew, self.dice, self.until, self.department = crew, dice, until, made_of_it.department
        self.now = marked(min(form.received_at + keyed, until - MINUTE))
        self.case = Case(reference=REFERENCE, form=form, opened_by=SEEDED, opened_at=self.now)
        self.events, self.stuck = list[Event](), False
        procedure.receive(self.case, policy, self.now)
        self._catch_up()
        procedure.classify(self.case, made_of_it.found, self.now)
        self._go_on()

    def stage(self) -> Stage:
        """Where the case stands now."""
        return self.case.stage

    # -- time --------------------------------------------------------------------------------------------------------

    def wait(self, hours: float, *, at_night: bool = False) -> None:
        """Let so many hours pass, and then until somebody is at work; Over when the present comes first."""
        to = self.now + timedelta(hours=hours)
        to = marked(to if at_night else self._at_work(to)) + MINUTE
        if to >= self.until or (self.stuck and self.dice.random() < 0.3):
            self._forward(self.until)
            raise Over
        self._forward(to)
        self.now = to

    def _at_work(self, moment: datetime) -> datetime:
        calendar = self.case.rules.calendar
        here = calendar.local(moment)
        day = here.date()
        if calendar.is_working_day(day) and calendar.opens <= here.time() < calendar.closes:
            return here
        if not calendar.is_working_day(day) or here.time() >= calendar.closes:
            day = calendar.next_working_day(day)
        return calendar.at(day, calendar.opens) + self.dice.random() * timedelta(hours=3)

    def _forward(self, to: datetime) -> None:
        while (at := self.case.next_alarm_at()) is not None and at <= to:
            self.now = max(self.now, at)
            self._catch_up()
        self._keep()

    def _catch_up(self) -> None:
        alarms.sound(self.case, self.now)
        self._post_wanted()

    # -- letters -----------------------------------------------------------------------------------------------------

    def _post_wanted(self) -> None:
        wanted, self.case.wanted = self.case.wanted, []
        for letter in wanted:
            self._post(letter.kind, letter.about)

    def _post(self, kind: LetterKind, about: int | None = None) -> None:
        way = self._way("letters")
        if way not in (None, Way.spoken):
            self._send(kind, way, about)
        elif kind == "extension_notice" and about is not None:
            extension.by_person(self.case, about, self.now)

    def _way(self, purpose: Literal["letters", "result"]) -> Way | None:
        person = self.case.form.complainant
        if person is None:
            return None
        have = {Way.email: person.email, Way.sms: person.phone, Way.post: person.address, Way.spoken: True}
        return next((w for w in self.case.rules.letters.ways[self.case.form.channel][purpose] if have[w]), Way.spoken)

    def _send(self, kind: LetterKind, way: Way, about: int | None = None) -> None:
        case, number = self.case, len(self.case.letters) + 1
        case.letters.append(
            Letter(number=number, kind=kind, way=way, about=about, ordered_at=self.now, state="sent", done_at=self.now)
        )
        case.note("letter_sent", PROCESS, self.now, {"number": number, "letter": kind, "way": way})
        if kind == "extension_notice" and about is not None:
            extension.notice_done(case, about, number, sent=True, now=self.now)

    # -- acts and the procedure's own steps --------------------------------------------------------------------------

    def act(self, do: Callable[[Case, Any, datetime], None], kind: type[Act], who: Actor, **fields: Any) -> bool:
        """That person does it; False when the rules refuse it, and nothing has changed."""
        self._catch_up()
        try:
            do(self.case, kind.model_validate({"by": who, "request_id": SEEDED, **fields}), self.now)
        except Refused:
            return False
        self._post_wanted()
        self._go_on()
        return True

    def _go_on(self) -> None:
        while self._step():
            pass
        self._keep()

    def _keep(self) -> None:
        self.events += self.case.unsaved
        self.case.unsaved = []

    def _step(self) -> bool:
        case, now = self.case, self.now
        if case.stage is Stage.closed:
            return False
        if case.withdrawn:
            return self._close(Outcome.withdrawn)
        if case.stage is Stage.received and not case.confirm:
            case.stage = Stage.classified
            return True
        if case.stage is Stage.classified:
            self._give()
            return True
        if case.stage is Stage.feedback:
            return self._feed_back()
        if case.stage is Stage.callback and (outcome := procedure.callback_outcome(case)) is not None:
            if rounds.another(case, outcome, now):
                self._post_wanted()
                return True
            return self._close(outcome)
        return False

    def _give(self) -> None:
        case, held = self.case, self.case.assignment
        department = held.department if held else self.department
        able = [w.username for w in self.crew.of(Role.handler, department)]
        able = [name for name in able if held is None or name != held.handler] or able
        handler = self.dice.choice(able) if able and self.dice.random() < 0.95 else None
        why = "the department that has it" if held else "words and product of the routing table"
        procedure.give(case, department, handler, why, PROCESS, self.now)
        if case.round == 1:
            procedure.registered(case, self.now)
        self._post_wanted()
        if not any(letter.kind == "acknowledgement" for letter in case.letters):
            self._post("acknowledgement")

    def _feed_back(self) -> bool:
        case, now = self.case, self.now
        if case.anonymous:
            case.published_at = now
            case.feedbacks.append(Feedback(at=now, round=case.round, way="notice_board", by=PROCESS))
            case.note("published", PROCESS, now)
            procedure.result_told(case, case.feedbacks[-1], now)
            return self._close(Outcome.anonymous_published)
        way = self._way("result")
        if case.feedback is None and way not in (None, Way.spoken):
            self._send("result", way)
            self._send("satisfaction_request", way)
            case.feedbacks.append(Feedback(at=now, round=case.round, way=way, by=PROCESS))
        if case.feedback is None:
            procedure.hand_to_person(case, now)
            return False
        procedure.result_told(case, case.feedback, now)
        procedure.begin_callback(case, now)
        return True

    def _close(self, outcome: Outcome) -> bool:
        procedure.close(self.case, outcome, self.now)
        self._post_wanted()
        if outcome in self.case.rules.letters.closing_letter_for:
            self._post("closing")
        return False
