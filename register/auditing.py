"""What the audit log says of a step of a case: each event, and what the step changed in the case."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncConnection

from complaints.records import PROCESS, Event
from register import audit

WATCHED = (
    *("stage", "outcome", "department", "handler", "nature", "urgency", "kinds", "due_at", "breached", "round"),
    *("merged_into", "incident_of", "policy"),
)
"""The columns of a case whose changes are logged; none of them says anything about the complainant."""


async def log_step(
    db: AsyncConnection, before: Mapping[str, Any] | None, after: Mapping[str, Any], events: list[Event]
) -> None:
    """Log the events that are not logged yet, the first with what changed. Last in the transaction of the step.

    The words of an event stay in the case's own history; only a reason is taken along, sealed as `why`.
    """
    reference, entries = after["reference"], [await _entry(db, after["reference"], e) for e in events]
    if before is not None and before["seq"] > after["seq"]:
        lost: dict[str, JsonValue] = {"seq": [before["seq"], after["seq"]]}
        entries.insert(0, audit.Entry(who=PROCESS, act="history_cut", subject=reference, origin=PROCESS, change=lost))
    await audit.append_in(db, *entries, change=changed(before or {}, after))


async def _entry(db: AsyncConnection, reference: str, event: Event) -> audit.Entry:
    """The entry of an event: found again when the step is repeated, another one when it comes out differently."""
    text = await audit.fingerprint(db, event.model_dump_json(exclude={"tell"}))
    reason = event.data.get("reason")
    return audit.Entry(
        who=event.by,
        act=event.kind,
        at=event.at,
        subject=reference,
        origin=PROCESS,
        why=reason if isinstance(reason, str) else None,
        source=f"{reference}#{event.seq}:{text}",
    )


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, JsonValue]:
    """What is another value now: [before, after] of each."""
    pairs = {name: [_plain(before.get(name)), _plain(after[name])] for name in WATCHED}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _plain(value: Any) -> JsonValue:
    if isinstance(value, datetime):
        return value.isoformat()
    return [str(v) for v in value] if isinstance(value, list | tuple) else value
