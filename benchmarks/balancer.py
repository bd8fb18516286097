"""What stands before the web servers: spreads requests over those that are ready, and counts what becomes of each.

A request has failed when it got no answer, or one of 400 and more: its sender has asked for nothing that is refused.
It goes to the next server only if the connection was refused, which is before any of it was sent.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

LOOK_EVERY = 0.2
ANSWERS = 60.0
"""Seconds after which there is no answer: other things run on the machine, too."""
KEEP = 3.0
"""Seconds an idle connection is kept: less than the servers do, or one would be closed as it is taken up again."""


async def until(true: Callable[[], bool], what: str, patience: float = 300) -> None:
    """Wait for other tasks or processes to make it true."""
    end = time.monotonic() + patience
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"waited in vain for {what}")
        await asyncio.sleep(0.05)  # nobody tells; it is looked at


@dataclass
class Balancer:
    """The servers by their address, those that are ready, and the count."""

    servers: dict[str, httpx.AsyncClient] = field(default_factory=dict)
    ready: list[str] = field(default_factory=list)
    under_way: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    by_server: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    refused: int = 0
    seconds: list[float] = field(default_factory=list)
    turn: int = 0

    def add(self, address: str) -> None:
        """Ask it from now on whether it is ready."""
        limits = httpx.Limits(max_connections=50, keepalive_expiry=KEEP)
        self.servers[address] = httpx.AsyncClient(base_url=address, timeout=ANSWERS, limits=limits, trust_env=False)

    async def take_out(self, address: str) -> None:
        """Send it nothing more, and wait until what it has is answered."""
        client = self.servers.pop(address)
        self.ready = [a for a in self.ready if a != address]
        await until(lambda: not self.under_way[address], "its answers")
        await client.aclose()

    async def look(self) -> None:
        """Ask all of them, again and again, as a balancer does."""
        while True:
            answers = await asyncio.gather(*(self._able(client) for client in list(self.servers.values())))
            self.ready = [a for a, able in zip(list(self.servers), answers, strict=False) if able]
            await asyncio.sleep(LOOK_EVERY)  # as often as a balancer asks

    @staticmethod
    async def _able(client: httpx.AsyncClient) -> bool:
        with suppress(httpx.HTTPError):
            return (await client.get("/readyz", headers={"Connection": "close"}, timeout=5)).status_code == 200
        return False

    async def send(self, method: str, path: str, **more: Any) -> httpx.Response | None:
        """The answer; None when there was none."""
        began = time.monotonic()
        for _ in range(len(self.servers) + 1):
            self.turn += 1
            able = self.ready or list(self.servers)  # none says so: all of them are asked
            address = able[self.turn % len(able)]
            self.under_way[address] += 1
            try:
                answer = await self.servers[address].request(method, path, **more)
            except httpx.ConnectError:
                self.refused += 1
                continue
            except httpx.HTTPError as error:
                self.failed.append(f"{method} {path}: {type(error).__name__} at {address}")
                return None
            finally:
                self.under_way[address] -= 1
            self.seconds.append(time.monotonic() - began)
            self.statuses[answer.status_code] += 1
            self.by_server[address] += 1
            if answer.status_code >= 400:
                self.failed.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
            return answer
        self.failed.append(f"{method} {path}: no server took it")
        return None
