"""Offers the agent the cases that a complaint is likely the same as; never at the expense of its opening."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from complaints.errors import Refused
from complaints.form import ComplaintForm
from complaints.policy import DuplicateRule
from policies.load import in_force
from policies.names import DEFAULT_JURISDICTION
from register import alike, intake
from register.sealing import ERASED

log = structlog.get_logger()
Found = list[dict[str, Any]]


def rule_of_today() -> DuplicateRule | None:
    """The rule in force now; none means that nothing is looked for."""
    return in_force(DEFAULT_JURISDICTION, datetime.now(UTC)).duplicates


async def in_time(engine: AsyncEngine, form: ComplaintForm, reference: str) -> Found:
    """The likely duplicates of a case just opened; none when they cannot be had in the time the rule gives."""
    try:
        if (rule := rule_of_today()) is None:
            return []
        async with asyncio.timeout(rule.seconds):
            return await alike.likely(engine, form, rule, but=reference)
    except Exception as error:  # whatever it is, the case is open and the agent must hear so
        log.warning("duplicates.not_looked_for", reference=reference, error=type(error).__name__)
        return []


async def of_case(engine: AsyncEngine, reference: str) -> Found:
    """The likely duplicates of a case, or of a complaint that is kept and not yet started."""
    if (kept := await intake.find(engine, reference)) is None:
        raise Refused("unknown", f"no complaint {reference}")
    if kept.form == ERASED:
        raise Refused("erased", f"{reference} was erased")
    rule, form = rule_of_today(), ComplaintForm.model_validate(kept.form)
    return await alike.likely(engine, form, rule, but=reference) if rule else []
