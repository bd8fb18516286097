"""The short, idempotent work of a case: find its rules, classify, find a handler, keep the record."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.counting import count
from activities.letters import letter_context
from activities.render import render
from complaints.case import Case
from complaints.classify import classify
from complaints.duplicates import same_matter
from complaints.orders import (
    ClassificationWanted,
    HandlerFound,
    HandlerWanted,
    Held,
    IncidentFound,
    IncidentWanted,
    Person,
    Publication,
    Record,
    RulesOf,
    RulesWanted,
)
from complaints.policy import CasePolicy
from complaints.records import Classification
from complaints.routing import Routed, route
from policies.files import FOLDER, BrokenPolicy
from policies.load import by_version, in_force
from register import outbox, read, read_detours, write

Poke = Callable[[str], Awaitable[None]]
"""Makes sure that a person's digest will be sent."""
POKED_AT_ONCE = 20


class Desk:
    """The activities that read the rules and write the register; all are short and run as local activities."""

    def __init__(self, engine: AsyncEngine, poke: Poke, rules: Path = FOLDER) -> None:
        self.engine, self.poke, self.rules = engine, poke, rules
        self.poked: dict[tuple[str, int, datetime | None], set[str]] = {}

    @activity.defn
    async def find_rules(self, wanted: RulesWanted) -> CasePolicy:
        """The rules the case is held to, frozen from now on."""
        policy = in_force(wanted.jurisdiction, wanted.opened_at, self.rules)
        return policy.for_case(wanted.received_at.date())

    @activity.defn
    async def rules_of(self, wanted: RulesOf) -> CasePolicy:
        """The rules of that version, with the calendar as it is known today."""
        try:
            return by_version(wanted.version, self.rules).for_case(wanted.received_at.date())
        except (BrokenPolicy, ValueError) as error:
            raise ApplicationError(f"no rules {wanted.version}", type="unknown", non_retryable=True) from error

    @activity.defn
    async def find_incident(self, wanted: IncidentWanted) -> IncidentFound:
        """The major incident under way that this complaint is one more of, if there is one."""
        since = wanted.at - timedelta(hours=wanted.rule.within_hours)
        for known in await read_detours.incident_forms(self.engine, since, wanted.form.product):
            if known["lead"] == wanted.reference:
                continue
            likeness = same_matter(wanted.form.matter, known["matter"])
            if likeness >= wanted.rule.likeness:
                why = f"text {likeness:.2f} like {known['reference']}"
                return IncidentFound(lead=known["lead"], why=why)
        return IncidentFound()

    @activity.defn
    async def classify(self, wanted: ClassificationWanted) -> Classification:
        """What kind of complaint it is, and why."""
        policy = in_force(wanted.jurisdiction, wanted.opened_at, self.rules)
        return classify(wanted.form, policy.classification, policy.version)

    @activity.defn
    async def find_handler(self, wanted: HandlerWanted) -> HandlerFound:
        """The responsible department, and its handler with the skill and the least load."""
        if wanted.department is None:
            routed = route(wanted.form, in_force(wanted.jurisdiction, wanted.opened_at, self.rules).routing)
        else:
            routed = Routed(department=wanted.department, why="the department that has it", others=[])
        able = await read.handlers_with_load(self.engine, routed.department)
        able = [h for h in able if h["username"] not in wanted.but]
        if not able:
            return HandlerFound(department=routed.department, handler=None, why=f"{routed.why}; nobody is free")
        product, place = wanted.form.product, (wanted.form.about and wanted.form.about.department) or ""

        def fitness(h: read.Row) -> tuple[bool, bool, int, str]:
            """Skill first, then the region the complaint is about, then the least load."""
            return product not in h["skills"], not (h["region"] and h["region"] in place), h["load"], h["username"]

        best = min(able, key=fitness)
        skill = f", skilled in {product}" if product in best["skills"] else ""
        why = f"{routed.why}; holds {best['load']} open cases{skill}"
        return HandlerFound(department=routed.department, handler=best["username"], why=why)

    @activity.defn
    async def held_by(self, person: Person) -> Held:
        """In which open cases this person has something to do."""
        return Held(references=await read_detours.held_by(self.engine, person.username))

    @activity.defn
    async def record(self, record: Record) -> None:
        """Make the register say what the workflow says, and see that those concerned are told."""
        told = await write.record(self.engine, record.case, record.events, record.at)
        await self._poke_all(told, (record.case.reference, record.case.seq, record.at))
        count(record.case, record.events)  # at the end: tried again for a poke that failed, it counts once

    async def _poke_all(self, told: list[str], record: tuple[str, int, datetime | None]) -> None:
        """Poke each of them, some at once, but for those an attempt at that record has poked before.

        One that fails holds up no other; it fails the attempt at its end. So each attempt is nearer to the end,
        however many they are.
        """
        poked, some = self.poked.setdefault(record, set()), asyncio.Semaphore(POKED_AT_ONCE)

        async def one(username: str) -> None:
            async with some:
                await self.poke(username)
                poked.add(username)

        outcomes = await asyncio.gather(*(one(u) for u in told if u not in poked), return_exceptions=True)
        if failed := [e for e in outcomes if e is not None]:
            raise failed[0]
        self.poked.pop(record, None)

    @activity.defn
    async def publish(self, wanted: Publication) -> None:
        """Put the result of an anonymous complaint on the notice board."""
        state = await read.case_state(self.engine, wanted.reference)
        if state is None:
            raise LookupError(f"{wanted.reference} is not in the register yet")
        case = Case.model_validate(state)
        context = await letter_context(self.engine, case, str(state["policy_version"]), wanted.published_at, self.rules)
        last = case.resolutions[-1]
        text = render("notice", "notice_board", context.model_copy(update={"findings": last.findings}))
        await outbox.publish(
            self.engine, case.reference, wanted.published_at, case.form.language, text.subject, text.text
        )
