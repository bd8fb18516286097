"""Where two ways off the straight one meet: acts that come too early, too late, or at the same moment."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from office import Office

from complaints import acts, procedure
from complaints import messages as m
from complaints.case import Case, Opening
from complaints.detours import extension, incident, mass, pause, rounds
from complaints.errors import Refused
from complaints.form import Complainant, ComplaintForm
from complaints.names import Channel, Kind, Nature, Outcome, Role, Stage, Urgency
from complaints.records import Actor, Classification, Risk
from complaints.turns import News, PublicAnswer
from policies.load import load
from register.write import _approval_row

POLICY = load()
NOW = datetime.fromisoformat("2026-03-10T10:00+08:00")
HOUR = timedelta(hours=1)
AGENT = Actor(username="agent", roles=[Role.agent])
HANDLER = Actor(username="han", roles=[Role.handler], department="card_centre")
OTHER = Actor(username="oth", roles=[Role.handler], department="legal")
SUPERVISOR = Actor(username="sup", roles=[Role.supervisor])
MANAGER = Actor(username="man", roles=[Role.manager])
SECOND = Actor(username="man2", roles=[Role.manager])
WRITTEN = {"findings": "f", "responsibility": "r", "measures": "m", "root_cause": "c"}


def opened(*kinds: Kind, nature: Nature = Nature.product, received: datetime = NOW) -> Case:
    """A case that is classified and given to `han`."""
    person = Complainant(name="测试", email="a@example.com")
    form = ComplaintForm(channel=Channel.email, received_at=received, complainant=person, matter="年费")
    case = Case(reference="CMP-2026-900001", form=form, opened_by="agent", opened_at=received)
    procedure.receive(case, POLICY.for_case(received.date()), received)
    risk = Risk(likelihood=1, impact=1, value=1, level="low")
    found = Classification(
        nature=nature, urgency=Urgency.general, kinds=list(kinds), severity=1, difficulty=1, risk=risk, confidence=1, reasons=[], policy="x"
    )  # fmt: skip
    procedure.classify(case, found, received)
    case.stage = Stage.classified
    procedure.give(case, "card_centre", "han", "test", "process", received)
    procedure.registered(case, received)
    return case


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
