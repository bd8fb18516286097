"""What is overtaken by what happens: a transfer nobody answered, a duty, an approval, an extension."""

from datetime import datetime

from pydantic import JsonValue

from complaints import sla
from complaints.case import Case
from complaints.records import PROCESS, Approval, Recipient
from complaints.turns import Extension


def drop_transfer(case: Case, by: str, now: datetime) -> None:
    """A transfer nobody has answered is overtaken: by an assignment, or the end of the case."""
    if (asked := case.transfer) is None:
        return
    asked.answer, asked.answered_at, asked.answered_by = "dropped", now, by
    sla.stop(case.clocks[asked.clock], now)
    case.note("transfer_dropped", by, now, {"transfer": asked.number})


def lapse_approval(case: Case, asked: Approval, now: datetime) -> None:
    """What was asked has been overtaken: nobody decides on it any more."""
    asked.decision, asked.decided_at, asked.decided_by = "lapsed", now, PROCESS
    sla.stop(case.clocks[asked.clock], now)


def extension_data(asked: Extension) -> dict[str, JsonValue]:
    """What an event says of an extension."""
    return {
        "extension": asked.number,
        "clock": asked.clock,
        "amount": asked.amount,
        "old_due_at": asked.old_due_at.isoformat(),
        "new_due_at": asked.new_due_at.isoformat(),
    }


def lapse_extensions(case: Case, key: str, at: datetime, now: datetime) -> None:
    """The clock was broken or has stopped, at `at`, while an extension was under way: nothing is left to extend."""
    for asked in case.extensions:
        if asked.clock != key or asked.state not in ("asked", "approved", "undelivered"):
            continue
        approval = next(a for a in case.approvals if a.id == asked.approval)
        if approval.decision is None:
            lapse_approval(case, approval, at)
        asked.state = "lapsed"
        case.note("extension_lapsed", PROCESS, now, extension_data(asked), [Recipient(username=asked.by)])


def call_off_duties(case: Case, who: str, now: datetime) -> None:
    """What was asked of other departments is not needed any more."""
    for duty in case.plan.duties if case.plan else []:
        if duty.open():
            duty.cancelled_at = now
            sla.stop(case.clocks[duty.clock], now)
            case.note("duty_cancelled", who, now, {"duty": duty.number}, [Recipient(username=duty.owner)])
