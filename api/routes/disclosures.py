"""Show what is masked, for a purpose; and who looked at what."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api import lines
from api.access import Who
from api.disclosing import disclose
from api.routes.complaints import Here, Reference
from complaints.disclosure import DisclosureBody
from register import query_log

router = APIRouter(tags=["contact data"])


@router.post("/complaints/{reference}/disclosures")
async def show(
    reference: Reference, body: DisclosureBody, here: Here, who: Who, request: Request, response: Response
) -> dict[str, Any]:
    """The case unmasked, for a purpose that goes into the query log first; `letters`: its letters, too."""
    response.headers["Cache-Control"] = "no-store"
    return await disclose(here, who, reference, body, request.client.host if request.client else None)


@router.get("/query-log")
async def read_query_log(here: Here, reader: Who, asked: Annotated[lines.Asked, Query()]) -> dict[str, Any]:
    """Who looked at which case, when, from where and for what, newest first; `next` is the next page's `cursor`."""
    return await lines.page(here.engine, query_log.page, asked)
