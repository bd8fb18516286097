"""What people do to a case, each an update: refused at once with the reason, or done and in the register on return."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from complaints import acts, alarms, approving
from complaints import messages as m
from complaints.access import parts_of
from complaints.case import Case
from complaints.checks import room
from complaints.detours import opinion, plan
from complaints.errors import Refused
from complaints.names import Stage
from policies.access import TABLE
from workflows.compared import Compared

A = TypeVar("A", bound=m.Act)
Do = Callable[[Case, A, datetime], None]
ADDING = (m.AddNote, plan.FilePlan, opinion.AskOpinion, opinion.GiveOpinion, m.LogAction)
"""Acts that may be repeated without end; the others have their places in the procedure."""


class Acts(Compared):
    """The updates of a complaint. A validator runs the act on a copy, at the moment it is; the handler on the case.

    Whether the person may do it is asked in the validators and nowhere else. Handlers run again when a history is
    replayed, and what was allowed when it was done must stay done, whatever the table says by then.
    """

    def _check(self, act: A, do: Do[A]) -> None:
        if self.case.policy is None:
            raise ApplicationError("it is being received; repeat in a moment", type="unavailable", non_retryable=True)
        with_refusal(may, self.case, act)
        if not self._done_before(act):
            trial = self.case.trial()
            alarms.sound(trial, workflow.now())
            with_refusal(do, trial, act)
            if isinstance(act, ADDING):
                with_refusal(lambda case, _, __: room(case), trial, act)

    def _done_before(self, act: m.Act) -> bool:
        """Whether this request was done already; a request is one act, also across runs of the workflow."""
        known = self.case.done_requests.get(act.request_id)
        if known not in (None, act.fingerprint()):
            message = "this Idempotency-Key was used before for another act"
            raise ApplicationError(message, type="key_reused", non_retryable=True)
        return known is not None

    async def _do(self, act: A, do: Do[A]) -> m.Receipt:
        case = self.case
        if not self._done_before(act):
            self.catch_up()
            with_refusal(do, case, act)
            case.done_requests[act.request_id] = act.fingerprint()
            self.post_wanted()
            # Let the procedure take its next step first, so that one record holds the act and what follows from it.
            await workflow.wait_condition(lambda: True)
        await self.save()
        return m.Receipt(reference=case.reference, stage=case.stage, seq=case.seq)

    @workflow.update(description="Correct or confirm the classification")
    async def correct(self, act: m.Correct) -> m.Receipt:
        """Correct or confirm the classification; what waited for it is assigned when the answer comes."""
        receipt = await self._do(act, acts.correct)
        await workflow.wait_condition(lambda: self.case.stage not in (Stage.received, Stage.classified))
        await self.save()
        return receipt.model_copy(update={"stage": self.case.stage, "seq": self.case.seq})

    @correct.validator
    def _correct(self, act: m.Correct) -> None:
        self._check(act, acts.correct)

    @workflow.update(description="Give the case to a department or a handler")
    async def assign_to(self, act: m.Assign) -> m.Receipt:
        """Give the case to a department or a handler."""
        return await self._do(act, acts.assign)

    @assign_to.validator
    def _assign_to(self, act: m.Assign) -> None:
        self._check(act, acts.assign)

    @workflow.update(description="The handler takes the case")
    async def accept(self, act: m.Accept) -> m.Receipt:
        """The handler takes the case."""
        return await self._do(act, acts.accept)

    @accept.validator
    def _accept(self, act: m.Accept) -> None:
        self._check(act, acts.accept)

    @workflow.update(description="The handler submits the resolution")
    async def submit_resolution(self, act: m.Resolve) -> m.Receipt:
        """The handler submits the resolution."""
        return await self._do(act, acts.resolve)

    @submit_resolution.validator
    def _submit_resolution(self, act: m.Resolve) -> None:
        self._check(act, acts.resolve)

    @workflow.update(description="An approver approves or rejects")
    async def decide(self, act: m.Decide) -> m.Receipt:
        """An approver approves or rejects."""
        return await self._do(act, acts.decide)

    @decide.validator
    def _decide(self, act: m.Decide) -> None:
        self._check(act, acts.decide)

    @workflow.update(description="An approval is asked of somebody by name")
    async def delegate(self, act: m.Delegate) -> m.Receipt:
        """An approval is asked of somebody by name."""
        return await self._do(act, approving.delegate)

    @delegate.validator
    def _delegate(self, act: m.Delegate) -> None:
        self._check(act, approving.delegate)

    @workflow.update(description="The result was told by a person")
    async def tell_result(self, act: m.TellResult) -> m.Receipt:
        """The result was told by a person."""
        return await self._do(act, acts.tell_result)

    @tell_result.validator
    def _tell_result(self, act: m.TellResult) -> None:
        self._check(act, acts.tell_result)

    @workflow.update(description="An attempt to call the complainant back")
    async def record_callback(self, act: m.CallBack) -> m.Receipt:
        """An attempt to call the complainant back."""
        return await self._do(act, acts.call_back)

    @record_callback.validator
    def _record_callback(self, act: m.CallBack) -> None:
        self._check(act, acts.call_back)

    @workflow.update(description="The complainant withdraws")
    async def withdraw(self, act: m.Withdraw) -> m.Receipt:
        """The complainant withdraws."""
        return await self._do(act, acts.withdraw)

    @withdraw.validator
    def _withdraw(self, act: m.Withdraw) -> None:
        self._check(act, acts.withdraw)

    @workflow.update(description="A note is added")
    async def add_note(self, act: m.AddNote) -> m.Receipt:
        """A note is added."""
        return await self._do(act, acts.add_note)

    @add_note.validator
    def _add_note(self, act: m.AddNote) -> None:
        self._check(act, acts.add_note)


def may(case: Case, act: m.Act, now: datetime) -> None:
    """Refuse who may not do this update to the case, though the API has asked before: it is not the only way here."""
    update = workflow.current_update_info()
    assert update is not None  # only validators ask
    decided = getattr(act, "approval_id", None)
    asked_by = next((a.by for a in case.approvals if a.id == decided), None)
    TABLE.check(update.name, act.by, parts_of(case), asked_by)
    if isinstance(act, plan.AnswerDuty | plan.ChangeDuty):
        plan.concerns(case, act)
    if isinstance(act, m.Delegate):  # and whether whoever is named may decide it
        TABLE.check("decide", act.person, parts_of(case), asked_by)


def with_refusal(do: Do[A], case: Case, act: A) -> None:
    """Do it; a refusal becomes the failure of the update, its code the type, what is possible the details."""
    try:
        do(case, act, workflow.now())
    except Refused as refused:
        details: dict[str, Any] = {
            "stage": case.stage,
            "possible": refused.possible,
            "errors": [e.model_dump() for e in refused.errors],
        }
        raise ApplicationError(refused.message, details, type=refused.code, non_retryable=True) from None
