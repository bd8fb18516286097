"""Offers the agent the cases that a complaint is likely the same as; never at the expense of its opening."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncEngine

from complaints.duplicates import words
from complaints.errors import Refused
from complaints.form import ComplaintForm
from complaints.policy import DuplicateRule
from policies.load import in_force
from policies.names import DEFAULT_JURISDICTION
from register import alike, intake, read_access
from register.sealing import ERASED

log = structlog.get_logger()
Found = list[dict[str, Any]]


def rule_of_today() -> DuplicateRule | None:
    """The rule in force now; none means that nothing is looked for."""
    return in_force(DEFAULT_JURISDICTION, datetime.now(UTC)).duplicates


Seen = ColumnElement[bool]
"""The cases that whoever asks may know of."""


async def in_time(engine: AsyncEngine, seen: Seen, form: ComplaintForm, reference: str) -> Found:
    """The likely duplicates of a case just opened; none when they cannot be had in the time the rule gives.

    `reference` is its own; a form that is not kept yet has none.
    """
    try:
        if (rule := rule_of_today()) is None:
            return []
        async with asyncio.timeout(rule.seconds):
            return await _likely(engine, seen, form, rule, reference)
    except Exception as error:  # whatever it is, the case is open and the agent must hear so
        log.warning("duplicates.not_looked_for", reference=reference, error=type(error).__name__)
        return []


async def of_form(engine: AsyncEngine, seen: Seen, form: ComplaintForm) -> Found:
    """The likely duplicates of a form that is still being filled in; too short a text is not looked for."""
    rule = rule_of_today()
    if rule is None or len(words(form.matter, rule).words) < rule.same_customer.words:
        return []
    return await in_time(engine, seen, form, "")


async def of_case(engine: AsyncEngine, seen: Seen, reference: str) -> Found:
    """The likely duplicates of a case, or of a complaint that is kept and not yet started."""
    if (kept := await intake.find(engine, reference)) is None:
        raise Refused("unknown", f"no complaint {reference}")
    if kept.form == ERASED:
        raise Refused("erased", f"{reference} was erased")
    rule, form = rule_of_today(), ComplaintForm.model_validate(kept.form)
    return await _likely(engine, seen, form, rule, reference) if rule else []


async def _likely(engine: AsyncEngine, seen: Seen, form: ComplaintForm, rule: DuplicateRule, but: str) -> Found:
    found = await alike.likely(engine, form, rule, but=but)
    known = await read_access.among(engine, seen, [other["reference"] for other in found])
    return [other for other in found if other["reference"] in known]
