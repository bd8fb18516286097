"""What the process orders from its activities, and what comes back: one model in, one model out."""

from typing import Literal

from pydantic import AwareDatetime, BaseModel

from complaints.case import Case
from complaints.form import ComplaintForm
from complaints.handling_rules import MassRule
from complaints.names import Way
from complaints.policy import LetterKind
from complaints.records import Event


class RulesWanted(BaseModel):
    """The rules in force where and when a complaint was opened."""

    jurisdiction: str
    received_at: AwareDatetime
    opened_at: AwareDatetime


class ClassificationWanted(BaseModel):
    """A form to classify by the rules of that day."""

    jurisdiction: str
    opened_at: AwareDatetime
    form: ComplaintForm


class HandlerWanted(BaseModel):
    """A department and handler wanted for a form; `department` when it is known, `but` who it is not to be."""

    jurisdiction: str
    opened_at: AwareDatetime
    form: ComplaintForm
    department: str | None = None
    but: list[str] = []


class HandlerFound(BaseModel):
    """The responsible department, a handler if one is free, and why these."""

    department: str
    handler: str | None
    why: str


class IncidentWanted(BaseModel):
    """A form that may belong to a major incident under way."""

    reference: str
    form: ComplaintForm
    rule: MassRule
    at: AwareDatetime


class IncidentFound(BaseModel):
    """The complaint whose incident it belongs to, if any, and why."""

    lead: str | None = None
    why: str = ""


class Reprojection(BaseModel):
    """Rules to move a case to: those of `version`, or its own with today's calendar."""

    version: str | None = None
    why: str
    by: str


class RulesOf(BaseModel):
    """The rules of a version, as a case received then carries them."""

    version: str
    received_at: AwareDatetime


class Record(BaseModel):
    """What the register is to say: the whole case, and the events that are new; ordered when."""

    case: Case
    events: list[Event]
    at: AwareDatetime | None = None


class LetterOrder(BaseModel):
    """Letters to send together; a reference and a number are a letter's key, so that it goes out once."""

    reference: str
    letters: dict[int, LetterKind]
    way: Way
    written_at: AwareDatetime


class LetterDone(BaseModel):
    """What became of a letter: sent; failed for good; or uncertain, when the peer may or may not have taken it."""

    state: Literal["sent", "failed", "uncertain"]
    error: str | None = None


class LettersDone(BaseModel):
    """What became of the letters of an order, by number."""

    letters: dict[int, LetterDone]

    def sent(self, number: int) -> bool:
        """Whether that letter is surely out."""
        return self.letters[number].state == "sent"


class Publication(BaseModel):
    """An anonymous complaint whose result goes on the notice board."""

    reference: str
    published_at: AwareDatetime


class Person(BaseModel):
    """A member of staff."""

    username: str


class Held(BaseModel):
    """References of the cases in which somebody has something to do."""

    references: list[str]


class DigestDone(BaseModel):
    """How many notices a digest held; none when nothing waited."""

    notices: int


class ClosedCase(BaseModel):
    """A closed complaint's place among those to be erased, which are looked at in this order."""

    closed_at: AwareDatetime
    reference: str


class RetentionOrder(BaseModel):
    """Whose closed complaints are to be erased when their time is over; those behind `after`, if it is given."""

    jurisdiction: str
    after: ClosedCase | None = None


class Erased(BaseModel):
    """How many complaints were erased and how many could not be, the last one looked at, and whether others wait."""

    count: int
    more: bool = False
    failed: int = 0
    after: ClosedCase | None = None


class Pruned(BaseModel):
    """How many of each were taken away because they were over long ago."""

    digests: int
    links: int
    comparisons: int


class ReconcileOrder(BaseModel):
    """Whether what is safe to mend is mended, too."""

    mend: bool = True


class Reconciled(BaseModel):
    """What a comparison of register and processes came to; numbers by kind of difference."""

    compared: int
    found: dict[str, int] = {}
    mended: dict[str, int] = {}
    left: int = 0
