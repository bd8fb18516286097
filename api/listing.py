"""What a list of cases can be narrowed to: the same for the API, the page and the exports."""

from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import BeforeValidator, Field

from api.periods import begins, tomorrow
from complaints.form import Day, Line, Moment
from complaints.names import Channel, Kind, Nature, Stage
from complaints.targets import NO_TARGETS, FigureName, Targets
from policies.load import in_force
from policies.names import DEFAULT_JURISDICTION
from register.figures import NowName, behind, between

OfBank = Annotated[Day, Field(ge=date(2000, 1, 1), le=date(2199, 12, 31))]
"""A day of the bank."""
Unchosen = BeforeValidator(lambda value: None if value == "" else value)
"""A form sends a choice that was not made as an empty text."""


def targets(now: datetime) -> Targets:
    """What figures should be by the rules of that day."""
    return in_force(DEFAULT_JURISDICTION, now).targets or NO_TARGETS


PLAIN = (
    "stage", "kind", "nature", "department", "handler", "due_before", "breached", "product", "channel", "cause",
)  # fmt: skip


@dataclass
class Filters:
    """Each narrows the list further. Days are the bank's own, both included.

    `figure`: the complaints a figure of the board is counted from; with `against`, those that count against it.
    """

    stage: Annotated[Stage | None, Unchosen] = None
    kind: Annotated[Kind | None, Unchosen] = None
    nature: Annotated[Nature | None, Unchosen] = None
    department: Line | None = None
    handler: Line | None = None
    due_before: Moment | None = None
    breached: Annotated[bool | None, Unchosen] = None
    product: Line | None = None
    channel: Channel | None = None
    cause: Annotated[
        str | None, Query(pattern="^[0-9a-f]{32}$", description="a cause of the board, as it names it")
    ] = None
    received_from: OfBank | None = None
    received_to: OfBank | None = None
    closed_from: OfBank | None = None
    closed_to: OfBank | None = None
    figure: FigureName | NowName | None = None
    against: bool | None = None

    def filters(self, now: datetime) -> dict[str, Any]:
        """As register.read.listed takes them."""
        also = [
            *between("received", *_moments(self.received_from, self.received_to)),
            *between("closed", *_moments(self.closed_from, self.closed_to)),
        ]
        if self.figure is not None:
            also.append(behind(self.figure, targets(now), now, tomorrow(now), against=bool(self.against)))
        return {name: getattr(self, name) for name in PLAIN} | {"also": also}

    def kept(self) -> dict[str, str]:
        """Those that are set, as an address has them."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: _written(value) for name, value in found.items() if value is not None}


def _moments(first: date | None, last: date | None) -> tuple[datetime | None, datetime | None]:
    return begins(first) if first else None, begins(last + timedelta(days=1)) if last else None


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Enum):
        return str(value.value)
    return value.isoformat() if isinstance(value, date) else str(value)


Wanted = Annotated[Filters, Depends()]
