"""Somebody at the console: signed in by the cookie, with the form of a new complaint as it comes and as it is sent."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from typing import Any
from uuid import uuid4

import httpx
from browser import HTML, OWN, newcomer, page_session, web
from office import Office

Form = dict[str, Any]
MATTER = "信用卡多扣了年费五百元，打了三次电话都没有人处理，要求退还年费。"


class Fields(HTMLParser):
    """What the form of a new complaint on that page would send: the value of every named field."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sent: Form = {}
        self.at_fault: set[str] = set()
        self.select = self.area = ""
        self.inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        a = dict(attrs)
        name = a.get("name") or ""
        if tag == "form":
            self.inside = a.get("class") == "opening"
        if not self.inside:
            return
        if a.get("aria-invalid") == "true":
            self.at_fault.add(name)
        if tag == "select":
            self.select = name
        elif tag == "option" and "selected" in a:
            self.sent[self.select] = a.get("value") or ""
        elif tag == "textarea":
            self.area, self.sent[name] = name, ""
        elif tag == "input" and name and (a.get("type") not in ("checkbox", "radio") or "checked" in a):
            if a.get("type") == "checkbox" or name == "suggested.kinds":
                self.sent[name] = [*self.sent.get(name, []), a.get("value") or ""]
            else:
                self.sent[name] = a.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self.area = ""

    def handle_data(self, data: str) -> None:
        if self.area:
            self.sent[self.area] += data.removeprefix("\n") if not self.sent[self.area] else data


class Desk:
    """One person's browser."""

    def __init__(self, http: httpx.AsyncClient, username: str) -> None:
        self.http, self.username = http, username

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(path, headers=HTML)

    async def form(self, **typed: Any) -> Form:
        """The empty form with this in it; `complainant__phone` is complainant.phone."""
        page = await self.get("/desk/new")
        assert page.status_code == 200, page.text
        return filled(page.text, typed)

    async def send(self, form: Form, path: str = "/desk/complaints") -> httpx.Response:
        return await self.http.post(path, data=form, headers=HTML | OWN)

    async def look(self, form: Form) -> httpx.Response:
        """As the script does it."""
        return await self.http.post("/desk/new/look", data=form, headers=OWN | {"Accept": "*/*"})

    async def opened(self, form: Form) -> str:
        answer = await self.send(form)
        assert answer.status_code == 303, answer.text
        reference = answer.headers["location"].partition("?")[0].rpartition("/")[2]
        assert answer.headers["location"].startswith(f"../desk/complaints/{reference}?done=opened")
        return str(reference)


def filled(page: str, typed: Form) -> Form:
    """The form on that page with this in it."""
    return Fields(page).sent | {name.replace("__", "."): value for name, value in typed.items()}


def caller(**more: Any) -> Form:
    """A caller nobody knows, and what they complain of."""
    phone = f"138{uuid4().int % 10**8:08}"
    return {"complainant__name": "王小明", "complainant__phone": phone, "matter": MATTER} | more


@asynccontextmanager
async def at_desk(
    office: Office, *roles: str, language: str = "en", parts: Any = None, **more: Any
) -> AsyncIterator[Desk]:
    """A newcomer with these roles, signed in; an agent unless said otherwise."""
    name = await newcomer(office, roles=list(roles) or ["agent"], language=language, **more)
    async with web(office, **(parts or {})) as http:
        assert (await page_session(http, name)).status_code == 303
        yield Desk(http, name)
