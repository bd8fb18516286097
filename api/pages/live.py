"""Tells open pages that something has changed; they then read themselves anew. Nothing of any case goes this way."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import psycopg
import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.ext.asyncio import AsyncEngine

from api.pages.page import Reads
from register.write import CHANGED

log = structlog.get_logger()
router = APIRouter(include_in_schema=False)
AGAIN = 2.0
STAYS = 300.0
"""Seconds until a page is asked to connect anew, so that a sign-in that is over ends here, too."""
BEAT = 20.0
MOST, MOST_OF_ONE = 300, 20
"""Open pages that are told, of a web server and of one person; the others read themselves anew when they are asked."""


class Changes:
    """One connection to the register hears of changes, for all pages of this web server that are open."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine, self.number, self.news = engine, 0, asyncio.Condition()
        self.over, self.told = False, Counter[str]()

    async def listen(self) -> None:
        """Hear until cancelled; a lost connection is made anew, and counts as a change."""
        url = self.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(url, autocommit=True) as db:
                    await db.execute(f"LISTEN {CHANGED}".encode())
                    await self._tell()
                    async for _ in db.notifies():
                        await self._tell()
            except psycopg.Error as error:
                log.warning("live.register_away", error=type(error).__name__)
            await asyncio.sleep(AGAIN)  # the register is asked again at this pace; pages go on by themselves meanwhile

    async def _tell(self) -> None:
        async with self.news:
            self.number += 1
            self.news.notify_all()

    async def end(self) -> None:
        """Let every open page go: this server stops, and the page connects to another one."""
        self.over = True
        await self._tell()

    async def after(self, number: int) -> int:
        """Wait for a change after that one, or for a beat of the heart; gives the last change's number."""
        try:
            async with asyncio.timeout(BEAT), self.news:
                await self.news.wait_for(lambda: self.number > number)
        except TimeoutError:
            pass
        return self.number


@router.get("/desk/live")
async def live(request: Request, reader: Reads) -> Response:
    """Server-sent events: `changed` when any case has changed; 204, which ends the asking, when too many listen."""
    changes: Changes = request.app.state.changes
    who = reader.who.username
    if changes.told.total() >= MOST or changes.told[who] >= MOST_OF_ONE:
        return Response(status_code=204)
    return StreamingResponse(_stream(changes, who), media_type="text/event-stream")


async def _stream(changes: Changes, who: str) -> AsyncIterator[str]:
    number, until = changes.number, asyncio.get_running_loop().time() + STAYS
    changes.told[who] += 1
    try:
        yield "retry: 3000\n\n"
        while not changes.over and asyncio.get_running_loop().time() < until:
            if (last := await changes.after(number)) > number:
                number = last
                yield "event: changed\ndata:\n\n"
            else:
                yield ": still here\n\n"
    finally:
        changes.told[who] -= 1
