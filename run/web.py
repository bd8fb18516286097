"""The web part: the API on uvicorn."""

from datetime import timedelta

import uvicorn
from temporalio.service import RetryConfig

from api.app import create_app
from api.parts import Lives, Parts
from api.rates import Rates
from complaints.names import TASK_QUEUE
from run import connect
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
    lives = Lives(
        token=timedelta(minutes=settings.token_minutes),
        idle=timedelta(minutes=settings.session_idle_minutes),
        session=timedelta(hours=settings.session_hours),
    )
    rates = Rates(settings.requests_per_minute, settings.failed_sign_ins_per_minute)
    provider, staff_url = connect.provider(settings), settings.staff_url or None
    parts = Parts(engine, temporal, secret, TASK_QUEUE, lives, provider=provider, staff_url=staff_url, rates=rates)
    app = create_app(parts)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.api_port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=20,
        server_header=False,
    )
    await uvicorn.Server(config).serve()
    await engine.dispose()
