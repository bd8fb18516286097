"""`amends policy reproject`: moves running cases to today's calendar, or to another version of the rules."""

import asyncio
from datetime import timedelta

from pydantic import JsonValue
from rich.console import Console
from rich.table import Table
from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError

from complaints.messages import Receipt
from complaints.orders import Reprojection
from policies.files import BrokenPolicy
from policies.load import by_version
from register import audit, read_detours
from run import connect
from run.auditing import own_entry
from run.settings import Settings

out = Console()
ANSWER_WITHIN, AT_ONCE = timedelta(seconds=20), 20


async def reproject(
    settings: Settings, jurisdiction: str, only: str | None, to: str | None, why: str, by: str, *, dry: bool
) -> None:
    """Move every open case of the jurisdiction (of one version, if `only`); says what moved, case by case."""
    if to is not None:
        known(to)
    engine = connect.register(settings)
    cases = await read_detours.open_cases(engine, only, jurisdiction)
    if dry:
        out.print(f"{len(cases)} open cases would be counted anew; leave out --dry-run to do it")
        return
    reached: dict[str, JsonValue] = {"cases": len(cases), "version": [only, to], "jurisdiction": jurisdiction}
    await audit.append(engine, own_entry("policy_reprojected", change=reached, why=why))
    client, table = await connect.temporal(settings, engine), Table("case", "was held to", "clocks moved")
    order, gate = Reprojection(version=to, why=why, by=by), asyncio.Semaphore(AT_ONCE)

    async def one(reference: str) -> str | None:
        async with gate:
            return await _one(client, reference, order)

    moved = await asyncio.gather(*(one(case["reference"]) for case in cases))
    for case, said in zip(cases, moved, strict=True):
        table.add_row(case["reference"], case["policy"], said or "did not answer: run it again")
    out.print(table)
    await engine.dispose()
    if failed := moved.count(None):
        raise RuntimeError(f"{failed} of {len(cases)} cases did not answer; running it again does no harm")
    out.print(f"{len(cases)} cases counted anew")


def known(version: str) -> None:
    """Refuse a version there are no rules of."""
    try:
        if by_version(version).version == version:
            return
    except (BrokenPolicy, ValueError):
        pass
    raise RuntimeError(f"no rules {version}; a version is a jurisdiction and a date, such as cn-2026-01-01")


async def _one(client: Client, reference: str, order: Reprojection) -> str | None:
    """Which clocks moved, in words; None when the case did not answer."""
    try:
        receipt = await client.get_workflow_handle(reference).execute_update(
            "reproject", order, result_type=Receipt, rpc_timeout=ANSWER_WITHIN
        )
    except (RPCError, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError):
        return None
    return ", ".join(receipt.moved) or "none"
