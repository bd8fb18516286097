"""Throughput and lateness of the peers beside Amends, by turns; and what a kill -9 in the middle does to each peer."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psycopg
from aiosmtpd.controller import Controller
from breaking import answers
from clerks import UNLIMITED, Clerks, at_work
from lateness import address, begun, due_at, heard, late
from lives import rate
from results import Json
from spread import ratios, spread, tails
from stack import running

from run import local_postgres
from run.stack import die_with_parent, free_port

KINDS = ("ordinary", "on_dbos")
HEARD = (
    "SELECT heard_at, due_at FROM clock WHERE name = 'first_response' AND reference = ANY(%s) AND heard_at IS NOT NULL"
)
LEFT = "SELECT count(*) FROM complaint WHERE stage <> 'closed'"
LETTERS = "SELECT count(*) FILTER (WHERE sent_at IS NULL), count(*) FROM letter"


def options(parser: ArgumentParser) -> None:
    """What can be asked of it."""
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--lanes", type=int, default=12)
    parser.add_argument("--sweep", type=float, default=60, help="seconds between two sweeps of the ordinary way")
    parser.add_argument("--deadlines", type=int, default=100)
    parser.add_argument("--over", type=float, default=120, help="seconds the deadlines are spread over")


class Letters:
    """A mail server that only counts, by Message-ID."""

    def __init__(self) -> None:
        self.taken, self.lock = Counter[str](), threading.Lock()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """One letter."""
        lines = envelope.content.decode("utf-8", "replace").splitlines()
        with self.lock:
            self.taken[next(line for line in lines if line.lower().startswith("message-id"))] += 1
        return "250 OK"


class Peer:
    """One of them: its process, its database, its mail server."""

    def __init__(self, kind: str, folder: Path, sweep: float) -> None:
        self.kind, self.port, self.mail = kind, free_port(), free_port()
        self.server = local_postgres.start(folder / kind)
        self.url = local_postgres.url(self.server)
        self.letters = Letters()
        self.sink = Controller(self.letters, hostname="127.0.0.1", port=self.mail)
        self.sink.start()
        self.command = [sys.executable, "-m", f"peers.{kind}", str(self.port), self.url, str(self.mail)]
        self.command += [str(sweep)] if kind == "ordinary" else []
        self.start()

    def start(self) -> None:
        """Start its process, and wait until it answers."""
        path = {"PYTHONPATH": str(Path(__file__).parents[1])}
        self.process = subprocess.Popen(self.command, env=os.environ | path, preexec_fn=die_with_parent)
        answers(self.port)

    def stop(self) -> None:
        """Everything."""
        self.process.terminate()
        self.process.wait(30)
        self.sink.stop()
        self.server.stop()

    async def asked(self, query: str, *values: Any) -> list[Any]:
        """What its tables say."""
        url = self.url.replace("+psycopg", "", 1)
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as db:
            return await (await db.execute(query, values)).fetchall()


@contextmanager
def peer(kind: str, folder: Path, sweep: float) -> Any:
    """One that runs."""
    made = Peer(kind, folder, sweep)
    try:
        yield made
    finally:
        made.stop()


async def peer_lateness(made: Peer, clerks: Clerks, wanted: Namespace) -> Json:
    """Deadlines at rest, as lateness.py makes them."""
    first, step = await begun(clerks, wanted.deadlines), timedelta(seconds=wanted.over / wanted.deadlines)
    references = await due_at(clerks, [first + n * step for n in range(wanted.deadlines)])
    end = first + wanted.deadlines * step + timedelta(seconds=2 * wanted.sweep + 60)
    while len(rows := await made.asked(HEARD, references)) < len(references):
        if datetime.now(UTC) > end:
            raise RuntimeError(f"{made.kind}: {len(references) - len(rows)} deadlines were not heard")
        await asyncio.sleep(1)  # looks now and then; nothing tells when the last one is in
    return late(rows)


async def killed(made: Peer, clerks: Clerks, wanted: Namespace) -> Json:
    """Kill it in the middle of work, start it again, and count what was left, lost and doubled a minute later."""
    stop, failed, before = asyncio.Event(), Counter[str](), (await made.asked(LEFT))[0][0]

    async def lane() -> None:
        while not stop.is_set():
            try:
                await clerks.life()
            except (httpx.HTTPError, RuntimeError) as error:
                failed[type(error).__name__] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(wanted.lanes):
            group.create_task(lane())
        await asyncio.sleep(5)
        made.process.send_signal(signal.SIGKILL)
        made.process.wait()
        stop.set()
    await asyncio.to_thread(made.start)
    await asyncio.sleep(60)
    (waiting, ordered), (left,) = (await made.asked(LETTERS))[0], (await made.asked(LEFT))[0]
    doubled = sum(n > 1 for n in made.letters.taken.values())
    return {"requests failed": failed.total(), "complaints left open": left - before, "letters ordered": ordered,
            "letters never sent": waiting, "letters sent twice": doubled}  # fmt: skip


@asynccontextmanager
async def clerks_of(made: Peer) -> AsyncIterator[Clerks]:
    """Clerks at a peer's web server."""
    async with at_work(made.port) as clerks:
        yield clerks


async def _measured(peers: list[Peer], amends: Any, wanted: Namespace) -> Json:
    found: Json = {kind: {} for kind in ("amends", *KINDS)}
    async with at_work(amends.port) as ours, clerks_of(peers[0]) as first, clerks_of(peers[1]) as second:
        who = dict(zip(("amends", *KINDS), (ours, first, second), strict=True))
        rates: dict[str, list[float]] = {name: [] for name in who}
        for number in range(wanted.rounds + 1):
            for name, clerks in who.items():
                per_second, _, _ = await rate(clerks.life, wanted.lanes, wanted.seconds if number else 3)
                if number:
                    rates[name].append(per_second)
                    print(f"{name:<9} {per_second:6.2f}/s", flush=True)
        for name, values in rates.items():
            found[name]["lives"] = spread(values)
            found[name]["latency"] = {what: tails(v) for what, v in who[name].latencies.items()}
            if name != "amends":
                found[name]["amends to it"] = ratios(list(zip(rates["amends"], values, strict=True)))
        url = address(amends.settings())
        when = await begun(ours, wanted.deadlines)
        step = timedelta(seconds=wanted.over / wanted.deadlines)
        references = await due_at(ours, [when + n * step for n in range(wanted.deadlines)])
        found["amends"]["late"] = late(await heard(url, references))
        for made in peers:
            found[made.kind]["late"] = await peer_lateness(made, who[made.kind], wanted)
            found[made.kind]["killed"] = await killed(made, who[made.kind], wanted)
            print(made.kind, found[made.kind]["late"], found[made.kind]["killed"], flush=True)
    return found | {"sweep": wanted.sweep}


def measure(wanted: Namespace) -> Json:
    """All three on this machine, by turns."""
    with (
        TemporaryDirectory(prefix="amends-peers-", ignore_cleanup_errors=True) as folder,
        running(Path(folder) / "data", **UNLIMITED) as amends,
        peer("ordinary", Path(folder), wanted.sweep) as ordinary,
        peer("on_dbos", Path(folder), wanted.sweep) as on_dbos,
    ):
        return asyncio.run(_measured([ordinary, on_dbos], amends, wanted))
