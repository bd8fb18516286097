"""SLA clocks of a case: what is due when, what was warned, broken and escalated, decided by timestamps alone."""

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel

from complaints.clock import Calendar, Limit, count
from complaints.policy import CasePolicy, ClockRule, LetterKind, Reminder, Told


class Happens(StrEnum):
    """What an alarm of a clock means."""

    reminder = "reminder"
    breach = "breach"
    escalation = "escalation"


class Alarm(BaseModel):
    """One moment at which a clock makes itself heard."""

    at: AwareDatetime
    what: Happens
    tell: list[Told]
    letter: LetterKind | None = None
    level: int = 0


class Clock(BaseModel):
    """One running, met or broken time limit. `alarms` are in order of time; the first `fired` have happened."""

    name: str
    rule: str
    source: str
    calendar: str
    started_at: AwareDatetime
    due_at: AwareDatetime
    counted: list[str]
    provisional: bool = False
    alarms: list[Alarm]
    fired: int = 0
    warned_at: AwareDatetime | None = None
    breached_at: AwareDatetime | None = None
    stopped_at: AwareDatetime | None = None
    level: int = 0

    def next_alarm(self) -> Alarm | None:
        """The next moment this clock makes itself heard, if it still runs."""
        if self.stopped_at is not None or self.fired >= len(self.alarms):
            return None
        return self.alarms[self.fired]

    def state(self) -> str:
        """`running`, `met` or `breached`; once broken, a clock stays so."""
        if self.breached_at is not None:
            return "breached"
        return "running" if self.stopped_at is None else "met"

    def lateness(self, now: datetime) -> timedelta:
        """How far past its end the clock was stopped, or is now; zero while in time."""
        return max((self.stopped_at or now) - self.due_at, timedelta(0))


def start(name: str, at: datetime, policy: CasePolicy, *, urgent: bool = False) -> Clock:
    """The clock of that name under the case's rules, begun at `at` (aware)."""
    rule, calendar = policy.clocks[name], policy.calendar
    limit = rule.urgent if urgent and rule.urgent else rule.limit
    end = count(limit, at, calendar)
    alarms = _reminders(rule, at, end.due_at, calendar)
    alarms += _breach_and_ladder(rule, end.due_at, policy)
    return Clock(
        name=name,
        rule=f"{limit.amount} {limit.unit}, {limit.starts}, {limit.ends} ({policy.version})",
        source=rule.source,
        calendar=calendar.id,
        started_at=at,
        due_at=end.due_at,
        counted=end.days,
        provisional=end.provisional,
        alarms=alarms,
    )


def _reminders(rule: ClockRule, started: datetime, due: datetime, calendar: Calendar) -> list[Alarm]:
    alarms = [
        Alarm(at=_reminder_at(r, started, due, calendar), what=Happens.reminder, tell=r.tell, letter=r.letter)
        for r in rule.reminders
    ]
    return sorted((a for a in alarms if started < a.at < due), key=lambda a: a.at)


def _reminder_at(reminder: Reminder, started: datetime, due: datetime, calendar: Calendar) -> datetime:
    if reminder.at_percent is not None:
        return calendar.local(started + (due - started) * reminder.at_percent / 100)
    if reminder.after is not None:
        return count(reminder.after, started, calendar).due_at
    assert reminder.before is not None  # the policy's validator saw to it
    return _before(due, reminder.before, calendar)


def _before(due: datetime, limit: Limit, calendar: Calendar) -> datetime:
    """The latest moment from which the reminder's span still fits before the end; working days skip days off."""
    if limit.unit.value != "working_days":
        return due - (count(limit, due, calendar).due_at - due)
    day = calendar.local(due).date()
    for _ in range(limit.amount):
        day -= timedelta(days=1)
        while not calendar.is_working_day(day):
            day -= timedelta(days=1)
    return calendar.at(day, calendar.local(due).time())


def _breach_and_ladder(rule: ClockRule, due: datetime, policy: CasePolicy) -> list[Alarm]:
    levels = policy.ladders[rule.ladder].levels
    alarms, at = [], due
    for number, level in enumerate(levels, start=1):
        what = Happens.breach if number == 1 else Happens.escalation
        letter = rule.breach_letter if number == 1 else None
        alarms.append(Alarm(at=at, what=what, tell=[level.tell], letter=letter, level=number))
        at = count(level.within, at, policy.calendar).due_at
    return alarms


def fire(clock: Clock, now: datetime) -> list[Alarm]:
    """Every alarm that is due by `now`, marked as happened. A reminder overtaken by the breach tells nobody."""
    due: list[Alarm] = []
    while (alarm := clock.next_alarm()) is not None and alarm.at <= now:
        clock.fired += 1
        due.append(alarm)
        match alarm.what:
            case Happens.reminder:
                clock.warned_at = alarm.at
            case Happens.breach:
                clock.breached_at, clock.level = alarm.at, alarm.level
            case Happens.escalation:
                clock.level = alarm.level
    if any(a.what is not Happens.reminder for a in due):
        due = [a for a in due if a.what is not Happens.reminder]
    return due


def stop(clock: Clock, now: datetime) -> None:
    """Stop it once; a stop at or after the end that nothing has fired for yet is a breach all the same."""
    if clock.stopped_at is None:
        if now > clock.due_at and clock.breached_at is None:
            clock.breached_at = clock.due_at
        clock.stopped_at = now
