"""What people do to a case: one message for each act, one receipt for all. Field names are the API's."""

import hashlib
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StrictBool

from complaints.form import Line, Strict, Text
from complaints.names import Kind, Nature, Stage, Urgency, Way
from complaints.records import Actor, Redress


class Body(Strict):
    """What a person fills in; unknown fields are refused."""


Score = Annotated[int, Field(ge=1, le=3, strict=True)]


def _unsaid(value: object) -> bool:
    return value is None


class CorrectionBody(Body):
    """A person's classification; confirms it where the process was not sure. The risk follows from the scores."""

    nature: Nature | None = None
    urgency: Urgency | None = None
    kinds: Annotated[list[Kind], Field(max_length=len(Kind))] | None = None
    # Left out where they are not said, so that an act of before they were there keeps its fingerprint.
    severity: Score | None = Field(default=None, exclude_if=_unsaid)
    difficulty: Score | None = Field(default=None, exclude_if=_unsaid)
    likelihood: Score | None = Field(default=None, exclude_if=_unsaid)
    reason: Text


class AssignmentBody(Body):
    """To a department's queue, or to one handler."""

    department: Line
    handler: Line | None = None
    reason: Text


class AcceptanceBody(Body):
    """The handler takes the case."""


class ResolutionBody(Body):
    """Findings, responsibility, measures, redress and root cause (R4.5); `reply` is what the customer reads."""

    findings: Text
    responsibility: Text
    measures: Text
    redress: Redress = Redress(kind="none")
    root_cause: Line
    reply: Text | None = None


class DecisionBody(Body):
    """An approver's answer; a rejection goes back to the handler with the reason."""

    decision: Literal["approve", "reject"]
    reason: Text


class DelegationBody(Body):
    """By whom, named, an approval is to be decided, and why."""

    to: Line
    reason: Text


class WithdrawalBody(Body):
    """The complainant withdraws."""

    reason: Text


class NoteBody(Body):
    """A fact or remark for the case's history; `contact` when the complainant was spoken to."""

    text: Text
    contact: StrictBool = False


class FeedbackBody(Body):
    """A result told by a person: how, and what the complainant answered."""

    way: Way = Way.spoken
    answer: Text | None = None


class CallbackBody(Body):
    """An attempt to call back: `satisfaction` 1 to 5 and `nps` 0 to 10 when reached."""

    reached: StrictBool
    satisfaction: Annotated[int, Field(ge=1, le=5, strict=True)] | None = None
    nps: Annotated[int, Field(ge=0, le=10, strict=True)] | None = None
    words: Text | None = None


class AcknowledgementBody(Body):
    """A senior manager takes up a major complaint, naming the leader of the response group."""

    leader: Line | None = None


class LogBody(Body):
    """A containment action, or a contact with the customer."""

    kind: Literal["action", "contact"] = "action"
    text: Text


class ReportBody(Body):
    """The closing report of a major-complaint response."""

    text: Text


class Act(BaseModel):
    """Every act: who does it, and the request that must not count twice."""

    by: Actor
    request_id: str

    def fingerprint(self) -> str:
        """A digest of what is asked for: the same request with another one is a mistake, not a repeat."""
        asked = f"{type(self).__name__} {self.model_dump_json(exclude={'by', 'request_id'})}"
        return hashlib.sha256(asked.encode()).hexdigest()[:16]


class Correct(Act, CorrectionBody):
    """Correct or confirm the classification."""


class Assign(Act, AssignmentBody):
    """Give the case to a department or a handler; `known` says whether the register knows them."""


class Accept(Act, AcceptanceBody):
    """Take the case."""


class Resolve(Act, ResolutionBody):
    """Submit the resolution."""


class Decide(Act, DecisionBody):
    """Decide the approval of that number."""

    approval_id: str


class Delegate(Act, DelegationBody):
    """Ask the approval of that number of somebody by name; `person` is who that is, as the register has them."""

    approval_id: str
    person: Actor


class Withdraw(Act, WithdrawalBody):
    """Close at the complainant's wish."""


class AddNote(Act, NoteBody):
    """Add a note."""


class TellResult(Act, FeedbackBody):
    """Record that the result was told by a person."""


class CallBack(Act, CallbackBody):
    """Record an attempt to call back."""


class Acknowledge(Act, AcknowledgementBody):
    """Launch the major-complaint response."""


class LogAction(Act, LogBody):
    """Add to the log of the response."""


class Report(Act, ReportBody):
    """Close the response with its report."""


class Receipt(BaseModel):
    """What an act comes back with; the register has been written up to `seq`."""

    reference: str
    stage: Stage
    seq: int
    moved: list[str] = Field(default=[], description="of a reprojection: the clocks that end at another time now")
