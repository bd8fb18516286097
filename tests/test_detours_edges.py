"""Where two ways off the straight one meet: acts that come too early, too late, or at the same moment."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from given import AGENT, HANDLER, MANAGER, NOW, OTHER, SECOND, SUPERVISOR, opened
from office import Office

from api.customer_view import customer_view
from complaints import acts, alarms, procedure
from complaints import messages as m
from complaints.case import Case, Opening, case_view
from complaints.detours import extension, incident, mass, merging, pause, plan, reproject, rounds, transfer
from complaints.errors import Refused
from complaints.form import Complainant
from complaints.names import Kind, Nature, Outcome, Stage
from complaints.records import Actor
from complaints.turns import CaseLink, News, PublicAnswer
from policies.load import by_version
from register.write import _approval_row

HOUR = timedelta(hours=1)
WRITTEN = {"findings": "f", "responsibility": "r", "measures": "m", "root_cause": "c"}


def taken(*kinds: Kind, **more: Any) -> Case:
    """A case in the hands of `han`."""
    case = opened(*kinds, **more)
    acts.accept(case, m.Accept(by=HANDLER, request_id="a"), NOW)
    return case


def resolve(case: Case, now: datetime = NOW, who: Actor = HANDLER) -> None:
    acts.resolve(case, m.Resolve(by=who, request_id="r", **WRITTEN), now)


def decide(case: Case, who: Actor, decision: Any = "approve", now: datetime = NOW, place: int = -1) -> None:
    identifier = case.approvals[place].id
    acts.decide(case, m.Decide(by=who, request_id="d", approval_id=identifier, decision=decision, reason="x"), now)


# -- the process itself ----------------------------------------------------------------------------------------------


async def test_every_errand_is_run_before_the_process_ends(office: Office) -> None:
    case = opened(Kind.major, received=datetime.now(UTC))
    procedure.close(case, Outcome.dissatisfied_exhausted, datetime.now(UTC))
    response = case.incident
    assert response is not None and case.lingers and case.reopen_until is None
    response.acknowledged_at, response.acknowledged_by, response.leader = datetime.now(UTC), "manager", "manager"
    response.members = [f"CMP-2026-8{n:05}" for n in range(60)]
    opening = Opening(reference=case.reference, form=case.form, opened_by="agent", recorded_at=NOW, case=case)
    handle = await office.env.client.start_workflow("Complaint", opening, id=case.reference, task_queue=office.queue)
    act = incident.StandDown(by=MANAGER, request_id="s", reason="并非群体事件")
    await handle.execute_update("stand_down", act)
    assert await handle.result() == "dissatisfied_exhausted"
    history = await handle.fetch_history()
    told = [e for e in history.events if e.HasField("signal_external_workflow_execution_initiated_event_attributes")]
    assert len(told) == len(response.members)


# -- approvals that have been overtaken ------------------------------------------------------------------------------


def test_an_approval_of_a_closed_round_approves_nothing_of_the_next_one() -> None:
    """Otherwise the old, lower approval would let a new resolution through that needs a higher level."""
    case = taken(nature=Nature.violation)
    resolve(case)
    assert case.approvals[0].needs == "supervisor"
    acts.withdraw(case, m.Withdraw(by=AGENT, request_id="w", reason="x"), NOW)
    procedure.close(case, Outcome.withdrawn, NOW)
    rounds.reopen(case, rounds.Reopen(by=AGENT, request_id="o", reason="x"), NOW + HOUR)
    acts.correct(case, m.Correct(by=AGENT, request_id="c", kinds=[Kind.major], reason="x"), NOW + HOUR)
    procedure.give(case, "card_centre", "han", "x", "process", NOW + HOUR)
    acts.accept(case, m.Accept(by=HANDLER, request_id="a2"), NOW + HOUR)
    resolve(case, NOW + HOUR)
    assert [a.needs for a in case.approvals] == ["supervisor", "manager"]
    with pytest.raises(Refused):
        decide(case, SUPERVISOR, now=NOW + HOUR, place=0)
    assert case.stage is Stage.awaiting_approval


def test_a_correction_while_it_awaits_approval_asks_a_higher_level() -> None:
    case = taken(nature=Nature.violation)
    resolve(case)
    acts.correct(case, m.Correct(by=AGENT, request_id="c", kinds=[Kind.major], reason="x"), NOW)
    assert (case.approvals[0].needs, case.approvals[0].asked) == ("manager", "manager")
    assert [e.tell for e in case.unsaved if e.kind == "approval_raised"] == [case.recipients(["manager"])]
    with pytest.raises(Refused, match="needs manager"):
        decide(case, SUPERVISOR)
    decide(case, MANAGER)
    assert case.stage is Stage.feedback


def test_nothing_is_approved_without_the_plan_that_a_correction_asked_for() -> None:
    case = taken(nature=Nature.violation)
    resolve(case)
    acts.correct(case, m.Correct(by=AGENT, request_id="c", kinds=[Kind.cross_department], reason="x"), NOW)
    with pytest.raises(Refused, match="file the plan"):
        decide(case, SUPERVISOR)
    decide(case, SUPERVISOR, "reject")
    one = plan.DutyBody(department="legal", owner="oth", task="x", working_days=1)
    plan.file(case, plan.FilePlan(by=HANDLER, request_id="p", duties=[one]), NOW)
    assert case.clocks["cross_department_plan"].stopped_at == NOW
    plan.answer(case, plan.AnswerDuty(by=OTHER, request_id="y", number=1, answer="x"), NOW)
    resolve(case)
    decide(case, SUPERVISOR)
    assert case.stage is Stage.feedback


def test_a_plan_still_owed_in_the_next_round_is_due_from_its_beginning() -> None:
    case = taken(Kind.cross_department)
    acts.withdraw(case, m.Withdraw(by=AGENT, request_id="w", reason="x"), NOW)
    procedure.close(case, Outcome.withdrawn, NOW)
    later = NOW + timedelta(days=7)
    rounds.reopen(case, rounds.Reopen(by=AGENT, request_id="o", reason="x"), later)
    first, second = case.clocks["cross_department_plan"], case.clocks["cross_department_plan_2"]
    assert first.stopped_at == NOW
    assert (second.started_at, second.stopped_at) == (later, None)


def asked_for_more_time() -> Case:
    case = taken()
    extension.ask(case, extension.AskExtension(by=HANDLER, request_id="e", amount=2, reason="x"), NOW)
    return case


def test_an_extension_lapses_when_the_result_is_told_or_the_case_closed() -> None:
    told, closed = asked_for_more_time(), asked_for_more_time()
    resolve(told)
    procedure.result_told(told, procedure.Feedback(at=NOW, way="email", by="process"), NOW)
    procedure.close(closed, Outcome.withdrawn, NOW)
    for case in (told, closed):
        assert case.extensions[0].state == "lapsed" and case.clocks["approval_1"].stopped_at
        with pytest.raises(Refused):
            decide(case, SUPERVISOR)
        assert not [w for w in case.wanted if w.kind == "extension_notice"]


def test_an_extension_told_while_the_clock_stands_still_holds() -> None:
    case = asked_for_more_time()
    decide(case, SUPERVISOR)
    pause.begin(case, pause.Pause(by=HANDLER, request_id="p", question="x", reason="x"), NOW)
    after = case.clocks["resolution"].due_at + HOUR
    extension.tell(case, extension.TellExtension(by=AGENT, request_id="t"), after)
    assert case.extensions[0].state == "in_force"


@pytest.mark.parametrize("left", ["email", "phone", "address", None])
def test_the_clocks_wait_for_nobody_who_cannot_be_asked(left: str | None) -> None:
    case = taken()
    data = {"email": "a@example.com", "phone": "13912345678", "address": "上海市"}
    person = Complainant(name="测试", **({left: data[left]} if left else {}))
    case.form = case.form.model_copy(update={"complainant": person})
    asked = pause.Pause(by=HANDLER, request_id="p", question="x", reason="x")
    before = case.model_copy(deep=True)
    before.policy = case.rules.model_copy(update={"edition": 2})
    pause.begin(before, asked, NOW)  # cases of before go on as they did
    if left:
        pause.begin(case, asked, NOW)
        assert [w.kind for w in case.wanted if w.about == 1] == ["information_request"]
    else:
        with pytest.raises(Refused, match="nobody can be asked"):
            pause.begin(case, asked, NOW)
        assert case.pause is None and case.clocks["resolution"].state() == "running"


# -- public answers --------------------------------------------------------------------------------------------------


def leading() -> Case:
    case = taken(Kind.major)
    incident.acknowledge(case, m.Acknowledge(by=MANAGER, request_id="k"), NOW)
    mass.hear(case, News(kind="member_joins", reference="CMP-2026-900002", by="process"), NOW)
    mass.answer_all(case, mass.AnswerAll(by=MANAGER, request_id="n", reply="r", **WRITTEN), NOW)
    return case


def test_a_public_answer_can_be_approved_after_its_complaint_has_closed() -> None:
    case = leading()
    procedure.close(case, Outcome.withdrawn, NOW)
    assert case.clocks["approval_1"].stopped_at is None and not _approval_row(case, 0)["closed"]
    case.errands.clear()
    decide(case, SECOND)
    assert [e.news.kind for e in case.errands] == ["public_answer"]


@pytest.mark.parametrize("end", ["stand_down", "report"])
def test_a_response_that_has_ended_answers_nobody(end: str) -> None:
    case = leading()
    if end == "report":
        incident.report(case, m.Report(by=MANAGER, request_id="e", text="x"), NOW)
    else:
        incident.stand_down(case, incident.StandDown(by=MANAGER, request_id="e", reason="x"), NOW)
    assert case.clocks["approval_1"].stopped_at
    with pytest.raises(Refused):
        decide(case, SECOND)


def answer_of(reference: str) -> News:
    answer = PublicAnswer(at=NOW, by="man", reply="r", approval="x", approved_at=NOW, **WRITTEN)
    return News(kind="public_answer", reference=reference, by="man", answer=answer)


def test_a_public_answer_is_for_those_who_still_belong_to_the_incident() -> None:
    case = taken()
    mass.belong(case, "CMP-2026-900009", "agent", "x", NOW)
    mass.hear(case, News(kind="incident_over", reference="CMP-2026-900008", by="man"), NOW)
    assert case.incident_of == "CMP-2026-900009"
    mass.left(case, NOW)
    mass.hear(case, answer_of("CMP-2026-900009"), NOW)
    assert case.stage is Stage.in_progress and case.public_answer is None


def test_a_public_answer_that_came_too_late_does_not_answer_the_next_round() -> None:
    """The next round needs a higher approval, which it would escape."""
    case = taken()
    mass.belong(case, "CMP-2026-900009", "agent", "x", NOW)
    resolve(case)
    mass.hear(case, answer_of("CMP-2026-900009"), NOW)
    assert rounds.another(case, Outcome.dissatisfied_exhausted, NOW)
    procedure.give(case, "card_centre", "han", "x", "process", NOW)
    mass.use_public_answer(case, NOW)
    assert case.stage is Stage.assigned


# -- clocks that nobody could stop -----------------------------------------------------------------------------------


def test_a_case_given_to_somebody_else_while_it_awaits_approval_is_accepted_when_it_comes_back() -> None:
    case = taken(nature=Nature.violation)
    resolve(case)
    give = m.Assign(by=SUPERVISOR, request_id="g", department="card_centre", reason="x")
    acts.assign(case, give, NOW)
    alarms.sound(case, NOW + timedelta(hours=5))
    assert "acceptance_2" not in case.clocks  # nobody can accept it now
    decide(case, SUPERVISOR, "reject", NOW + timedelta(hours=5))
    assert case.stage is Stage.assigned and case.clocks["acceptance_2"].stopped_at is None
    acts.accept(case, m.Accept(by=HANDLER, request_id="a2"), NOW + timedelta(hours=6))
    resolve(case, NOW + timedelta(hours=6))


def test_a_paused_case_moved_to_rules_without_its_clocks_goes_on() -> None:
    """A KeyError in the time keeper would freeze the case at the end of the pause."""
    case = taken(nature=Nature.service)
    assert "common" in case.clocks
    pause.begin(case, pause.Pause(by=HANDLER, request_id="p", question="x", reason="x"), NOW)
    older = by_version("cn-2026-01-01").for_case(NOW.date())
    assert "common" not in older.clocks
    reproject.reproject(case, older, "x", "ops", NOW)
    assert case.pause
    alarms.sound(case, case.pause.ends_at)
    assert case.pauses[0].resumed_at and case.clocks["common"].paused_at is None


def test_a_response_stood_down_and_declared_again_goes_on_under_its_leader() -> None:
    case = taken(Kind.major)
    incident.acknowledge(case, m.Acknowledge(by=MANAGER, request_id="k"), NOW + HOUR)
    acts.correct(case, m.Correct(by=AGENT, request_id="c", kinds=[], reason="x"), NOW + HOUR)
    assert case.incident and case.incident.over()
    later = NOW + timedelta(hours=5)
    acts.correct(case, m.Correct(by=AGENT, request_id="c2", kinds=[Kind.major], reason="x"), later)
    alarms.sound(case, later)
    assert case.clocks["major_response"].breached_at is None  # it was launched in time
    incident.report(case, m.Report(by=MANAGER, request_id="e", text="x"), later)


def planned() -> Case:
    case = taken(Kind.cross_department)
    duty = plan.DutyBody(department="legal", owner="oth", task="x", working_days=2)
    plan.file(case, plan.FilePlan(by=HANDLER, request_id="f", duties=[duty]), NOW)
    return case


def test_duties_end_with_what_they_were_for() -> None:
    answered, closed = planned(), planned()
    mass.belong(answered, "CMP-2026-900009", "agent", "x", NOW)
    mass.hear(answered, answer_of("CMP-2026-900009"), NOW)
    procedure.close(closed, Outcome.withdrawn, NOW)
    for case in (answered, closed):
        assert case.plan and case.plan.duties[0].cancelled_at and case.clocks["duty_1"].stopped_at
        alarms.sound(case, NOW + timedelta(days=1))
        assert not case.breached()


def test_a_transfer_ends_when_its_sender_resolves_the_case() -> None:
    case = taken(nature=Nature.violation)
    act = transfer.Transfer(by=HANDLER, request_id="t", department="legal", reason="x", done="x", help_needed="x")
    transfer.ask(case, act, NOW)
    resolve(case)
    assert case.stage is Stage.awaiting_approval
    assert case.transfers[0].answer == "dropped" and case.clocks["transfer_1"].stopped_at


def test_a_complaint_that_took_one_up_can_be_merged_into_one_it_is_linked_to() -> None:
    case = taken()
    for reference, how in (("CMP-2026-900002", "merged"), ("CMP-2026-900003", "related")):
        case.links.append(CaseLink(reference=reference, how=how, at=NOW, by="agent", reason="x"))
    act = merging.Link(by=AGENT, request_id="l", reference="CMP-2026-900003", how="merged", reason="x")
    merging.link(case, act, NOW)
    assert case.merging == "CMP-2026-900003"


def test_the_customer_sees_the_expected_date_of_the_round_that_runs() -> None:
    case = taken()
    resolve(case)
    procedure.result_told(case, procedure.Feedback(at=NOW, way="email", by="process"), NOW)
    assert rounds.another(case, Outcome.dissatisfied_exhausted, NOW)
    seen = customer_view(case_view(case), NOW + timedelta(days=60), NOW)
    assert seen.expected_by == case.clocks["resolution_2"].due_at
