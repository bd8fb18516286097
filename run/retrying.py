"""`amends retry`: a kept complaint whose process could not start is tried again by the web server's relay."""

from rich.console import Console

from register import audit, intake
from run import connect
from run.auditing import own_entry
from run.settings import Settings

out = Console(highlight=False, markup=False)


async def retry(settings: Settings, reference: str) -> None:
    """Take it back in; says so, or that there is nothing to try."""
    engine = connect.register(settings)
    try:
        if not await intake.set_aside(engine, reference, None):
            raise RuntimeError(f"nothing is kept under {reference} that has not started")
        await audit.append(engine, own_entry("retried", subject=reference))
    finally:
        await engine.dispose()
    out.print(f"{reference} is tried again within seconds")
