"""Shows the contact data of a case, once it is in the audit log for what; and notices who shows many."""

from datetime import datetime
from typing import Any, NamedTuple

import structlog
from pydantic import JsonValue
from sqlalchemy.exc import SQLAlchemyError
from temporalio.service import RPCError

from api import acting
from api.parts import Parts
from api.view import letter_json
from complaints.disclosure import ALARM, DISCLOSED, DisclosureBody
from complaints.handling_rules import DisclosureRule
from complaints.records import PROCESS, Actor
from policies.load import in_force
from policies.names import DEFAULT_JURISDICTION
from register import audit, outbox, query_log, read
from register.tables import Staff, StaffNotice
from workflows.waking import poke

log = structlog.get_logger()


async def disclose(here: Parts, who: Actor, reference: str, body: DisclosureBody, origin: str | None) -> dict[str, Any]:
    """The case unmasked, and its letters if asked for; nothing is shown that is not in the log first."""
    shown = await acting.case(here, reference, shown=True)
    if body.letters:
        shown["letters_sent"] = [letter_json(row, None) for row in await read.sendings(here.engine, reference)]
    line = audit.Entry(
        who=who.username,
        act=DISCLOSED,
        subject=reference,
        change={"purpose": body.purpose, "letters": body.letters},
        why=body.reason,
        origin=origin,
    )
    await audit.append(here.engine, line)
    try:
        await notice_many(here, who.username, line.at)
    except SQLAlchemyError as error:  # whoever shows one may need it now; the log has it
        log.warning("disclosure.not_counted", error=type(error).__name__)
    return shown


async def notice_many(here: Parts, username: str, now: datetime) -> None:
    """Raise the alarm when one person has shown many cases: once in each window, and nobody is stopped."""
    if (rule := in_force(DEFAULT_JURISDICTION, now).disclosure) is None:
        return
    for many in rule.many:
        since = now - many.within
        cases = await query_log.cases_shown(here.engine, username, since)
        if cases >= many.cases and not await query_log.alarmed(here.engine, username, since, many.within_minutes):
            told = [s.username for s in await read.staff(here.engine) if _is_told(s, rule, username)]
            await _alarm(here, Alarm(username, cases, many.within_minutes, now), told)


class Alarm(NamedTuple):
    """Who has shown how many cases within which time."""

    username: str
    cases: int
    within_minutes: int
    at: datetime


def _is_told(staff: Staff, rule: DisclosureRule, username: str) -> bool:
    """Nobody is told of themselves."""
    return staff.state != "disabled" and staff.username != username and any(r in staff.roles for r in rule.tell)


async def _alarm(here: Parts, alarm: Alarm, told: list[str]) -> None:
    log.warning("disclosure.many", user=alarm.username, cases=alarm.cases, within_minutes=alarm.within_minutes)
    window = int(alarm.at.timestamp() // (60 * alarm.within_minutes))
    about = f"disclosures:{alarm.username}:{alarm.within_minutes}"
    said: dict[str, JsonValue] = {"cases": alarm.cases, "within_minutes": alarm.within_minutes}
    await audit.append(
        here.engine,
        audit.Entry(who=PROCESS, act=ALARM, subject=alarm.username, change=said, source=f"{about}:{window}"),
    )
    notices = [
        StaffNotice(reference=about, seq=window, username=username, kind=ALARM, at=alarm.at, data=said)
        for username in told
    ]
    await outbox.tell(here.engine, notices)
    wake = poke(here.temporal, here.task_queue)
    for username in told:
        try:
            await wake(username)
        except (RPCError, RuntimeError) as error:  # Temporal is away: told with the next digest
            log.warning("disclosure.digest_waits", error=type(error).__name__)
            return
