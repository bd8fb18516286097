"""One complaint, from the moment it is received until it is closed: the office's own procedure.

receive -> classify -> assign -> resolve -> feed back -> call back. Each step says what is done and what is waited
for; what a person does is in acts.py, what silence means is in the clocks and ladders of the policy.
"""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.desk import Desk
from complaints import messages as m
from complaints import procedure
from complaints.case import Opening
from complaints.detours import mass, merging, rounds
from complaints.names import WORKFLOW_TYPE, Outcome, Stage, Way
from complaints.orders import ClassificationWanted, IncidentWanted, Publication, RulesWanted
from complaints.records import PROCESS, Feedback
from policies.names import DEFAULT_JURISDICTION
from workflows.detours import Detours
from workflows.office import LOCAL, ContinueAsNew, Merged, Withdrawn


@workflow.defn(name=WORKFLOW_TYPE)
class Complaint(Detours):
    """The durable process of one complaint; its ID is the complaint's reference."""

    @workflow.init
    def __init__(self, opening: Opening) -> None:
        super().__init__(opening)

    @workflow.run
    async def run(self, opening: Opening) -> Outcome:
        """Carry the complaint to its end; gives how it ended."""
        await self.receive()
        self.start_time()
        while True:
            try:
                if self.case.stage is not Stage.closed:
                    await self.close(await self.handle())
                if not await self.reopened():
                    return await self.end()
            except ContinueAsNew:
                await self._go_on_in_a_new_run(opening)

    async def handle(self) -> Outcome:
        """The six steps; again, one level higher, while the complainant is not satisfied and a round is left."""
        try:
            while True:
                await self.classify()
                await self.assign()
                await self.resolve()
                await self.feed_back()
                outcome = await self.call_back()
                if not rounds.another(self.case, outcome, workflow.now()):
                    return outcome
        except Withdrawn:
            return Outcome.withdrawn
        except Merged:
            return Outcome.merged

    async def _go_on_in_a_new_run(self, opening: Opening) -> None:
        """Continue as new when every answer is out and nothing is being written.

        An act that came meanwhile may have ordered a letter: what became of it must be heard, so the case goes on here.
        """
        await workflow.wait_condition(lambda: workflow.all_handlers_finished() or not self.at_rest())
        async with self._saving:
            if workflow.all_handlers_finished() and self.at_rest():
                workflow.continue_as_new(opening.model_copy(update={"case": self.case}))

    async def receive(self) -> None:
        """Freeze the rules and start the clocks at the moment of receipt."""
        if self.case.policy is not None:
            return
        form, opened = self.case.form, self.case.opened_at
        wanted = RulesWanted(jurisdiction=DEFAULT_JURISDICTION, received_at=form.received_at, opened_at=opened)
        rules = await workflow.execute_local_activity_method(Desk.find_rules, wanted, summary="rules in force", **LOCAL)
        procedure.receive(self.case, rules, workflow.now())

    async def classify(self) -> None:
        """Let the rules say what kind it is; where they are not sure, a person confirms in time."""
        if self.case.classification is None:
            wanted = ClassificationWanted(
                jurisdiction=self.case.rules.jurisdiction, opened_at=self.case.opened_at, form=self.case.form
            )
            found = await workflow.execute_local_activity_method(
                Desk.classify, wanted, summary="classify by the rules", **LOCAL
            )
            await self._look_for_incident()
            procedure.classify(self.case, found, workflow.now())
        if self.case.confirm:
            self.acknowledge()
            await self.save()
        await self.until(lambda: not self.case.confirm)
        if self.case.stage is Stage.received:
            self.case.stage = Stage.classified

    async def _look_for_incident(self) -> None:
        """A complaint of a mass event belongs to the major incident that is being handled."""
        case, rule = self.case, self.case.rules.mass
        if rule is None or case.incident_of is not None:
            return
        wanted = IncidentWanted(reference=case.reference, form=case.form, rule=rule, at=workflow.now())
        found = await workflow.execute_local_activity_method(
            Desk.find_incident, wanted, summary="look for a major incident it belongs to", **LOCAL
        )
        if found.lead is not None:
            mass.belong(case, found.lead, PROCESS, found.why, workflow.now())

    async def assign(self) -> None:
        """Give it to the responsible department and a handler; with that it is registered."""
        case, held = self.case, self.case.assignment
        if case.stage is not Stage.classified:
            return
        if held is None or held.round < case.round:
            found = await self.find_handler(held.department if held else None, held.handler if held else None)
            if case.assignment is held or case.rules.edition < 2:  # nobody has assigned it meanwhile
                procedure.give(case, found.department, found.handler, found.why, PROCESS, workflow.now())
        if case.round == 1:
            procedure.registered(case, workflow.now())
        self.post_wanted()
        await self.save()
        self.acknowledge()
        mass.use_public_answer(case, workflow.now())

    def acknowledge(self) -> None:
        """Tell the complainant at once that it is in hand: reference, process, expected date, contact."""
        if not any(letter.kind == "acknowledgement" for letter in self.case.letters):
            self.post("acknowledgement")

    async def resolve(self) -> None:
        """The handler accepts, finds out, and submits a resolution; approvers approve it or send it back."""
        await self.until(lambda: self.case.stage in (Stage.feedback, Stage.callback))

    async def feed_back(self) -> None:
        """Tell the result the way the complaint came; what cannot be written, or does not arrive, a person tells."""
        if self.case.stage is not Stage.feedback:
            return
        if self.case.anonymous:
            await self._publish()
            return
        if not self.case.by_person:
            await self._write_result()
        if self.case.feedback is None:
            procedure.hand_to_person(self.case, workflow.now())
            await self.save()
            await self.until(lambda: self.case.feedback is not None)
        procedure.result_told(self.case, self.case.feedbacks[-1], workflow.now())

    async def _write_result(self) -> None:
        """Send the result, and ask how satisfied they are, where it can be done in writing."""
        way = self.way("result")
        if way in (None, Way.spoken):
            return
        number = len(self.case.letters) + 1
        sending = self.send(["result", "satisfaction_request"], way)
        await self.until(lambda: sending.done() or self.case.feedback is not None)
        if sending.done() and sending.result().sent(number):
            told = Feedback(at=workflow.now(), round=self.case.round, way=way, by=PROCESS)
            self.case.feedbacks.append(told)

    async def _publish(self) -> None:
        """An anonymous complaint is answered on the notice board, open to supervision."""
        now = workflow.now()
        await self.save()
        await workflow.execute_local_activity_method(
            Desk.publish,
            Publication(reference=self.case.reference, published_at=now),
            summary="publish on the notice board",
            **LOCAL,
        )
        self.case.published_at = now
        feedback = Feedback(at=now, round=self.case.round, way="notice_board", by=PROCESS)
        self.case.feedbacks.append(feedback)
        self.case.note("published", PROCESS, now)
        procedure.result_told(self.case, feedback, now)

    async def call_back(self) -> Outcome:
        """Ask every named complainant how satisfied they are, at different times, until reached or tried enough."""
        if self.case.anonymous:
            return Outcome.anonymous_published
        if self.case.stage is not Stage.callback:
            procedure.begin_callback(self.case, workflow.now())
            await self.save()
        await self.until(lambda: procedure.callback_outcome(self.case) is not None)
        return procedure.callback_outcome(self.case) or Outcome.not_reached

    async def close(self, outcome: Outcome) -> None:
        """Stop the clocks and write the closing letter."""
        if self.case.merging and outcome is not Outcome.merged:
            merging.refused(self.case, "it was closed meanwhile", workflow.now())
        procedure.close(self.case, outcome, workflow.now())
        self.post_wanted()
        if outcome in self.case.rules.letters.closing_letter_for:
            self.post("closing")
        await self.save()

    async def reopened(self) -> bool:
        """Stay for as long as it can be opened again, or its major incident goes on; True when it was opened again."""
        case = self.case

        def stays() -> bool:
            return case.reopen_until is not None or bool(case.incident and not case.incident.over())

        while case.lingers and case.stage is Stage.closed and stays():
            left = max(case.reopen_until - workflow.now(), timedelta(0)) if case.reopen_until else None
            try:
                await workflow.wait_condition(
                    lambda: case.stage is not Stage.closed or not stays() or self.must_stop_waiting(),
                    timeout=left,
                    timeout_summary="it can be opened again until then",
                )
            except TimeoutError:
                case.reopen_until = None
                continue
            if self.must_stop_waiting():
                self.stop_waiting()
        if case.stage is Stage.closed:
            case.lingers = False
        return case.stage is not Stage.closed

    async def end(self) -> Outcome:
        """End when the last letter, the last errand and the last answer are out."""
        await asyncio.gather(*self._letters)
        await self.save()
        await asyncio.gather(*(beside for beside in (self._time, self._errands) if beside is not None))
        await workflow.wait_condition(workflow.all_handlers_finished)
        while self.case.errands:  # another complaint has asked meanwhile, and waits for the answer
            await self.run_errands()
            await workflow.wait_condition(workflow.all_handlers_finished)
        return self.case.outcome or Outcome.not_reached

    @workflow.update(description="Nothing of it is to remain: it can no longer be opened again, and its process ends")
    async def let_go(self) -> None:
        """End what a closed case stays for, so that it can be erased."""
        self.case.reopen_until = None

    @let_go.validator
    def _let_go(self) -> None:
        case = self.case
        if case.stage is not Stage.closed or (case.incident and not case.incident.over()):
            why = "its major incident goes on" if case.stage is Stage.closed else f"it is open, in stage {case.stage}"
            raise ApplicationError(why, type="wrong_stage", non_retryable=True)

    @workflow.update(description="Opened: answers when the case is assigned or waits for a person to confirm its kind")
    async def opened(self) -> m.Receipt:
        """Answer the agent who opens it, once the register has it."""
        case = self.case
        await workflow.wait_condition(lambda: bool(case.assignments or case.confirm or case.closed_at))
        await self.save()
        return m.Receipt(reference=case.reference, stage=case.stage, seq=case.seq)
