"""Show what is masked, for a purpose; and who looked at what."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api import lines
from api.access import Who
from api.disclosing import disclose
from api.routes.complaints import CURSOR_END, Here, Reference
from complaints.disclosure import DisclosureBody
from complaints.form import Line, Moment
from register import query_log
from register.read_audit import Wanted

router = APIRouter(tags=["contact data"])


@router.post("/complaints/{reference}/disclosures")
async def show(
    reference: Reference, body: DisclosureBody, here: Here, who: Who, request: Request, response: Response
) -> dict[str, Any]:
    """The case unmasked, for a purpose that goes into the query log first; `letters`: its letters, too."""
    response.headers["Cache-Control"] = "no-store"
    return await disclose(here, who, reference, body, request.client.host if request.client else None)


@router.get("/query-log")
async def read_query_log(
    here: Here,
    reader: Who,
    who: Line | None = None,
    subject: Line | None = None,
    since: Annotated[Moment | None, Query(alias="from")] = None,
    until: Annotated[Moment | None, Query(alias="to", description="not in any more")] = None,
    cursor: Annotated[int | None, Query(ge=1, le=CURSOR_END)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Who looked at which case, when, from where and for what, newest first; `next` is the next page's `cursor`."""
    wanted = Wanted(who=who, subject=subject, since=since, until=until)
    rows = await query_log.page(here.engine, wanted, cursor, limit + 1)
    more = rows[limit - 1]["seq"] if len(rows) > limit else None
    return {"items": await lines.masked(here.engine, rows[:limit]), "next": more}
