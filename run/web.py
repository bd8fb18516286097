"""The web part: the API on uvicorn."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import structlog
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp
from temporalio.service import RetryConfig

from api.app import create_app
from api.leaving import leave
from api.limits import LARGEST_HEADERS
from api.parts import Lives, Parts
from api.rates import Rates
from complaints.names import TASK_QUEUE
from register import schema
from run import connect, tracing
from run.rules_log import log_rules_at_start
from run.settings import MissingSetting, Settings, needed_secret

log = structlog.get_logger()
KEY_LENGTH = 32
MOST_CONNECTIONS = 500
"""Of one process; beyond it the answer is 503. Open pages that listen are fewer: api/pages/live.py."""
STATEMENT = timedelta(seconds=15)
"""The longest a request's question to the register may take: who asks for everything must not hold the connections."""
# A caller waits for the answer: with Temporal away the complaint is kept and the agent told so within seconds.
BRIEF = RetryConfig(max_elapsed_time_millis=int(timedelta(seconds=3) / timedelta(milliseconds=1)))


async def serve(settings: Settings) -> None:
    """Answer requests until told to stop; those under way are finished first."""
    secret = needed_secret(settings.secret_key, "secret_key")
    if len(secret) < KEY_LENGTH:
        raise MissingSetting(f"AMENDS_SECRET_KEY needs at least {KEY_LENGTH} characters")
    engine = connect.register(settings, within=STATEMENT)
    await schema.check(engine)
    traces = tracing.provider(settings.traces, "web")
    temporal = await connect.temporal(settings, engine, lazy=True, retry=BRIEF, serves=True, traces=traces)
    lives = Lives(
        token=timedelta(minutes=settings.token_minutes),
        idle=timedelta(minutes=settings.session_idle_minutes),
        session=timedelta(hours=settings.session_hours),
    )
    parts = Parts(
        engine,
        temporal,
        secret,
        TASK_QUEUE,
        lives,
        ui_origins=(settings.temporal_ui_url,) if settings.temporal_ui_url else (),
        provider=connect.provider(settings),
        staff_url=settings.staff_url or None,
        rates=Rates(settings.requests_per_minute, settings.failed_sign_ins_per_minute),
    )
    app = create_app(parts, secure=(settings.public_url or "").startswith("https://"), traces=traces)
    rules = asyncio.create_task(log_rules_at_start(engine))
    server = Server(config(app, settings.host, settings.api_port))
    going = asyncio.create_task(_stop_when_told(server, app, settings.drain_seconds))
    await server.serve()
    going.cancel()
    rules.cancel()
    await tracing.flushed(traces)
    await engine.dispose()


class Server(uvicorn.Server):
    """uvicorn, without handlers of its own for signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them to `serve`."""
        yield


async def _stop_when_told(server: Server, app: FastAPI, seconds: float) -> None:
    """Let those who send requests find another server for so long; told a second time, stop at once."""
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    await told.wait()
    told.clear()
    log.info("web.stopping", after_seconds=seconds)
    await leave(app)
    with suppress(TimeoutError):
        await asyncio.wait_for(told.wait(), seconds)
    server.should_exit = True


def config(app: ASGIApp, host: str, port: int) -> uvicorn.Config:
    """How it is served: no access log, which would hold customers' links; a bound on headers and connections."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=20,
        server_header=False,
        http="h11",
        h11_max_incomplete_event_size=LARGEST_HEADERS,
        limit_concurrency=MOST_CONNECTIONS,
    )
