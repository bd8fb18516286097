"""One case: facts, time limits, timeline, letters, and the forms of what can be done now."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import ValidationError

from api import acting, duplicates
from api.access import REFERENCE, visible
from api.disclosing import disclose
from api.pages import forms
from api.pages.acting import forms_of
from api.pages.acting import problem as problem_of
from api.pages.forms import typed
from api.pages.knowledge import offered
from api.pages.offers import allowed, duties_of, offers, open_approvals
from api.pages.page import Problem, Reader, Reads
from api.pages.telling import telling
from api.pages.time_left import zone
from api.routes import acts, detours
from api.staff_page import StaffRoute
from api.view import event_json, letter_json, mask_of
from complaints.access import READ
from complaints.disclosure import DisclosureBody
from complaints.errors import Refused
from policies.load import in_force
from policies.names import DEFAULT_JURISDICTION
from register import read, read_access

router = APIRouter(route_class=StaffRoute, include_in_schema=False)
Json = dict[str, Any]


@router.get("/desk/complaints/{reference}")
async def case_page(reference: Annotated[str, Path(pattern=REFERENCE)], reader: Reads) -> Response:
    """A case."""
    return await show(reader, reference, None)


@router.post("/desk/complaints/{reference}/disclosures")
async def disclosed(reference: Annotated[str, Path(pattern=REFERENCE)], reader: Reads) -> Response:
    """The case unmasked, once its purpose is in the query log; not by an address, so that nobody keeps it as a link."""
    request = reader.request
    filled = typed(await request.form())
    try:
        body = DisclosureBody.model_validate(forms.body(filled, DisclosureBody, zone()))
        origin = request.client.host if request.client else None
        shown = await disclose(reader.here, reader.who, reference, body, origin)
    except (ValidationError, Refused) as error:
        action = f"complaints/{reference}/disclosures"
        return await show(reader, reference, problem_of(reader, action, filled, error))
    return await show(reader, reference, None, shown)


async def show(reader: Reader, reference: str, problem: Problem | None, shown: Json | None = None) -> Response:
    """The page of a case; `problem`: a form of it that was refused; `shown`: the case unmasked."""
    here, who = reader.here, reader.who
    case = shown or await acting.case(here, reference)
    parts = await read_access.parts(here.engine, reference)
    if parts is None:
        raise Refused("unknown", f"no complaint {reference}")
    mask = mask_of((await read.forms(here.engine, [reference])).get(reference))
    whole = "assignments" in case
    events = [event_json(event, mask) for event in await read.events(here.engine, reference)] if whole else []
    letters = [letter_json(row, mask) for row in await read.sendings(here.engine, reference)] if whole else []
    alike = await duplicates.of_case(here.engine, visible(READ, who), reference) if whole and "links" in case else []
    decisions = [
        a["id"] for a in (open_approvals(case) if whole else []) if allowed("decide", who, parts, asked_by=a["by"])
    ]
    rules = in_force(DEFAULT_JURISDICTION, here.clock())
    departments = await read.departments(here.engine)
    values = {
        "case": case,
        "whole": whole,
        "events": events,
        "letters": letters,
        "alike": alike,
        "offers": offers(case, who, parts),
        "decisions": decisions,
        "duties": duties_of(case, who) if whole else [],
        "departments": departments,
        "deps": [(d["code"], d["zh"] if reader.language == "zh-CN" else d["en"]) for d in departments if d["open"]],
        "currencies": rules.intake.currencies,
        "may_show": allowed("disclose", who, parts),
        "problem": problem,
        "tell": None,
    }
    if whole and reader.request.query_params.get("done") == "opened":
        values["tell"] = telling(reader, case)
    if whole:
        values |= offered(reader, case)
    return reader.page("case.html", values, problem.status if problem else 200)


for module in (acts, detours):
    forms_of(module.router, router, "reference", show, "desk/complaints/{}")
