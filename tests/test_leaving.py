"""A web server is told to stop, as deployments tell it: nobody who asks it something notices."""

import asyncio
import signal
from contextlib import AsyncExitStack

import httpx
import pytest
from office import PASSWORD
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import WorkflowEnvironment
from web_process import web

from api.pages.live import MOST_OF_ONE


async def test_it_says_so_lets_go_of_every_connection_and_ends(
    database_url: str, register: AsyncEngine, temporal: WorkflowEnvironment
) -> None:
    async with web(database_url, temporal, drain=4) as (process, address), httpx.AsyncClient(base_url=address) as http:
        signed = await http.post("/auth/token", data={"username": "agent", "password": PASSWORD}, timeout=30)
        http.headers["Authorization"] = f"Bearer {signed.json()['access_token']}"
        async with http.stream("GET", "/desk/live") as live:
            assert live.headers["content-type"].startswith("text/event-stream")
            lines = live.aiter_lines()
            assert await anext(lines) == "retry: 3000"
            answer = await http.get("/complaints?limit=1")
            assert answer.status_code == 200 and "connection" not in answer.headers
            async with AsyncExitStack() as open_pages:
                for _ in range(MOST_OF_ONE - 1):
                    await open_pages.enter_async_context(http.stream("GET", "/desk/live"))
                assert (await http.get("/desk/live")).status_code == 204, "one person cannot take every connection"
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(4):  # before the server is gone: the page is let go of, and finds another one
                async for _ in lines:
                    pass
        ready = await http.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (503, "stopping")
        assert ready.headers["retry-after"] == "5"
        answer = await http.get("/complaints?limit=1")  # whoever has not noticed yet is answered
        assert answer.status_code == 200 and answer.headers["connection"] == "close"
        assert await asyncio.wait_for(process.wait(), 20) == 0
        with pytest.raises(httpx.ConnectError):
            await http.get("/healthz")


async def test_what_is_under_way_is_answered_and_a_second_signal_does_not_wait(
    database_url: str, register: AsyncEngine, temporal: WorkflowEnvironment
) -> None:
    async with web(database_url, temporal, drain=60) as (process, address), httpx.AsyncClient(base_url=address) as http:
        async with register.begin() as db:
            await db.exec_driver_sql("LOCK TABLE staff IN ACCESS EXCLUSIVE MODE")  # the request waits for this
            signing = asyncio.create_task(
                http.post("/auth/token", data={"username": "agent", "password": PASSWORD}, timeout=60)
            )
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            while not (await db.exec_driver_sql(waiting)).scalar_one():
                assert not signing.done()
            process.send_signal(signal.SIGTERM)
            while (await http.get("/readyz")).status_code == 200:
                assert process.returncode is None
            process.send_signal(signal.SIGTERM)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(process.wait(), 1)  # the one under way is waited for
        assert (await signing).status_code == 200
        assert await asyncio.wait_for(process.wait(), 20) == 0
