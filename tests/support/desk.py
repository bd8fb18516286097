"""Somebody at the pages of the console: opens them, fills in a form that is there, and sends it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser

import httpx
from browser import HTML, OWN, page_session, web
from office import Office

VOID = {"input", "br", "meta", "link", "img"}


@dataclass
class Form:
    """A form of a page: where it goes and what it would send as it stands."""

    action: str
    fields: dict[str, list[str]] = field(default_factory=dict)


class _Forms(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.inside: Form | None = None
        self.select = self.area = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name") or ""
        if tag == "form":
            self.inside = Form(given.get("action") or "")
            self.forms.append(self.inside)
        elif self.inside is None:
            return
        elif tag == "input" and (given.get("type") not in ("checkbox", "radio") or "checked" in given):
            self.inside.fields.setdefault(name, []).append(given.get("value") or "")
        elif tag == "select":
            self.select = name
        elif tag == "option" and "selected" in given:
            self.inside.fields.setdefault(self.select, []).append(given.get("value") or "")
        elif tag == "textarea":
            self.area = name
            self.inside.fields[name] = [""]

    def handle_data(self, data: str) -> None:
        if self.inside is not None and self.area:
            self.inside.fields[self.area] = [(self.inside.fields[self.area][0] + data).removeprefix("\n")]

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = None
        if tag == "textarea":
            self.area = ""


@dataclass
class Desk:
    """A signed-in person."""

    http: httpx.AsyncClient

    async def get(self, path: str, status: int = 200) -> str:
        """A page's text."""
        answer = await self.http.get(path, headers=HTML)
        assert answer.status_code == status, (answer.status_code, answer.text[-500:])
        return answer.text

    async def send(self, page: str, ending: str, **filled: str | list[str]) -> httpx.Response:
        """Send the form of that page whose address ends so; dots of a field's name are written as two underscores."""
        form = self.form(page, ending)
        more = {name.replace("__", "."): v if isinstance(v, list) else [v] for name, v in filled.items()}
        path = "/" + form.action.replace("../", "")
        return await self.http.post(path, data=form.fields | more, headers=HTML | OWN)

    @staticmethod
    def form(page: str, ending: str) -> Form:
        """The form of that page whose address ends so."""
        found = [form for form in _Forms(page).forms if form.action.endswith(ending)]
        assert len(found) == 1, (ending, [form.action for form in _Forms(page).forms])
        return found[0]


@asynccontextmanager
async def desk(office: Office, username: str) -> AsyncIterator[Desk]:
    """That person's own browser."""
    async with web(office) as http:
        answer = await page_session(http, username)
        assert answer.status_code == 303, answer.text[-300:]
        yield Desk(http)
