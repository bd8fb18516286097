"""The web part: the API on uvicorn."""

import asyncio
from datetime import timedelta

import uvicorn
from temporalio.service import RetryConfig

from api.app import create_app
from api.parts import Parts
from complaints.names import TASK_QUEUE
from run import connect
from run.rules_log import log_rules_at_start
from run.settings import MissingSetting, Settings, needed_secret

KEY_LENGTH = 32
# A caller waits for the answer: with Temporal away the complaint is kept and the agent told so within seconds.
BRIEF = RetryConfig(max_elapsed_time_millis=int(timedelta(seconds=3) / timedelta(milliseconds=1)))


async def serve(settings: Settings) -> None:
    """Answer requests until told to stop; those under way are finished first."""
    secret = needed_secret(settings.secret_key, "secret_key")
    if len(secret) < KEY_LENGTH:
        raise MissingSetting(f"AMENDS_SECRET_KEY needs at least {KEY_LENGTH} characters")
    engine = connect.register(settings)
    temporal = await connect.temporal(settings, lazy=True, retry=BRIEF)
    app = create_app(Parts(engine, temporal, secret, TASK_QUEUE, settings.token_minutes))
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.api_port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=20,
        server_header=False,
    )
    rules = asyncio.create_task(log_rules_at_start(engine))
    await uvicorn.Server(config).serve()
    rules.cancel()
    await engine.dispose()
