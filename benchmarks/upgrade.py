"""`make upgrade`: from a landed version to these files, part by part, under load; then a breaking change at the gate.

N cases of mixed kinds (600, of which some are closed when it begins), FROM a commit or tag, RATE turns a second.
Workers and web servers are two each, replaced one after the other. Ends with code 1 if a request failed, a step of a
case failed, a case did not close, the register is not what the processes are, or the gate let the change through.
"""

import argparse
import asyncio
import shutil
import sys
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import upgrade_report
from balancer import Balancer, until
from caseload import PASSWORD, Caseload
from checkout import Checkout, broken, exported, this
from upgrade_check import differences, histories

from register.connect import as_app, engine
from run import local_postgres, sink
from run.drill import servers
from run.drill.servers import connect
from run.stack import free_port
from vault.keyring import Keyring
from vault.master import LocalMaster

EACH = 2
AT_FIRST = 6
"""Requests at the same time, before the load begins."""


class Upgrade:
    """One run: the servers, the two versions, the cases, and what was seen."""

    def __init__(self, folder: Path, said: "upgrade_report.Said") -> None:
        self.folder, self.said = folder, said
        self.balancer = Balancer()
        self.cases = Caseload(self.balancer)
        self.addresses: dict[str, str] = {}

    async def timed(self, what: str, doing: Awaitable[str | None]) -> None:
        """A step of the upgrade, with its time and what was to be seen."""
        began, before = time.monotonic(), len(self.balancer.failed)
        seen = await doing
        failed = len(self.balancer.failed) - before
        self.said.step(what, time.monotonic() - began, failed, seen or "")

    async def web_up(self, version: Checkout, number: int) -> None:
        """Start a web server, and send it requests as soon as it is ready."""
        name, port = f"web {number}", free_port()
        address = self.addresses[f"{version.name} {name}"] = f"http://127.0.0.1:{port}"
        version.start(name, self.folder, AMENDS_API_PORT=str(port))
        self.balancer.add(address)
        await until(lambda: address in self.balancer.ready, name)

    async def web_replaced(self, old: Checkout, new: Checkout, number: int, *, told: bool) -> str:
        """A new one beside the old one, then the old one goes; `told`: the balancer is told, else it has to notice."""
        await self.web_up(new, number)
        address = self.addresses[f"{old.name} web {number - EACH}"]
        if told:
            await self.balancer.take_out(address)
        took = await asyncio.to_thread(old.stop, f"web {number - EACH}")
        if not told:
            await self.balancer.take_out(address)
        return f"the old one ended within {took:.1f} s"

    async def worker_replaced(self, version: Checkout, number: int) -> str:
        """One more of the same version, then an older one goes."""
        version.start(f"worker {number}", self.folder)
        await self.ready_line(version, f"worker {number}")
        return f"ended within {await asyncio.to_thread(version.stop, f'worker {number - EACH}'):.1f} s"

    async def ready_line(self, version: Checkout, part: str) -> None:
        """Until the log of a worker says that it works."""
        log = self.folder / f"{version.name} {part}.log"
        await until(lambda: "worker.ready" in log.read_text(), part)

    async def workers_up(self, version: Checkout) -> None:
        """Its workers, at work."""
        for number in range(EACH):
            version.start(f"worker {number}", self.folder)
        for number in range(EACH):
            await self.ready_line(version, f"worker {number}")

    async def said_by(self, version: Checkout, *words: str, code: int = 0) -> str:
        """What a command says, which has to end with that code."""
        done = await asyncio.to_thread(version.call, *words)
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line and not line.startswith("{")]
        if done.returncode != code:
            raise RuntimeError(f"amends {' '.join(words)} ended with {done.returncode}: {' '.join(lines)}")
        return "; ".join(lines)

    async def roll(self, old: Checkout, new: Checkout) -> None:
        """The upgrade itself; docs/upgrading.md has the same steps."""
        await self.timed("migrate, old parts at work", self.said_by(new, "migrate"))
        await self.timed("new workers beside the old", self.workers_up(new))
        await self.timed("replay of open cases", self.said_by(new, "replay", "--open", "--limit", "100"))
        await self.timed("promote", self.said_by(new, "promote"))
        for number in range(EACH):
            await self.timed("an old worker stops", self.worker_gone(old, number))
        for number in range(EACH):
            await self.timed("a new web server for an old one", self.web_replaced(old, new, EACH + number, told=True))
        for number in range(EACH):
            await self.timed("a worker restarted", self.worker_replaced(new, EACH + number))
        for number in range(EACH):
            doing = self.web_replaced(new, new, 2 * EACH + number, told=False)
            await self.timed("a web server restarted, nobody told", doing)

    async def worker_gone(self, version: Checkout, number: int) -> str:
        """SIGTERM."""
        return f"ended within {await asyncio.to_thread(version.stop, f'worker {number}'):.1f} s"

    async def stopped_at_the_gate(self, new: Checkout, bad: Checkout) -> None:
        """A worker of a breaking change starts, and is not given a single case."""
        bad.start("worker 0", self.folder)
        await self.ready_line(bad, "worker 0")
        self.said.gate = await self.said_by(bad, "promote", code=1)
        self.said.builds = await self.said_by(new, "builds")
        await asyncio.to_thread(bad.stop, "worker 0")


@asynccontextmanager
async def surroundings(folder: Path) -> AsyncIterator[dict[str, str]]:
    """PostgreSQL, Temporal and a mailbox; gives what the parts are told of them."""
    master, mailbox = LocalMaster.new("upgrade"), sink.Mailbox(folder / "mail")
    smtp = sink.smtp(mailbox, port := free_port())
    smtp.start()
    try:
        with servers.postgres(folder / "postgres") as url, servers.gateway(mailbox) as gateway:
            async with servers.temporal(folder / "temporal.log", []) as temporal:
                yield {
                    "AMENDS_OWNER_URL": url("postgres"), "AMENDS_DATABASE_URL": as_app(url("postgres")),
                    "AMENDS_DATABASE_POOL": "4", "AMENDS_TEMPORAL_ADDRESS": temporal, "AMENDS_MASTER_KEYS": master,
                    "AMENDS_SECRET_KEY": "a secret of the upgrade, forty characters", "AMENDS_SMTP_HOST": "127.0.0.1",
                    "AMENDS_SMTP_PORT": str(port), "AMENDS_SMTP_TLS": "none", "AMENDS_SMS_URL": f"{gateway}/sms",
                    "AMENDS_WEBHOOK_URL": f"{gateway}/staff", "AMENDS_PRINT_QUEUE": str(folder / "print"),
                    "AMENDS_TOKEN_MINUTES": "600", "AMENDS_DEMO_PASSWORD": PASSWORD, "AMENDS_DATA": str(folder),
                    "AMENDS_REQUESTS_PER_MINUTE": "100000",
                }  # fmt: skip
    finally:
        smtp.stop()


async def run(folder: Path, kept: Path | None, said: "upgrade_report.Said") -> bool:
    """The whole run; whether all of it is as it should be."""
    async with surroundings(folder) as environment:
        old = await asyncio.to_thread(exported, said.revision, kept or folder / "old", environment)
        new, bad = this(environment), broken(folder / "broken", environment)
        here = Upgrade(folder, said)
        looking = asyncio.create_task(here.balancer.look())
        try:
            await here.said_by(old, "migrate")
            local_postgres.let_in(environment["AMENDS_OWNER_URL"])
            await asyncio.to_thread(old.furnish)
            await here.workers_up(old)
            if (old.folder / "run/promoting.py").exists():  # since 0.5 a worker is given nothing before that
                await here.said_by(old, "promote", "--without-replay")
            for n in range(EACH):
                await here.web_up(old, n)
            await begin(here.cases, said.number)
            said.opened(here.cases)
            over = asyncio.Event()
            load = asyncio.create_task(here.cases.load(said.rate, over))
            try:
                await here.roll(old, new)
            finally:
                over.set()
                await load
            said.under_load(here.cases, here.balancer)
            await here.stopped_at_the_gate(new, bad)
            await here.cases.finish()
            keyring = Keyring(LocalMaster.parse(environment["AMENDS_MASTER_KEYS"]))
            register = engine(environment["AMENDS_DATABASE_URL"], keyring)
            client = await connect(environment["AMENDS_TEMPORAL_ADDRESS"], "default", register)
            said.found = await histories(client)
            said.differences = await differences(client, register, set(here.cases.kinds))
            await register.dispose()
            return said.finished(here.cases, here.balancer)
        finally:
            said.failed = here.balancer.failed
            looking.cancel()
            await asyncio.gather(*(asyncio.to_thread(version.stop_all) for version in (old, new, bad)))


async def begin(cases: Caseload, number: int) -> None:
    """So many open cases, each moved on by none to five acts: they stand at various stages."""
    gate = asyncio.Semaphore(AT_FIRST)

    async def one(kind: int) -> None:
        async with gate:
            await cases.open()

    await asyncio.gather(*(one(n) for n in range(number)))

    async def moved(reference: str, acts: int) -> None:
        async with gate:
            if acts:
                await cases.step(reference, acts)

    await asyncio.gather(*(moved(r, n % 6) for n, r in enumerate(list(cases.stages))))


def main() -> int:
    """Read the words of the command line."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("number", type=int, nargs="?", default=600)
    words.add_argument("--from", dest="revision", default="760ee71", help="a commit or tag")
    words.add_argument("--rate", type=float, default=3.0)
    words.add_argument("--old", type=Path, help="a folder for the old version, which is kept and used again")
    words.add_argument("--logs", type=Path, help="a folder that gets the logs of all parts")
    words.add_argument("--report", type=Path, default=Path("build/upgrade.md"))
    asked = words.parse_args()
    said = upgrade_report.Said(asked.number, asked.revision, asked.rate)
    with TemporaryDirectory(prefix="amends-upgrade-", ignore_cleanup_errors=True) as folder:
        try:
            good = asyncio.run(run(Path(folder), asked.old, said))
        finally:
            said.write(asked.report)
            if asked.logs:
                for log in [*Path(folder).glob("*.log"), Path(folder) / "postgres/log"]:
                    shutil.copy(log, asked.logs)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
