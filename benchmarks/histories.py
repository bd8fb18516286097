"""Events, bytes and Temporal Cloud Actions of a complaint of each kind, sealed as at work, on a clock that skips.

The kinds are those whose histories every version records (tests/support/record_histories.py). A case that went on in a
new run is counted with all of its runs.
"""

import asyncio
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from actions import actions
from results import Json

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/support"))


def options(parser: ArgumentParser) -> None:
    """What can be asked of it."""
    parser.add_argument("--kinds", help="some of them, parted by commas")


async def runs(client: Any, reference: str) -> list[Any]:
    """The histories of all runs of a case, the first one first."""
    found = [w async for w in client.list_workflows(f"WorkflowId = '{reference}'")]
    ordered = sorted(found, key=lambda w: w.start_time)
    return [await client.get_workflow_handle(reference, run_id=w.run_id).fetch_history() for w in ordered]


async def counted(office: Any, reference: str) -> Json:
    """What its histories are made of."""
    events: list[Any] = []
    async with asyncio.timeout(30):
        while not events:  # visibility is a moment behind
            events = [e for history in await runs(office.env.client, reference) for e in history.events]
    by = actions(events)
    return {"events": len(events), "bytes": sum(e.ByteSize() for e in events), "actions": by.total(), "by": dict(by)}


async def _measured(wanted: Namespace) -> Json:
    from record_histories import KINDS, recording_office

    named = wanted.kinds.split(",") if wanted.kinds else [kind.__name__ for kind in KINDS]
    found: Json = {}
    async with recording_office(suggested_at=4096) as (office, _):
        for kind in (k for k in KINDS if k.__name__ in named):
            found[kind.__name__] = await counted(office, await kind(office))
            print(kind.__name__, found[kind.__name__], flush=True)
    return {"kinds": found}


def measure(wanted: Namespace) -> Json:
    """Play each kind and count."""
    return asyncio.run(_measured(wanted))
