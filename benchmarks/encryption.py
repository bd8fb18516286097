"""`make ratio`: what sealing costs. The same office with keys and without, by turns, in one run: lifecycles a second.

Without keys, payloads and columns are written as they are; everything else is the same, the audit log too.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from register.connect import as_app, engine
from run.drill import office, servers
from run.drill.rooms import Rooms, rooms
from vault.box import Box
from vault.keyring import Keyring

SECRET = "a secret of the benchmark, forty letters"
ROUNDS, LIVES, AT_ONCE = 5, 16, 4
FORM = {
    "channel": "email",
    "complainant": {"name": "测试客户", "email": "customer@example.com", "phone": "13800000000"},
    "matter": "信用卡年费被重复扣收，要求退回多收的300元年费。",
    "product": "credit_card",
}
RESOLUTION = {
    "findings": "经核实，系统重复扣收年费。" * 5, "responsibility": "系统参数设置错误。", "measures": "已退回。",
    "root_cause": "system_parameter", "reply": "多收的年费已退回您的账户。", "redress": {"kind": "apology"},
}  # fmt: skip


class Clear(Box):
    """A box that seals nothing."""

    def seal(self, clear: bytes, place: str) -> bytes:
        return clear

    def open(self, sealed: bytes, place: str) -> bytes:
        return sealed


class NoKeys(Keyring):
    """A keyring without keys: nothing is looked up, nothing is sealed."""

    async def boxes(self, db: AsyncConnection, subjects: Iterable[str], *, fresh: bool = False) -> dict[str, Box]:
        return {subject: Clear("none", subject, bytes(32)) for subject in subjects}


@asynccontextmanager
async def desk(made: Rooms, name: str, *, sealed: bool) -> AsyncIterator[office.Office]:
    """An office of that kind, with a worker of its own."""
    async with AsyncExitStack() as stack:
        room = await stack.enter_async_context(made.room())
        register, env = room.engine, room.env
        if not sealed:
            database = room.engine.url.database or ""
            register = engine(as_app(made.url(database)), NoKeys(made.master))
            client = await Client.connect(made.address, namespace=database, data_converter=pydantic_data_converter)
            env = TimeSkipper(client, config=TimeSkippingConfig(enabled=False))
            stack.push_async_callback(register.dispose)
        folder = Path(stack.enter_context(TemporaryDirectory()))
        mail = stack.enter_context(servers.ways_out(room.mailbox, made.gateway, folder / "print", register))
        begin = datetime.now(UTC).replace(tzinfo=None, minute=0, second=0, microsecond=0)
        yield await stack.enter_async_context(
            office.office_at(
                begin, env, register, mail, folder / name, kind=office.Office, password=made.password, secret=SECRET,
                step=timedelta(hours=1), sandbox=False, public_url=None, without=("mass", "duplicates"),
            )
        )  # fmt: skip


async def life(here: office.Office) -> float:
    """One lifecycle; the seconds its opening took."""
    began = time.perf_counter()
    answer = await here.call("agent", "POST", "/complaints", FORM, **{"Idempotency-Key": str(uuid4())})
    opened, case = time.perf_counter() - began, answer.raise_for_status().json()
    if not case.get("assignment"):  # the rules are not sure: a person confirms
        path = f"/complaints/{case['reference']}/classification"
        case = (await here.call("agent", "POST", path, {"nature": "product", "reason": "x"})).json()
    reference, handler = case["reference"], case["assignment"]["handler"]
    await here.call(handler, "POST", f"/complaints/{reference}/acceptance")
    await here.call(handler, "POST", f"/complaints/{reference}/resolution", RESOLUTION)
    answer_of_customer = {"reached": True, "satisfaction": 5, "nps": 9}
    while True:
        done = await here.call("agent", "POST", f"/complaints/{reference}/callbacks", answer_of_customer)
        if done.status_code == 200:
            return opened
        await asyncio.sleep(0.05)  # the letter is on its way


async def round_of(here: office.Office) -> tuple[float, float]:
    """Lifecycles a second, and the median seconds of an opening."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one() -> float:
        async with gate:
            return await life(here)

    began = time.perf_counter()
    opened = await asyncio.gather(*(one() for _ in range(LIVES)))
    return LIVES / (time.perf_counter() - began), statistics.median(opened)


async def main() -> int:
    """Rounds by turns, the first of each kind not counted."""
    async with (
        rooms(2) as made,
        desk(made, "sealed", sealed=True) as sealed,
        desk(made, "clear", sealed=False) as clear,
    ):
        for here in (sealed, clear):
            await round_of(here)
        pairs = []
        for number in range(ROUNDS):
            first, second = (sealed, clear) if number % 2 else (clear, sealed)
            found = {id(here): await round_of(here) for here in (first, second)}
            pairs.append((found[id(sealed)], found[id(clear)]))
            (lives, opened), (clear_lives, clear_opened) = pairs[-1]
            print(
                f"sealed {lives:.2f}/s, opening {opened * 1000:.0f} ms · "
                f"clear {clear_lives:.2f}/s, opening {clear_opened * 1000:.0f} ms · ratio {lives / clear_lives:.2f}"
            )
    ratios = sorted(a[0] / b[0] for a, b in pairs)
    latency = sorted(b[1] / a[1] for a, b in pairs)
    print(f"throughput, sealed to clear: median {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")
    print(f"opening latency, clear to sealed: median {statistics.median(latency):.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
