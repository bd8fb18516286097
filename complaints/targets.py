"""The figures by which complaint handling is measured, and what is aimed at; dated data in policies/."""

from typing import Literal, Self

from pydantic import Field, model_validator

from complaints.rule import Rule, Sourced

FigureName = Literal[
    "registration", "first_response", "handling", "escalation", "repeat", "on_time", "handling_time", "first_time",
    "transfer", "closed_loop", "callback", "csat", "nps",
]  # fmt: skip
"""The figures of a period (docs/figures.md says exactly what each is)."""


class Target(Rule):
    """What a figure should be, in the figure's own unit: per cent, days, or points for NPS."""

    at_least: float | None = None
    at_most: float | None = None
    source: str = Field(min_length=3)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("give one of at_least, at_most")
        return self

    def met(self, value: float) -> bool:
        """Whether that value is as good as it should be."""
        return value >= self.at_least if self.at_least is not None else value <= (self.at_most or 0)


class Targets(Sourced):
    """What is counted as satisfied and as repeated, and the target of each figure that has one."""

    satisfied_from: int = Field(default=4, ge=2, le=5, description="satisfaction 1 to 5 that counts as satisfied")
    repeat_within_days: int = Field(default=90, ge=1, le=3650, description="since the customer's complaint before")
    figures: dict[FigureName, Target] = Field(default={})


NO_TARGETS = Targets(source="no targets in force")
