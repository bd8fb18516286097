"""The shape of the rules: what a policy file may say, and the part of it a case carries from its opening."""

from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from complaints.classification_rules import ClassificationRules, RiskLevel
from complaints.clock import Calendar, Limit
from complaints.handling_rules import (
    Applies,
    DisclosureRule,
    ExtensionRule,
    MassRule,
    PauseRule,
    PlanRule,
    TransferRule,
)
from complaints.names import HEAD_OFFICE, Channel, Kind, Nature, Role, Way
from complaints.reading import Lexicon, Words
from complaints.rule import Rule, Sourced, Told
from complaints.targets import Targets

EDITION = 3
"""Of the procedure: 2 keeps every clock of a case under its own name, and a closed case open for reopening; 3 merges no
complaint into one whose answer is out, lets nobody take up a response that was stood down, tells of a late approval
those who may give it, hastens the acceptance of what is corrected to urgent, and waits for nobody who cannot be asked.
"""


class Reminder(Rule):
    """A warning before a deadline: at a share of the time, some time after the start, or before the end."""

    at_percent: int | None = Field(default=None, ge=1, le=99, description="of the elapsed time, for limits in hours")
    after: Limit | None = None
    before: Limit | None = None
    tell: list[Told] = Field(min_length=1)
    letter: Literal["progress"] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if [self.at_percent, self.after, self.before].count(None) != 2:
            raise ValueError("give one of at_percent, after, before")
        return self


class Level(Rule):
    """One rung of an escalation ladder: who is told, and how long they have before the next rung."""

    tell: Told
    within: Limit


class ClockRule(Sourced):
    """One time limit: its length, its reminders, and the ladder climbed when it is broken."""

    limit: Limit
    urgent: Limit | None = Field(default=None, description="the limit of an urgent case, where it is shorter")
    applies: Applies | None = Field(default=None, description="the class of complaint it is for, where not for all")
    reminders: list[Reminder] = Field(default=[])
    ladder: str
    breach_letter: Literal["apology"] | None = None


class Ladder(Sourced):
    """The rungs of an escalation, lowest first."""

    levels: list[Level] = Field(min_length=1)


class Approvals(Sourced):
    """Who may grant what: redress up to the limit of a role, and cases that always need a second person."""

    limits: dict[Literal["handler", "supervisor", "manager"], dict[str, Decimal]]
    always: dict[Nature | Kind, Literal["supervisor", "manager", "head_office"]]


class CallbackRule(Sourced):
    """How often, and how far apart, a customer is called back."""

    attempts: int = Field(ge=1, le=20)
    hours_between: int = Field(ge=0, le=240)
    dissatisfied_at_most: int = Field(ge=1, le=4, description="satisfaction 1 to 5 that counts as dissatisfied")
    rounds: int = Field(ge=1, le=10, description="handling rounds in all")
    reopen_within: Limit | None = Field(default=None, description="after closing; none: a closed case stays closed")
    reopenings: int = Field(default=0, ge=0, le=20)


LetterKind = Literal[
    "acknowledgement", "progress", "apology", "result", "satisfaction_request", "closing", "extension_notice",
    "transfer_notice", "second_round", "information_request", "merge_notice",
]  # fmt: skip
LETTER_KINDS: tuple[LetterKind, ...] = get_args(LetterKind)


class Letters(Sourced):
    """For each channel, the ways to tell the complainant, best first; and how long delivery is tried."""

    ways: dict[Channel, dict[Literal["letters", "result"], list[Way]]]
    give_up_after_hours: int = Field(ge=1, le=240)
    link_days: int = Field(default=60, ge=1, le=400, description="how long the personal link of a letter is good")
    closing_letter_for: list[str] = Field(default=[])
    bank: dict[Literal["zh-CN", "en"], str]
    contact: dict[Literal["zh-CN", "en"], str]
    regulator: dict[Literal["zh-CN", "en"], str]

    @model_validator(mode="after")
    def _every_channel(self) -> Self:
        if missing := [c.value for c in Channel if c not in self.ways]:
            raise ValueError(f"no ways for channel {', '.join(missing)}")
        return self


class Classifying(Rule):
    """Under which confidence a person confirms."""

    confirm_below: float = Field(ge=0, le=1)


class CasePolicy(BaseModel):
    """What one case is held to: frozen at opening, carried in its workflow, never looked up again.

    `edition` is that of the procedure itself: what changed in it for new cases only asks for the edition, so that a
    case goes on, and replays, as it began (docs/how-to/change-the-workflow.md).
    """

    model_config = ConfigDict(frozen=True)

    edition: int = 1
    version: str
    jurisdiction: str
    calendar: Calendar
    clocks: dict[str, ClockRule]
    ladders: dict[str, Ladder]
    approvals: Approvals
    callback: CallbackRule
    letters: Letters
    confirm_below: float
    matrix: list[list[RiskLevel]] | None = Field(default=None, description="of risk; none: no score is corrected")
    extension: ExtensionRule | None = None
    pause: PauseRule | None = None
    transfer: TransferRule | None = None
    plan: PlanRule | None = None
    mass: MassRule | None = None


class Route(Rule):
    """A problem, in words and products, that a department answers for; `weight` is what its words count."""

    name: str = Field(min_length=3)
    department: str
    weight: float = Field(default=1, gt=0)
    products: list[str] = Field(default=[])
    product_weight: float = Field(default=1, gt=0)
    words: Words = Words()


class Department(Rule):
    """A department's code and its names."""

    code: str = Field(pattern=r"^[a-z][a-z_]+$")
    zh: str
    en: str


class Routing(Sourced):
    """Departments, and the table that leads from a problem to one of them; the best match over all rows wins."""

    departments: list[Department]
    routes: list[Route]
    otherwise: str

    @cached_property
    def lexicon(self) -> Lexicon:
        """The words of the routes, by their place in the table, ready to be found."""
        return Lexicon(r.words for r in self.routes)

    @model_validator(mode="after")
    def _known(self) -> Self:
        codes = {d.code for d in self.departments} | {HEAD_OFFICE}
        for code in [*(r.department for r in self.routes), self.otherwise]:
            if code not in codes:
                raise ValueError(f"department {code!r} is not in the list of departments")
        return self


class Intake(Sourced):
    """What a registration form may say: products, currencies, and channels that may come in incomplete."""

    products: list[str] = Field(min_length=1)
    currencies: list[Annotated[str, Field(pattern="^[A-Z]{3}$")]] = Field(min_length=1)
    may_be_incomplete: list[Channel]
    offline: list[Channel]


class Alike(Rule):
    """How alike two texts must be, from 0 to 1, and how many words (Chinese: characters) the shorter one needs."""

    at_least: float = Field(gt=0, le=1)
    words: int = Field(ge=1)


class DuplicateRule(Sourced):
    """When two complaints are likely the same one told twice, or two of one mass filing."""

    window_days: int = Field(ge=1, le=3650, description="between the two receipts")
    strangers: Alike = Field(description="different or unknown customers: runs of three words they share")
    same_customer: Alike = Field(description="the same customer: words they share, in any order")
    same_customer_and_product: Alike
    longer_at_most: float = Field(ge=1, description="times the length of the other, for the words of the same customer")
    raise_same_customer: float = Field(ge=0, le=1, description="the share, of what the text leaves open to 1, added")
    raise_same_product: float = Field(ge=0, le=1, description="further share where that customer's product is the same")
    worth_reading: float = Field(ge=0, le=1, description="letters two strangers' texts share in order, to be compared")
    words_read: int = Field(ge=50, le=20_000, description="of each text; what follows is not compared")
    cases_read: int = Field(ge=1, le=5000, description="newest cases compared with a new one")
    shown: int = Field(ge=1, le=50)
    seconds: float = Field(gt=0, le=5, description="the longest the opening of a case waits for the search")
    not_their_words: list[str] = Field(default=[], description="a text with one of these says nothing; not compared")

    @model_validator(mode="after")
    def _at_most_all(self) -> Self:
        if self.raise_same_customer + self.raise_same_product > 1:
            raise ValueError("raise_same_customer and raise_same_product: together at most 1")
        return self


class ClockRules(Rule):
    """The file clocks.yaml."""

    registration: ClockRule
    acceptance: ClockRule
    first_response: ClockRule
    resolution: ClockRule
    approval: ClockRule
    major_response: ClockRule
    callback: ClockRule
    common: ClockRule | None = None
    complex: ClockRule | None = None
    transfer: ClockRule | None = None
    cross_department_plan: ClockRule | None = None
    duty: ClockRule | None = None
    incident_task: ClockRule | None = None


class Policy(BaseModel):
    """Everything in force in one jurisdiction on one day."""

    version: str
    jurisdiction: str
    in_force_from: date
    calendar: Calendar
    clocks: ClockRules
    ladders: dict[str, Ladder]
    approvals: Approvals
    callback: CallbackRule
    letters: Letters
    routing: Routing
    intake: Intake
    classification: ClassificationRules
    extension: ExtensionRule | None = None
    pause: PauseRule | None = None
    transfer: TransferRule | None = None
    plan: PlanRule | None = None
    mass: MassRule | None = None
    duplicates: DuplicateRule | None = None
    disclosure: DisclosureRule | None = None
    targets: Targets | None = None

    @model_validator(mode="after")
    def _ladders_exist(self) -> Self:
        for name, rule in self.clocks:
            if rule is not None and rule.ladder not in self.ladders:
                raise ValueError(f"clocks.{name}: no ladder {rule.ladder!r} in ladders.yaml")
        return self

    def for_case(self, received: date) -> CasePolicy:
        """The part a case received that day carries; classification and routing have done their work by then."""
        return CasePolicy(
            edition=EDITION,
            version=self.version,
            jurisdiction=self.jurisdiction,
            calendar=self.calendar.since(received - timedelta(days=31)),
            clocks={name: rule for name, rule in self.clocks if rule is not None},
            ladders=self.ladders,
            approvals=self.approvals,
            callback=self.callback,
            letters=self.letters,
            confirm_below=self.classification.confirm_below,
            matrix=self.classification.matrix,
            extension=self.extension,
            pause=self.pause,
            transfer=self.transfer,
            plan=self.plan,
            mass=self.mass,
        )


def shared(rules: CasePolicy) -> CasePolicy:
    """Those rules as one object for all cases held to the same: each case's own were a third of a worker's memory."""
    return _read(rules.model_dump_json())


@lru_cache(maxsize=64)
def _read(text: str) -> CasePolicy:
    return CasePolicy.model_validate_json(text)


def role_told(told: Told) -> tuple[Role, str | None]:
    """The role, and the fixed department if there is one, that an entry of a ladder means."""
    return (Role.manager, HEAD_OFFICE) if told == HEAD_OFFICE else (Role(told), None)
