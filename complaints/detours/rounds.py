"""Handling it once more (R9.2): because the complainant is not satisfied, or because a closed case is opened again."""

from datetime import datetime

from pydantic import JsonValue

from complaints.case import Case
from complaints.checks import in_stage
from complaints.errors import Refused
from complaints.form import Text
from complaints.messages import Act, Body
from complaints.names import Outcome, Stage
from complaints.procedure import FINAL, needs_plan, running, start_clock
from complaints.records import PROCESS, Note
from complaints.sla import stop
from complaints.turns import Closing, LetterWanted


class ReopeningBody(Body):
    """Why it is opened again."""

    reason: Text


class Reopen(Act, ReopeningBody):
    """Open a closed case again."""


def another(case: Case, outcome: Outcome, now: datetime) -> bool:
    """Whether it is handled once more; if so, the next round has begun, one level higher."""
    if outcome is not Outcome.dissatisfied_exhausted or case.round - case.first_round + 1 >= case.rules.callback.rounds:
        return False
    _begin(case, PROCESS, now)
    return True


def reopen(case: Case, act: Reopen, now: datetime) -> None:
    """Within its window a closed case is opened again, with fresh clocks; the record of what was stays."""
    in_stage(case, "reopening")
    if case.outcome is None or case.closed_at is None or case.outcome in FINAL:
        raise Refused("wrong_stage", f"closed for good: {case.outcome}")
    if case.reopen_until is None:
        raise Refused("cap_reached", f"opened again {len(case.closings)} times; the rules allow no more")
    if now >= case.reopen_until:
        raise Refused("too_late", f"could be opened again until {case.reopen_until.isoformat(timespec='minutes')}")
    case.closings.append(
        Closing(
            at=case.closed_at,
            round=case.round,
            outcome=case.outcome,
            reopened_at=now,
            reopened_by=act.by.username,
            reason=act.reason,
        )
    )
    if case.withdrawn is not None:
        case.notes.append(Note(at=case.withdrawn.at, by=case.withdrawn.by, text=case.withdrawn.text))
    case.outcome, case.closed_at, case.withdrawn, case.reopen_until = None, None, None, None
    case.lingers, case.first_round = False, case.round + 1
    case.note("reopened", act.by.username, now, {"round": case.round + 1})
    _begin(case, act.by.username, now)


def _begin(case: Case, who: str, now: datetime) -> None:
    if (called := running(case, case.key("callback"))) is not None:  # they were reached: nobody need call any more
        stop(called, now)
    case.round += 1
    case.stage, case.by_person = Stage.classified, False
    case.public_answer = None  # it was given, or came too late: what is still wrong is found out anew
    clock = start_clock(case, "resolution", now, case.key("resolution"))
    data: dict[str, JsonValue] = {"round": case.round, "due_at": clock.due_at.isoformat()}
    case.note("round_begun", who, now, data, case.recipients(["supervisor"]))
    needs_plan(case, now)
    case.wanted.append(LetterWanted(kind="second_round", about=case.round))
