"""The plan of a cross-department complaint (R6): each duty its own owner, clock, reminders and ladder.

One duty that is late hides no other; the case goes on when all are done.
"""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, JsonValue, StrictBool, model_validator

from complaints import sla
from complaints.case import Case
from complaints.checks import fault, holder, in_stage, no_rule
from complaints.clock import count
from complaints.errors import Refused
from complaints.form import Line, Text
from complaints.messages import Act, Body
from complaints.names import Kind, Role
from complaints.overtaken import call_off_duties
from complaints.procedure import plan_clock, start_clock
from complaints.records import Actor, Recipient
from complaints.turns import Duty, DutyChange, Plan

WorkingDays = Annotated[int, Field(ge=1, le=400, strict=True)]


class DutyBody(Body):
    """One department's part: who answers for it, what is to be done, within how many working days."""

    department: Line
    owner: Line
    task: Text
    working_days: WorkingDays


class PlanBody(Body):
    """The duties; filed again, it adds to a running plan."""

    duties: Annotated[list[DutyBody], Field(min_length=1, max_length=50)]


class DutyAnswerBody(Body):
    """What was done and found."""

    answer: Text


class DutyChangeBody(Body):
    """A change of a running duty: another owner (with their department), other days from its start, or called off."""

    department: Line | None = None
    owner: Line | None = None
    working_days: WorkingDays | None = None
    cancel: StrictBool = False
    reason: Text

    @model_validator(mode="after")
    def _something(self) -> Self:
        if (self.department is None) != (self.owner is None):
            raise ValueError("an owner is named with their department")
        if self.cancel == bool(self.owner or self.working_days):
            raise ValueError("either call it off, or give another owner or other days")
        return self


class FilePlan(Act, PlanBody):
    """File the plan, or add to it."""


class AnswerDuty(Act, DutyAnswerBody):
    """Answer the duty of that number."""

    number: int


class ChangeDuty(Act, DutyChangeBody):
    """Change the duty of that number."""

    number: int


def file(case: Case, act: FilePlan, now: datetime) -> None:
    """The lead department files the plan; that stops the three-day clock."""
    in_stage(case, "plan")
    _lead(case, act.by)
    rule, held = case.rules.plan, case.assignment
    if rule is None:
        raise no_rule(case, "plan")
    if Kind.cross_department not in case.kinds or held is None:
        raise Refused("wrong_stage", "it is not classified as cross-department")
    known = len(case.plan.duties) if case.plan else 0
    if known + len(act.duties) > rule.most_duties:
        raise fault("duties", "too_many", f"at most {rule.most_duties} duties in all")
    for place, wanted in enumerate(act.duties):
        if wanted.working_days > rule.longest_duty:
            field = f"duties.{place}.working_days"
            raise fault(field, "beyond_cap", f"at most {rule.longest_duty} working days")
    if case.plan is None:
        case.plan = Plan(lead=held.department, filed_at=now, filed_by=act.by.username)
        if (clock := plan_clock(case)) is not None:
            sla.stop(clock, now)
    case.note("plan_changed" if known else "plan_filed", act.by.username, now, {"duties": len(act.duties)})
    for wanted in act.duties:
        _give(case, case.plan, wanted, act.by.username, now)


def _give(case: Case, plan: Plan, wanted: DutyBody, who: str, now: datetime) -> None:
    number = len(plan.duties) + 1
    limit = case.rules.clocks["duty"].limit.model_copy(update={"amount": wanted.working_days})
    clock = start_clock(case, "duty", now, f"duty_{number}", limit)
    given = wanted.model_dump(include={"department", "owner", "task"})
    plan.duties.append(Duty(number=number, at=now, by=who, clock=f"duty_{number}", **given))
    data: dict[str, JsonValue] = {"duty": number, "department": wanted.department, "owner": wanted.owner}
    data |= {"working_days": wanted.working_days, "due_at": clock.due_at.isoformat()}
    case.note("duty_given", who, now, data, [Recipient(username=wanted.owner)])


def answer(case: Case, act: AnswerDuty, now: datetime) -> None:
    """The owner, or a supervisor for them, answers; when the last one is in, the handler goes on."""
    in_stage(case, "plan")
    plan, duty = _open_duty(case, act.number)
    if act.by.username != duty.owner and not act.by.has(Role.supervisor):
        raise Refused("not_yours", f"duty {duty.number} is with {duty.owner}")
    duty.answer, duty.answered_at, duty.answered_by = act.answer, now, act.by.username
    sla.stop(case.clocks[duty.clock], now)
    case.note("duty_answered", act.by.username, now, {"duty": duty.number}, case.recipients(["handler"]))
    _all_in(case, plan, act.by.username, now)


def change(case: Case, act: ChangeDuty, now: datetime) -> None:
    """The plan changes while it runs; what the duty was is kept."""
    in_stage(case, "plan")
    _lead(case, act.by)
    plan, duty = _open_duty(case, act.number)
    clock, rule = case.clocks[duty.clock], case.rules.plan
    was = {"department": duty.department, "owner": duty.owner, "due_at": clock.due_at}
    if act.working_days:
        if rule and act.working_days > rule.longest_duty:
            raise fault("working_days", "beyond_cap", f"at most {rule.longest_duty} working days")
        if clock.breached_at is not None or now >= clock.due_at:
            raise Refused("too_late", "its time limit has passed, and stands")
        limit = (clock.limit or case.rules.clocks["duty"].limit).model_copy(update={"amount": act.working_days})
        due = count(limit, clock.started_at, case.rules.calendar).due_at
        if due <= now:
            raise fault("working_days", "in_the_past", f"counted from its start, that is {due.isoformat()}")
        sla.reckon(clock, case.rules, now, "extended", act.by.username, limit)
    duty.changes.append(DutyChange.model_validate({"at": now, "by": act.by.username, "why": act.reason, **was}))
    concerned = {duty.owner, act.owner or duty.owner}
    if act.department and act.owner:
        duty.department, duty.owner = act.department, act.owner
    data: dict[str, JsonValue] = {"duty": duty.number, "owner": duty.owner, "due_at": clock.due_at.isoformat()}
    data["working_days"] = act.working_days
    tell = [Recipient(username=u) for u in sorted(concerned)]
    if act.cancel:
        duty.cancelled_at = now
        sla.stop(clock, now)
    case.note("duty_cancelled" if act.cancel else "duty_changed", act.by.username, now, data, tell)
    _all_in(case, plan, act.by.username, now)


def near(who: Actor, *departments: str | None) -> bool:
    """Whether a supervisor sees to a duty of these departments: its own, and the one that has the case."""
    return not who.has(Role.supervisor) or who.department is None or who.department in departments


def concerns(case: Case, act: AnswerDuty | ChangeDuty) -> None:
    """Refuse a supervisor of another department; asked when the act comes, and not again when it is replayed."""
    duties, held = case.plan.duties if case.plan else [], case.assignment
    for duty in (d for d in duties if d.number == act.number and d.owner != act.by.username):
        moved = [c.department for c in duty.changes if c.by == act.by.username]  # so that a repeat gets its answer
        if not near(act.by, duty.department, held.department if held else None, *moved):
            raise Refused("not_yours", f"duty {duty.number} is another department's")


def _all_in(case: Case, plan: Plan, who: str, now: datetime) -> None:
    if not any(d.open() for d in plan.duties):
        case.note("duties_done", who, now, {"duties": len(plan.duties)}, case.recipients(["handler"]))


def all_done(case: Case) -> None:
    """Refuse to resolve a cross-department case without its plan, or while a duty is open."""
    if case.rules.plan is None or Kind.cross_department not in case.kinds:
        return
    if case.plan is None:
        raise Refused("wrong_stage", "file the plan of the departments first", possible=["plan"])
    if waiting := [str(d.number) for d in case.plan.duties if d.open()]:
        raise Refused("wrong_stage", f"not done yet: duty {', '.join(waiting)}", possible=["plan"])


def not_needed(case: Case, who: str, why: str, now: datetime) -> None:
    """It is no longer cross-department: no plan is due, and open duties are called off."""
    if (clock := plan_clock(case)) is not None:
        sla.stop(clock, now)
        case.note("plan_not_needed", who, now)
    call_off_duties(case, who, now)


def _lead(case: Case, actor: Actor) -> None:
    if not actor.has(Role.supervisor):
        holder(case, actor)


def _open_duty(case: Case, number: int) -> tuple[Plan, Duty]:
    if case.plan is None or not 1 <= number <= len(case.plan.duties):
        raise Refused("unknown", f"no duty {number}")
    duty = case.plan.duties[number - 1]
    if not duty.open():
        raise Refused("wrong_stage", f"duty {number} is {'done' if duty.answered_at else 'called off'}")
    return case.plan, duty
