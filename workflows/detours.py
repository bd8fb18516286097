"""What people, and other processes, do to a case when it does not go straight; the rules are in complaints/detours."""

from temporalio import workflow

from activities.desk import Desk
from complaints import messages as m
from complaints.detours import (
    absence,
    extension,
    incident,
    mass,
    merging,
    news,
    opinion,
    pause,
    plan,
    reproject,
    rounds,
    transfer,
)
from complaints.names import Stage
from complaints.orders import HandlerFound, HandlerWanted, Person, Reprojection, RulesOf
from complaints.turns import News
from workflows.acts import Acts
from workflows.office import LOCAL


class Detours(Acts):
    """The updates and signals of extension, pause, transfer, plan, incident, merging, reopening and absence."""

    @workflow.update(description="The handler asks for a later deadline")
    async def extend(self, act: extension.AskExtension) -> m.Receipt:
        """The handler asks for a later deadline."""
        return await self._do(act, extension.ask)

    @extend.validator
    def _extend(self, act: extension.AskExtension) -> None:
        self._check(act, extension.ask)

    @workflow.update(description="A person told the complainant of the later deadline")
    async def tell_extension(self, act: extension.TellExtension) -> m.Receipt:
        """A person told the complainant of the later deadline."""
        return await self._do(act, extension.tell)

    @tell_extension.validator
    def _tell_extension(self, act: extension.TellExtension) -> None:
        self._check(act, extension.tell)

    @workflow.update(description="The complainant is waited for")
    async def begin_pause(self, act: pause.Pause) -> m.Receipt:
        """The complainant is waited for."""
        return await self._do(act, pause.begin)

    @begin_pause.validator
    def _begin_pause(self, act: pause.Pause) -> None:
        self._check(act, pause.begin)

    @workflow.update(description="The handler asks a colleague for a second opinion")
    async def ask_opinion(self, act: opinion.AskOpinion) -> m.Receipt:
        """The handler asks a colleague for a second opinion."""
        return await self._do(act, opinion.ask)

    @ask_opinion.validator
    def _ask_opinion(self, act: opinion.AskOpinion) -> None:
        self._check(act, opinion.ask)

    @workflow.update(description="The colleague gives the opinion")
    async def give_opinion(self, act: opinion.GiveOpinion) -> m.Receipt:
        """The colleague gives the opinion."""
        return await self._do(act, opinion.give)

    @give_opinion.validator
    def _give_opinion(self, act: opinion.GiveOpinion) -> None:
        self._check(act, opinion.give)

    @workflow.update(description="It goes on")
    async def resume(self, act: pause.Resume) -> m.Receipt:
        """It goes on."""
        return await self._do(act, pause.resume)

    @resume.validator
    def _resume(self, act: pause.Resume) -> None:
        self._check(act, pause.resume)

    @workflow.update(description="The handler hands the case on")
    async def ask_transfer(self, act: transfer.Transfer) -> m.Receipt:
        """The handler hands the case on."""
        return await self._do(act, transfer.ask)

    @ask_transfer.validator
    def _ask_transfer(self, act: transfer.Transfer) -> None:
        self._check(act, transfer.ask)

    @workflow.update(description="The receiver accepts or rejects a transfer")
    async def answer_transfer(self, act: transfer.AnswerTransfer) -> m.Receipt:
        """The receiver accepts or rejects a transfer."""
        return await self._do(act, transfer.answer)

    @answer_transfer.validator
    def _answer_transfer(self, act: transfer.AnswerTransfer) -> None:
        self._check(act, transfer.answer)

    @workflow.update(description="The lead department files its plan, or adds to it")
    async def file_plan(self, act: plan.FilePlan) -> m.Receipt:
        """The lead department files its plan, or adds to it."""
        return await self._do(act, plan.file)

    @file_plan.validator
    def _file_plan(self, act: plan.FilePlan) -> None:
        self._check(act, plan.file)

    @workflow.update(description="A duty of the plan is answered")
    async def answer_duty(self, act: plan.AnswerDuty) -> m.Receipt:
        """A duty of the plan is answered."""
        return await self._do(act, plan.answer)

    @answer_duty.validator
    def _answer_duty(self, act: plan.AnswerDuty) -> None:
        self._check(act, plan.answer)

    @workflow.update(description="A duty of the plan is changed")
    async def change_duty(self, act: plan.ChangeDuty) -> m.Receipt:
        """A duty of the plan is changed."""
        return await self._do(act, plan.change)

    @change_duty.validator
    def _change_duty(self, act: plan.ChangeDuty) -> None:
        self._check(act, plan.change)

    @workflow.update(description="The closed case is opened again")
    async def reopen(self, act: rounds.Reopen) -> m.Receipt:
        """The closed case is opened again."""
        return await self._do(act, rounds.reopen)

    @reopen.validator
    def _reopen(self, act: rounds.Reopen) -> None:
        self._check(act, rounds.reopen)

    @workflow.update(description="The complaint belongs to a major incident")
    async def join_incident(self, act: mass.Join) -> m.Receipt:
        """The complaint belongs to a major incident."""
        return await self._do(act, mass.join)

    @join_incident.validator
    def _join_incident(self, act: mass.Join) -> None:
        self._check(act, mass.join)

    @workflow.update(description="The complaint does not belong to the major incident")
    async def leave_incident(self, act: mass.Leave) -> m.Receipt:
        """The complaint does not belong to the major incident."""
        return await self._do(act, mass.leave)

    @leave_incident.validator
    def _leave_incident(self, act: mass.Leave) -> None:
        self._check(act, mass.leave)

    @workflow.update(description="A senior manager launches the major-complaint response")
    async def acknowledge_major(self, act: m.Acknowledge) -> m.Receipt:
        """A senior manager launches the major-complaint response."""
        return await self._do(act, incident.acknowledge)

    @acknowledge_major.validator
    def _acknowledge_major(self, act: m.Acknowledge) -> None:
        self._check(act, incident.acknowledge)

    @workflow.update(description="An entry in the log of the major-complaint response")
    async def log_major(self, act: m.LogAction) -> m.Receipt:
        """An entry in the log of the major-complaint response."""
        return await self._do(act, incident.log_action)

    @log_major.validator
    def _log_major(self, act: m.LogAction) -> None:
        self._check(act, incident.log_action)

    @workflow.update(description="A task of the major-complaint response is given")
    async def give_task(self, act: incident.GiveTask) -> m.Receipt:
        """A task of the major-complaint response is given."""
        return await self._do(act, incident.give_task)

    @give_task.validator
    def _give_task(self, act: incident.GiveTask) -> None:
        self._check(act, incident.give_task)

    @workflow.update(description="A task of the major-complaint response is done")
    async def finish_task(self, act: incident.FinishTask) -> m.Receipt:
        """A task of the major-complaint response is done."""
        return await self._do(act, incident.finish_task)

    @finish_task.validator
    def _finish_task(self, act: incident.FinishTask) -> None:
        self._check(act, incident.finish_task)

    @workflow.update(description="The leadership of the response is handed over")
    async def hand_over_major(self, act: incident.HandOver) -> m.Receipt:
        """The leadership of the response is handed over."""
        return await self._do(act, incident.hand_over)

    @hand_over_major.validator
    def _hand_over_major(self, act: incident.HandOver) -> None:
        self._check(act, incident.hand_over)

    @workflow.update(description="The public answer of the incident is proposed")
    async def answer_publicly(self, act: mass.AnswerAll) -> m.Receipt:
        """The public answer of the incident is proposed."""
        return await self._do(act, mass.answer_all)

    @answer_publicly.validator
    def _answer_publicly(self, act: mass.AnswerAll) -> None:
        self._check(act, mass.answer_all)

    @workflow.update(description="The closing report of the major-complaint response")
    async def report_major(self, act: m.Report) -> m.Receipt:
        """The closing report of the major-complaint response."""
        return await self._do(act, incident.report)

    @report_major.validator
    def _report_major(self, act: m.Report) -> None:
        self._check(act, incident.report)

    @workflow.update(description="The major-complaint response is stood down")
    async def stand_down(self, act: incident.StandDown) -> m.Receipt:
        """The major-complaint response is stood down."""
        return await self._do(act, incident.stand_down)

    @stand_down.validator
    def _stand_down(self, act: incident.StandDown) -> None:
        self._check(act, incident.stand_down)

    @workflow.update(description="The complaint is linked to another, or merged into it")
    async def link(self, act: merging.Link) -> m.Receipt:
        """Link it; a merger is answered when the other complaint's process has answered."""
        receipt, case = await self._do(act, merging.link), self.case
        await workflow.wait_condition(lambda: case.merging is None and (not case.merged_into or self._closed()))
        await self.save()
        return receipt.model_copy(update={"stage": case.stage, "seq": case.seq})

    @link.validator
    def _link(self, act: merging.Link) -> None:
        self._check(act, merging.link)

    def _closed(self) -> bool:
        return self.case.stage is Stage.closed

    @workflow.signal(description="Another complaint's process has news")
    async def hear(self, told: News) -> None:
        """Another complaint's process has news."""
        await self._received()
        self.catch_up()
        news.hear(self.case, told, workflow.now())
        await self._follow()

    @workflow.signal(description="Somebody is on leave or gone")
    async def staff_absent(self, who: Person) -> None:
        """What that person holds here is given to somebody else."""
        await self._received()
        held = self.case.assignment
        if held is not None and absence.holds(self.case, who.username):
            found = await self.find_handler(held.department, who.username)
            if absence.holds(self.case, who.username):
                now = workflow.now()
                absence.replace(self.case, who.username, found.department, found.handler, found.why, now)
        absence.missed(self.case, who.username, workflow.now())
        await self._follow()

    @workflow.update(description="The case is moved to another calendar or other rules")
    async def reproject(self, to: Reprojection) -> m.Receipt:
        """Count the running clocks anew under today's calendar, or the rules of another version."""
        await self._received()
        case = self.case
        wanted = RulesOf(version=to.version or case.rules.version, received_at=case.form.received_at)
        rules = await workflow.execute_local_activity_method(Desk.rules_of, wanted, summary="rules to move to", **LOCAL)
        self.catch_up()
        if to.version is None:  # the calendar alone
            rules = case.rules.model_copy(update={"calendar": rules.calendar})
        moved = reproject.reproject(case, rules, to.why, to.by, workflow.now())
        await self._follow()
        return m.Receipt(reference=case.reference, stage=case.stage, seq=case.seq, moved=moved)

    async def find_handler(self, department: str | None, but: str | None) -> HandlerFound:
        """Who is to handle it: in that department if it is known, and somebody else than `but`."""
        wanted = HandlerWanted(
            jurisdiction=self.case.rules.jurisdiction,
            opened_at=self.case.opened_at,
            form=self.case.form,
            department=department,
            but=[but] if but else [],
        )
        return await workflow.execute_local_activity_method(
            Desk.find_handler, wanted, summary="find a handler", **LOCAL
        )

    async def _received(self) -> None:
        """Until its rules are there, nobody's message can mean anything."""
        await workflow.wait_condition(lambda: self.case.policy is not None)

    async def _follow(self) -> None:
        """Letters are ordered, the procedure takes its next step, and the register is told."""
        self.post_wanted()
        await workflow.wait_condition(lambda: True)
        await self.save()
