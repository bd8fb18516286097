"""A drill script: its shape, and everything that can be wrong with it, found before anything starts."""

from datetime import datetime
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from activities.wording import EVENTS
from complaints.names import Outcome, Role, Stage
from complaints.policy import LetterKind
from run.drill.moves import MOVES
from run.drill.times import Spoken, parse, wall

HANDLER = "handler"
"""The label of whoever holds the case at that moment."""
BUILT_IN = {role.value: role.value for role in Role if role is not Role.handler}
"""Labels that need no cast: the demo user of each role."""
DEEDS = ("does", "opens", "staff", "letters", "worker", "waits")


def _one_of(known: dict[str, Any], what: str) -> Any:
    def check(name: str) -> str:
        if name not in known:
            near = get_close_matches(name, known, 3) or list(known)
            raise ValueError(f"no {what} {name!r}; perhaps {', '.join(near)}")
        return name

    return AfterValidator(check)


def _time(text: str) -> str:
    parse(text)
    return text


def _the_same(value: Any) -> Any:
    return {"zh-CN": value, "en": value} if isinstance(value, str) else value


def _as_said(value: Any) -> Any:
    return f"+{value}" if isinstance(value, int) else value  # YAML takes +0 for a number


Label = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Time = Annotated[str, BeforeValidator(_as_said), AfterValidator(_time)]
Wall = Annotated[datetime, BeforeValidator(lambda v: wall(v) if isinstance(v, str) else v)]
EventKind = Annotated[str, _one_of(EVENTS, "kind of event")]
MoveName = Annotated[str, _one_of(MOVES, "move")]


class Part(BaseModel):
    """A part of a script: a key nobody knows is refused, never ignored."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Said(Part):
    """The same in both languages."""

    zh: str = Field(alias="zh-CN")
    en: str


class Absence(Part):
    """Who comes or goes."""

    who: str
    now: Literal["working", "leave", "disabled"]


class Move(Part):
    """One thing that happens at one time: a person's act, or something that befalls the office."""

    at: Time
    who: Label | None = None
    does: MoveName | None = None
    on: Label | None = None
    with_: dict[str, Any] = Field(default={}, alias="with")
    which: dict[str, str | int] = Field(default={}, description="parts of the path, if not the last open one")
    refused: str | None = Field(default=None, description="the problem's code when the API is to refuse it")
    opens: Label | None = None
    staff: Absence | None = None
    letters: Literal["refuse", "accept"] | None = None
    worker: Literal["stops", "starts"] | None = None
    waits: Annotated[Said, BeforeValidator(_the_same)] | None = Field(default=None, description="for what")
    mark: Label | None = Field(default=None, description="a name later times can count from")

    @property
    def time(self) -> Spoken:
        """When, as said."""
        return parse(self.at)

    @model_validator(mode="after")
    def _one_deed(self) -> Self:
        done = [deed for deed in DEEDS if getattr(self, deed) is not None]
        if len(done) != 1:
            found = f"this has {' and '.join(done)}" if done else "this has none"
            raise ValueError(f"a move has one of {', '.join(DEEDS)}; {found}")
        if self.does and not self.who:
            raise ValueError("say who does it")
        if not self.does and (extra := [k for k in ("on", "with_", "which", "refused") if getattr(self, k)]):
            raise ValueError(f"{extra[0].rstrip('_')} goes with does; leave it out here")
        return self


class Expected(Part):
    """What must have come of one complaint; what is not said is not looked at."""

    stage: Stage | None = None
    outcome: Outcome | None = None
    clocks: dict[str, Literal["met", "breached", "running", "paused"]] = {}
    due: dict[str, Wall] = Field(default={}, description="the office's wall clock; two minutes either way")
    letters: list[LetterKind] | None = Field(default=None, description="exactly those sent, in order")
    undelivered: list[LetterKind] | None = Field(default=None, description="exactly those that did not arrive")
    events: list[EventKind] = Field(default=[], description="these, in this order, with others between")
    told: dict[EventKind, list[str]] = Field(default={}, description="these people were told, by label or user name")
    never: list[EventKind] = []


class Script(Part):
    """One drill: cast, complaints, moves, and what is expected of them."""

    name: Label
    title: Said
    story: Said | None = None
    begin: Wall
    until: Time = "+0"
    cast: dict[Label, str] = {}
    complaints: dict[Label, dict[str, Any]] = Field(min_length=1)
    moves: list[Move] = []
    expect: dict[Label, Expected]

    def user(self, who: str) -> str:
        """The user name of a label; a user name stays what it is. The handler's is known only when it is played."""
        return {**BUILT_IN, **self.cast}.get(who, who)

    def actors(self) -> set[str]:
        """Every label that may act."""
        return {HANDLER, *BUILT_IN, *self.cast}

    def on(self, move: Move) -> str:
        """The complaint a move is on: the only one, where none is named."""
        return move.on or next(iter(self.complaints))

    def at_begin(self) -> list[str]:
        """The complaints that no move opens: they come in at the beginning."""
        opened = {move.opens for move in self.moves}
        return [label for label in self.complaints if label not in opened]
