"""Approvals: what waits for a decision, one with all that is needed to decide it, and several that cost nothing."""

from typing import Any

from fastapi import APIRouter, Response
from pydantic import ValidationError

from api import acting
from api.access import check_case, visible
from api.checks import actor
from api.pages import forms
from api.pages.acting import Changed, forms_of, nothing_new, problem
from api.pages.letter_ahead import extension_letter
from api.pages.offers import allowed
from api.pages.page import Problem, Reader, Reads
from api.pages.reasons import why_not
from api.pages.time_left import zone
from api.pages.told import why_words
from api.routes import approvals
from api.routes.approvals import ApprovalId
from api.staff_page import StaffRoute
from api.view import event_json, mask_of
from complaints.access import Parts
from complaints.approving import LEVELS, level_of
from complaints.checks import fault
from complaints.errors import Refused
from complaints.messages import DecisionBody
from complaints.names import case_of
from complaints.records import Redress
from policies.load import by_version
from policies.together import together
from register import deciding, read, read_access
from register.connect import REGISTER_AWAY

router = APIRouter(route_class=StaffRoute, include_in_schema=False)
Json = dict[str, Any]
SHOWN, ESCALATED, LATEST = 50, 50, 8
TOGETHER = "approvals/decisions"


@router.get("/desk/approvals")
async def waiting(reader: Reads) -> Response:
    """What waits for a decision, and the cases that have climbed."""
    return await _list(reader)


async def _list(reader: Reader, refused: Problem | None = None, results: list[Json] | None = None) -> Response:
    engine, seen = reader.here.engine, visible("approvals", reader.who)
    rows = await deciding.waiting(engine, seen, SHOWN + 1)
    for row in rows:
        row["words"] = [why_words(reader.language, why) for why in row["why"]]
        parts = Parts(**{field: row[field] for field in Parts.model_fields})
        row["why_not"] = why_not(reader.language, reader.who, parts, row["by"], row["needs"])
    values = {
        "rows": rows[:SHOWN],
        "more": len(rows) > SHOWN,
        "several": [row for row in rows if row["why_not"] is None and _fits(row)],
        "rule": together(),
        "escalations": await deciding.escalations(engine, seen, ESCALATED),
        "departments": await read.departments(engine),
        "at_work": {staff.username for staff in await deciding.at_work(engine, "supervisor", "manager")},
        "may_assign": reader.may("POST", "/complaints/{reference}/assignment"),
        "problem": refused,
        "results": results,
        "ticked": ticked(refused, "approval"),
        "here": "approvals",
    }
    return reader.page("approvals.html", values, refused.status if refused else 200)


def _fits(row: Json) -> bool:
    redress = Redress.model_validate(row["redress"]) if row["redress"] else None
    return together().fits(row["purpose"], row["asked"], redress, [row["nature"], *row["kinds"]])


# -- several at once -------------------------------------------------------------------------------------------------


@router.post("/desk/approvals/decisions")
async def decide_together(reader: Reads) -> Response:
    """Approve each that was ticked, as an act of its own; says which were done, and why the others were not."""
    form = await reader.request.form(max_fields=500)
    chosen = list(dict.fromkeys(str(value) for value in form.getlist("approval")))
    reason, key = str(form.get("reason") or ""), str(form.get("request_id") or "")
    filled = {"approval": chosen, "reason": [reason], "purpose": [str(form.get("purpose") or "")]}
    try:
        _some(chosen)
        typed = forms.body({"reason": [reason]}, DecisionBody, zone())
        body = DecisionBody.model_validate({"decision": "approve"} | typed)
    except (Refused, ValidationError) as error:
        return await _list(reader, problem(reader, TOGETHER, filled, error))
    return await _list(reader, results=[await _approve(reader, choice, body, key) for choice in chosen])


def _some(chosen: list[str]) -> None:
    if not chosen:
        raise fault("approval", "none_chosen", "tick at least one")
    if len(chosen) > together().at_most:
        raise fault("approval", "too_many", f"at most {together().at_most} at once")


def ticked(refused: Problem | None, field: str) -> dict[str, str]:
    """What was ticked in a form that was refused: the values, which say how far each was, by what they name."""
    chosen = refused.filled.get(field, []) if refused else []
    return {choice.partition(":")[0]: choice for choice in chosen}


async def _approve(reader: Reader, choice: str, body: DecisionBody, key: str) -> Json:
    """`choice`: the identifier and how far its case was when it was ticked, `CMP-2026-000042-A1:17`."""
    here, who = reader.here, reader.who
    identifier, _, seen = choice.partition(":")
    try:
        await check_case(here, "decide", who, "approval", identifier)
        row = await deciding.approval(here.engine, identifier)
        if row is None:
            raise Refused("unknown", f"no approval {identifier}")
        if row["decision"] is None and not _fits(row):
            raise fault("approval", "by_itself", "this one is to be looked at by itself")
        await nothing_new(reader, identifier, seen)
        await approvals.decide(identifier, body, here, who, f"{key}:{identifier}" if key else None)
    except (Refused, Changed, *REGISTER_AWAY) as error:
        told = problem(reader, TOGETHER, {}, error)
        return {
            "id": identifier,
            "done": False,
            "words": told.fields.get("approval") or told.message,
            "news": told.news,
        }
    return {"id": identifier, "done": True, "words": "", "news": []}


# -- one -------------------------------------------------------------------------------------------------------------


@router.get("/desk/approvals/{approval}")
async def approval_page(approval: ApprovalId, reader: Reads) -> Response:
    """One approval, with all that is needed to decide it."""
    return await show(reader, approval, None)


async def show(reader: Reader, approval: str, refused: Problem | None) -> Response:
    """The page of an approval; `refused`: a form of it that was refused."""
    here, who, reference = reader.here, reader.who, case_of(approval)
    case = await acting.case(here, reference)
    asked = next((a for a in case.get("approvals", []) if a["id"] == approval), None)
    parts = await read_access.parts(here.engine, reference)
    if asked is None or parts is None:
        raise Refused("unknown", f"no approval {approval}")
    mask = mask_of((await read.forms(here.engine, [reference])).get(reference))
    events = [event_json(event, mask) for event in await read.events(here.engine, reference)]
    is_open = asked["decision"] is None and case["stage"] != "closed"
    cannot = why_not(reader.language, who, parts, asked["by"], asked["needs"])
    extension = next((e for e in case["extensions"] if e["approval"] == approval), None)
    values: Json = {
        "case": case,
        "asked": asked,
        "is_open": is_open,
        "clock": next(clock for clock in case["clocks"] if clock["name"] == asked["clock"]),
        "words": [why_words(reader.language, why) for why in asked["why"]],
        "why_not": cannot,
        "may_delegate": is_open and allowed("delegate", who, parts, asked["by"]),
        "resolution": _resolution(case, asked),
        "extension": extension,
        "letter": await extension_letter(here.engine, reference, extension["number"], mask, here.clock())
        if extension and is_open
        else None,
        "answer": next((a for a in (case["incident"] or {}).get("answers", []) if a["approval"] == approval), None),
        "limits": _limits(case, asked),
        "people": await _able(reader, parts, asked) if is_open else [],
        "events": events[-LATEST:],
        "earlier": len(events) - LATEST,
        "departments": await read.departments(here.engine),
        "problem": refused,
        "here": "approvals",
    }
    return reader.page("approval.html", values, refused.status if refused else 200)


def _resolution(case: Json, asked: Json) -> Json | None:
    """What is to be approved: submitted at the moment the approval was asked."""
    if asked["purpose"] != "resolution":
        return None
    found: Json | None = next((r for r in case["resolutions"] if r["at"] == asked["asked_at"]), case["resolution"])
    return found


def _limits(case: Json, asked: Json) -> list[tuple[str, str]]:
    """The most each level may grant in the currency of the redress, by the rules the case carries."""
    amount = (asked["redress"] or {}).get("amount")
    if amount is None:
        return []
    limits = by_version(case["policy_version"]).approvals.limits
    return [
        (level, f"{limit[amount['currency']]:,.2f}") for level, limit in limits.items() if amount["currency"] in limit
    ]


async def _able(reader: Reader, parts: Parts, asked: Json) -> list[tuple[str, str]]:
    """Who else is at work and may decide it: user name, and what the person is called."""
    found = []
    for staff in await deciding.at_work(reader.here.engine, "supervisor", "manager"):
        who = actor(staff)
        high = LEVELS.index(level_of(who)) >= LEVELS.index(asked["needs"])
        if staff.username != reader.who.username and high and allowed("decide", who, parts, asked["by"]):
            found.append((staff.username, f"{staff.name} ({staff.username})"))
    return found


forms_of(approvals.router, router, "approval", show, "desk/approvals/{}")
