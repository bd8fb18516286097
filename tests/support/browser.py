"""A browser as the tests of the staff's pages have it: cookies, origins, forms; and sign-ins of people of their own."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
from fastapi import FastAPI
from office import PASSWORD, SECRET, Office
from sqlalchemy import insert

from api.app import create_app
from api.parts import Parts
from api.rates import Rates
from register.tables import Staff
from run.drill.office import QUICK

HASH = QUICK.hash(PASSWORD)
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
OWN = {"Origin": "https://office", "Sec-Fetch-Site": "same-origin"}


async def newcomer(office: Office, **more: Any) -> str:
    """A member of staff whom no other test knows; gives the user name."""
    name = f"n{uuid4().hex[:12]}"
    row: dict[str, Any] = {"username": name, "name": "演示", "email": "n@staff.demo.example", "roles": ["auditor"]}
    row |= {"skills": [], "state": "working", "language": "zh-CN", "password": HASH, "demo": True} | more
    async with office.engine.begin() as db:
        await db.execute(insert(Staff).values(row))
    return name


MANY = Rates(failures_per_minute=1_000_000)
APPS: dict[tuple[Any, ...], tuple[FastAPI, dict[str, Any]]] = {}
"""The web servers there are, by office and parts: a new one takes a quarter of a second for its first answer."""


def _app(office: Office, parts: dict[str, Any]) -> FastAPI:
    key = (office.queue, *((name, id(part)) for name, part in parts.items()))
    if key not in APPS:
        own = {"hasher": QUICK, "rates": MANY} | parts
        APPS[key] = create_app(Parts(office.engine, office.env.client, SECRET, office.queue, **own)), parts
    return APPS[key][0]


@asynccontextmanager
async def web(office: Office, base: str = "https://office", **parts: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A browser with a cookie jar of its own, before a web server on the office's register."""
    transport = httpx.ASGITransport(_app(office, parts), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=base, timeout=30) as http:
        yield http


async def token_pair(http: httpx.AsyncClient, username: str, password: str = PASSWORD) -> dict[str, Any]:
    answer = await http.post("/auth/token", data={"username": username, "password": password})
    assert answer.status_code == 200, answer.text
    pair: dict[str, Any] = answer.json()
    return pair


async def as_bearer(http: httpx.AsyncClient, token: str, method: str = "GET", path: str = "/auth/me") -> httpx.Response:
    return await http.request(method, path, headers={"Authorization": f"Bearer {token}"})


async def page_session(http: httpx.AsyncClient, username: str, **form: str) -> httpx.Response:
    """Sign in on the page; the cookie stays in the jar."""
    sent = {"username": username, "password": PASSWORD} | form
    return await http.post("/sign-in", data=sent, headers=HTML | OWN)


def csrf_of(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', page)
    assert found
    return found[1]
