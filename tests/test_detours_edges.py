"""Where two ways off the straight one meet: acts that come too early, too late, or at the same moment."""

from datetime import UTC, datetime, timedelta
from typing import Any

from office import Office

from complaints import acts, procedure
from complaints import messages as m
from complaints.case import Case, Opening
from complaints.detours import incident
from complaints.form import Complainant, ComplaintForm
from complaints.names import Channel, Kind, Nature, Outcome, Role, Stage, Urgency
from complaints.records import Actor, Classification, Risk
from policies.load import load

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
