"""A case in memory, with the people who act on it: for tests of the pure rules."""

from datetime import datetime
from typing import Any

from complaints import acts, procedure
from complaints import messages as m
from complaints.case import Case
from complaints.detours import plan, transfer
from complaints.form import Complainant, ComplaintForm
from complaints.names import Channel, Kind, Nature, Role, Stage, Urgency
from complaints.records import Actor, Classification, Risk
from policies.load import load

POLICY = load()
NOW = datetime.fromisoformat("2026-03-10T10:00+08:00")
AGENT = Actor(username="agent", roles=[Role.agent])
HANDLER = Actor(username="han", roles=[Role.handler], department="card_centre")
OTHER = Actor(username="oth", roles=[Role.handler], department="legal")
SUPERVISOR = Actor(username="sup", roles=[Role.supervisor])
MANAGER = Actor(username="man", roles=[Role.manager])
RECEIVER = Actor(username="rec", roles=[Role.handler], department="collections", region="北京")
SECOND = Actor(username="man2", roles=[Role.manager])
HEAD = Actor(username="head", roles=[Role.manager], department="head_office")


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


def body(kind: type[m.Act], by: Actor, **fields: Any) -> Any:
    """That act, by that person."""
    return kind.model_validate({"by": by, "request_id": "1", **fields})


def handed_on() -> Case:
    """A case of card_centre in which legal has a duty, and collections is asked to take over in 北京."""
    case = opened(Kind.cross_department)
    acts.accept(case, body(m.Accept, HANDLER), NOW)
    duty = {"department": "legal", "owner": "oth", "task": "t", "working_days": 2}
    plan.file(case, body(plan.FilePlan, HANDLER, duties=[duty]), NOW)
    to = {"department": "collections", "region": "北京", "reason": "r", "done": "d", "help_needed": "h"}
    transfer.ask(case, body(transfer.Transfer, HANDLER, **to), NOW)
    return case
