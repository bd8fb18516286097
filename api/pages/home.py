"""Where one begins, the lists of cases, the notice board, and the language pages speak."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Response
from fastapi.responses import RedirectResponse

from api.access import shown, visible
from api.listing import Filters, Wanted
from api.pages.page import Problem, Reader, Reads
from api.routes.complaints import CURSOR_END, searched
from api.staff_page import StaffRoute, local
from complaints.form import Language
from complaints.masking import Mask
from complaints.names import Role
from register import mine, people, read

router = APIRouter(route_class=StaffRoute, include_in_schema=False)
ON_PAGE = 50


@router.get("/")
async def root(reader: Reads) -> Response:
    """To the first page of the reader's day."""
    return reader.to("desk")


@router.get("/desk")
async def home(reader: Reads) -> Response:
    """To the first page of the reader's day; who only looks begins with what is looked at."""
    first = "audit" if reader.who.roles == [Role.auditor] else reader.places[0][0]
    return reader.to(f"desk/{first}")


@router.post("/desk/language")
async def choose_language(
    reader: Reads, language: Annotated[Language, Form()], next_path: Annotated[str, Form(alias="next")] = "/desk"
) -> Response:
    """The pages speak that language to this person from now on."""
    await people.change_staff(reader.here.engine, reader.who.username, language=language)
    return RedirectResponse(reader.base + (local(next_path) or "/desk").lstrip("/"), 303)


@router.get("/desk/mine")
async def my_cases(reader: Reads) -> Response:
    """What the reader holds, what waits in their department's queue, and what else is theirs to do."""
    here, who = reader.here, reader.who
    seen = visible("mine", who)
    values = {
        "cases": await mine.held(here.engine, who.username),
        "queue": await mine.queue(here.engine, seen, who.department),
        "shown": mine.SHOWN,
        "duties": await mine.duties(here.engine, who.username),
        "transfers": await mine.transfers(here.engine, seen, who.department),
        "departments": await read.departments(here.engine),
        "here": "mine",
    }
    return reader.page("mine.html", values)


@router.get("/desk/complaints")
async def cases(
    reader: Reads,
    wanted: Wanted,
    q: Annotated[str, Query(max_length=200)] = "",
    cursor: Annotated[int | None, Query(ge=1, le=CURSOR_END)] = None,
) -> Response:
    """Cases, newest first, as the list of the API finds them."""
    return await cases_page(reader, wanted, q.strip(), cursor)


async def cases_page(
    reader: Reader, wanted: Filters, q: str, cursor: int | None, problem: Problem | None = None
) -> Response:
    """The list; `problem`: why it could not be had as a file."""
    here = reader.here
    if q:
        await here.rates.searches(reader.who.username)
    rows, more = await read.complaints(
        here.engine, visible("list", reader.who), **wanted.filters(here.clock()), q=q or None,
        shown=shown(reader.request, reader.who), before=cursor, limit=ON_PAGE,
    )  # fmt: skip
    if q:
        await searched(here, reader.request, reader.who, len(rows))
    values = {
        "rows": rows, "more": more, "q": q, "wanted": wanted.kept(), "here": "complaints", "problem": problem,
        "departments": await read.departments(here.engine), "files": reader.may("GET", "/desk/complaints.csv"),
    }  # fmt: skip
    return reader.page("cases.html", values, problem.status if problem else 200)


@router.get("/desk/notices")
async def notices(reader: Reads) -> Response:
    """The internal notice board: results of anonymous complaints."""
    nobody = Mask(None)
    rows = [
        row | {name: nobody.text(row[name]) for name in ("title", "body")}
        for row in await read.board(reader.here.engine)
    ]
    return reader.page("notices.html", {"rows": rows, "here": "notices"})
