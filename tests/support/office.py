"""The office of the product's drills, as the tests use it: with what a test asserts on the way.

It begins at a date and hour of our choosing; `office.real(datetime(2026, 2, 14, 17, 30))` is the true moment that a
wall-clock time of that calendar stands for.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col

from activities.channels import Post
from register.tables import Staff
from run.drill import office
from run.stack import free_port

__all__ = ["free_port"]

PASSWORD = "demo-password-of-the-tests"
SECRET = "a secret of the tests, forty characters!"

PATIENT = 4

PLAIN: dict[str, Any] = {
    "channel": "email",
    "language": "zh-CN",
    "complainant": {"name": "测试客户", "gender": "female", "email": "customer@example.com", "phone": "13800000000"},
    "matter": "信用卡年费被重复扣收，要求退回多收的300元年费。",
    "demand": "退还年费",
    "product": "credit_card",
    "amount": {"value": "300.00", "currency": "CNY"},
}
"""A plain complaint: one department, small amount, nothing special."""

MAJOR: dict[str, Any] = PLAIN | {
    "matter": "理财产品到期未兑付，涉及金额巨大，要求立即兑付本金。",
    "product": "wealth",
    "amount": {"value": "800000.00", "currency": "CNY"},
}

RESOLUTION: dict[str, Any] = {
    "findings": "经核实，系统重复扣收年费。",
    "responsibility": "系统参数设置错误，责任在我行。",
    "measures": "已退回多收年费并修正系统参数。",
    "redress": {"kind": "refund", "amount": {"value": "300.00", "currency": "CNY"}},
    "root_cause": "system_parameter",
    "reply": "多收的年费300元已退回您的账户。",
}


@dataclass
class Office(office.Office):
    """The desk of one test: acts through the API, moves the clock, reads what came of it."""

    env: Any
    password: str = PASSWORD

    async def open(self, form: dict[str, Any] = PLAIN, user: str = "agent", **more: Any) -> dict[str, Any]:
        """Open a case; on a machine so slow that its process has not answered, ask again as a client would."""
        key = {"Idempotency-Key": str(uuid4())}
        for _ in range(PATIENT):  # each of them waits for an answer, for as long as the API does
            answer = await self.call(user, "POST", "/complaints", form | more, **key)
            if answer.status_code != 202:
                break
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def act(self, user: str, reference: str, act: str, body: Any = None, expect: int = 200) -> dict[str, Any]:
        answer = await self.call(user, "POST", f"/complaints/{reference}/{act}", body or {})
        assert answer.status_code == expect, (answer.status_code, answer.text)
        return answer.json()

    async def post(self, user: str, path: str, body: Any = None, expect: int = 200) -> dict[str, Any]:
        answer = await self.call(user, "POST", path, body or {})
        assert answer.status_code == expect, (answer.status_code, answer.text)
        return answer.json()

    async def forward(self, reference: str, to: datetime | timedelta) -> None:
        """Let the case's own clock run on by a span, or to a moment."""
        if isinstance(to, datetime):
            to = to - await self.now(reference)
        assert await self.env.fast_forward(self.handle(reference), to)

    async def ended(self, reference: str) -> str:
        """How the process ends once a closed case can no longer be opened again."""
        if (until := (await self.case(reference))["reopen_until"]) is not None:
            left = datetime.fromisoformat(until) + timedelta(seconds=1) - await self.now(reference)
            await self.env.fast_forward(self.handle(reference), left)  # it may end before that: then it says no
        return str(await self.handle(reference).result())

    async def pending_workflow_task(self, reference: str) -> bool:
        """Wait until Temporal has a task for the case that no worker has taken."""
        for _ in range(200):
            info = (await self.handle(reference).describe()).raw_description
            if info.HasField("pending_workflow_task"):
                return True
        return False

    async def activity_failed_once(self, reference: str) -> None:
        """Wait until an activity of the case has been tried in vain."""
        async with asyncio.timeout(15):
            while True:
                info = (await self.handle(reference).describe()).raw_description
                if any(a.attempt > 1 for a in info.pending_activities):
                    return

    async def letter_event(self, reference: str, kind: str) -> None:
        """Wait until the history of the case has that event."""
        async with asyncio.timeout(40):
            async for event in self.handle(reference).fetch_history_events(wait_new_event=True):
                if event.HasField("activity_task_completed_event_attributes"):
                    break
            while kind not in [e["kind"] for e in await self.events(reference)]:
                await self.act("agent", reference, "notes", {"text": "请更新"})

    @asynccontextmanager
    async def nobody_at_work(self, department: str) -> AsyncIterator[None]:
        """Everybody of that department is on leave meanwhile."""
        of_it = update(Staff).where(col(Staff.department) == department, col(Staff.roles).contains(["handler"]))
        async with self.engine.begin() as db:
            await db.execute(of_it.values(state="leave"))
        try:
            yield
        finally:
            async with self.engine.begin() as db:
                await db.execute(of_it.values(state="working"))

    async def to_callback(self, case: dict[str, Any], resolution: dict[str, Any] = RESOLUTION) -> dict[str, Any]:
        """Accept and resolve a case; its result goes out by letter."""
        handler = case["assignment"]["handler"]
        await self.act(handler, case["reference"], "acceptance")
        return await self.act(handler, case["reference"], "resolution", resolution)


OpenOffice = Callable[..., AbstractAsyncContextManager[Office]]


def office_at(
    begin: datetime,
    env: office.Skipper,
    engine: AsyncEngine,
    post: Post,
    folder: Path,
    public_url: str | None = None,
    *without: str,
) -> AbstractAsyncContextManager[Office]:
    """An office in which it is now about `begin` (no zone; the borrowed calendar's own wall clock)."""
    return office.office_at(
        begin, env, engine, post, folder,
        kind=Office, password=PASSWORD, secret=SECRET, step=office.HOUR,
        sandbox=True, public_url=public_url, without=without,
    )  # fmt: skip
