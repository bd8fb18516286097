"""Open, list and read complaints."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import JsonValue

from api import acting, duplicates, opening
from api.access import REFERENCE, Who, shown, visible
from api.listing import Wanted
from api.new_complaint import NewComplaint
from api.parts import Parts, parts
from api.view import event_json, letter_json, mask_of
from complaints.access import READ
from complaints.form import ComplaintForm, Line
from complaints.masking import Mask
from complaints.names import Stage
from complaints.records import Actor
from register import audit, intake, read

router = APIRouter(tags=["complaints"])
Here = Annotated[Parts, Depends(parts)]
Reference = Annotated[str, Path(pattern=REFERENCE, examples=["CMP-2026-000042"])]
Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200, pattern=r"^[\x20-\x7e]+$")]
CURSOR_END = 2**62


@router.post("/complaints", status_code=201, responses={202: {"description": "kept; its process starts later"}})
async def open_complaint(
    body: NewComplaint,
    here: Here,
    who: Who,
    response: Response,
    key: Key = None,
) -> dict[str, Any]:
    """Open a case. The same Idempotency-Key, or the same body within ten minutes, gives the case it opened.

    `duplicates` are the cases it may be the same as; empty, too, when they could not be looked for in time.
    """
    form = ComplaintForm.model_validate(body.model_dump())
    sent = intake.body_hash(body.model_dump(mode="json", exclude_unset=True))
    kept, _ = await opening.keep(here.engine, form, who.username, key, sent)
    response.headers["Location"] = f"/complaints/{kept.reference}"
    if kept.started_at is None and not await opening.start(here.engine, here.temporal, here.task_queue, kept):
        response.status_code = 202
        return {"reference": kept.reference, "stage": Stage.received}
    case = await acting.case(here, kept.reference)
    return case | {"duplicates": await duplicates.in_time(here.engine, visible(READ, who), form, kept.reference)}


@router.get("/complaints")
async def list_complaints(
    request: Request,
    here: Here,
    who: Who,
    wanted: Wanted,
    q: Line | None = None,
    cursor: Annotated[int | None, Query(ge=1, le=CURSOR_END)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Cases, newest first; pass `next` as `cursor` for the following page.

    `q` is a whole telephone, e-mail address or customer number, or words of the matter, or part of a reference. A page
    that looks for words can hold fewer than `limit`: go on until there is no `next`. Words are looked for as they are
    masked for whoever may not be shown contact data.
    """
    if q is not None:
        await here.rates.searches(who.username)
    rows, more = await read.complaints(
        here.engine, visible("list", who), **wanted.filters(here.clock()), q=q, shown=shown(request, who),
        before=cursor, limit=limit,
    )  # fmt: skip
    if q is not None:
        await searched(here, request, who, len(rows))
    return {"items": [{k: v for k, v in r.items() if k != "number"} for r in rows], "next": more}


async def searched(here: Parts, request: Request, who: Actor, found: int) -> None:
    """Write a search into the log: what was looked for may be somebody's telephone; that it was, is for the log."""
    change: dict[str, JsonValue] = {"found": found}
    origin = request.client.host if request.client else None
    await audit.append(here.engine, audit.Entry(who=who.username, act="searched", change=change, origin=origin))


@router.get("/complaints/{reference}")
async def read_complaint(reference: Reference, here: Here, who: Who) -> dict[str, Any]:
    """One case."""
    return await acting.case(here, reference)


@router.get("/complaints/{reference}/timeline")
async def read_timeline(reference: Reference, here: Here, who: Who) -> dict[str, Any]:
    """What happened to a case, oldest first."""
    events = await read.events(here.engine, reference)
    if not events:
        await acting.case(here, reference)
    mask = mask_of((await read.forms(here.engine, [reference])).get(reference))
    return {"reference": reference, "masked": True, "events": [event_json(e, mask) for e in events]}


@router.get("/complaints/{reference}/letters")
async def read_letters(reference: Reference, here: Here, who: Who) -> dict[str, Any]:
    """The letters of a case as they were sent, and what became of them."""
    rows = await read.sendings(here.engine, reference)
    if not rows:
        await acting.case(here, reference)
    mask = mask_of((await read.forms(here.engine, [reference])).get(reference))
    return {"reference": reference, "masked": True, "letters": [letter_json(row, mask) for row in rows]}


@router.get("/complaints/{reference}/duplicates")
async def read_duplicates(reference: Reference, here: Here, who: Who) -> dict[str, Any]:
    """The cases that this one is likely the same as, best first, each with a score from 0 to 1 and why."""
    return {"reference": reference, "duplicates": await duplicates.of_case(here.engine, visible(READ, who), reference)}


@router.get("/notices", tags=["notice board"])
async def notice_board(here: Here, who: Who) -> dict[str, Any]:
    """The internal notice board: results of anonymous complaints."""
    nobody = Mask(None)
    notices = [
        row | {name: nobody.text(row[name]) for name in ("title", "body")} for row in await read.board(here.engine)
    ]
    return {"masked": True, "notices": notices}
