"""Complaints of mixed kinds, worked through the API by those who are to act; what comes next is read from the case."""

import asyncio
import time
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import uuid4

from balancer import Balancer

Json = dict[str, Any]
PASSWORD = "password-of-the-upgrade"  # nosec B105: of demo staff on a register that is thrown away
PLAIN: Json = {
    "channel": "email", "language": "zh-CN", "product": "credit_card", "demand": "退还年费",
    "complainant": {"name": "演示客户", "email": "demo@customer.example", "phone": "13900001234"},
    "matter": "信用卡年费被重复扣收，要求退回多收的300元年费。", "amount": {"value": "300.00", "currency": "CNY"},
}  # fmt: skip
KINDS: dict[str, Json] = {
    "plain": {},
    "told by a person": {"channel": "telephone"},
    "anonymous": {"channel": "box", "complainant": None},
    "major": {"matter": "理财产品到期未兑付，要求立即兑付本金。", "product": "wealth",
              "amount": {"value": "800000.00", "currency": "CNY"}},
    "costly": {},
    "doubtful": {"matter": "？？？", "product": None, "amount": None, "demand": None},
    "several departments": {},
    "extended": {},
    "twice": {},
}  # fmt: skip
RESOLUTION: Json = {
    "findings": "重复扣收。", "responsibility": "我行", "measures": "已退回。", "root_cause": "duplicate_posting",
    "reply": "多收的年费已退回您的账户。",
}  # fmt: skip
CHEAP: Json = {"redress": {"kind": "apology"}}
COSTLY: Json = {"redress": {"kind": "compensation", "amount": {"value": "900.00", "currency": "CNY"}}}
Act = tuple[str, str, Json]
"""Who, where, what."""


def next_act(kind: str, case: Json) -> Act | None:
    """What is to be done now; None: nothing by a person, the process is at it, or it is over."""
    path, held = f"/complaints/{case['reference']}", case["assignment"]
    asked = [a for a in case["approvals"] if a["decision"] is None]
    incident = case["incident"]
    if incident and not incident["acknowledged_at"]:
        return "manager", f"/incidents/{incident['id']}/acknowledgement", {"leader": "manager"}
    if asked:
        return "head.office", f"/approvals/{asked[0]['id']}/decision", {"decision": "approve", "reason": "同意"}
    match case["stage"]:
        case "received" | "classified":
            return "agent", f"{path}/classification", {"nature": "service", "reason": "核实"}
        case "assigned":
            return held["handler"] or f"handler.{held['department']}", f"{path}/acceptance", {}
        case "in_progress":
            return _in_progress(kind, case, path)
        case "feedback" if case["by_person"]:
            return "agent", f"{path}/feedback", {"answer": "客户知悉"}
        case "callback":
            pleased = not (kind == "twice" and case["round"] == 1)
            return "agent", f"{path}/callbacks", {"reached": True, "satisfaction": 5 if pleased else 1}
        case _:
            return None


def _in_progress(kind: str, case: Json, path: str) -> Act | None:
    held, plan = case["assignment"], case["plan"]
    handler = held["handler"]
    if kind == "several departments" and "cross_department" not in case["classification"]["kinds"]:
        return "agent", f"{path}/classification", {"kinds": ["cross_department"], "reason": "多部门"}
    if kind == "several departments" and plan is None:
        other = "it_channels" if held["department"] != "it_channels" else "legal"
        duty = {"department": other, "owner": f"handler.{other}", "task": "核查", "working_days": 2}
        return handler, f"{path}/plan", {"duties": [duty]}
    for duty in plan["duties"] if plan else []:
        if duty["answered_at"] is None and duty["cancelled_at"] is None:
            return duty["owner"], f"{path}/duties/{duty['number']}/answer", {"answer": "已核查。"}
    if kind == "extended" and not case["extensions"]:
        return handler, f"{path}/extension", {"amount": 3, "reason": "需调阅单据。"}
    return handler, f"{path}/resolution", RESOLUTION | (COSTLY if kind == "costly" else CHEAP)


@dataclass
class Caseload:
    """The cases there are, and everybody's hands."""

    at: Balancer
    dice: Random = field(default_factory=lambda: Random(1))  # nosec B311: which case is next is no secret
    kinds: dict[str, str] = field(default_factory=dict)
    stages: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    busy: set[str] = field(default_factory=set)
    later: int = 0

    async def call(self, user: str, method: str, path: str, body: Json | None = None) -> Json | None:
        """One request in that person's name; None when it failed."""
        if user not in self.tokens:
            form = {"username": user, "password": PASSWORD}
            signed = await self.at.send("POST", "/auth/token", data=form)
            if signed is None or signed.is_error:
                return None
            self.tokens[user] = signed.json()["access_token"]
        headers = {"Authorization": f"Bearer {self.tokens[user]}", "Idempotency-Key": uuid4().hex}
        answer = await self.at.send(method, path, json=body, headers=headers)
        if answer is None or answer.is_error:
            return None
        self.later += answer.status_code == 202
        found: Json = answer.json()
        return found

    async def open(self) -> None:
        """A complaint arrives; the kinds take turns."""
        kind = list(KINDS)[(len(self.kinds) + len(self.busy)) % len(KINDS)]
        made = f"open {uuid4()}"
        self.busy.add(made)
        case = await self.call("agent", "POST", "/complaints", PLAIN | {"reason": str(uuid4().int)} | KINDS[kind])
        self.busy.discard(made)
        if case is not None:
            self.kinds[case["reference"]], self.stages[case["reference"]] = kind, case["stage"]

    async def step(self, reference: str, acts: int = 1) -> int:
        """Whoever is to act on that case does, so many times at most; how often somebody did."""
        self.busy.add(reference)
        try:
            case, done = await self.call("auditor", "GET", f"/complaints/{reference}"), 0
            while case is not None and "approvals" in case:  # else it is kept, and not yet started
                self.stages[reference] = case["stage"]
                act = next_act(self.kinds[reference], case) if done < acts else None
                if act is None:
                    break
                case, done = await self.call(act[0], "POST", act[1], act[2]), done + 1
            return done
        finally:
            self.busy.discard(reference)

    def open_cases(self) -> list[str]:
        """Those nobody is at, and which are not closed."""
        return [r for r, stage in self.stages.items() if stage != "closed" and r not in self.busy]

    async def load(self, rate: float, over: asyncio.Event) -> None:
        """So many turns a second: one in five opens a case, one in five lists cases, the rest move one on."""
        async with asyncio.TaskGroup() as turns:
            due, number = time.monotonic(), 0
            while not over.is_set():
                number, due = number + 1, due + 1 / rate
                waiting = self.open_cases()
                if number % 5 == 0:
                    turns.create_task(self.open())
                elif number % 5 == 1 or not waiting:
                    turns.create_task(self.call("auditor", "GET", "/complaints?limit=50"))
                else:
                    reference = self.dice.choice(waiting)
                    self.busy.add(reference)
                    turns.create_task(self.step(reference))
                await asyncio.sleep(max(0.0, due - time.monotonic()))  # the rate asked for

    async def finish(self, patience: float = 900) -> None:
        """Work every case to its end."""

        async def one(reference: str) -> None:
            async with gate:
                while self.stages[reference] != "closed":
                    if time.monotonic() > end:
                        return
                    if not await self.step(reference, 20):
                        await asyncio.sleep(0.3)  # a letter is on its way; a person who looks again

        gate, end = asyncio.Semaphore(4), time.monotonic() + patience
        await asyncio.gather(*(one(reference) for reference in self.stages))
