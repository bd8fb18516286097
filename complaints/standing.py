"""Where a case stands, as its process says and as the register says; and in what the two differ."""

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

from pydantic import AwareDatetime, BaseModel

from complaints.case import Case
from complaints.names import Outcome, Stage

T = TypeVar("T", str, int)
WRITTEN_AS = {"sent": {"sent"}, "failed": {"failed", "uncertain"}, "uncertain": {"uncertain"}}
"""What the register may say of a letter once its process has heard what became of it; before, it may say anything."""


class Kind(StrEnum):
    """How register and process can differ."""

    not_started = "not_started"
    set_aside = "set_aside"
    start_lost = "start_lost"
    no_record = "no_record"
    no_process = "no_process"
    ended_badly = "ended_badly"
    no_answer = "no_answer"
    not_written = "not_written"
    closed = "closed"
    stage = "stage"
    outcome = "outcome"
    holder = "holder"
    number = "number"
    clocks = "clocks"
    letters = "letters"
    history = "history"
    ahead = "ahead"


TO_DO = {
    Kind.not_started: "the relay of the web server has not started it: is a web server running, does Temporal answer?",
    Kind.set_aside: "its process could not start: mend the reason on /desk/ops, then `amends retry REF`",
    Kind.start_lost: "its process was started and is gone before it had a record: start it with --mend",
    Kind.no_record: "the process runs and the register does not know it: --mend has it written",
    Kind.no_process: "its process is lost: docs/operations.md, A process is lost altogether",
    Kind.ended_badly: "its process was stopped: docs/operations.md, A case was cancelled or terminated",
    Kind.no_answer: "its process does not answer: look at /desk/ops/REF and the worker's log",
    Kind.not_written: "its process cannot write its record: look at the worker's log",
    Kind.closed: "--mend has the record written again",
    Kind.stage: "--mend has the record written again",
    Kind.outcome: "--mend has the record written again",
    Kind.holder: "--mend has the record written again",
    Kind.number: "--mend has the record written again",
    Kind.clocks: "--mend has the record written again",
    Kind.letters: "ask the customer, or the mail server's log by the Message-ID <REF-NUMBER@...>, what arrived",
    Kind.history: "events are missing and the process does not keep them: take them from a backup (docs/reconcile.md)",
    Kind.ahead: "the register knows steps that its process does not: was Temporal set back? docs/reconcile.md",
}
"""What a person does about it, where it was not mended."""


class Standing(BaseModel):
    """What is compared. `settled`: nothing of it waits to be written; `events`: how many the register's history has."""

    seq: int
    stage: Stage
    outcome: Outcome | None = None
    department: str | None = None
    handler: str | None = None
    clocks: dict[str, AwareDatetime] = {}
    letters: dict[int, str] = {}
    settled: bool = True
    events: int | None = None


class Difference(BaseModel):
    """One case, in what its two sides differ, and what each says of it; no personal data."""

    reference: str
    kind: Kind
    record: str | None = None
    process: str | None = None
    mended: bool = False

    def to_do(self) -> str:
        """What a person does about it; nothing where it is mended."""
        return "" if self.mended else TO_DO[self.kind].replace("REF", self.reference)


class Reconciliation(BaseModel):
    """What a comparison came to. `moving`: cases that changed each time they were asked."""

    at: AwareDatetime
    seconds: float
    compared: int
    seeded: int
    asked: int = 0
    moving: int = 0
    differences: list[Difference] = []

    def found(self) -> dict[str, int]:
        """Differences by kind."""
        return dict(Counter(d.kind.value for d in self.differences))

    def mended(self) -> dict[str, int]:
        """Those that were mended, by kind."""
        return dict(Counter(d.kind.value for d in self.differences if d.mended))

    def left(self) -> list[Difference]:
        """Those that a person has to do something about."""
        return [d for d in self.differences if not d.mended]


def standing_of(case: Case, *, settled: bool) -> Standing:
    """Where a case stands."""
    held = case.assignment
    return Standing(
        seq=case.seq,
        stage=case.stage,
        outcome=case.outcome,
        department=held.department if held else None,
        handler=held.handler if held else None,
        clocks={name: clock.due_at for name, clock in case.clocks.items() if clock.stopped_at is None},
        letters={letter.number: letter.state for letter in case.letters},
        settled=settled,
    )


def differences(reference: str, process: Standing, record: Standing | None) -> list[Difference]:
    """In what the record differs from what the process says."""
    if record is None:
        return [Difference(reference=reference, kind=Kind.no_record, process=process.stage)]
    if record.seq > process.seq:  # nothing is mended here: those steps are nowhere else any more
        return [Difference(reference=reference, kind=Kind.ahead, record=str(record.seq), process=str(process.seq))]
    ended = (record.stage is Stage.closed) != (process.stage is Stage.closed)
    pairs = {
        Kind.closed if ended else Kind.stage: (record.stage, process.stage),
        Kind.outcome: (record.outcome, process.outcome),
        Kind.holder: (_holder(record), _holder(process)),
        Kind.number: (str(record.seq), str(process.seq)),
        Kind.clocks: _apart(record, process),
        Kind.letters: _letters(record, process),
        Kind.history: (str(record.events), str(record.seq)),
    }
    return [Difference(reference=reference, kind=k, record=r, process=p) for k, (r, p) in pairs.items() if r != p]


def _holder(standing: Standing) -> str:
    return f"{standing.handler or 'queue'} in {standing.department}"


def _apart(record: Standing, process: Standing) -> tuple[str, str]:
    """The running clocks that end at another time, or run on one side only."""
    names = sorted(record.clocks.keys() | process.clocks.keys())
    apart = [n for n in names if record.clocks.get(n) != process.clocks.get(n)]
    return _said(apart, record.clocks), _said(apart, process.clocks)


def _letters(record: Standing, process: Standing) -> tuple[str, str]:
    wrong = letters_apart(record, process)
    return _said(wrong, record.letters), _said(wrong, process.letters)


def _said(names: Sequence[T], of: Mapping[T, object]) -> str:
    return ", ".join(f"{name} {of.get(name, '-')}" for name in names)


def letters_apart(record: Standing, process: Standing) -> list[int]:
    """The numbers of the letters whose outcome the register does not have as the process heard it."""
    known = ((n, state) for n, state in process.letters.items() if state in WRITTEN_AS)
    return [n for n, state in known if record.letters.get(n) not in WRITTEN_AS[state]]
