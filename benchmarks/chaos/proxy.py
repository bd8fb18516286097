"""A small TCP proxy between two parts, which can be slow, silent, shut, or lose an answer."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

Upstream = int | Path
"""A port of this machine, or a Unix socket."""


class Proxy:
    """One link. Its modes are set from other threads by way of `Proxies.do`."""

    def __init__(self, port: int, upstream: Upstream) -> None:
        self.port, self.upstream = port, upstream
        self.delay, self.shut = 0.0, False
        self.speaks = asyncio.Event()
        self.speaks.set()
        self.lost_answers, self.answer = 0, b""
        self.writers: set[asyncio.StreamWriter] = set()

    async def serve(self) -> None:
        """Take connections until the loop ends."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        async with server:
            await server.serve_forever()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.add(writer)
        try:
            if self.shut:
                return
            await self.speaks.wait()
            if isinstance(self.upstream, Path):
                there, back = await asyncio.open_unix_connection(str(self.upstream))
            else:
                there, back = await asyncio.open_connection("127.0.0.1", self.upstream)
            self.writers.add(back)
            ways = [asyncio.create_task(self._pump(reader, back)), asyncio.create_task(self._pump(there, writer, True))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            self._drop(back)
        except OSError:
            pass  # the part behind is down: its caller sees a closed connection
        finally:
            self._drop(writer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: bool = False) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await self.speaks.wait()
                if self.delay:
                    await asyncio.sleep(self.delay)  # this is the slow network
                if answers and self.lost_answers and self.answer in data:
                    self.lost_answers -= 1
                    return
                writer.write(data)
                await writer.drain()

    def _drop(self, writer: asyncio.StreamWriter) -> None:
        self.writers.discard(writer)
        with suppress(OSError, RuntimeError):
            writer.transport.abort()

    # -- what is done to the link, on its loop ---------------------------------------------------------------------

    def slow(self, seconds: float) -> None:
        """Every piece of data takes so much longer; 0 ends it."""
        self.delay = seconds

    def cut(self) -> None:
        """Drop every connection, and take no new one until it is open again."""
        self.shut = True
        for writer in list(self.writers):
            self._drop(writer)

    def open(self) -> None:
        """As at first."""
        self.shut, self.delay, self.lost_answers = False, 0.0, 0
        self.speaks.set()

    def stall(self) -> None:
        """Connections stay, and nothing gets through."""
        self.speaks.clear()

    def lose(self, count: int, answer: bytes) -> None:
        """The next answers that hold these bytes are lost, and their connections with them."""
        self.lost_answers, self.answer = count, answer


class Proxies:
    """All links, on a loop of their own in a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.links: dict[str, Proxy] = {}
        self.tasks: list[asyncio.Task[None]] = []
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def add(self, name: str, port: int, upstream: Upstream) -> int:
        """A link under that name; gives the port to connect to."""

        async def begin() -> None:
            self.links[name] = Proxy(port, upstream)
            self.tasks.append(asyncio.create_task(self.links[name].serve()))

        asyncio.run_coroutine_threadsafe(begin(), self.loop).result(10)
        return port

    def do(self, name: str, change: Callable[[Proxy], Any]) -> None:
        """Change a link."""
        self.loop.call_soon_threadsafe(change, self.links[name])

    def stop(self) -> None:
        """End the loop, and every connection with it."""

        async def end() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=3) if tasks else None

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
