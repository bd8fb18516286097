"""Members of staff who work complaints over HTTP, many at once, as the pages' own API lets them."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
from stack import PASSWORD, Json

FORM: Json = {
    "channel": "email",
    "matter": "信用卡年费被重复扣收，要求退回多收的300元年费。",
    "product": "credit_card",
}
RESOLUTION: Json = {
    "findings": "经核实，系统重复扣收年费。", "responsibility": "系统参数设置错误。", "measures": "已退回。",
    "root_cause": "system_parameter", "reply": "多收的年费已退回您的账户。", "redress": {"kind": "apology"},
}  # fmt: skip
SATISFIED: Json = {"reached": True, "satisfaction": 5, "nps": 9}
UNLIMITED = {"AMENDS_REQUESTS_PER_MINUTE": "10000000"}
"""For the stack: a handful of accounts do here what hundreds of people do."""


@dataclass
class Clerks:
    """The staff at one or more web servers, asked in turn."""

    webs: Sequence[httpx.AsyncClient]
    tokens: dict[str, str] = field(default_factory=dict)
    latencies: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._turn = itertools.cycle(self.webs)
        self._signing = asyncio.Lock()

    async def call(self, user: str, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """One request in that person's name; signs in when it has to."""
        web = next(self._turn)
        for _ in range(2):
            token = self.tokens.get(user) or await self._sign_in(user)
            headers["Authorization"] = f"Bearer {token}"
            answer = await web.request(method, path, json=body, headers=headers)
            if answer.status_code != 401:
                break
            self.tokens.pop(user, None)
        return answer

    async def _sign_in(self, user: str) -> str:
        async with self._signing:
            if user not in self.tokens:
                sent = await self.webs[0].post("/auth/token", data={"username": user, "password": PASSWORD})
                self.tokens[user] = sent.raise_for_status().json()["access_token"]
        return self.tokens[user]

    async def timed(self, what: str, user: str, path: str, body: Any = None) -> Json:
        """An act that has to succeed, and how long it took."""
        began = time.perf_counter()
        answer = await self.call(user, "POST", path, body, **{"Idempotency-Key": str(uuid4())})
        self.latencies.setdefault(what, []).append(time.perf_counter() - began)
        case: Json = answer.raise_for_status().json()
        return case

    async def opened(self, **more: Any) -> Json:
        """A complaint of a customer nobody else is; assigned when this returns."""
        mark = str(uuid4().int)  # hexadecimal would read as Canadian dollars now and then: cad98765…
        phone = f"139{int(mark) % 10**8:08}"
        who = {"name": f"测试{mark[:6]}", "email": f"{mark}@customer.example", "phone": phone}
        case = await self.timed("open", "agent", "/complaints", FORM | {"complainant": who, "reason": mark} | more)
        if not case.get("assignment"):
            raise RuntimeError(f"{case.get('reference')} was not assigned at once; it is {case.get('stage')}")
        return case

    async def life(self) -> None:
        """One complaint from its receipt to its end: four acts of people, and the letters between them."""
        case = await self.opened()
        path, handler = f"/complaints/{case['reference']}", case["assignment"]["handler"]
        await self.timed("accept", handler, f"{path}/acceptance")
        case = await self.timed("resolve", handler, f"{path}/resolution", RESOLUTION)
        wait = 0.2
        while case["stage"] != "callback":  # the result's letter is on its way; a person looks again a little later
            await asyncio.sleep(wait)  # a person who looks again
            wait = min(wait * 1.5, 2)
            case = (await self.call("agent", "GET", path)).raise_for_status().json()
        case = await self.timed("call back", "agent", f"{path}/callbacks", SATISFIED)
        if case["stage"] != "closed":
            raise RuntimeError(f"{case['reference']} is {case['stage']}, not closed")


@asynccontextmanager
async def at_work(*ports: int) -> AsyncIterator[Clerks]:
    """Clerks at the web servers of these ports of this machine."""
    limits = httpx.Limits(max_connections=200)
    webs = [httpx.AsyncClient(base_url=f"http://127.0.0.1:{p}", timeout=60, limits=limits) for p in ports]
    try:
        yield Clerks(webs)
    finally:
        for web in webs:
            await web.aclose()
