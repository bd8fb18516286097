"""The transfer form 转接单 (R3.3): to another department or region, accepted or rejected, every hop kept."""

from datetime import datetime
from typing import Literal, Self

from pydantic import JsonValue, model_validator

from complaints.case import Case
from complaints.checks import fault, holder, in_stage, no_rule
from complaints.errors import Refused
from complaints.form import Line, Text
from complaints.messages import Act, Body
from complaints.names import Role, Stage
from complaints.procedure import acceptance_key, running, start_clock
from complaints.records import PROCESS, Assignment, Recipient
from complaints.sla import stop
from complaints.turns import LetterWanted
from complaints.turns import Transfer as TransferRecord


class TransferBody(Body):
    """Where to, why, what was done so far, and what help is needed there."""

    department: Line
    region: Line | None = None
    reason: Text
    done: Text
    help_needed: Text


class TransferAnswerBody(Body):
    """The receiver's answer; a rejection says why."""

    answer: Literal["accepted", "rejected"]
    reason: Text | None = None

    @model_validator(mode="after")
    def _says_why(self) -> Self:
        if self.answer == "rejected" and not self.reason:
            raise ValueError("say why it is rejected")
        return self


class Transfer(Act, TransferBody):
    """Hand the case on."""


class AnswerTransfer(Act, TransferAnswerBody):
    """Accept or reject the transfer of that number."""

    number: int


def ask(case: Case, act: Transfer, now: datetime) -> None:
    """The handler hands it on; it stays with them until the receiver accepts."""
    in_stage(case, "transfers")
    holder(case, act.by)
    rule, held = case.rules.transfer, case.assignment
    assert held is not None  # `holder` saw to it
    if rule is None:
        raise no_rule(case, "transfer")
    if case.transfer is not None:
        raise Refused("wrong_stage", f"transfer {case.transfer.number} waits for its answer")
    if act.department == held.department and act.region in (None, act.by.region):
        raise fault("department", "same_place", "a case is transferred to another department or region")
    if _hops(case) >= rule.hops:
        raise Refused("cap_reached", f"handed on {rule.hops} times; the supervisor decides who handles it")
    number = len(case.transfers) + 1
    clock = start_clock(case, "transfer", now, f"transfer_{number}")
    case.transfers.append(
        TransferRecord(
            number=number,
            at=now,
            by=act.by.username,
            from_department=held.department,
            from_region=act.by.region,
            to_department=act.department,
            to_region=act.region,
            reason=act.reason,
            done=act.done,
            help_needed=act.help_needed,
            clock=f"transfer_{number}",
        )
    )
    data: dict[str, JsonValue] = {"transfer": number, "from": held.department, "to": act.department}
    tell = [Recipient(role=Role.handler, department=act.department, region=act.region)]
    case.note("transfer_asked", act.by.username, now, data | {"due_at": clock.due_at.isoformat()}, tell)


def _hops(case: Case) -> int:
    """Transfers asked for since a supervisor last said who handles the case."""
    assigned = [a.at for a in case.assignments if a.transfer is None and a.by != PROCESS]
    return sum(1 for t in case.transfers if not assigned or t.at > assigned[-1])


def answer(case: Case, act: AnswerTransfer, now: datetime) -> None:
    """The receiver takes it, or sends it back with the reason."""
    in_stage(case, "transfers")
    if not 1 <= act.number <= len(case.transfers):
        raise Refused("unknown", f"no transfer {act.number}")
    asked = case.transfers[act.number - 1]
    if asked.answer is not None:
        raise Refused("wrong_stage", f"{asked.answer} by {asked.answered_by} before")
    if act.by.username == asked.by:
        raise Refused("not_yours", "the receiver answers it")
    if act.by.department != asked.to_department or asked.to_region not in (None, act.by.region):
        raise Refused("not_yours", f"it goes to {asked.to_department} {asked.to_region or ''}".strip())
    asked.answer, asked.answered_at, asked.answered_by = act.answer, now, act.by.username
    asked.answer_reason = act.reason
    stop(case.clocks[asked.clock], now)
    sender, owner = Recipient(username=asked.by), case.owner
    data: dict[str, JsonValue] = {"transfer": asked.number, "from": asked.from_department, "to": asked.to_department}
    if act.answer == "accepted":
        _take(case, asked, act.by.username, now)
        tell = [sender] if owner in (None, asked.by) else [sender, Recipient(username=owner)]
        case.note("transfer_accepted", act.by.username, now, data, tell)
        case.wanted.append(LetterWanted(kind="transfer_notice", about=len(case.assignments)))
    else:
        case.note("transfer_rejected", act.by.username, now, data | {"reason": act.reason}, [sender])
    if case.rules.transfer and _hops(case) >= case.rules.transfer.hops:
        case.note("transfers_used_up", PROCESS, now, {"hops": _hops(case)}, case.recipients(["supervisor"]))


def _take(case: Case, asked: TransferRecord, handler: str, now: datetime) -> None:
    """The receiver's hands; the first-contact owner stays answerable."""
    for name in (acceptance_key(case), "first_response"):
        if (clock := running(case, name)) is not None:
            stop(clock, now)
    case.assignments.append(
        Assignment(
            number=len(case.assignments) + 1,
            round=case.round,
            at=now,
            department=asked.to_department,
            handler=handler,
            why=f"transfer {asked.number}",
            by=handler,
            transfer=asked.number,
            accepted_at=now,
            accepted_by=handler,
        )
    )
    case.owner, case.stage = case.owner or asked.by, Stage.in_progress
