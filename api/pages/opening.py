"""Opening a complaint on one page, in the order a call goes; what is known of the customer appears while one types."""

from typing import Any

from fastapi import APIRouter, Response
from pydantic import ValidationError

from api.pages import forms
from api.pages.looking import NOTHING, look_up
from api.pages.new_form import Choice, Filled, choice, complaint, correction, key_of, refused
from api.pages.page import Problem, Reader, Reads
from api.pages.telling import telling
from api.pages.time_left import zone
from api.pages.words import name
from api.routes.acts import correct
from api.routes.complaints import open_complaint
from api.staff_page import StaffRoute
from complaints.errors import Refused
from complaints.messages import CorrectionBody
from complaints.records import Classification
from policies.load import in_force
from policies.names import DEFAULT_JURISDICTION
from register import intake, read
from register.connect import REGISTER_AWAY

router = APIRouter(route_class=StaffRoute, include_in_schema=False)
Json = dict[str, Any]
MOST_FIELDS = 500


@router.get("/desk/new")
async def new(reader: Reads) -> Response:
    """An empty form."""
    preset: Filled = {
        "channel": ["telephone"],
        "language": ["zh-CN"],
        "amount.currency": ["CNY"],
        "received_at": [reader.here.clock().astimezone(zone()).strftime("%Y-%m-%dT%H:%M")],
    }
    return await _page(reader, preset, NOTHING, fresh=True)


@router.post("/desk/new/look")
async def look(reader: Reads) -> Response:
    """What is found for a form that is still being filled in: pieces for the script, else the whole page."""
    form = await reader.request.form(max_fields=MOST_FIELDS)
    filled = forms.typed(form)
    found = await look_up(reader, filled)
    if "text/html" in reader.request.headers.get("accept", ""):
        return await _page(reader, filled, found, key=key_of(str(form.get("request_id") or "")))
    return reader.page("found.html", found | {"typed": filled, "departments": await _departments(reader)})


@router.post("/desk/complaints")
async def open_one(reader: Reads) -> Response:
    """Open the complaint, then to its page; a form that is not taken comes back as it was filled in."""
    form = await reader.request.form(max_fields=MOST_FIELDS)
    filled, key, answer = forms.typed(form), key_of(str(form.get("request_id") or "")), Response()
    try:
        chosen = choice(filled)
        case = await open_complaint(complaint(filled), reader.here, reader.who, answer, key)
    except (Refused, ValidationError, *REGISTER_AWAY) as error:
        problem = refused(reader, filled, error)
        # The same mark again, so that what may have been kept is not kept twice; not if it stands for other words.
        again = key if getattr(error, "code", "") != "key_reused" else None
        found = NOTHING if problem.status == 503 else await look_up(reader, filled)
        return await _page(reader, filled, found, key=again, problem=problem)
    if answer.status_code == 202:
        return await _kept(reader, case["reference"])
    taken = await _corrected(reader, case, chosen, key)
    return reader.to(f"desk/complaints/{case['reference']}?done=opened{'' if taken else '&class=kept'}")


async def _corrected(reader: Reader, case: Json, chosen: Choice, key: str | None) -> bool:
    """Correct the class as the agent has chosen; False when that was refused; the case is open all the same."""
    found = case.get("classification")
    if not found:
        return chosen.suggested_nature is None
    wanted = correction(chosen, Classification.model_validate(found), confirm=case["confirm"])
    if wanted is None:
        return True
    reason = chosen.class_reason or reader.say("The agent's choice on opening, after speaking to the customer")
    body = CorrectionBody.model_validate(wanted | {"reason": reason})
    try:
        await correct(case["reference"], body, reader.here, reader.who, f"{key}-class" if key else None)
    except (Refused, *REGISTER_AWAY):
        return False
    return True


async def _kept(reader: Reader, reference: str) -> Response:
    """Kept, and its process starts later."""
    kept = await intake.find(reader.here.engine, reference)
    assert kept is not None  # it has just been written
    values = {"here": "new", "tell": telling(reader, kept.form | {"reference": reference})}
    page = reader.page("kept.html", values, 202)
    page.headers["Location"] = f"{reader.base}desk/complaints/{reference}"
    return page


async def _page(
    reader: Reader,
    filled: Filled,
    found: Json,
    *,
    fresh: bool = False,
    key: str | None = None,
    problem: Problem | None = None,
) -> Response:
    rules = in_force(DEFAULT_JURISDICTION, reader.here.clock()).intake
    values = found | {
        "typed": filled,
        "key": key,
        "fresh": fresh,
        "problem": problem,
        "departments": await _departments(reader),
        "product_names": [(code, name(reader.language, "product", code)) for code in rules.products],
        "currencies": rules.currencies,
        "here": "new",
    }
    return reader.page("new.html", values, problem.status if problem else 200)


async def _departments(reader: Reader) -> list[Json]:
    return await read.departments(reader.here.engine)
