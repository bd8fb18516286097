"""The team: who is at work and holds how much; cases are given to somebody else, people go on leave and come back."""

from datetime import datetime, time, timedelta
from typing import Any, Literal

from fastapi import APIRouter, Response
from pydantic import ValidationError
from temporalio.service import RPCError

from api.absence import away, set_state
from api.access import check_case, visible
from api.acting import AWAY
from api.pages import forms
from api.pages.acting import Changed, nothing_new, problem
from api.pages.approvals import ticked
from api.pages.page import Problem, Reader, Reads
from api.pages.time_left import moment, zone
from api.rates import address_of
from api.routes.acts import assign
from api.staff_page import StaffRoute
from complaints.access import Parts, within
from complaints.checks import fault
from complaints.errors import Refused
from complaints.form import Line, Strict, Text
from complaints.messages import AssignmentBody
from policies.access import TABLE
from register import read, team
from register.connect import REGISTER_AWAY
from register.tables import Staff

router = APIRouter(route_class=StaffRoute, include_in_schema=False)
Json = dict[str, Any]
AT_ONCE, SHOWN = 50, 200
ASSIGN = "team/assignments"
QUEUE = "queue:"
"""Before a department's code: its queue, where a person's user name may stand too."""


class AbsenceBody(Strict):
    """Whether somebody is at work, and why that changed."""

    state: Literal["working", "leave"]
    reason: Text


@router.get("/desk/team")
async def team_page(reader: Reads, of: Line | None = None, told: int | None = None) -> Response:
    """Everybody of the reader's department; `of`: whose cases are shown, a user name or `queue:<department>`."""
    return await _show(reader, of, told=told)


async def _show(
    reader: Reader,
    of: str | None,
    refused: Problem | None = None,
    results: list[Json] | None = None,
    told: int | None = None,
) -> Response:
    here, who = reader.here, reader.who
    seen, own = visible("team", who), None if "manager" in who.roles else who.department
    staff = [member for member in await team.members(here.engine, own) if _of_mine(reader, "team", member)]
    ends = _today_ends(reader)
    loads = await team.loads(here.engine, seen, [member.username for member in staff], ends)
    queues = await team.queues(here.engine, seen, ends)
    departments = [d for d in await read.departments(here.engine) if d["open"]]
    mine = [d for d in departments if own in (None, d["code"])]
    values = {
        "groups": [(d, [m for m in staff if m.department == d["code"]], queues.get(d["code"])) for d in mine],
        "loads": loads,
        "departments": departments,
        "of": of,
        "cases": await _cases(reader, of) if of else [],
        "receivers": _receivers(staff, departments, loads, own) if of else [],
        "may_assign": reader.may("POST", "/desk/team/assignments"),
        "may_set": reader.may("POST", "/desk/team/{username}/absence"),
        "at_once": AT_ONCE,
        "problem": refused,
        "results": results,
        "ticked": ticked(refused, "case"),
        "told": told,
        "here": "team",
    }
    return reader.page("team.html", values, refused.status if refused else 200)


def _of_mine(reader: Reader, act: str, member: Staff) -> bool:
    """Whether that member is of a department, and region, for which the reader may do it."""
    place = Parts(department=member.department, region=member.region, opened_by="")
    return within(TABLE.scopes(act, reader.who), reader.who, place)


def _today_ends(reader: Reader) -> datetime:
    now = moment(reader.here.clock())
    assert now is not None
    return datetime.combine(now.date() + timedelta(days=1), time.min, now.tzinfo)


async def _cases(reader: Reader, of: str) -> list[Json]:
    seen = visible("team", reader.who)
    queue = of.removeprefix(QUEUE) if of.startswith(QUEUE) else None
    return await team.cases(reader.here.engine, seen, None if queue else of, queue, SHOWN)


def _receivers(
    staff: list[Staff], departments: list[Json], loads: dict[str, Json], own: str | None
) -> list[tuple[Json, list[tuple[str, str, int]]]]:
    """Whom a case may be given to, by department, who holds least first; other departments take it by their queue."""
    found = []
    for department in sorted(departments, key=lambda d: d["code"] != own):
        at_work = [
            m for m in staff if m.department == department["code"] and m.state == "working" and "handler" in m.roles
        ]
        choices = [(m.username, m.name, loads[m.username]["open"] if m.username in loads else 0) for m in at_work]
        found.append((department, sorted(choices, key=lambda choice: (choice[2], choice[0]))))
    return found


# -- giving cases to somebody else -----------------------------------------------------------------------------------


@router.post("/desk/team/assignments")
async def assign_together(reader: Reads) -> Response:
    """Give each case that was ticked to somebody else, each an act of its own; says which were, and why others not."""
    form = await reader.request.form(max_fields=500)
    chosen = list(dict.fromkeys(str(value) for value in form.getlist("case")))
    to, reason, of, key = (str(form.get(field) or "") for field in ("to", "reason", "of", "request_id"))
    try:
        if not chosen:
            raise fault("case", "none_chosen", "tick at least one")
        if len(chosen) > AT_ONCE:
            raise fault("case", "too_many", f"at most {AT_ONCE} at once")
        if not to:
            raise fault("to", "missing", "choose who is to have them")
        department, _, handler = to.partition("/")
        typed = {"department": [department], "handler": [handler], "reason": [reason]}
        body = AssignmentBody.model_validate(forms.body(typed, AssignmentBody, zone()))
    except (Refused, ValidationError) as error:
        filled = {"case": chosen, "to": [to], "reason": [reason]}
        return await _show(reader, of[:64] or None, problem(reader, ASSIGN, filled, error))
    results = [await _give(reader, choice, body, key) for choice in chosen]
    return await _show(reader, of[:64] or None, results=results)


async def _give(reader: Reader, choice: str, body: AssignmentBody, key: str) -> Json:
    """`choice`: the reference and how far the case was when it was ticked, `CMP-2026-000042:17`."""
    reference, _, seen = choice.partition(":")
    try:
        await check_case(reader.here, "assign_to", reader.who, "reference", reference)
        await nothing_new(reader, reference, seen)
        await assign(reference, body, reader.here, reader.who, f"{key}:{reference}" if key else None)
    except (Refused, Changed, *REGISTER_AWAY) as error:
        told = problem(reader, ASSIGN, {}, error)
        words = " ".join(told.fields.values()) or told.message
        return {"reference": reference, "done": False, "words": words, "news": told.news}
    return {"reference": reference, "done": True, "words": "", "news": []}


# -- on leave, and back ----------------------------------------------------------------------------------------------


@router.post("/desk/team/{username}/absence")
async def set_absence(username: str, reader: Reads) -> Response:
    """Set somebody on leave, and give what they hold to others; or back at work."""
    here, form = reader.here, await reader.request.form()
    member = await read.staff_member(here.engine, username)
    known = member is not None and member.state != "disabled" and set(member.roles) & set(team.MEMBERS)
    if member is None or not known or not _of_mine(reader, "set_absence", member):
        raise Refused("unknown", "nobody of that name")
    filled = {"state": [str(form.get("state") or "")], "reason": [str(form.get("reason") or "")]}
    try:
        body = AbsenceBody.model_validate(forms.body(filled, AbsenceBody, zone()))
        if body.state != member.state:
            await set_state(here.engine, member, body.state, reader.who, body.reason, address_of(reader.request))
        told = await _given_away(reader, username) if body.state == "leave" else None
    except (Refused, ValidationError, *REGISTER_AWAY) as error:
        return await _show(reader, None, problem(reader, f"team/{username}/absence", filled, error))
    return reader.to("desk/team?done=absence" + ("" if told is None else f"&told={told}"))


async def _given_away(reader: Reader, username: str) -> int:
    """How many cases were told. Sent again when it failed half-way, it goes on."""
    try:
        return len(await away(reader.here.temporal, username, reader.here.task_queue))
    except (RPCError, RuntimeError):
        raise Refused("unavailable", AWAY) from None
