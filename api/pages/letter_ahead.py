"""The letter that would go if an extension were approved now: the very text, before it goes."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from activities.letters import letter_context
from activities.render import MissingValue, render
from activities.told_of import told_of
from complaints.case import Case
from complaints.masking import Mask
from complaints.names import Way
from complaints.records import Letter
from policies.files import FOLDER
from policies.load import by_version
from register import read


@dataclass(frozen=True)
class Ahead:
    """By which way it would go, in which language, and what it says, masked."""

    way: Way
    language: str
    subject: str
    text: str


async def extension_letter(engine: AsyncEngine, reference: str, number: int, mask: Mask, now: datetime) -> Ahead | None:
    """The notice of the extension of that number; None where nobody can be told, or a value is missing.

    A letter by post is read off the page that would be printed; the customer's personal link is made when it goes.
    """
    state = await read.case_state(engine, reference)
    assert state is not None  # the page has read it just now
    case, version = Case.model_validate(state), str(state["policy_version"])
    way = case.reached_by(by_version(version).letters.ways[case.form.channel]["letters"])
    if way is None:
        return None
    case.letters.append(
        Letter(number=len(case.letters) + 1, kind="extension_notice", way=way, about=number, ordered_at=now)
    )
    context = await letter_context(engine, case, version, now, FOLDER)
    told = await told_of(engine, case, len(case.letters), context.written_at.tzinfo)
    form = Way.email if way is Way.post else way
    try:
        made = await asyncio.to_thread(render, "extension_notice", form, context.model_copy(update=told))
    except MissingValue:
        return None
    return Ahead(way, case.form.language, mask.text(made.subject), mask.text(made.text))
