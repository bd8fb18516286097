"""How often an account may ask and an address may fail to sign in; counted in memory, by each web server for itself.

Several web servers together let through that much each. The lock of a name (register/locks.py) is one for all.
"""

import asyncio
import time
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from math import ceil

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter
from starlette.exceptions import HTTPException
from starlette.requests import Request

SEARCHES_OF = 25
"""One request in so many may be a search: nobody is to try numbers by the thousand."""
HASHES_AT_ONCE = 4
"""Each takes 64 MiB and a core: a flood of sign-ins waits in line."""

STRANGERS_WRITTEN = 60
"""So many refusals of a minute that nobody signed in for are written to the audit log, of each network."""


def too_fast(seconds: float, why: str) -> HTTPException:
    """The refusal, with when to try again."""
    return HTTPException(429, why, headers={"Retry-After": str(max(1, ceil(seconds)))})


def address_of(request: Request) -> str:
    """From where it comes; a proxy in front is believed when uvicorn is told to (FORWARDED_ALLOW_IPS)."""
    return request.client.host if request.client else "local"


def _network(address: str) -> str:
    """One line's IPv6 addresses count as one: whoever has one has 2^64 of them."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return str(IPv6Address(int(found) >> 64 << 64)) if found.version == 6 else address


@dataclass
class Rates:
    """The counters of one web server."""

    requests_per_minute: int = 3000
    failures_per_minute: int = 30
    hashing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(HASHES_AT_ONCE))
    counted: FixedWindowRateLimiter = field(default_factory=lambda: FixedWindowRateLimiter(MemoryStorage()))

    async def asks(self, username: str) -> None:
        """Count a request of an account; 429 when there are too many."""
        limit = RateLimitItemPerMinute(self.requests_per_minute)
        if not await self.counted.hit(limit, "asks", username):
            raise too_fast(await self._wait(limit, "asks", username), "too many requests of this account")

    async def searches(self, username: str) -> None:
        """Count a search of an account; 429 when there are too many."""
        limit = RateLimitItemPerMinute(max(1, self.requests_per_minute // SEARCHES_OF))
        if not await self.counted.hit(limit, "searches", username):
            raise too_fast(await self._wait(limit, "searches", username), "too many searches of this account")

    async def may_sign_in(self, address: str) -> None:
        """429 when too many sign-ins from that address have failed in this minute."""
        limit, place = RateLimitItemPerMinute(self.failures_per_minute), _network(address)
        if not await self.counted.test(limit, "failed", place):
            raise too_fast(await self._wait(limit, "failed", place), "too many failed sign-ins from this address")

    async def failed(self, address: str) -> None:
        """Count a sign-in that failed."""
        await self.counted.hit(RateLimitItemPerMinute(self.failures_per_minute), "failed", _network(address))

    async def stranger(self, address: str) -> int:
        """Count a request that was refused for want of a sign-in; how many more of this minute are written down."""
        limit, place = RateLimitItemPerMinute(STRANGERS_WRITTEN), _network(address)
        if not await self.counted.hit(limit, "stranger", place):
            return -1
        return int((await self.counted.get_window_stats(limit, "stranger", place)).remaining)

    async def _wait(self, limit: RateLimitItem, *key: str) -> float:
        return (await self.counted.get_window_stats(limit, *key)).reset_time - time.time()
