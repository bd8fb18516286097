"""One complaint's whole state: what its workflow holds, and what the register is a record of."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import AwareDatetime, BaseModel, Field, JsonValue

from complaints.form import ComplaintForm
from complaints.names import Kind, Outcome, Role, Stage
from complaints.policy import CasePolicy, Told, role_told
from complaints.records import (
    Approval,
    Assignment,
    CallbackAttempt,
    Classification,
    Correction,
    Event,
    Feedback,
    Incident,
    Letter,
    Note,
    Recipient,
    Resolution,
)
from complaints.sla import Clock


class Opening(BaseModel):
    """What starts a case; `case` is set only when a long-lived one is continued."""

    reference: str
    form: ComplaintForm
    opened_by: str
    recorded_at: AwareDatetime
    case: "Case | None" = None


class Case(BaseModel):
    """The whole state of one complaint."""

    reference: str
    form: ComplaintForm
    opened_by: str
    opened_at: AwareDatetime
    policy: CasePolicy | None = None
    stage: Stage = Stage.received
    outcome: Outcome | None = None
    closed_at: AwareDatetime | None = None
    round: int = 1
    incomplete: list[str] = []
    classification: Classification | None = None
    confirm: bool = False
    corrections: list[Correction] = []
    assignments: list[Assignment] = []
    clocks: dict[str, Clock] = {}
    resolutions: list[Resolution] = []
    approvals: list[Approval] = []
    letters: list[Letter] = []
    by_person: bool = Field(default=False, description="the result has to be told by a person")
    feedbacks: list[Feedback] = []
    callbacks: list[CallbackAttempt] = []
    incident: Incident | None = None
    withdrawn: Note | None = None
    notes: list[Note] = []
    links: list[str] = []
    published_at: AwareDatetime | None = None
    seq: int = 0
    unsaved: list[Event] = []
    done_requests: dict[str, str] = Field(default={}, description="each request done, and the fingerprint of its act")

    @property
    def rules(self) -> CasePolicy:
        """The rules the case is held to; there from its first step on."""
        if self.policy is None:
            raise LookupError(f"{self.reference} has no policy before it is received")
        return self.policy

    @property
    def assignment(self) -> Assignment | None:
        """Who holds the case now."""
        return self.assignments[-1] if self.assignments else None

    @property
    def open_approval(self) -> Approval | None:
        """The approval that is being waited for."""
        last = self.approvals[-1] if self.approvals else None
        return last if last and last.decision is None else None

    @property
    def kinds(self) -> list[Kind]:
        """The special kinds it is known to be of."""
        return self.classification.kinds if self.classification else []

    @property
    def anonymous(self) -> bool:
        """Whether nobody is there to be told."""
        return self.form.complainant is None

    def note(
        self,
        kind: str,
        by: str,
        at: datetime,
        data: dict[str, JsonValue] | None = None,
        tell: list[Recipient] | None = None,
    ) -> None:
        """Something happened: add it to the case's history, to be saved with the next record."""
        self.seq += 1
        self.unsaved.append(Event(seq=self.seq, at=at, kind=kind, by=by, data=data or {}, tell=tell or []))

    def recipients(self, told: list[Told]) -> list[Recipient]:
        """The people an entry of a ladder means for this case; no handler yet means the supervisor."""
        found = []
        holder = self.assignment
        for who in told:
            if who == "handler" and holder and holder.handler:
                found.append(Recipient(username=holder.handler))
            elif who == "agent":
                found.append(Recipient(username=self.opened_by))
            else:
                role, department = role_told("supervisor" if who == "handler" else who)
                own = holder.department if holder and role is Role.supervisor else None
                found.append(Recipient(role=role, department=department or own))
        return found

    def next_alarm_at(self) -> datetime | None:
        """When the next clock makes itself heard."""
        return min((a.at for c in self.clocks.values() if (a := c.next_alarm())), default=None)

    def breached(self) -> bool:
        """Whether any time limit was broken, ever."""
        return any(c.breached_at for c in self.clocks.values())

    def due_at(self) -> datetime | None:
        """The earliest end among the clocks that run."""
        return min((c.due_at for c in self.clocks.values() if c.stopped_at is None), default=None)

    def redress_value(self) -> Decimal:
        """The amount of the last resolution's redress."""
        last = self.resolutions[-1].redress.amount if self.resolutions else None
        return last.value if last else Decimal(0)


def case_view(case: Case) -> dict[str, Any]:
    """The case as JSON without the rules it carries."""
    view = case.model_dump(mode="json", exclude={"policy", "unsaved", "done_requests"})
    return view | {"policy_version": case.rules.version}
