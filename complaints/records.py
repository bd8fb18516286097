"""The records a case is made of: classification, assignment, resolution, approval, letter, event …"""

from typing import Literal

from pydantic import AwareDatetime, BaseModel, Field, JsonValue, ValidationInfo, field_validator

from complaints.classification_rules import RiskLevel
from complaints.form import Money, Strict
from complaints.names import Kind, Nature, Role, Urgency, Way
from complaints.policy import LetterKind
from complaints.rule import Told

PROCESS = "process"
"""Who acts when nobody does: the process itself."""

CUSTOMER = "customer"
"""The complainant, acting by a personal link; no member of staff can have this user name."""


class Actor(BaseModel):
    """Who acts, as the API has signed them in; the complainant has no role."""

    username: str
    roles: list[Role]
    department: str | None = None
    region: str | None = None

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
    level: RiskLevel


def risk(likelihood: int, impact: int, matrix: list[list[RiskLevel]]) -> Risk:
    """The risk by the matrix of the rules: likelihood down, impact across."""
    level = matrix[likelihood - 1][impact - 1]
    return Risk(likelihood=likelihood, impact=impact, value=likelihood * impact, level=level)


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
    round: int = 1
    at: AwareDatetime
    department: str
    handler: str | None
    why: str
    by: str = "process"
    transfer: int | None = Field(default=None, description="the transfer by which it came")
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
    round: int = 1
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
    purpose: Literal["resolution", "extension", "public_answer"] = "resolution"
    asked_at: AwareDatetime
    needs: Told = Field(description="the lowest level that may decide")
    asked: Told = Field(description="the level asked now; it climbs when nobody decides in time")
    why: list[str]
    clock: str
    by: str = Field(description="whose work it is, and who so may not approve it")
    redress: Redress | None = None
    decision: Literal["approve", "reject", "lapsed"] | None = None
    decided_at: AwareDatetime | None = None
    decided_by: str | None = None
    reason: str | None = None
    delegated_to: str | None = Field(default=None, description="asked by name; whoever may decide it still can")
    delegated_at: AwareDatetime | None = None
    delegated_by: str | None = None
    delegated_why: str | None = None


class Feedback(BaseModel):
    """The result told to the complainant: by a letter of the process, or by a person."""

    at: AwareDatetime
    round: int = 1
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


class Note(BaseModel):
    """A fact or remark added to the case."""

    at: AwareDatetime
    by: str
    text: str
    contact: bool = Field(default=False, description="the complainant was spoken to")


class Recipient(BaseModel):
    """Whom an event is told to: a named person, or a role (in a department, in a region of it)."""

    username: str | None = None
    role: Role | None = None
    department: str | None = None
    region: str | None = None


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
    about: int | None = Field(default=None, description="the number of the extension, pause or transfer it tells of")
    ordered_at: AwareDatetime
    state: Literal["ordered", "sent", "failed", "uncertain"] = "ordered"
    done_at: AwareDatetime | None = None
