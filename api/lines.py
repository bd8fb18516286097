"""Lines of the audit log as its readers ask for them, see them and take them away.

What people gave as their reason is free text, and masked as such.
"""

import csv
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from io import StringIO
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncEngine

from api.routes.complaints import CURSOR_END
from api.view import mask_of
from complaints.form import Line, Moment
from register import read, read_audit
from register.audit_tables import Audit
from register.read import Row
from register.read_audit import Wanted

COLUMNS = list(Audit.model_fields)
FORMULA = ("=", "+", "-", "@", "\t", "\r")
AT_ONCE = 500
"""Lines that are masked together on their way into a file."""
Kind = Literal["csv", "jsonl"]
TYPES: dict[Kind, str] = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}


class Limits(BaseModel):
    """Which lines, by whom, about what, and when."""

    who: Line | None = None
    subject: Line | None = None
    since: Moment | None = Field(default=None, alias="from")
    until: Moment | None = Field(default=None, alias="to", description="not in any more")

    def wanted(self) -> Wanted:
        """The same, for the register."""
        return Wanted.model_validate(self.model_dump())


class Asked(Limits):
    """A page of them."""

    cursor: Annotated[int, Field(ge=1, le=CURSOR_END)] | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class LimitsByAct(Limits):
    """Which lines of the whole log."""

    act: Line | None = None


class AskedByAct(LimitsByAct, Asked):
    """A page of the whole log."""


Reading = Callable[[AsyncEngine, Wanted, int | None, int], Awaitable[list[Row]]]


async def page(engine: AsyncEngine, reading: Reading, asked: Asked) -> dict[str, Any]:
    """Lines, newest first; `next` is the next page's `cursor`."""
    rows = await reading(engine, asked.wanted(), asked.cursor, asked.limit + 1)
    more = rows[asked.limit - 1]["seq"] if len(rows) > asked.limit else None
    return {"items": await masked(engine, rows[: asked.limit]), "next": more}


async def masked(engine: AsyncEngine, lines: list[Row]) -> list[Row]:
    """The lines with each reason masked by what is known of the complainant of its case."""
    forms = await read.forms(engine, {line["subject"] for line in lines if line["why"] and line["subject"]})
    return [
        line | {"why": line["why"] and mask_of(forms.get(line["subject"] or "")).text(line["why"])} for line in lines
    ]


async def file(engine: AsyncEngine, wanted: Wanted, kind: Kind) -> AsyncIterator[str]:
    """The lines as a file, oldest first, reasons masked."""
    if kind == "csv":
        yield row(COLUMNS)
    batch: list[Row] = []
    async for line in read_audit.stream(engine, wanted):
        batch.append(line)
        if len(batch) == AT_ONCE:
            yield "".join([written(one, kind) for one in await masked(engine, batch)])
            batch = []
    yield "".join([written(one, kind) for one in await masked(engine, batch)])


def written(line: Row, kind: Kind) -> str:
    """A line of the log as a line of a file."""
    plain = line | {"at": iso(line["at"])}
    if kind == "csv":
        return row([_cell(plain[name]) for name in COLUMNS])
    return json.dumps({name: plain[name] for name in COLUMNS}, ensure_ascii=False) + "\n"


def row(values: list[str]) -> str:
    """A row of a table, as CSV has it."""
    made = StringIO()
    csv.writer(made).writerow(values)
    return made.getvalue()


def iso(at: datetime | None) -> str | None:
    """A time as files have it: UTC, to the microsecond."""
    return at.astimezone(UTC).isoformat(timespec="microseconds") if at else None


def _cell(value: Any) -> str:
    """A value that no spreadsheet takes for a formula."""
    text = "" if value is None else json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text
