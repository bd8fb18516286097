"""The audit log, for the auditor."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from api import lines
from api.access import Who
from api.routes.complaints import CURSOR_END, Here
from complaints.form import Line, Moment
from register import read_audit

router = APIRouter(tags=["audit log"])


@router.get("/audit")
async def read_log(
    here: Here,
    reader: Who,
    who: Line | None = None,
    act: Line | None = None,
    subject: Line | None = None,
    since: Annotated[Moment | None, Query(alias="from")] = None,
    until: Annotated[Moment | None, Query(alias="to", description="not in any more")] = None,
    cursor: Annotated[int | None, Query(ge=1, le=CURSOR_END)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Who did what, when, from where and why, newest first; pass `next` as `cursor` for the following page."""
    wanted = read_audit.Wanted(who=who, act=act, subject=subject, since=since, until=until)
    rows = await read_audit.page(here.engine, wanted, cursor, limit + 1)
    more = rows[limit - 1]["seq"] if len(rows) > limit else None
    return {"items": await lines.masked(here.engine, rows[:limit]), "next": more}
