"""Writes every request that may change something, or is about one case, to the audit log before its answer leaves."""

import asyncio
import json
import re
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import structlog
from pydantic import JsonValue
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import errors
from api.metrics import METHODS, UNWRITTEN
from api.rates import Rates
from complaints.records import CUSTOMER
from register.audit import Entry, append

log = structlog.get_logger()
LOOKING = ("GET", "HEAD", "OPTIONS")
ITSELF = ("/auth/", "/sign-in", "/sign-out", "/me/", "/desk/new/look")
"""Routes that write their own entries."""
LISTS = ("/audit", "/query-log", "/desk/audit", "/desk/query-log")
"""Reading these, over the API or on a page, is written down though they are about no single case."""
EXPORTED = (".csv", ".xlsx")
"""What leaves the house as a file is written down, too."""
REFERENCE = re.compile(r"CMP-[0-9]{4}-[0-9]{6,12}")
MADE = re.compile(rf"(?:/|(?:\.\./)+desk/)complaints/({REFERENCE.pattern})(?:[?#].*)?")
"""Where an answer leads that has opened a case: the API's, or a page's."""
WRITTEN_WITHIN = 10.0
SAME_LOOK, MOST_LOOKS = 600.0, 20_000
"""Seconds in which a session's look at the same case is one look, and how many are remembered: pages that are left open
read themselves anew. What is forgotten is written down once more."""
Look = tuple[str, str, tuple[tuple[str, Any], ...]]
"""Which session looks at what: the route and what its path names."""
NOBODY, BY_LINK = "nobody", "personal link"
NOT_WRITTEN = "it could not be written to the audit log; try again, with the same Idempotency-Key where there is one"
ON_A_PAGE = (
    "系统暂时不可用：本次操作未能记入审计日志，故不予显示。请返回上一页，稍后再试；重复提交同一表单只计一次。",
    "A part is down for the moment: this could not be written to the audit log, so it is not shown. Go back, and try "
    "again soon; the same form sent again counts once.",
)


class Recorded:
    """Holds each answer back until it is in the log; what cannot be written does not leave.

    But for a page that says nothing but that the register is away, with what its reader has typed.
    """

    def __init__(self, app: ASGIApp, engine: AsyncEngine, rates: Rates) -> None:
        self.app, self.pen, self.rates, self.looks = app, Pen(engine), rates, Looks()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and its answer back once it is written down."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start: Message | None = None
        out: Send | None = None

        async def held(message: Message) -> None:
            nonlocal start, out
            if message["type"] == "http.response.start":
                start = message
                return
            if out is None:
                assert start is not None  # an answer begins with its start
                written = await self._written(scope, start, message.get("body", b""))
                out = send if written or scope.get("state", {}).get("register_away") else _dropped
                if out is _dropped:
                    answer = errors.problem(503, "unavailable", NOT_WRITTEN)
                    await errors.plain(scope, answer, *ON_A_PAGE)(scope, receive, send)
                await out(start)
            await out(message)

        try:
            await self.app(scope, receive, held)
        except Exception:
            if out is None:  # the answer, a 500, is made further out
                await self._written(scope, {"status": 500}, b"")
            raise

    async def _written(self, scope: Scope, start: Message, body: bytes) -> bool:
        look = look_of(scope, start)
        if not wanted(scope) or (look and self.looks.known(look)):
            return True
        line = entry(scope, start, body)
        if line.who == NOBODY and line.change is not None:
            left = await self.rates.stranger(line.origin or "local")
            if left < 0:  # what nobody was let into changes nothing; the log must not grow at a stranger's will
                return True
            if left == 0:
                line.change["more"] = "not written in this minute"
        try:
            async with asyncio.timeout(WRITTEN_WITHIN):
                await self.pen.write(line)
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            UNWRITTEN.inc()
            log.error("audit.not_written", act=line.act, error=type(error).__name__)
            return False
        if look:
            self.looks.add(look)
        return True


async def _dropped(message: Message) -> None:
    """Where an answer goes that may not leave."""


class Looks:
    """The looks of this web server that were written down not long ago."""

    def __init__(self) -> None:
        self.at: dict[Look, float] = {}

    def known(self, look: Look) -> bool:
        """Whether that one was."""
        return look in self.at and monotonic() - self.at[look] < SAME_LOOK

    def add(self, look: Look) -> None:
        """It is written down; the oldest goes where there are too many."""
        self.at.pop(look, None)
        self.at[look] = monotonic()
        while len(self.at) > MOST_LOOKS:
            del self.at[next(iter(self.at))]


@dataclass
class Batch:
    """Entries that are written together."""

    entries: list[Entry] = field(default_factory=list)
    written: bool = False


class Pen:
    """Writes one batch at a time, for only one at a time can; what comes meanwhile is the next batch."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine, self.turn, self.batch = engine, asyncio.Lock(), Batch()

    async def write(self, entry: Entry) -> None:
        """Return once it is in the log: written by the first of its batch to have its turn."""
        batch = self.batch
        batch.entries.append(entry)
        async with self.turn:
            if batch.written:
                return
            if batch is self.batch:
                self.batch = Batch()
            await append(self.engine, *batch.entries)
            batch.written = True


def wanted(scope: Scope) -> bool:
    """Whether the request is one to write down: it may change something, or is about a single case."""
    route = getattr(scope.get("route"), "path", None)
    if route is None or route.startswith(ITSELF):
        return False
    return scope["method"] not in LOOKING or "{" in route or route in LISTS or route.endswith(EXPORTED)


def look_of(scope: Scope, start: Message) -> Look | None:
    """Whose look at what was let through, if it is one at a case's page; all of it is what the server knows itself."""
    session, route = scope.get("state", {}).get("session"), getattr(scope.get("route"), "path", "")
    page = route.startswith("/desk/") and "{" in route
    if session is None or scope["method"] != "GET" or start["status"] != 200 or not page:
        return None
    return session, route, tuple(sorted(scope.get("path_params", {}).items()))


def entry(scope: Scope, start: Message, body: bytes) -> Entry:
    """Who asked for what, from where, and how it was answered; nothing of what was sent."""
    state: dict[str, Any] = scope.get("state", {})
    actor, by_link, client = state.get("actor"), state.get("case_of_link"), scope.get("client")
    return Entry(
        who=actor.username if actor else CUSTOMER if by_link else NOBODY,
        act=f"{scope['method'] if scope['method'] in METHODS else 'other'} {scope['route'].path}",
        subject=by_link or _subject(scope, start),
        change=_outcome(start, body),
        # A customer's address would be personal data, and what is written here stays.
        origin=BY_LINK if by_link else client[0] if client else None,
    )


def _subject(scope: Scope, start: Message) -> str | None:
    """The reference of the case, where there is one; of a new case it is in the answer."""
    given: dict[str, Any] = scope.get("path_params", {})
    for text in (given.get(name) for name in ("reference", "approval", "incident")):
        if text and (found := REFERENCE.match(str(text))):
            return found.group()
    made = MADE.fullmatch(dict(start.get("headers", [])).get(b"location", b"").decode("latin-1"))
    return made and made[1]


def _outcome(start: Message, body: bytes) -> dict[str, JsonValue]:
    outcome: dict[str, JsonValue] = {"status": start["status"]}
    if (b"content-type", b"application/problem+json") in start.get("headers", []):
        outcome["problem"] = json.loads(body)["type"].removeprefix("urn:amends:")
    return outcome
