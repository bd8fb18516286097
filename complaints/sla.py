"""SLA clocks of a case: what is due when, what was warned, broken and escalated, decided by timestamps alone.

A deadline moves in four ways, each kept in `changes`: extended, resumed after a pause, reprojected under other rules,
hastened when the case has become urgent.
It is always counted anew from the start, over the calendar, without the time in `stood`; minutes are never added.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime, BaseModel

from complaints.clock import Calendar, Interval, Limit, Unit, count, elapsed
from complaints.policy import CasePolicy, ClockRule, LetterKind, Reminder
from complaints.rule import Told


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
    key: str = ""


class Change(BaseModel):
    """A deadline that was moved: the superseded one is kept."""

    at: AwareDatetime
    why: Literal["extended", "resumed", "reprojected", "hastened"]
    by: str
    old_due_at: AwareDatetime
    new_due_at: AwareDatetime


class Clock(BaseModel):
    """One running, paused, met or broken time limit. The first `fired` of its alarms have happened; the others follow
    in order of time.
    """

    name: str
    rule: str
    limit: Limit | None = None
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
    paused_at: AwareDatetime | None = None
    stood: list[Interval] = []
    changes: list[Change] = []

    def next_alarm(self) -> Alarm | None:
        """The next moment this clock makes itself heard, if it still runs."""
        if self.stopped_at is not None or self.paused_at is not None or self.fired >= len(self.alarms):
            return None
        return self.alarms[self.fired]

    def state(self) -> str:
        """`running`, `paused`, `met` or `breached`; once broken, a clock stays so."""
        if self.breached_at is not None:
            return "breached"
        if self.stopped_at is not None:
            return "met"
        return "running" if self.paused_at is None else "paused"

    def lateness(self, now: datetime) -> timedelta:
        """How far past its end the clock was stopped, or is now; zero while in time or paused."""
        if self.state() in ("met", "paused"):
            return timedelta(0)
        return max((self.stopped_at or now) - self.due_at, timedelta(0))


def start(name: str, at: datetime, policy: CasePolicy, *, urgent: bool = False, limit: Limit | None = None) -> Clock:
    """The clock of that name under the case's rules, begun at `at` (aware); `limit` instead of the rule's own."""
    rule, calendar = policy.clocks[name], policy.calendar
    limit = limit or (rule.urgent if urgent and rule.urgent else rule.limit)
    end = count(limit, at, calendar)
    return Clock(
        name=name,
        rule=_said(limit, policy),
        limit=limit,
        source=rule.source,
        calendar=calendar.id,
        started_at=at,
        due_at=end.due_at,
        counted=end.days,
        provisional=end.provisional,
        alarms=_alarms(rule, at, end.due_at, policy, []),
    )


def _said(limit: Limit, policy: CasePolicy) -> str:
    return f"{limit.amount} {limit.unit}, {limit.starts}, {limit.ends} ({policy.version})"


def _alarms(
    rule: ClockRule, started: datetime, due: datetime, policy: CasePolicy, stood: list[Interval]
) -> list[Alarm]:
    return _reminders(rule, started, due, policy.calendar, stood) + _breach_and_ladder(rule, due, policy)


def _reminders(
    rule: ClockRule, started: datetime, due: datetime, calendar: Calendar, stood: list[Interval]
) -> list[Alarm]:
    alarms = [
        Alarm(
            at=_reminder_at(r, started, due, calendar, stood),
            what=Happens.reminder,
            tell=r.tell,
            letter=r.letter,
            key=f"reminder {number}",
        )
        for number, r in enumerate(rule.reminders, start=1)
    ]
    return sorted((a for a in alarms if started < a.at < due), key=lambda a: a.at)


def _reminder_at(
    reminder: Reminder, started: datetime, due: datetime, calendar: Calendar, stood: list[Interval]
) -> datetime:
    if reminder.at_percent is not None:
        ran = due - started - sum((s.end - s.start for s in stood if s.start < due), timedelta(0))
        return calendar.local(elapsed(started, started + ran * reminder.at_percent / 100, stood))
    if reminder.after is not None:
        return count(reminder.after, started, calendar, stood).due_at
    assert reminder.before is not None  # the policy's validator saw to it
    return _before(due, reminder.before, calendar)


def _before(due: datetime, limit: Limit, calendar: Calendar) -> datetime:
    """The latest moment from which the reminder's span still fits before the end; working days skip days off."""
    if limit.unit is not Unit.working_days:
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
        key = f"level {number}"
        alarms.append(Alarm(at=at, what=what, tell=[level.tell], letter=letter, level=number, key=key))
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
    """Stop it once; a stop after the end that nothing has fired for yet is a breach all the same."""
    if clock.stopped_at is not None:
        return
    if clock.paused_at is not None:
        clock.stood.append(Interval(start=clock.paused_at, end=now))
        clock.paused_at = None
    elif now > clock.due_at and clock.breached_at is None:
        clock.breached_at = clock.due_at
    clock.stopped_at = now


def pause(clock: Clock, now: datetime) -> None:
    """Let it stand still; what would have been heard meanwhile is heard when it runs again."""
    clock.paused_at = now


def resume(clock: Clock, policy: CasePolicy, now: datetime, by: str) -> None:
    """Let it run again; its end is counted anew without the time it stood still."""
    if clock.paused_at is None:
        return
    clock.stood.append(Interval(start=clock.paused_at, end=now))
    clock.paused_at = None
    reckon(clock, policy, now, "resumed", by)


def extend(clock: Clock, amount: int, policy: CasePolicy, now: datetime, by: str) -> None:
    """Move its end by so many of its own units."""
    reckon(clock, policy, now, "extended", by, longer(clock, policy, amount))


def hasten(clock: Clock, limit: Limit, policy: CasePolicy, now: datetime, by: str) -> bool:
    """Count it by that limit from its start, though to no moment that is past; False where it would end no sooner."""
    due = max(count(limit, clock.started_at, policy.calendar, clock.stood).due_at, policy.calendar.local(now))
    if clock.breached_at is not None or due >= clock.due_at:
        return False
    reckon(clock, policy, now, "hastened", by, limit, due)
    return True


def longer(clock: Clock, policy: CasePolicy, amount: int) -> Limit:
    """Its limit with so many more of its own units."""
    limit = clock.limit or policy.clocks[clock.name].limit
    return limit.model_copy(update={"amount": limit.amount + amount})


def reckon(
    clock: Clock,
    policy: CasePolicy,
    now: datetime,
    why: Literal["extended", "resumed", "reprojected", "hastened"],
    by: str,
    limit: Limit | None = None,
    due: datetime | None = None,
) -> None:
    """Count its end and its alarms anew; the superseded end is kept. An alarm is heard again only if its new moment is
    still to come, and one that fell into a pause is heard now. `due` instead of the end that was counted.
    """
    rule, old = policy.clocks[clock.name], clock.due_at
    limit = limit or clock.limit or rule.limit
    end = count(limit, clock.started_at, policy.calendar, clock.stood)
    due = due or end.due_at
    heard = {a.key for a in clock.alarms[: clock.fired]}
    alarms = _alarms(rule, clock.started_at, due, policy, clock.stood)
    past = [a for a in alarms if a.at <= now and (a.key in heard or "" in heard)]
    clock.alarms = past + [a for a in alarms if a not in past]
    clock.fired = len(past)
    clock.limit, clock.rule, clock.calendar = limit, _said(limit, policy), policy.calendar.id
    clock.due_at, clock.counted, clock.provisional = due, end.days, end.provisional
    if due != old:
        clock.changes.append(Change(at=now, why=why, by=by, old_due_at=old, new_due_at=due))
