"""Waiting for the complainant (R4.7): the clocks the policy names stand still, for a bounded time, every time kept."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, JsonValue

from complaints import sla
from complaints.case import Case
from complaints.checks import fault, holder, in_stage, no_rule
from complaints.clock import count
from complaints.errors import Refused
from complaints.form import Text
from complaints.messages import Act, Body
from complaints.names import Way
from complaints.procedure import running
from complaints.records import PROCESS
from complaints.turns import LetterWanted
from complaints.turns import Pause as PauseRecord


class PauseBody(Body):
    """What the complainant is asked (they read it), why it is needed, and for how long at most they are waited for."""

    question: Text
    reason: Text
    longest: Annotated[int, Field(ge=1, le=400, strict=True)] | None = None


class ResumeBody(Body):
    """Why it goes on."""

    reason: Text


class Pause(Act, PauseBody):
    """Wait for the complainant."""


class Resume(Act, ResumeBody):
    """Go on."""


def begin(case: Case, act: Pause, now: datetime) -> None:
    """The handler waits for the complainant; bounded, and only where the policy lets a clock stand still."""
    in_stage(case, "pause")
    holder(case, act.by)
    rule = case.rules.pause
    if rule is None:
        raise no_rule(case, "pause")
    if case.pause is not None:
        raise Refused("wrong_stage", f"paused since {case.pause.at.isoformat(timespec='minutes')}; resume it first")
    if case.anonymous:
        raise Refused("invalid", "nobody is there to be waited for: the complaint is anonymous")
    if case.rules.edition >= 3 and not _can_be_asked(case):
        raise Refused("invalid", "nobody can be asked: the customer left no e-mail, mobile number or address")
    if len(case.pauses) >= rule.times:
        raise Refused("cap_reached", f"paused {len(case.pauses)} times; the rules allow {rule.times}")
    if act.longest and act.longest > rule.longest.amount:
        raise fault("longest", "beyond_cap", f"at most {rule.longest.amount} {rule.longest.unit}")
    names = dict.fromkeys(key for name in rule.clocks for key in (case.key(name), name))
    keys = [k for k in names if (c := running(case, k)) is not None and c.breached_at is None and now < c.due_at]
    if not keys:
        raise Refused("wrong_stage", "none of its clocks can stand still now")
    for key in keys:
        sla.pause(case.clocks[key], now)
    limit = rule.longest.model_copy(update={"amount": act.longest or rule.longest.amount})
    ends_at = count(limit, now, case.rules.calendar).due_at
    remind_at = count(rule.remind_after, now, case.rules.calendar).due_at if rule.remind_after else None
    pause = PauseRecord(
        number=len(case.pauses) + 1,
        at=now,
        by=act.by.username,
        reason=act.reason,
        question=act.question,
        clocks=keys,
        ends_at=ends_at,
        remind_at=remind_at if remind_at and remind_at < ends_at else None,
    )
    case.pauses.append(pause)
    data: dict[str, JsonValue] = {"pause": pause.number, "clocks": list(keys), "until": ends_at.isoformat()}
    case.note("paused", act.by.username, now, data)
    case.wanted.append(LetterWanted(kind="information_request", about=pause.number))


def _can_be_asked(case: Case) -> bool:
    """Whether the letter that asks has a way; the clocks must not stand still for an answer nobody was asked for."""
    return case.reached_by(case.rules.letters.ways[case.form.channel]["letters"]) not in (None, Way.spoken)


def resume(case: Case, act: Resume, now: datetime) -> None:
    """A person ends the wait."""
    in_stage(case, "resume")
    if case.pause is None:
        raise Refused("wrong_stage", "it is not paused")
    end(case, act.by.username, act.reason, now)


def end(case: Case, who: str, why: str, now: datetime, at: datetime | None = None) -> None:
    """The wait is over, if there is one; the clocks run on from `at`, their ends counted anew over the calendar."""
    pause = case.pause
    if pause is None:
        return
    at = at or now
    for key in pause.clocks:
        sla.resume(case.clocks[key], case.rules, at, who)
    pause.resumed_at, pause.resumed_by, pause.resumed_why = at, who, why
    due: dict[str, JsonValue] = {key: case.clocks[key].due_at.isoformat() for key in pause.clocks}
    data: dict[str, JsonValue] = {"pause": pause.number, "at": at.isoformat(), "due": due}
    case.note("resumed", who, now, data, [] if pause.by == who else case.recipients(["handler"]))


def keep(case: Case, now: datetime) -> None:
    """What a pause has to do by now: remind, and end when nobody has answered in time."""
    pause = case.pause
    if pause is None:
        return
    if pause.remind_at and not pause.reminded_at and pause.remind_at <= now < pause.ends_at:
        pause.reminded_at = pause.remind_at
        data: dict[str, JsonValue] = {"pause": pause.number, "until": pause.ends_at.isoformat()}
        case.note("pause_reminded", PROCESS, now, data, case.recipients(["handler"]))
        case.wanted.append(LetterWanted(kind="information_request", about=pause.number))
    if pause.ends_at <= now:
        end(case, PROCESS, "no answer in time", now, pause.ends_at)
