"""The records of what does not go straight: incident, extension, pause, transfer, plan, closing, link."""

from typing import Literal

from pydantic import AwareDatetime, BaseModel, Field

from complaints.names import Outcome
from complaints.policy import LetterKind


class IncidentEntry(BaseModel):
    """A containment action, a contact with the customer, or the closing report."""

    at: AwareDatetime
    by: str
    kind: Literal["action", "contact", "report"]
    text: str


class Task(BaseModel):
    """Something a member of the response group is to do; its clock is `incident_task_<number>`."""

    number: int
    at: AwareDatetime
    by: str
    owner: str
    text: str
    clock: str
    done_at: AwareDatetime | None = None
    done_by: str | None = None
    result: str | None = None


class Handover(BaseModel):
    """The leadership of a response given to somebody else."""

    at: AwareDatetime
    by: str
    leader: str
    follower: str
    why: str


class PublicAnswer(BaseModel):
    """The answer all complaints of a mass event get, once a second person has approved it."""

    at: AwareDatetime
    by: str
    findings: str
    responsibility: str
    measures: str
    root_cause: str
    reply: str
    approval: str
    approved_at: AwareDatetime | None = None


class Incident(BaseModel):
    """The response to a major complaint; launched when a senior manager acknowledges it by name.

    It lives with the complaint that began it, outlives its closing, and can own others: `members`.
    """

    id: str
    declared_at: AwareDatetime
    declared_by: str
    acknowledged_at: AwareDatetime | None = None
    acknowledged_by: str | None = None
    leader: str | None = None
    log: list[IncidentEntry] = []
    report: IncidentEntry | None = None
    members: list[str] = Field(default=[], description="references of the complaints that belong to it")
    tasks: list[Task] = []
    handovers: list[Handover] = []
    answers: list[PublicAnswer] = []
    stood_down_at: AwareDatetime | None = None
    stood_down_by: str | None = None
    stood_down_why: str | None = None

    def over(self) -> bool:
        """Whether the response has ended: reported, or stood down."""
        return self.report is not None or self.stood_down_at is not None

    def answer(self) -> PublicAnswer | None:
        """The public answer, once it is approved."""
        return next((a for a in reversed(self.answers) if a.approved_at), None)


class Extension(BaseModel):
    """A later deadline asked for; it holds only once it is approved and the complainant was told in time."""

    number: int
    clock: str
    amount: int = Field(description="in the clock's own unit")
    at: AwareDatetime
    by: str
    reason: str
    old_due_at: AwareDatetime
    new_due_at: AwareDatetime
    approval: str
    state: Literal["asked", "rejected", "approved", "in_force", "undelivered", "lapsed"] = "asked"
    told_at: AwareDatetime | None = None
    told_by: str | None = Field(default=None, description="the process by letter, or who told the complainant")
    letter: int | None = None


class Pause(BaseModel):
    """A time in which the complainant is waited for; `ends_at` is when the case goes on without an answer."""

    number: int
    at: AwareDatetime
    by: str
    reason: str
    question: str
    clocks: list[str]
    ends_at: AwareDatetime
    remind_at: AwareDatetime | None = None
    reminded_at: AwareDatetime | None = None
    resumed_at: AwareDatetime | None = None
    resumed_by: str | None = None
    resumed_why: str | None = None

    def next_at(self) -> AwareDatetime:
        """When something is to happen with it next."""
        return self.remind_at if self.remind_at and not self.reminded_at else self.ends_at


class Transfer(BaseModel):
    """A case handed on to another department or region; until it is accepted it stays with who sends it."""

    number: int
    at: AwareDatetime
    by: str
    from_department: str
    from_region: str | None
    to_department: str
    to_region: str | None
    reason: str
    done: str
    help_needed: str
    clock: str
    answer: Literal["accepted", "rejected", "dropped"] | None = None
    answered_at: AwareDatetime | None = None
    answered_by: str | None = None
    answer_reason: str | None = None


class DutyChange(BaseModel):
    """A change of a running duty: what it was."""

    at: AwareDatetime
    by: str
    why: str
    department: str
    owner: str
    due_at: AwareDatetime


class Duty(BaseModel):
    """One department's part in a plan; its clock is `duty_<number>`."""

    number: int
    at: AwareDatetime
    by: str
    department: str
    owner: str
    task: str
    clock: str
    answer: str | None = None
    answered_at: AwareDatetime | None = None
    answered_by: str | None = None
    cancelled_at: AwareDatetime | None = None
    changes: list[DutyChange] = []

    def open(self) -> bool:
        """Whether somebody still has to do it."""
        return self.answered_at is None and self.cancelled_at is None


class Plan(BaseModel):
    """Who does what by when in a cross-department complaint."""

    lead: str = Field(description="the department that leads")
    filed_at: AwareDatetime
    filed_by: str
    duties: list[Duty] = []


class Closing(BaseModel):
    """How a round of a case that was opened again had ended."""

    at: AwareDatetime
    round: int
    outcome: Outcome
    reopened_at: AwareDatetime
    reopened_by: str
    reason: str


class CaseLink(BaseModel):
    """Another complaint that belongs to this one."""

    reference: str
    how: Literal["related", "duplicate", "merged"]
    at: AwareDatetime
    by: str
    reason: str


class Opinion(BaseModel):
    """A second opinion asked of a colleague."""

    number: int
    at: AwareDatetime
    by: str
    asked: str
    question: str
    answer: str | None = None
    answered_at: AwareDatetime | None = None


class LetterWanted(BaseModel):
    """A letter the process is about to order."""

    kind: LetterKind
    about: int | None = None


class News(BaseModel):
    """What one complaint's process tells another's."""

    kind: Literal[
        "member_joins", "member_leaves", "incident_launched", "incident_over", "public_answer",
        "merge_asked", "merge_taken", "merge_refused", "linked",
    ]  # fmt: skip
    reference: str = Field(description="the complaint that speaks")
    by: str
    text: str | None = None
    answer: PublicAnswer | None = None


class Errand(BaseModel):
    """News on its way to another complaint."""

    to: str
    news: News
