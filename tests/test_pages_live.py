"""Pages that are left open, in Chromium: how often they ask, and that nobody asks for a page nobody sees.

The page's clock is the test's; what it asks, and who tells it that something has changed, is real.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from browser import newcomer
from console import CHROMIUM, console
from office import Office
from playwright.async_api import Page, Route
from sqlalchemy import func, select

from register.write import CHANGED

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="NO BROWSER: chromium is not installed")
SOURCE = "window.EventSource = class extends EventSource { constructor(at) { super(at); window.source = this; } }"
CONNECTED = "source.readyState === 1 || new Promise(yes => source.addEventListener('open', () => yes(true)))"
HEARD = "window.heard = new Promise(yes => source.addEventListener('changed', () => yes(true), { once: true })); true"
SEEN = """hidden => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture(scope="module")
async def office(office_of_the_file: Office) -> Office:
    return office_of_the_file


class Board:
    """The board as somebody leaves it open; `asked` and `answered` count what it asked for by itself."""

    def __init__(self, office: Office, page: Page) -> None:
        self.office, self.page, self.asked, self.answered = office, page, 0, 0
        page.on("request", lambda r: self._count(r.resource_type, r.url, "asked"))
        page.on("requestfinished", lambda r: self._count(r.resource_type, r.url, "answered"))

    def _count(self, kind: str, url: str, what: str) -> None:
        if kind == "fetch" and url.endswith("/desk/board"):
            setattr(self, what, getattr(self, what) + 1)

    async def changed(self) -> None:
        """Something changes in the register, and the page has heard of it."""
        await self.page.evaluate(HEARD)
        async with self.office.engine.begin() as db:
            await db.execute(select(func.pg_notify(CHANGED, "")))
        await self.page.evaluate("heard")

    async def passes(self, seconds: float) -> None:
        """So much time passes for the page, and what it asked meanwhile is answered."""
        for _ in range(int(seconds * 2)):
            await self.page.clock.run_for(500)
            await self.page.evaluate("fetch('/healthz').then(answer => answer.text())")
            while self.answered < self.asked:
                await self.page.wait_for_event("requestfinished")


@asynccontextmanager
async def left_open(office: Office) -> AsyncIterator[Board]:
    name = await newcomer(office, roles=["manager"], language="en")
    async with console(office) as desk:
        page = await desk.signed_in(name)
        await page.add_init_script(SOURCE)
        await page.clock.install(time=datetime.now(UTC))
        await page.goto("/desk/board")
        assert await page.evaluate(CONNECTED)
        yield Board(office, page)
        assert not desk.wrong, desk.wrong


async def test_a_page_asks_soon_after_a_change_and_seldom_while_all_changes(office: Office) -> None:
    async with left_open(office) as board:
        await board.changed()
        await board.passes(2)
        assert board.asked == 1, "within two seconds of a change"
        for _ in range(60):
            await board.changed()
            await board.passes(1)
        rounds = await board.page.evaluate("performance.now()") / 5_000  # the page's clock may go on by itself, too
        assert rounds > 12 and rounds - 1 <= board.asked <= rounds + 3, "once in five seconds, and a few in advance"


async def test_a_page_asks_for_the_time_left_when_nothing_changes(office: Office) -> None:
    async with left_open(office) as board:
        await board.passes(15)
        assert board.asked == 1
        await board.passes(45)
        assert board.asked >= 4, "never older than the board's minute allows: docs/figures.md"


async def test_one_question_at_a_time(office: Office) -> None:
    async with left_open(office) as board:
        held: asyncio.Queue[Route] = asyncio.Queue()
        await board.page.route("**/desk/board", held.put)
        await board.changed()
        await board.page.clock.run_for(2_000)
        first = await asyncio.wait_for(held.get(), 15)
        for _ in range(10):
            await board.changed()
            await board.page.clock.run_for(2_000)
        assert held.empty() and board.asked == 1, "the first is not answered yet"
        async with board.page.expect_event("requestfinished", lambda r: r.url.endswith("/desk/board")):
            await first.continue_()
        await board.page.unroute("**/desk/board")
        await board.passes(4)
        assert board.asked == 2, "what changed meanwhile is asked for then"


async def test_a_page_nobody_sees_asks_nothing_until_it_is_seen(office: Office) -> None:
    async with left_open(office) as board:
        await board.page.evaluate(SEEN, True)
        for _ in range(3):
            await board.changed()
            await board.passes(20)
        assert board.asked == 0
        await board.page.evaluate(SEEN, False)
        await board.passes(2)
        assert board.asked == 1
