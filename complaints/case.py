"""One complaint's whole state: what its workflow holds, and what the register is a record of."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, Field, JsonValue, ValidationInfo, field_validator

from complaints.form import ComplaintForm, Money, Strict
from complaints.names import Kind, Nature, Outcome, Role, Stage, Urgency, Way
from complaints.policy import CasePolicy, LetterKind, Told, role_told
from complaints.sla import Clock


class Actor(BaseModel):
    """Who acts, as the API has signed them in."""

    username: str
    roles: list[Role]
    department: str | None = None

    def has(self, *roles: Role) -> bool:
        """Whether the person holds one of these roles."""
        return any(r in roles for r in self.roles)


class Reason(BaseModel):
    """Why a label was given: the rule, the words or facts it met, and how much it weighed."""

    rule: str
    label: str
    words: list[str] = []
    facts: list[str] = []
    weight: float


class Risk(BaseModel):
    """Likelihood x impact, each 1 to 3; level low, medium, high or very_high."""

    likelihood: int = Field(ge=1, le=3)
    impact: int = Field(ge=1, le=3)
    value: int = Field(ge=1, le=9)
    level: Literal["low", "medium", "high", "very_high"]


class Classification(BaseModel):
    """What kind of complaint it is, how sure that is, and why."""

    nature: Nature
    urgency: Urgency
    kinds: list[Kind]
    severity: int = Field(ge=1, le=3, description="interests harmed, possible loss")
    difficulty: int = Field(ge=1, le=3, description="departments involved, clearness of responsibility")
    risk: Risk
    confidence: float = Field(ge=0, le=1)
    is_complaint: bool = True
    reasons: list[Reason]
    policy: str


class Correction(BaseModel):
    """A person's correction, kept beside the classification it replaces."""

    at: AwareDatetime
    by: str
    reason: str
    before: Classification


class Assignment(BaseModel):
    """Who holds the case: a handler, or (null) the queue of the department."""

    number: int
    at: AwareDatetime
    department: str
    handler: str | None
    why: str
    by: str = "process"
    accepted_at: AwareDatetime | None = None
    accepted_by: str | None = None


class Redress(Strict):
    """What the customer gets: its kind, and the amount where it is money."""

    kind: Literal["refund", "compensation", "fee_waiver", "goodwill", "correction", "apology", "none"]
    amount: Money | None = Field(default=None, validate_default=True)

    @field_validator("amount")
    @classmethod
    def _fits_the_kind(cls, amount: Money | None, info: ValidationInfo) -> Money | None:
        kind = info.data.get("kind")
        if amount is not None and kind in ("apology", "none"):
            raise ValueError(f"{kind} has no amount")
        if amount is None and kind in ("refund", "compensation", "fee_waiver"):
            raise ValueError(f"say the amount of the {kind}")
        return amount


class Resolution(BaseModel):
    """What was found and done (R4.5)."""

    at: AwareDatetime
    by: str
    findings: str
    responsibility: str
    measures: str
    redress: Redress
    root_cause: str
    reply: str | None = None


class Approval(BaseModel):
    """One question to an approver; `asked` climbs the ladder when nobody answers in time."""

    id: str
    number: int
    asked_at: AwareDatetime
    needs: Told = Field(description="the lowest level that may decide")
    asked: Told = Field(description="the level asked now; it climbs when nobody decides in time")
    why: list[str]
    clock: str
    by: str = Field(description="who made the resolution, and so may not approve it")
    redress: Redress
    decision: Literal["approve", "reject"] | None = None
    decided_at: AwareDatetime | None = None
    decided_by: str | None = None
    reason: str | None = None


class Feedback(BaseModel):
    """The result told to the complainant: by a letter of the process, or by a person."""

    at: AwareDatetime
    way: Way | Literal["notice_board"]
    by: str
    answer: str | None = None


class CallbackAttempt(BaseModel):
    """One try at reaching the complainant after the result."""

    number: int
    round: int = 1
    at: AwareDatetime
    by: str
    reached: bool
    satisfaction: int | None = None
    nps: int | None = None
    words: str | None = None


class Incident(BaseModel):
    """The response to a major complaint; launched when a senior manager acknowledges it by name."""

    id: str
    declared_at: AwareDatetime
    declared_by: str
    acknowledged_at: AwareDatetime | None = None
    acknowledged_by: str | None = None
    leader: str | None = None
    log: list["IncidentEntry"] = []
    report: "IncidentEntry | None" = None


class IncidentEntry(BaseModel):
    """A containment action, a contact with the customer, or the closing report."""

    at: AwareDatetime
    by: str
    kind: Literal["action", "contact", "report"]
    text: str


class Note(BaseModel):
    """A fact or remark added to the case."""

    at: AwareDatetime
    by: str
    text: str


class Recipient(BaseModel):
    """Whom an event is told to: a named person, or a role (in a department)."""

    username: str | None = None
    role: Role | None = None
    department: str | None = None


class Event(BaseModel):
    """Something that happened, in the past tense; `at` is the workflow's own clock. Never changed."""

    seq: int
    at: AwareDatetime
    kind: str
    by: str
    data: dict[str, JsonValue] = {}
    tell: list[Recipient] = []


class Letter(BaseModel):
    """A sending ordered by the process; `number` is its place among the case's letters."""

    number: int
    kind: LetterKind
    way: Way
    ordered_at: AwareDatetime
    state: Literal["ordered", "sent", "failed", "uncertain"] = "ordered"
    done_at: AwareDatetime | None = None


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
