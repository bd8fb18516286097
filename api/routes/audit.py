"""The audit log, for the auditor."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from api import lines
from api.access import Who
from api.routes.complaints import Here
from register import read_audit

router = APIRouter(tags=["audit log"])


@router.get("/audit")
async def read_log(here: Here, reader: Who, asked: Annotated[lines.AskedByAct, Query()]) -> dict[str, Any]:
    """Who did what, when, from where and why, newest first; pass `next` as `cursor` for the following page."""
    return await lines.page(here.engine, read_audit.page, asked)
