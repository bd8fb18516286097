"""A later deadline (R4.2): asked before the end, within the cap, approved, the complainant told; only then it holds."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from complaints import sla
from complaints.case import Case
from complaints.checks import fault, holder, in_stage, no_rule
from complaints.clock import count
from complaints.errors import Refused
from complaints.form import Line, Text
from complaints.messages import Act, Body
from complaints.overtaken import extension_data
from complaints.procedure import begin_approval
from complaints.records import PROCESS, Approval
from complaints.sla import Clock
from complaints.turns import Extension, LetterWanted


class ExtensionBody(Body):
    """By how much, in the clock's own unit, and why; the reason is written for the complainant, who is told it."""

    clock: Line = "resolution"
    amount: Annotated[int, Field(ge=1, le=400, strict=True)]
    reason: Text


class NoticeBody(Body):
    """The complainant was told of the extension by a person."""

    answer: Text | None = None


class AskExtension(Act, ExtensionBody):
    """Ask for a later deadline."""


class TellExtension(Act, NoticeBody):
    """Record that a person told the complainant."""


def ask(case: Case, act: AskExtension, now: datetime) -> None:
    """The handler asks; refused after the deadline, beyond the cap, or of a clock that does not run."""
    in_stage(case, "extension")
    holder(case, act.by)
    rule = case.rules.extension
    if rule is None:
        raise no_rule(case, "extension")
    if act.clock not in rule.clocks:
        raise fault("clock", "not_extendable", f"can be extended: {', '.join(rule.clocks)}")
    key = case.key(act.clock)
    clock = _running(case, key, now)
    if case.anonymous:
        raise Refused("invalid", "an anonymous complainant cannot be told of a later date, so the date stands")
    if any(e.clock == key and e.state in ("asked", "approved", "undelivered") for e in case.extensions):
        raise Refused("wrong_stage", "an extension of this clock is under way")
    held = [e for e in case.extensions if e.clock == key and e.state == "in_force"]
    if len(held) >= rule.times:
        raise Refused("cap_reached", f"extended {len(held)} times; the rules allow {rule.times}")
    left = min(rule.at_most, rule.in_all - sum(e.amount for e in held))
    if act.amount > left:
        raise fault("amount", "beyond_cap", f"at most {left} more; {rule.at_most} at once and {rule.in_all} in all")
    limit = sla.longer(clock, case.rules, act.amount)
    new_due = count(limit, clock.started_at, case.rules.calendar, clock.stood).due_at
    why = [f"extension of {key} by {act.amount} {limit.unit}, to {new_due.isoformat(timespec='minutes')}"]
    approval = begin_approval(case, "extension", rule.approver, why, act.by.username, now)
    case.extensions.append(
        Extension(
            number=len(case.extensions) + 1,
            clock=key,
            amount=act.amount,
            at=now,
            by=act.by.username,
            reason=act.reason,
            old_due_at=clock.due_at,
            new_due_at=new_due,
            approval=approval.id,
        )
    )
    case.note("extension_asked", act.by.username, now, extension_data(case.extensions[-1]))


def _running(case: Case, key: str, now: datetime) -> Clock:
    clock = case.clocks.get(key)
    if clock is None or clock.stopped_at is not None:
        raise Refused("wrong_stage", f"the clock {key} has stopped")
    if clock.breached_at is not None or now >= clock.due_at:
        raise Refused("too_late", f"the deadline {clock.due_at.isoformat(timespec='minutes')} has passed and stands")
    if clock.paused_at is not None:
        raise Refused("wrong_stage", f"the clock {key} stands still; resume it first")
    return clock


def decided(case: Case, approval: Approval, now: datetime) -> None:
    """Approved, the complainant is told first; rejected, the old deadline stands."""
    asked = next(e for e in case.extensions if e.approval == approval.id)
    asked.state = "approved" if approval.decision == "approve" else "rejected"
    if asked.state == "approved":
        case.wanted.append(LetterWanted(kind="extension_notice", about=asked.number))


def by_person(case: Case, number: int, now: datetime) -> None:
    """No letter can reach the complainant: a person has to tell them before the old deadline."""
    case.note("extension_notice_by_person", PROCESS, now, {"extension": number}, case.recipients(["handler", "agent"]))


def tell(case: Case, act: TellExtension, now: datetime) -> None:
    """A person has told the complainant."""
    in_stage(case, "extension")
    open_ones = [e for e in case.extensions if e.state in ("approved", "undelivered")]
    if not open_ones:
        raise Refused("wrong_stage", "no approved extension waits to be told")
    noticed(case, open_ones[-1], act.by.username, now)


def notice_done(case: Case, number: int, letter: int, *, sent: bool, now: datetime) -> None:
    """The letter is out, or is not; a notice that surely arrived in time lets the new deadline hold."""
    asked = case.extensions[number - 1]
    asked.letter = letter
    if asked.state != "approved":
        return
    if sent:
        noticed(case, asked, PROCESS, now)
        return
    asked.state = "undelivered"
    case.note("extension_undelivered", PROCESS, now, extension_data(asked), case.recipients(["handler", "supervisor"]))


def noticed(case: Case, asked: Extension, teller: str, now: datetime) -> None:
    """The complainant knows: from now on the new deadline holds, unless the old one has passed."""
    clock = case.clocks[asked.clock]
    asked.told_at, asked.told_by = now, teller
    over = clock.paused_at is None and now >= clock.due_at
    if clock.stopped_at is not None or clock.breached_at is not None or over:
        asked.state = "lapsed"
        case.note("extension_lapsed", PROCESS, now, extension_data(asked), case.recipients(["handler"]))
        return
    sla.extend(clock, asked.amount, case.rules, now, asked.by)
    asked.state, asked.new_due_at = "in_force", clock.due_at
    case.note("extended", PROCESS, now, extension_data(asked), case.recipients(["handler", "supervisor"]))
