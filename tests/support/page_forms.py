"""Forms on the console's pages, as a browser sends them: with what is hidden in them."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape
from typing import Any

import httpx
from browser import HTML, OWN, newcomer, page_session, web
from office import Office


@asynccontextmanager
async def desk(office: Office, *roles: str, language: str = "en", **more: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A browser in which a new member of staff with these roles has signed in; `http.headers["x-who"]` is their name."""
    name = await newcomer(office, roles=list(roles), language=language, **more)
    async with signed(office, name) as http:
        yield http


@asynccontextmanager
async def signed(office: Office, username: str) -> AsyncIterator[httpx.AsyncClient]:
    """A browser in which that person has signed in."""
    async with web(office) as http:
        assert (await page_session(http, username)).status_code == 303
        http.headers.update(HTML | {"x-who": username})
        yield http


async def text_of(http: httpx.AsyncClient, path: str, expect: int = 200, **query: str) -> str:
    """A page, as people read it: entities resolved, spaces as one."""
    answer = await http.get(path, params=query)
    assert answer.status_code == expect, (answer.status_code, answer.text)
    return read(answer)


def read(answer: httpx.Response) -> str:
    return re.sub(r"\s+", " ", unescape(answer.text))


def hidden(page: str, action: str) -> dict[str, str]:
    """What is hidden in the form with that address below /desk/."""
    found = re.search(rf'<form method="post" action="[./]*desk/{re.escape(action)}"(.*?)</form>', page, re.DOTALL)
    assert found, f"no form for {action}"
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', found[1]))


async def send(http: httpx.AsyncClient, page: str, action: str, expect: int = 303, **fields: Any) -> httpx.Response:
    """Fill in a form of that page, which is opened first, and send it."""
    kept = hidden((await http.get(f"/desk/{page}")).text, action)
    answer = await http.post(f"/desk/{action}", data=kept | fields, headers=OWN)
    assert answer.status_code == expect, (answer.status_code, read(answer))
    return answer


def faults(answer: httpx.Response) -> dict[str, str]:
    """What stands beside which field: the field's id, and what is wrong."""
    return {i: unescape(words) for i, words in re.findall(r'<p class="fault" id="([^"]+)-fault">([^<]+)<', answer.text)}


def offers(page: str, incident: str) -> set[str]:
    """For which acts of the response there are forms."""
    return set(re.findall(rf'action="[./]*desk/incidents/{incident}/([^"]+)"', page))
