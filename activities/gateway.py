"""Posts JSON to one address that the operator has set, and to nothing else, whatever a name or an answer says.

No redirect is followed and no proxy of the environment is asked. A name is looked up once for each connection, every
address it has is checked, and the connection goes to an address that was checked: a name that means something else a
moment later leads nowhere. TLS and the Host header keep the name.
"""

import asyncio
import json
import socket
import ssl
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

import httpcore

from complaints.addresses import refusal


class Answer(NamedTuple):
    """Status of an answer and the beginning of what it says."""

    status: int
    said: bytes


class Forbidden(httpcore.ConnectError):
    """The name leads to an address where no gateway can be."""


class Checked(httpcore.AnyIOBackend):
    """Connects only to addresses that were looked at."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # as httpcore names it
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first address of the host that answers; none when one of them is forbidden."""
        try:
            async with asyncio.timeout(timeout):
                return await self._connect(host, port, timeout, local_address, socket_options)
        except TimeoutError:
            raise httpcore.ConnectTimeout from None

    async def _connect(self, host: str, port: int, *how: Any) -> httpcore.AsyncNetworkStream:
        addresses = await self.addresses(host, port)
        for address in addresses:
            if wrong := refusal(address, host):
                raise Forbidden(wrong)
        failed: Exception = httpcore.ConnectError("no address")
        for address in addresses:
            try:
                return await super().connect_tcp(address, port, *how)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed

    async def addresses(self, host: str, port: int) -> list[str]:
        """What the name means at this moment."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            raise httpcore.ConnectError("the name is not known") from None
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()


async def post(
    url: str, body: dict[str, object], headers: dict[str, str], *, within: float, network: Checked, read: int = 0
) -> Answer:
    """Post it and give the status of the answer, and so many bytes of it; the rest of the answer is not read."""
    sent = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "amends"} | headers
    timeout = dict.fromkeys(("connect", "read", "write", "pool"), within)
    async with (
        httpcore.AsyncConnectionPool(ssl_context=_trust(), network_backend=network) as pool,
        pool.stream(
            "POST",
            url,
            headers=list(sent.items()),
            content=json.dumps(body, ensure_ascii=False).encode(),
            extensions={"timeout": timeout},
        ) as answer,
    ):
        said = b""
        if read:
            async for part in answer.aiter_stream():
                said += part
                if len(said) >= read:
                    break
        return Answer(answer.status, said[:read])
