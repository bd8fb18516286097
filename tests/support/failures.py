"""Every kind of failure, really happening in one process whose standard error is looked through by test_redaction.py.

python failures.py TEMPORAL_ADDRESS DATABASE_URL WHAT...
"""

import asyncio
import gc
import logging
import sys
import threading
import warnings
from datetime import timedelta
from typing import Any

import aiosmtplib
import httpx
import structlog
import uvicorn
from aiosmtpd.controller import Controller
from pydantic import SecretStr
from sqlalchemy import text
from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import FailureError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from api.app import create_app
from api.parts import Parts
from run.connect import register, temporal
from run.logs import configure
from run.settings import Settings
from run.stack import free_port

CANARIES = [
    "金丝雀客户", "canary.4711@example.com", "13987654321", "+86 139 8765 4322", "6222020200112233445", "11010519491231002X",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlY2FuYXJ5", "amk_canary0123456789abcdef", "Canary Lane 47",
]  # fmt: skip
"""Personal data and secrets of many shapes; the first and the last have none."""

ALL = " | ".join(CANARIES)


@activity.defn
async def broken_insert(database: str) -> None:
    """The database refuses a row, and says which."""
    own = register(Settings(database_url=SecretStr(database)))
    try:
        async with own.begin() as db:
            await db.execute(text("create temporary table leak (value text primary key check (value = 'never'))"))
            await db.execute(text("insert into leak values (:value)"), {"value": ALL})
    finally:
        await own.dispose()


@activity.defn
async def refused_mail(_: str) -> None:
    """A mail server refuses a recipient, and names them."""
    port = free_port()

    class Refusing:
        async def handle_RCPT(self, *_: Any) -> str:
            return f"550 no {CANARIES[1]} here, {CANARIES[8]}"

    controller = Controller(Refusing(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        await aiosmtplib.send(
            f"Subject: x\n\n{CANARIES[8]}".encode(),
            sender="a@bank.example",
            recipients=[CANARIES[1]],
            hostname="127.0.0.1",
            port=port,
        )
    finally:
        controller.stop()


@workflow.defn(sandboxed=False)
class Leak:
    """Its activities fail, then its own code."""

    @workflow.run
    async def run(self, database: str) -> None:
        once = RetryPolicy(maximum_attempts=1)
        for act in (broken_insert, refused_mail):
            for begin in (workflow.execute_activity, workflow.execute_local_activity):
                try:
                    await begin(act, database, start_to_close_timeout=timedelta(seconds=20), retry_policy=once)
                except FailureError:  # both fail: that is the case under test
                    workflow.logger.warning("failed", exc_info=True)
        raise RuntimeError(ALL)


async def in_temporal(address: str, database: str) -> None:
    found = Settings(temporal_address=address, database_url=SecretStr(database))
    client = await temporal(found, register(found))
    queue = f"leak-{free_port()}"
    acts = [broken_insert, refused_mail]
    async with Worker(
        client, task_queue=queue, workflows=[Leak], activities=acts, workflow_runner=UnsandboxedWorkflowRunner()
    ):
        case = await client.start_workflow(Leak.run, database, id=queue, task_queue=queue)
        async for event in case.fetch_history_events(wait_new_event=True):
            if event.HasField("workflow_task_failed_event_attributes"):
                break
        await case.terminate("seen")


async def in_the_api(address: str, database: str) -> None:
    found = Settings(temporal_address=address, database_url=SecretStr(database))
    own = register(found)
    app = create_app(
        Parts(own, await temporal(found, own, lazy=True), "a secret of the tests, forty characters!", "nowhere")
    )

    @app.get("/broken")
    async def broken() -> None:
        try:
            async with own.begin() as db:
                await db.execute(text("select cast(:value as integer)"), {"value": ALL})
        except Exception as error:
            raise RuntimeError(ALL) from error

    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False))
    running = asyncio.create_task(server.serve())
    transport = httpx.AsyncHTTPTransport(retries=5)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", transport=transport) as http:
        assert (await http.get("/broken")).status_code == 500
        assert (await http.get(f"/c/{CANARIES[7]}")).status_code == 404
        said = [
            await http.post("/auth/token", data={"username": ALL}),
            await http.get("/complaints", headers={"Authorization": f"Bearer {CANARIES[6]}"}),
            await http.post("/complaints", json={"complainant": {"email": CANARIES[1]}, "matter": ALL}),
            await http.get("/broken"),
        ]
    for answer in said:
        assert not [c for c in CANARIES if c in answer.text], answer.text
    server.should_exit = True
    await running
    await own.dispose()


async def in_the_background() -> None:
    async def lost() -> None:
        raise ValueError(ALL)

    task = asyncio.create_task(lost())
    await asyncio.wait([task])
    del task
    gc.collect()

    thread = threading.Thread(target=lambda: int(ALL))
    thread.start()
    thread.join()

    class Dying:
        def __del__(self) -> None:
            raise ValueError(ALL)

    Dying()
    warnings.warn(ALL, stacklevel=1)
    library = logging.getLogger("some.library")
    library.error("failed: %s", ValueError(ALL))
    library.error(ValueError(ALL))
    library.error("%s for %s\nand more: " + ALL, "Bearer " + CANARIES[6], CANARIES[1])
    library.info("GET https://sms.example/?to=" + CANARIES[2])
    try:
        raise ExceptionGroup(ALL, [KeyError(ALL)])
    except ExceptionGroup:
        structlog.get_logger().exception("group", customer=CANARIES[1], phone=CANARIES[2], card=int(CANARIES[4]))
        library.exception("failed")


async def main(address: str, database: str) -> None:
    configure("info")
    structlog.get_logger().info("failures.begin", reference="CMP-2026-000042")
    await in_temporal(address, database)
    await in_the_api(address, database)
    await in_the_background()
    raise RuntimeError(ALL)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
