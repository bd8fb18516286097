"""What the checker is given: everything that was seen of one run, as plain data, and nothing that can be asked."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Json = dict[str, Any]


@dataclass
class Asked:
    """One request under its key, with every try of it."""

    key: str
    act: str
    user: str
    number: int
    said: Json = field(default_factory=dict)
    statuses: list[int | None] = field(default_factory=list)
    references: set[str] = field(default_factory=set)
    path: str = ""
    first_at: datetime | None = None
    answered_at: datetime | None = None

    @property
    def ok(self) -> bool:
        """Whether any try was answered as done or kept."""
        return any(s is not None and 200 <= s < 300 for s in self.statuses)

    @property
    def unknown(self) -> bool:
        """Whether it may have been done although nobody said so."""
        return not self.ok and any(s is None or s >= 500 or s == 401 for s in self.statuses)


@dataclass
class Fault:
    """A time in which something was disturbed, until it worked again."""

    begin: datetime
    end: datetime
    what: str


@dataclass
class Kept:
    """A row of the inbox."""

    reference: str
    key: str | None
    recorded_at: datetime
    started_at: datetime | None = None
    set_aside: str | None = None


@dataclass
class Process:
    """What Temporal has under a reference: its state comes from its history alone."""

    status: str
    runs: int = 1
    begun: datetime | None = None
    state: Json | None = None
    broken: str = ""
    failed_tasks: Json = field(default_factory=dict)


@dataclass
class Case:
    """What the register has of a case: columns to list by, the sealed state opened, events, clocks and letters."""

    reference: str
    row: Json
    state: Json
    events: list[Json]
    clocks: dict[str, Json]
    letters: list[Json]


@dataclass
class Mail:
    """A message that the world outside has taken."""

    at: datetime
    kind: str
    key: str
    text: str


@dataclass
class Seen:
    """One run, seen from all four sides."""

    seed: int
    began: datetime
    quiet: datetime
    now: datetime
    asked: list[Asked] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    cases: dict[str, Case] = field(default_factory=dict)
    processes: dict[str, Process] = field(default_factory=dict)
    mail: list[Mail] = field(default_factory=list)
    prints: set[str] = field(default_factory=set)
    digests: list[Json] = field(default_factory=list)
    audit: str = ""
    standing: dict[str, str] = field(default_factory=dict)
    """Every workflow of any type that tries a step again and again, and what it tries."""


@dataclass(frozen=True)
class Finding:
    """Something that must not be: `kind` is lost, doubled, late, missed or wrong."""

    kind: str
    rule: str
    of: str
    says: str


def moment(value: str | datetime) -> datetime:
    """A moment of JSON or of a row."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value
