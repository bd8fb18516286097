"""Which approvals one person may decide several of at once: those the rules call neither costly nor grave."""

from typing import Literal

from pydantic import Field

from complaints.names import Kind, Nature
from complaints.records import Redress
from complaints.rule import Sourced, Told


class Together(Sourced):
    """What all of these must be true of; every other approval is looked at by itself."""

    purposes: list[Literal["resolution", "extension"]] = Field(description="all of one call are of the same")
    asked: Told = Field(description="the level that is asked, and no higher one since")
    redress: list[Literal["none", "apology", "correction"]] = Field(description="kinds that cost nothing")
    never: list[Nature | Kind] = Field(description="cases so grave that somebody reads each")
    at_most: int = Field(ge=1, le=100, description="in one call")

    def fits(self, purpose: str, asked: str, redress: Redress | None, labels: list[str]) -> bool:
        """Whether an approval of that purpose, asked of that level, is one of them; `labels`: its case's."""
        cheap = redress is None or (redress.kind in self.redress and redress.amount is None)
        return purpose in self.purposes and asked == self.asked and cheap and not set(labels) & set(self.never)
