"""`amends web` as a process of its own, as it is at work."""

import asyncio
import os
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from keys import MASTER_KEYS
from office import SECRET, free_port
from temporalio.testing import WorkflowEnvironment


async def ready(http: httpx.AsyncClient, address: str) -> bool:
    try:
        return (await http.get(f"{address}/readyz")).status_code == 200
    except httpx.HTTPError:
        return False


@asynccontextmanager
async def web(database_url: str, temporal: WorkflowEnvironment, drain: float) -> AsyncIterator[tuple[Process, str]]:
    """`amends web` that is ready; gives its process and address."""
    port = free_port()
    environment = {
        "AMENDS_DATABASE_URL": database_url,
        "AMENDS_TEMPORAL_ADDRESS": temporal.client.service_client.config.target_host,
        "AMENDS_MASTER_KEYS": MASTER_KEYS,
        "AMENDS_SECRET_KEY": SECRET,
        "AMENDS_API_PORT": str(port),
        "AMENDS_DRAIN_SECONDS": str(drain),
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "run.cli", "web", env=os.environ | environment)
    address = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(240), httpx.AsyncClient(timeout=30) as http:
            while not await ready(http, address):
                assert process.returncode is None
                await asyncio.sleep(0.1)  # a probe of another process
        yield process, address
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
