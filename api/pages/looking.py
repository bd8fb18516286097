"""What is looked up while a complaint is taken in: the customer's cases, likely duplicates, the class."""

import asyncio
import hashlib
import hmac
import json
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select
from sqlmodel import col

from api import duplicates
from api.access import visible
from api.pages.new_form import Choice, Filled, as_far_as_it_goes, choice
from api.pages.page import Reader
from api.routes.complaints import searched
from api.view import mask_of
from complaints.access import READ
from complaints.classify import classify
from complaints.form import Complainant, ComplaintForm
from complaints.names import Kind
from policies.load import in_force
from policies.names import DEFAULT_JURISDICTION
from register import read, search
from register import tables as t

Json = dict[str, Any]
AT_MOST = 8
EXCERPT = 90
NOTHING: Json = {"alike": [], "earlier": None, "looked": "", "suggestion": None, "offered": None, "chosen": {}}


async def look_up(reader: Reader, filled: Filled) -> Json:
    """Everything the page shows beside the form, however little of it is filled in."""
    form = as_far_as_it_goes(filled)
    if form is None:
        return NOTHING
    earlier, looked = await _earlier(reader, form.complainant, filled.get("looked", [""])[-1])
    alike = await duplicates.of_form(reader.here.engine, visible(READ, reader.who), form)
    suggested = await _suggested(reader, form, filled)
    return {"alike": await _told(reader, alike), "earlier": earlier, "looked": looked, **suggested}


async def _suggested(reader: Reader, form: ComplaintForm, filled: Filled) -> Json:
    """The class by the rules in force, and what stands chosen: the agent's own choice, where there is one."""
    if not any(text.strip() for text in filled.get("matter", [])):
        return {"suggestion": None, "offered": None, "chosen": {}}
    rules = in_force(DEFAULT_JURISDICTION, reader.here.clock())
    found = await asyncio.to_thread(classify, form, rules.classification, rules.version)
    try:
        own = choice(filled)
    except ValidationError:
        own = Choice()
    changed, kinds = own.changed(), [kind for kind in found.kinds if kind is not Kind.anonymous]
    chosen = {"nature": found.nature, "urgency": found.urgency, "kinds": kinds, **changed}
    unsure = found.confidence < rules.classification.confirm_below or not found.is_complaint
    said = {"class_reason": own.class_reason or "", "checked": own.checked, "unsure": unsure}
    offered = found.model_copy(update={"kinds": kinds})
    if changed:  # so that the choice stays one of the agent's
        offered = offered.model_copy(update=_offered(own, changed))
    return {"suggestion": found, "offered": offered, "chosen": chosen | said}


def _offered(own: Choice, changed: Json) -> Json:
    """What had been suggested where the agent has chosen otherwise."""
    before = {"nature": own.suggested_nature, "urgency": own.suggested_urgency, "kinds": own.suggested_kinds}
    return {name: before[name] for name in changed}


async def _earlier(reader: Reader, person: Complainant | None, looked: str) -> tuple[list[Json] | None, str]:
    """The customer's cases, newest first, None when there is nothing to look by; and the mark of this search.

    Each customer looked for is written into the log once, not at every pause in the typing: the page brings back the
    mark of what it has looked for, which nobody else can make.
    """
    engine, c = reader.here.engine, t.Complaint
    query = select(*(getattr(c, name) for name in read.LISTED)).where(visible(READ, reader.who))
    rows = await search.of_customer(engine, query.order_by(col(c.number).desc()), person, AT_MOST + 1)
    if rows is None or person is None:
        return None, ""
    mark = _mark(reader, person)
    if not hmac.compare_digest(mark.encode(), looked.encode()):
        await searched(reader.here, reader.request, reader.who, len(rows))
    return await _told(reader, rows), mark


def _mark(reader: Reader, person: Complainant) -> str:
    ways = json.dumps([reader.standing.id, person.customer_number, person.email, person.phone])
    return hmac.new(reader.here.secret.encode(), f"looked:{ways}".encode(), hashlib.sha256).hexdigest()


async def _told(reader: Reader, rows: list[Json]) -> list[Json]:
    """The rows with the beginning of what each is about, masked."""
    forms = await read.forms(reader.here.engine, [row["reference"] for row in rows])
    told = []
    for row in rows:
        form = forms.get(row["reference"], {})
        matter = mask_of(form).text(form.get("matter", ""))
        told.append(row | {"matter": matter[:EXCERPT] + ("…" if len(matter) > EXCERPT else "")})
    return told
