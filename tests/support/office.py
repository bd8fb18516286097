"""A whole office for the tests: API, worker, register and mailbox on real servers, on a calendar of our choosing.

Temporal's skipping clock starts at the real time. So that a test can begin on, say, Friday 13 February 2026 at 10:00,
the real Chinese calendar of that year is moved by whole days onto today, weekends with it, in a time zone in which it
is now ten o'clock. `office.real(datetime(2026, 2, 14, 17, 30))` is then the true moment that day stands for.
"""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import yaml
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.channels import Post
from api.app import create_app
from api.parts import Parts
from policies.load import FOLDER, calendar
from register.tables import Staff, StaffNotice
from run import worker

PASSWORD = "demo-password-of-the-tests"
SECRET = "a secret of the tests, forty characters!"

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
class Office:
    """The desk of one test: acts through the API, moves the clock, reads what came of it."""

    env: WorkflowEnvironment
    engine: AsyncEngine
    http: httpx.AsyncClient
    queue: str
    worker: Worker
    build: Any
    zero: date
    day: timedelta
    zone: timezone
    tokens: dict[str, str] = field(default_factory=dict)

    async def token(self, user: str) -> str:
        if user not in self.tokens:
            answer = await self.http.post("/auth/token", data={"username": user, "password": PASSWORD})
            assert answer.status_code == 200, (user, answer.text)
            self.tokens[user] = answer.json()["access_token"]
        return self.tokens[user]

    async def call(self, user: str, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        sent = {"Authorization": f"Bearer {await self.token(user)}"} | headers
        return await self.http.request(method, path, json=body, headers=sent)

    async def open(self, form: dict[str, Any] = PLAIN, user: str = "agent", **more: Any) -> dict[str, Any]:
        key = {"Idempotency-Key": str(uuid4())}
        answer = await self.call(user, "POST", "/complaints", form | more, **key)
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

    async def case(self, reference: str) -> dict[str, Any]:
        answer = await self.call("auditor", "GET", f"/complaints/{reference}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def events(self, reference: str) -> list[dict[str, Any]]:
        answer = await self.call("auditor", "GET", f"/complaints/{reference}/timeline")
        assert answer.status_code == 200, answer.text
        return answer.json()["events"]

    async def letters(self, reference: str) -> list[dict[str, Any]]:
        answer = await self.call("auditor", "GET", f"/complaints/{reference}/letters")
        return answer.json()["letters"]

    def handle(self, reference: str) -> Any:
        return self.env.client.get_workflow_handle(reference)

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

    async def now(self, reference: str) -> datetime:
        """The case's own time."""
        info = await self.env.get_time_skipping_info(self.handle(reference))
        return info.current_time.ToDatetime(UTC) if info else datetime.now(UTC)

    def real(self, moment: datetime) -> datetime:
        """The true moment that a wall-clock time of the borrowed calendar stands for."""
        return (moment + self.day).replace(tzinfo=self.zone)

    def borrowed(self, moment: str | datetime) -> datetime:
        """The wall-clock time of the borrowed calendar at that moment."""
        at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
        return at.astimezone(self.zone).replace(tzinfo=None) - self.day

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

    async def told(self, reference: str) -> list[tuple[str, str]]:
        """Who was told what about a case."""
        query = select(col(StaffNotice.kind), col(StaffNotice.username)).where(col(StaffNotice.reference) == reference)
        async with self.engine.connect() as db:
            return [(kind, username) for kind, username in await db.execute(query)]

    async def to_callback(self, case: dict[str, Any], resolution: dict[str, Any] = RESOLUTION) -> dict[str, Any]:
        """Accept and resolve a case; its result goes out by letter."""
        handler = case["assignment"]["handler"]
        await self.act(handler, case["reference"], "acceptance")
        return await self.act(handler, case["reference"], "resolution", resolution)


def rules_moved(folder: Path, days: timedelta, zone_name: str, *without: str) -> Path:
    """The Chinese rules in a folder of their own, their calendar moved by whole days, but for some topics."""
    real = calendar("cn")
    shutil.copytree(FOLDER / "cn", folder / "cn", ignore=shutil.ignore_patterns(*(f"{t}.yaml" for t in without)))
    (folder / "calendars").mkdir()
    moved = {
        "id": "cn",
        "time_zone": zone_name,
        "opens": real.opens.isoformat("minutes"),
        "closes": real.closes.isoformat("minutes"),
        "weekend": [(d - 1 + days.days) % 7 + 1 for d in real.weekend],
        "known_from": real.known_from + days,
        "known_through": real.known_through + days,
        "extra_days_off": [d + days for d in real.days_off],
        "extra_make_up_days": [d + days for d in real.make_up_days],
        "source": f"{real.source}; moved by {days.days} days for a test",
    }
    (folder / "calendars" / "cn.yaml").write_text(yaml.safe_dump(moved, allow_unicode=True))
    return folder


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


OpenOffice = Callable[..., AbstractAsyncContextManager[Office]]


@asynccontextmanager
async def office_at(
    begin: datetime,
    env: WorkflowEnvironment,
    engine: AsyncEngine,
    post: Post,
    folder: Path,
    public_url: str | None = None,
    *without: str,
) -> AsyncIterator[Office]:
    """An office in which it is now about `begin` (no zone; the borrowed calendar's own wall clock)."""
    now = datetime.now(UTC)
    offset = (begin.hour - now.hour) % 24
    offset = offset if offset <= 12 else offset - 24
    zone = timezone(timedelta(hours=offset))
    days = now.astimezone(zone).date() - begin.date()
    rules = rules_moved(folder / uuid4().hex, days, f"Etc/GMT{-offset:+d}", *without)
    queue = f"complaints-{uuid4().hex[:8]}"

    def build() -> Worker:
        return worker.build(env.client, engine, post, queue, rules, sandbox=True, public_url=public_url)

    app = create_app(Parts(engine, env.client, SECRET, queue))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with build() as running, httpx.AsyncClient(transport=transport, base_url="http://test", timeout=30) as http:
        yield Office(env, engine, http, queue, running, build, begin.date(), days, zone)
