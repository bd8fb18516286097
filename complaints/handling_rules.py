"""The rules for when it does not go smoothly: extension, pause, transfer, co-operation, mass events, many disclosures.

A case whose rules have none of a kind (it was opened under an older version) refuses that act and says so.
"""

from datetime import timedelta
from typing import Self

from pydantic import Field, model_validator

from complaints.clock import Limit
from complaints.names import Nature, Role, Urgency
from complaints.rule import Rule, Sourced, Told


class Applies(Rule):
    """Which class of complaint a time limit is for; what is not said does not matter."""

    difficulty: list[int] | None = None
    urgency: list[Urgency] | None = None
    natures: list[Nature] | None = None
    special: bool | None = Field(default=None, description="of a special kind (major, cross-department), or of none")

    def fits(self, difficulty: int, urgency: Urgency, nature: Nature, special: bool) -> bool:
        """Whether it is for a complaint of that kind."""
        said = ((self.difficulty, difficulty), (self.urgency, urgency), (self.natures, nature))
        return all(wanted is None or has in wanted for wanted, has in said) and self.special in (None, special)


class ExtensionRule(Sourced):
    """How often and by how much a deadline may be moved, and who approves; amounts are in the clock's own unit."""

    clocks: list[str] = Field(min_length=1)
    times: int = Field(ge=1, le=20)
    at_most: int = Field(ge=1, le=400, description="by one extension")
    in_all: int = Field(ge=1, le=400, description="by all extensions of a clock together")
    approver: Told

    @model_validator(mode="after")
    def _sane(self) -> Self:
        if self.in_all < self.at_most:
            raise ValueError("in_all must not be less than at_most")
        return self


class PauseRule(Sourced):
    """Which clocks may stand still while the complainant is waited for, and how long."""

    clocks: list[str] = Field(min_length=1)
    times: int = Field(ge=1, le=50)
    longest: Limit = Field(description="of one pause; then the case goes on with what there is")
    remind_after: Limit | None = Field(default=None, description="when handler and complainant are reminded")


class TransferRule(Sourced):
    """How often a case may be handed on before the supervisor decides."""

    hops: int = Field(ge=1, le=20, description="transfers asked for since a supervisor last assigned it")


class PlanRule(Sourced):
    """The plan of a cross-department complaint."""

    most_duties: int = Field(ge=2, le=50)
    longest_duty: int = Field(ge=1, le=400, description="working days")


class MassRule(Sourced):
    """When a new complaint belongs to a major incident that is being handled."""

    within_hours: int = Field(ge=1, le=24 * 90)
    likeness: float = Field(ge=0.1, le=1, description="of the texts, 0 to 1, where the product is the same")


class Many(Rule):
    """So many different cases shown by one person within a time are worth a look."""

    cases: int = Field(ge=2, le=100_000)
    within_minutes: int = Field(ge=1, le=60 * 24 * 31)

    @property
    def within(self) -> timedelta:
        """The time in which they are counted."""
        return timedelta(minutes=self.within_minutes)


class DisclosureRule(Sourced):
    """When an alarm is raised, and to whom; nobody is stopped by it."""

    many: list[Many] = Field(min_length=1, max_length=10)
    tell: list[Role] = Field(min_length=1)
