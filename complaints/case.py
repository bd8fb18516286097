"""One complaint's whole state: what its workflow holds, and what the register is a record of."""

import copy
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import AwareDatetime, BaseModel, Field, JsonValue

from complaints.form import ComplaintForm
from complaints.names import Kind, Outcome, Role, Stage, Way
from complaints.policy import CasePolicy, role_told
from complaints.records import (
    Approval,
    Assignment,
    CallbackAttempt,
    Classification,
    Correction,
    Event,
    Feedback,
    Letter,
    Note,
    Recipient,
    Resolution,
)
from complaints.rule import Told
from complaints.sla import Clock
from complaints.turns import (
    CaseLink,
    Closing,
    Errand,
    Extension,
    Incident,
    LetterWanted,
    Opinion,
    Pause,
    Plan,
    PublicAnswer,
    Transfer,
)


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
    links: list[CaseLink] = []
    merging: str | None = Field(default=None, description="the complaint that was asked to take this one up")
    merged_into: str | None = None
    incident_of: str | None = Field(default=None, description="the complaint whose major incident this one belongs to")
    public_answer: PublicAnswer | None = Field(default=None, description="of its incident, not used yet")
    extensions: list[Extension] = []
    pauses: list[Pause] = []
    transfers: list[Transfer] = []
    plan: Plan | None = None
    opinions: list[Opinion] = []
    owner: str | None = Field(default=None, description="first-contact owner, answerable until it is solved")
    first_round: int = Field(default=1, description="the round with which it was opened, or last opened again")
    closings: list[Closing] = []
    lingers: bool = Field(default=False, description="closed, and its process goes on: to be reopened, or an incident")
    reopen_until: AwareDatetime | None = None
    wanted: list[LetterWanted] = Field(default=[], description="letters to be ordered next")
    errands: list[Errand] = Field(default=[], description="news for other complaints, not told yet")
    published_at: AwareDatetime | None = None
    seq: int = 0
    unsaved: list[Event] = []
    done_requests: dict[str, str] = Field(default={}, description="each request done, and the fingerprint of its act")

    def trial(self) -> "Case":
        """A copy to try an act on. Form and rules are shared: they are replaced as a whole, never altered."""
        return copy.deepcopy(self, {id(shared): shared for shared in (self.form, self.policy)})

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
    def open_approvals(self) -> list[Approval]:
        """The approvals that are being waited for."""
        return [a for a in self.approvals if a.decision is None]

    @property
    def open_approval(self) -> Approval | None:
        """The approval of the resolution that is being waited for."""
        return next((a for a in self.open_approvals if a.purpose == "resolution"), None)

    @property
    def feedback(self) -> Feedback | None:
        """How the complainant was told the result of this round."""
        last = self.feedbacks[-1] if self.feedbacks else None
        return last if last and last.round == self.round else None

    @property
    def pause(self) -> Pause | None:
        """The pause it is in."""
        last = self.pauses[-1] if self.pauses else None
        return last if last and last.resumed_at is None else None

    @property
    def transfer(self) -> Transfer | None:
        """The transfer that waits for an answer."""
        last = self.transfers[-1] if self.transfers else None
        return last if last and last.answer is None else None

    def key(self, name: str) -> str:
        """Under which key this round's clock of that name is kept: `resolution`, `resolution_2` …"""
        return name if self.round == 1 else f"{name}_{self.round}"

    def clock(self, name: str) -> Clock | None:
        """This round's clock of that name."""
        return self.clocks.get(self.key(name))

    @property
    def over(self) -> bool:
        """Whether its process has nothing left to keep time for."""
        return self.stage is Stage.closed and not self.lingers

    @property
    def kinds(self) -> list[Kind]:
        """The special kinds it is known to be of."""
        return self.classification.kinds if self.classification else []

    @property
    def anonymous(self) -> bool:
        """Whether nobody is there to be told."""
        return self.form.complainant is None

    def reached_by(self, ways: list[Way]) -> Way | None:
        """The first of these ways for which there is contact data; None when nobody can be told."""
        person = self.form.complainant
        if person is None:
            return None
        have = {Way.email: person.email, Way.sms: person.phone, Way.post: person.address, Way.spoken: True}
        return next((way for way in ways if have[way]), Way.spoken)

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

    def recipients(self, told: list[Told], department: str | None = None) -> list[Recipient]:
        """The people an entry of a ladder means for this case; no handler yet means the supervisor.

        `department` is whose supervisor is meant, where it is not that of the case.
        """
        found = []
        holder = self.assignment
        for who in told:
            if who == "handler" and holder and holder.handler:
                found.append(Recipient(username=holder.handler))
            elif who == "agent":
                found.append(Recipient(username=self.opened_by))
            else:
                role, fixed = role_told("supervisor" if who == "handler" else who)
                own = (department or (holder and holder.department)) if role is Role.supervisor else None
                found.append(Recipient(role=role, department=fixed or own))
        return found

    def next_alarm_at(self) -> datetime | None:
        """When the next clock makes itself heard, or a pause ends."""
        alarms = [a.at for c in self.clocks.values() if (a := c.next_alarm())]
        return min([*alarms, self.pause.next_at()] if self.pause else alarms, default=None)

    def breached(self) -> bool:
        """Whether any time limit was broken, ever."""
        return any(c.breached_at for c in self.clocks.values())

    def due_at(self) -> datetime | None:
        """The earliest end among the clocks that run."""
        running = (c.due_at for c in self.clocks.values() if c.stopped_at is None and c.paused_at is None)
        return min(running, default=None)

    def redress_value(self) -> Decimal:
        """The amount of the last resolution's redress."""
        last = self.resolutions[-1].redress.amount if self.resolutions else None
        return last.value if last else Decimal(0)


def case_view(case: Case) -> dict[str, Any]:
    """The case as JSON without the rules it carries."""
    view = case.model_dump(mode="json", exclude={"policy", "unsaved", "done_requests", "wanted", "errands"})
    return view | {"policy_version": case.rules.version}
