"""`make board`: how old the live board is while complaints are worked, and how soon a limit that breaks is seen.

A stack of its own; people work complaints through as fast as it goes, AT_ONCE at a time. Chromium keeps three pages
open: the board, the board for the wall, the supervisor's approvals. BREACHES complaints are keyed in two days late but
for half a minute, so that their limit breaks while everybody looks on. Ages and delays are measured in the pages.
"""

import asyncio
import shutil
import statistics
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from playwright.async_api import Browser, Error, Page, async_playwright
from stack import PASSWORD, Json, Running, running

AT_ONCE, BREACHES, AHEAD = 4, 8, timedelta(seconds=30)
FORM: Json = {
    "channel": "email", "language": "zh-CN", "product": "credit_card",
    "complainant": {"name": "演示客户", "email": "demo@customer.example", "phone": "13900001234"},
    "matter": "信用卡年费被重复扣收，要求退回多收的300元年费。",
}  # fmt: skip
RESOLUTION: Json = {
    "findings": "重复扣收。", "responsibility": "我行", "measures": "已退回。", "root_cause": "duplicate_posting",
    "reply": "多收的年费已退回您的账户。", "redress": {"kind": "apology"},
}  # fmt: skip
AGE = "Date.now() - Date.parse(document.querySelector('#age time').dateTime)"
OVERDUE = "Number(document.querySelector('#standing li:nth-child(3) strong').textContent.replace(/\\D/g, ''))"


def opened(here: Running, **more: Any) -> Json:
    """One complaint nobody else has made."""
    case: Json = (
        here.call("agent", "POST", "/complaints", FORM | {"reason": str(uuid4().int)} | more).raise_for_status().json()
    )
    return case


def worked(here: Running, over: threading.Event, done: list[float]) -> None:
    """Complaints from their receipt to the result's letter, one after another."""
    while not over.is_set():
        case = opened(here)
        if not case.get("assignment"):  # the rules are not sure: a person confirms
            body = {"nature": "product", "reason": "seen"}
            case = here.call("agent", "POST", f"/complaints/{case['reference']}/classification", body).json()
        reference, handler = case["reference"], case["assignment"]["handler"]
        here.call(handler, "POST", f"/complaints/{reference}/acceptance", {}).raise_for_status()
        here.call(handler, "POST", f"/complaints/{reference}/resolution", RESOLUTION).raise_for_status()
        done.append(time.monotonic())


async def page_of(browser: Browser, here: Running, user: str, path: str) -> Page:
    """That page, signed in, as somebody leaves it open."""
    page = await (await browser.new_context(base_url=f"http://127.0.0.1:{here.port}")).new_page()
    await page.goto(f"/sign-in?next=/desk/{path}")
    await page.fill("#username", user)
    await page.fill("#password", PASSWORD)
    await page.press("#password", "Enter")
    await page.wait_for_url(f"**/desk/{path}")
    await page.wait_for_load_state()
    return page


async def asked(page: Page, expression: str) -> Any:
    """What the page answers; the board for the wall reloads itself, and is then asked again."""
    try:
        return await page.evaluate(expression)
    except Error:
        await page.wait_for_load_state()
        return await page.evaluate(expression)


async def seen(board: Page, approvals: Page, here: Running) -> tuple[float, float]:
    """A limit breaks: after how many seconds the board counts it, and the supervisor sees it."""
    before = await board.evaluate(OVERDUE)
    received = datetime.now(UTC) - timedelta(hours=48) + AHEAD  # the first response is due 48 hours after that
    case = await asyncio.to_thread(opened, here, channel="counter", received_at=received.isoformat())
    (due,) = (datetime.fromisoformat(c["due_at"]) for c in case["clocks"] if c["name"] == "first_response")
    assert timedelta(0) < due - datetime.now(UTC) < AHEAD, f"no limit breaks soon: {due}"

    async def when(page: Page, condition: str) -> float:
        async with asyncio.timeout(120):
            # the page's content policy lets no library poll inside it
            while not await asked(page, condition):  # noqa: ASYNC110
                await asyncio.sleep(0.05)  # how finely the delay is measured
        return (datetime.now(UTC) - due).total_seconds()

    rows = "[...document.querySelectorAll('#escalations tr')].map(r => r.textContent)"
    row = f"{rows}.some(text => /{case['reference']}.*首次响应/s.test(text))"
    both = await asyncio.gather(when(board, f"{OVERDUE} > {before}"), when(approvals, row))
    return both[0], both[1]


async def ages(pages: list[Page], over: asyncio.Event) -> list[float]:
    """How old the figures of these pages are, in seconds, twice a second until it is over."""
    found: list[float] = []
    while not over.is_set():
        found += [await asked(page, AGE) / 1000 for page in pages]
        await asyncio.sleep(0.5)  # the sampling's own pace
    return found


def shown(name: str, values: list[float]) -> None:
    """One line of the report."""
    cuts = statistics.quantiles(values, n=20, method="inclusive")
    print(f"{name:<44} p50 {cuts[9]:6.2f} s   p95 {cuts[18]:6.2f} s   largest {max(values):6.2f} s   ({len(values)})")


async def watched(here: Running) -> None:
    """Look on while people work."""
    over, done, stop = threading.Event(), list[float](), asyncio.Event()
    hands = [threading.Thread(target=worked, args=(here, over, done), daemon=True) for _ in range(AT_ONCE)]
    async with async_playwright() as p:
        browser = await p.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        board, wall = [await page_of(browser, here, "manager", path) for path in ("board", "board?kiosk=1")]
        approvals = await page_of(browser, here, "supervisor", "approvals")
        for hand in hands:
            hand.start()
        began = time.monotonic()
        aged = asyncio.create_task(ages([board, wall], stop))
        delays = [await seen(board, approvals, here) for _ in range(BREACHES)]
        took = time.monotonic() - began
        stop.set()
        over.set()
        shown("age of the board's figures", await aged)
        await browser.close()
    for hand in hands:
        hand.join(60)
    shown("from the limit to the board", [d for d, _ in delays])
    shown("from the limit to the supervisor's page", [d for _, d in delays])
    rate = f"{len(done) / took:.1f} a second, {AT_ONCE} at a time"
    print(f"meanwhile {len(done)} complaints were worked in {took:.0f} s: {rate}")


def main() -> int:
    """The whole run, about five minutes."""
    with TemporaryDirectory(prefix="amends-board-") as folder, running(Path(folder) / "data") as here:
        asyncio.run(watched(here))
    return 0


if __name__ == "__main__":
    sys.exit(main())
