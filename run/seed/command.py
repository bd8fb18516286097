"""`amends seed`: a made-up history, written straight into the register of a demonstration, and taken out again."""

import asyncio
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from datetime import UTC, datetime
from itertools import islice
from time import monotonic

import psycopg
from pydantic import JsonValue
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from sqlalchemy import make_url

from complaints.addresses import is_loopback
from complaints.records import Actor
from register import audit, read, seeding
from register.sealing import index_secret
from run import connect
from run.auditing import own_entry
from run.going import err
from run.seed.crew import Crew
from run.seed.history import Plan, batch
from run.settings import Settings, needed_secret
from vault.keyring import Keyring
from vault.master import LocalMaster

AT_ONCE, PROCESSES, REMOVED_AT_ONCE = 1000, 2, 5000


class CannotSeed(RuntimeError):
    """The history cannot be written or taken out; the message says why and how to mend it."""


class Desk:
    """What one process writes with."""

    def __init__(self, url: str, masters: str, secret: bytes, crew: Crew, plan: Plan) -> None:
        self.db = psycopg.connect(url, autocommit=True)
        self.db.execute("SET synchronous_commit = off")
        self.keyring, self.secret, self.crew, self.plan = Keyring(LocalMaster.parse(masters)), secret, crew, plan

    def write(self, first: int, numbers: list[int]) -> tuple[int, int]:
        """Write one batch, whole or not at all; gives how many cases and rows."""
        copies = batch(self.plan, self.crew, self.secret, first, numbers)
        with self.db.transaction():
            return len(numbers), seeding.copy_in(self.db, self.keyring, self.secret, copies)


_desk: Desk


def _begin(*with_: object) -> None:
    global _desk
    _desk = Desk(*with_)  # type: ignore[arg-type]  # what `seed` hands over below


def _write(first: int, numbers: list[int]) -> tuple[int, int]:
    return _desk.write(first, numbers)


async def told(settings: Settings, count: int | None, days: int, number: int, *, sure: bool) -> None:
    """Seed, or with no count remove, and say what came of it."""
    began = monotonic()
    if count is None:
        gone = await remove(settings)
        err.print(f"{gone} seeded complaints removed in {monotonic() - began:.0f} s", highlight=False)
        return
    rows = await seed(settings, count, days, number, sure=sure)
    took = max(monotonic() - began, 0.001)
    err.print(
        f"{count} complaints, {rows} rows in {took:.1f} s: {count / took:.0f} complaints and {rows / took:.0f} rows a "
        "second. They were opened by `seed`; `amends seed --remove` takes them out again.",
        highlight=False,
    )


async def seed(
    settings: Settings, count: int, days: int, number: int, *, sure: bool = False, quiet: bool = False
) -> int:
    """Write so many complaints of the last so many days; gives how many rows they are."""
    engine = connect.register(settings)
    try:
        await _fit(settings, sure=sure)
        staff = [s for s in await read.staff(engine) if s.state != "disabled"]
        crew = Crew(staff=[Actor(**s.model_dump(include={"username", "roles", "department", "region"})) for s in staff])
        if lacking := crew.lacks():
            raise CannotSeed(f"nobody in the register is {', '.join(lacking)}; `amends run` makes a demo office")
        secret = await index_secret(engine)
        plan = Plan(count, days, number, datetime.now(UTC))
        masters = needed_secret(settings.master_keys, "master_keys")
        handed = (_address(settings), masters, secret, crew, plan)
        done, rows = await asyncio.to_thread(_in_parallel, plan, handed, quiet)
        made: dict[str, JsonValue] = {"complaints": done, "days": days, "seed": number}
        await audit.append(engine, own_entry("seeded", change=made))
    finally:
        await engine.dispose()
    if done < count:
        raise CannotSeed(f"stopped after {done} of {count}; `amends seed --remove` takes them out")
    return rows


async def seed_once(settings: Settings, count: int, days: int) -> None:
    """Seed a register that has no seeded history yet."""
    with psycopg.connect(_address(settings)) as db:
        there = seeding.seeded(db)
    if not there:
        await seed(settings, count, days, 1, quiet=True)


def _in_parallel(plan: Plan, handed: tuple[object, ...], quiet: bool) -> tuple[int, int]:
    """Batches by some processes, never more waiting than are worked at; gives how many cases and rows were written."""
    with psycopg.connect(str(handed[0]), autocommit=True) as db:
        numbers = seeding.numbers(db, plan.count)
    jobs = ((first, numbers[first : first + AT_ONCE]) for first in range(0, plan.count, AT_ONCE))
    if plan.count <= AT_ONCE:  # not worth other processes
        desk = Desk(*handed)  # type: ignore[arg-type]  # as above
        return desk.write(*next(jobs))
    done = rows = 0
    context = multiprocessing.get_context("spawn")
    with _bar(plan.count, quiet) as bar, ProcessPoolExecutor(PROCESSES, context, _begin, handed) as pool:
        under_way = {pool.submit(_write, *job) for job in islice(jobs, 2 * PROCESSES)}
        try:
            while under_way:
                ready, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                under_way |= {pool.submit(_write, *job) for job in islice(jobs, len(ready))}
                for cases, some in (one.result() for one in ready):
                    done, rows = done + cases, rows + some
                    bar.update(bar.task_ids[0], completed=done)
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
    return done, rows


def _bar(total: int, quiet: bool) -> Progress:
    columns = (TextColumn("seeding"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=err, disable=quiet or not err.is_terminal)
    bar.add_task("seeding", total=total)
    return bar


def _address(settings: Settings, *, owner: bool = False) -> str:
    url = settings.owner_url if owner else settings.database_url
    return needed_secret(url, "owner_url" if owner else "database_url").replace("+psycopg", "", 1)


async def _fit(settings: Settings, *, sure: bool) -> None:
    """Refuse a register that may be a bank's own: on another machine, or with staff who are no demo staff."""
    host = make_url(needed_secret(settings.database_url, "database_url"))
    place = str(host.query.get("host") or host.host or "localhost")
    engine = connect.register(settings)
    staff = await read.staff(engine)
    await engine.dispose()
    why = None if place.startswith("/") or is_loopback(place) else f"its database is on {place}"
    if not staff or any(not s.demo for s in staff):
        why = "it has staff who are no demo staff" if staff else "it has no demo staff"
    if why and not sure:
        raise CannotSeed(
            f"this register does not look like a demonstration: {why}. Made-up complaints would stand among real ones; "
            "if that is meant, say --yes-this-is-no-production"
        )


async def remove(settings: Settings) -> int:
    """Take every seeded complaint out of the register; gives how many they were."""
    if settings.owner_url is None:
        raise CannotSeed("only the tables' owner may delete: set AMENDS_OWNER_URL")
    engine = connect.register(settings)
    try:
        gone = await asyncio.to_thread(_remove, _address(settings, owner=True))
        await audit.append(engine, own_entry("seed_removed", change={"complaints": gone}))
    finally:
        await engine.dispose()
    return gone


def _remove(url: str) -> int:
    with psycopg.connect(url, autocommit=True) as db, _bar(seeding.seeded(db), quiet=False) as bar:
        return sum(_chunks(db, bar))


def _chunks(db: seeding.Connection, bar: Progress) -> Iterator[int]:
    while True:
        with db.transaction():
            gone = seeding.remove(db, REMOVED_AT_ONCE)
        if not gone:
            return
        bar.advance(bar.task_ids[0], gone)
        yield gone
