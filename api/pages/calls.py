"""The calls to be made: results and extensions to be told by a person, and callbacks; the most pressing first."""

from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Response

from api.access import visible
from api.pages.page import Reads
from api.staff_page import StaffRoute
from policies.load import in_force
from policies.names import DEFAULT_JURISDICTION
from register import calls, read

router = APIRouter(route_class=StaffRoute, include_in_schema=False)
FORMS = {"result": "feedback", "callback": "callbacks", "extension": "extension-notice"}
"""Where on the case's page each call is recorded: the end of the form's id."""


@router.get("/desk/calls")
async def to_make(reader: Reads, mine: bool = False) -> Response:
    """The calls in the reader's scope, or those of cases the reader has opened or holds."""
    here, who, now = reader.here, reader.who, reader.here.clock()
    rule = in_force(DEFAULT_JURISDICTION, now).callback
    found = await calls.waiting(here.engine, visible("calls", who), who.username if mine else None)
    rows = [row | _again(row, timedelta(hours=rule.hours_between), now) for row in found]
    values = {
        "rows": sorted(rows, key=lambda row: (row["not_before"] is not None, row["until"] is None, row["until"])),
        "mine": mine,
        "attempts": rule.attempts,
        "more": any(sum(row["call"] == kind for row in found) >= calls.AT_MOST for kind in FORMS),
        "shown": calls.AT_MOST,
        "forms": FORMS,
        "departments": await read.departments(here.engine),
        "here": "calls",
    }
    return reader.page("calls.html", values)


def _again(row: dict[str, Any], apart: timedelta, now: datetime) -> dict[str, Any]:
    """From when a complainant who was not reached may be tried again; None: now."""
    earliest = row["tried_at"] + apart if row["call"] == "callback" and row["tried_at"] else now
    return {"not_before": earliest if earliest > now else None}
