"""Lists and figures as files, without personal data and in the reader's language; each is written to the audit log."""

import asyncio
import csv
from collections.abc import AsyncIterator
from datetime import datetime
from io import StringIO
from tempfile import TemporaryFile
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from openpyxl import Workbook
from sqlalchemy import ColumnElement

from api.access import shown, visible
from api.listing import Wanted
from api.pages import board
from api.pages.home import cases_page
from api.pages.page import Problem, Reader, Reads
from api.pages.time_left import zone
from api.pages.words import name
from api.routes.complaints import searched
from api.snapshots import Snapshots
from api.staff_page import StaffRoute
from register import read
from register.figures import NOW_NAMES

router = APIRouter(route_class=StaffRoute, include_in_schema=False)
Kind = Literal["csv", "xlsx"]
Line = list[Any]
MOST, MOST_SEARCHED, AT_ONCE, PAGES = 50_000, 1_000, 1_000, 10
"""Cases in a file, and in one of a search; cases read at once, and how often a search goes on."""
COLUMNS = (
    *("reference", "stage", "outcome", "nature", "urgency", "kinds", "department", "channel", "product"),
    *("received_at", "closed_at", "due_at", "breached", "round"),
)
"""Of a case; nothing of the complainant, nothing that somebody wrote, no name of staff."""
HEADS = {
    "reference": "Reference", "stage": "Stage", "outcome": "Outcome", "nature": "Nature", "urgency": "Urgency",
    "kinds": "Special kinds", "department": "Department", "channel": "Channel", "product": "Product",
    "received_at": "Received at", "closed_at": "Closed at", "due_at": "Due", "breached": "Breached", "round": "Round",
}  # fmt: skip
MEDIA = {"csv": "text/csv", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def safe(value: Any) -> Any:
    """A cell; a text that a spreadsheet would take for a formula is marked as text."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


@router.get("/desk/complaints.csv")
async def cases_csv(reader: Reads, wanted: Wanted, q: Annotated[str, Query(max_length=200)] = "") -> Response:
    """The list of cases as CSV."""
    return await _cases(reader, wanted, q.strip(), "csv")


@router.get("/desk/complaints.xlsx")
async def cases_xlsx(reader: Reads, wanted: Wanted, q: Annotated[str, Query(max_length=200)] = "") -> Response:
    """The list of cases as XLSX."""
    return await _cases(reader, wanted, q.strip(), "xlsx")


@router.get("/desk/board.csv")
async def board_csv(reader: Reads, key: board.Wanted) -> Response:
    """The figures of the board as CSV."""
    return await _file(_once(await _figures(reader, key)), "csv", "amends-figures")


@router.get("/desk/board.xlsx")
async def board_xlsx(reader: Reads, key: board.Wanted) -> Response:
    """The figures of the board as XLSX."""
    return await _file(_once(await _figures(reader, key)), "xlsx", "amends-figures")


async def _cases(reader: Reader, wanted: Wanted, q: str, kind: Kind) -> Response:
    engine, seen, filters = (
        reader.here.engine,
        visible(f"export_{kind}", reader.who),
        wanted.filters(reader.here.clock()),
    )
    found: list[read.Row] | None = []
    if q:
        found = await _search(reader, seen, filters, q)
    elif await read.how_many(engine, seen, MOST + 1, **filters) > MOST:
        found = None
    if found is None:
        text = reader.say("Too many cases for one file: at most %s, %s of a search by words. Narrow the list first.")
        refusal = Problem("export", 422, text % (f"{MOST:,}", f"{MOST_SEARCHED:,}"))
        return await cases_page(reader, wanted, q, None, refusal)
    batches = _once(found) if q else _batches(reader, seen, filters)
    return await _file(_lines(reader, batches), kind, "amends-cases")


async def _search(reader: Reader, seen: ColumnElement[bool], filters: dict[str, Any], q: str) -> list[read.Row] | None:
    """What a search by words finds; nothing when that is too much, or lies too far back."""
    found: list[read.Row] = []
    before: int | None = None
    await reader.here.rates.searches(reader.who.username)
    clear = shown(reader.request, reader.who)
    for _ in range(PAGES):
        rows, before = await read.complaints(
            reader.here.engine, seen, q=q, shown=clear, before=before, limit=AT_ONCE, **filters
        )
        found += rows
        if before is None or len(found) > MOST_SEARCHED:
            break
    await searched(reader.here, reader.request, reader.who, len(found))
    return found if before is None and len(found) <= MOST_SEARCHED else None


async def _batches(reader: Reader, seen: ColumnElement[bool], filters: dict[str, Any]) -> AsyncIterator[list[read.Row]]:
    before: int | None = None
    while True:
        rows, before = await read.complaints(reader.here.engine, seen, before=before, limit=AT_ONCE, **filters)
        yield rows
        if before is None:
            return


async def _once(rows: list[Any]) -> AsyncIterator[list[Any]]:
    yield rows


async def _lines(reader: Reader, batches: AsyncIterator[list[read.Row]]) -> AsyncIterator[list[Line]]:
    departments = {
        d["code"]: d["zh"] if reader.language == "zh-CN" else d["en"]
        for d in await read.departments(reader.here.engine)
    }
    yield [[reader.say(HEADS[column]) for column in COLUMNS]]
    async for rows in batches:
        yield [[_cell(reader, departments, column, row[column]) for column in COLUMNS] for row in rows]


def _cell(reader: Reader, departments: dict[str, str], column: str, value: Any) -> Any:
    if isinstance(value, bool):
        return reader.say("Yes" if value else "No")
    if isinstance(value, datetime):
        return value.astimezone(zone()).replace(tzinfo=None, microsecond=0)
    if column == "kinds":
        return ", ".join(name(reader.language, "kind", kind) for kind in value)
    if column == "department":
        return departments.get(value, value)
    return name(reader.language, column, value) if column in NAMED and value else value


NAMED = ("stage", "outcome", "nature", "urgency", "channel", "product")


async def _figures(reader: Reader, key: board.Wanted) -> list[Line]:
    """The figures of the board, what complaints are about, and the trend, one line each."""
    kept: Snapshots = reader.request.app.state.snapshots
    snapshot, moment = await kept.of_period(key), await kept.of_now(key.department)
    say, first, last = reader.say, snapshot.first.isoformat(), snapshot.last.isoformat()
    where = key.department or say("the whole bank")
    heads = (
        "Figure",
        "Counted by",
        "From",
        "To",
        "Department",
        "Value",
        "Unit",
        "Complaints",
        "Counted against",
        "Target",
        "Target met",
    )
    units = {"percent": "%", "days": say("days"), "points": say("points")}
    lines: list[Line] = [[say(head) for head in heads]]
    for code in (*NOW_NAMES, "incidents"):
        lines.append([name(reader.language, "figure", code), say("at this moment"), None, None, where, moment[code]])
    for figure in snapshot.figures.values():
        tile = board.tile(reader, snapshot, figure)
        value = None if figure.value is None else round(figure.value, 2)
        met = None if tile["met"] is None else say("Yes" if tile["met"] else "No")
        known = [
            name(reader.language, "figure", figure.name),
            name(reader.language, "counted", figure.by),
            first,
            last,
            where,
        ]
        lines.append([*known, value, units[figure.unit], figure.base, tile["against"], tile["target"], met])
    for chart in board.drawn(reader, snapshot, await read.departments(reader.here.engine)):
        for label, cases, _ in chart["rows"]:
            lines.append([say(board.TITLES[chart["of"]]), label, first, last, where, cases])
    for day, received, closed in snapshot.trend:
        for by, cases in (("received", received), ("closed", closed)):
            lines.append([say("Trend"), name(reader.language, "counted", by), day.isoformat(), None, where, cases])
    return lines


async def _file(lines: AsyncIterator[list[Line]], kind: Kind, stem: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{stem}.{kind}"'}
    body = _csv(lines) if kind == "csv" else _xlsx(lines)
    media = f"{MEDIA[kind]}; charset=utf-8" if kind == "csv" else MEDIA[kind]
    return StreamingResponse(body, media_type=media, headers=headers)


async def _csv(batches: AsyncIterator[list[Line]]) -> AsyncIterator[bytes]:
    """With the mark by which spreadsheets know UTF-8."""
    yield b"\xef\xbb\xbf"
    async for lines in batches:
        out = StringIO()
        csv.writer(out).writerows([safe(cell) for cell in line] for line in lines)
        yield out.getvalue().encode()


async def _xlsx(batches: AsyncIterator[list[Line]]) -> AsyncIterator[bytes]:
    """Row after row into a file that is never whole in memory, then the file piece by piece; off the event loop."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Amends")

    def add(lines: list[Line]) -> None:
        for line in lines:
            sheet.append([safe(cell) for cell in line])

    async for lines in batches:
        await asyncio.to_thread(add, lines)
    with TemporaryFile() as file:
        await asyncio.to_thread(book.save, file)
        file.seek(0)
        while piece := await asyncio.to_thread(file.read, 2**16):
            yield piece
