"""What tests read of a case as the API shows it."""

from datetime import datetime
from typing import Any

from office import PLAIN, Office


def clock(case: dict[str, Any], name: str) -> dict[str, Any]:
    """That clock of the case."""
    return next(c for c in case["clocks"] if c["name"] == name)


def kinds(events: list[dict[str, Any]]) -> list[str]:
    """What happened, in order."""
    return [e["kind"] for e in events]


def due(office: Office, case: dict[str, Any], name: str = "resolution") -> datetime:
    """When that clock runs out, on the borrowed calendar."""
    return office.borrowed(clock(case, name)["due_at"])


async def in_hand(office: Office, form: dict[str, Any] = PLAIN, **more: Any) -> tuple[str, str]:
    """A case in its handler's hands: the reference and the handler."""
    case = await office.open(form, **more)
    handler = case["assignment"]["handler"]
    await office.act(handler, case["reference"], "acceptance")
    return case["reference"], handler
