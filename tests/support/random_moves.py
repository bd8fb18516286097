"""Random things people do to a case: what is tried next, by whom, with which words; the same for both drivers.

A move is three small numbers, so that a sequence can be drawn, shrunk and written down. Most moves make sense where the
case stands; some do not, and must be refused.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

Json = dict[str, Any]
HANDLER, OTHER, AWAY = "handler.card_centre", "handler.card_centre.2", "handler.personal_finance"


class Move(NamedTuple):
    """How long to wait (`gap`), what to try (`pick`), and which way of it (`turn`)."""

    gap: int
    pick: int
    turn: int


@dataclass(frozen=True)
class Try:
    """One request: who sends what where; `act` is its name, as the pure driver knows it."""

    act: str
    user: str
    path: str
    body: Json


OFTEN: dict[str, str] = {
    "received": "correct correct correct withdraw note",
    "classified": "assign note",
    "assigned": "accept accept accept accept accept transfer answer_transfer assign extend correct note plan withdraw",
    "in_progress": "resolve resolve resolve resolve pause pause pause resume resume extend extend decide decide notice "
    "transfer answer_transfer assign note contact correct plan duty change withdraw",
    "awaiting_approval": "decide decide decide decide delegate resume extend assign note correct",
    "feedback": "tell tell tell note withdraw",
    "callback": "call call call call call decide note withdraw",
    "closed": "reopen reopen reopen call note withdraw",
}
"""What makes sense in each stage, more often what leads on."""

INCIDENT = ["acknowledge", "task", "done", "log", "report", "stand_down"]
ALL = sorted({act for acts in OFTEN.values() for act in acts.split()} | set(INCIDENT))


def choose(move: Move, case: Json) -> str:
    """The act a move means for a case that stands so; one in five is any act at all."""
    if move.pick % 5 == 4:
        return ALL[move.pick // 5 % len(ALL)]
    acts = OFTEN[case["stage"]].split()
    if case["incident"]:
        acts += INCIDENT
    return acts[move.pick % len(acts)]


def attempt(act: str, turn: int, case: Json) -> Try:
    """That act as a request; `turn` varies who and what."""
    reference, held = case["reference"], case["assignment"] or {}
    holder = held.get("handler") or HANDLER
    somebody = "handler.legal" if turn % 16 == 15 else holder  # now and then, who has no say

    def on_case(user: str, path: str, body: Json | None = None) -> Try:
        return Try(act, user, f"/complaints/{reference}/{path}", body or {})

    def on_incident(path: str, body: Json | None = None) -> Try:
        user = "agent" if turn % 16 == 15 else "manager"
        return Try(act, user, f"/incidents/{reference}-M1/{path}", body or {})

    match act:
        case "correct":
            choices: list[list[str] | None] = [None, [], ["major"], ["cross_department"], ["major", "cross_department"]]
            kinds = choices[turn % 5]
            if kinds is not None and case["complainant"] is None and turn % 3:
                kinds = [*kinds, "anonymous"]
            body: Json = {"kinds": kinds, "reason": "核实"}
            body |= [{}, {"urgency": "urgent"}, {"nature": "service"}, {"nature": "violation"}][turn % 4]
            return on_case("agent", "classification", body)
        case "assign":
            to = [("card_centre", HANDLER), ("card_centre", OTHER), ("card_centre", None), ("personal_finance", AWAY)]
            department, handler = to[turn % 4]
            body = {"department": department, "handler": handler, "reason": "主管指派"}
            return on_case("supervisor", "assignment", body)
        case "accept":
            return on_case(somebody, "acceptance")
        case "resolve":
            redress = [
                {"kind": "refund", "amount": {"value": "300.00", "currency": "CNY"}},
                {"kind": "none"},
                {"kind": "refund", "amount": {"value": "900.00", "currency": "CNY"}},
                {"kind": "compensation", "amount": {"value": "20000.00", "currency": "CNY"}},
            ][turn % 4]
            body = {
                "findings": "经核实",
                "responsibility": "我行",
                "measures": "已退回",
                "root_cause": "system_parameter",
            }
            return on_case(somebody, "resolution", body | {"redress": redress, "reply": "已退回您的账户。"})
        case "decide":
            waiting = [a["id"] for a in case["approvals"] if a["decision"] is None] or [f"{reference}-A1"]
            user = ["supervisor", "manager", "head.office", "head.office"][turn // 2 % 4]
            body = {"decision": "reject" if turn % 4 == 3 else "approve", "reason": "审核"}
            return Try(act, user, f"/approvals/{waiting[turn % len(waiting)]}/decision", body)
        case "delegate":
            waiting = [a["id"] for a in case["approvals"] if a["decision"] is None] or [f"{reference}-A1"]
            user, to = [("supervisor", "manager"), ("manager", "head.office"), ("manager", "supervisor")][turn % 3]
            path = f"/approvals/{waiting[turn % len(waiting)]}/delegation"
            return Try(act, user, path, {"to": to, "reason": "请其审批"})
        case "extend":
            clock = "first_response" if turn % 12 == 11 else "resolution"
            body = {"clock": clock, "amount": turn % 6 + 1, "reason": "需调阅单据"}
            return on_case(somebody, "extension", body)
        case "notice":
            return on_case("agent", "extension/notice")
        case "pause":
            body = {"question": "请提供截图", "reason": "核对"}
            return on_case(somebody, "pause", body | ({"longest": turn % 12 + 1} if turn % 3 else {}))
        case "resume":
            return on_case("agent", "resume", {"reason": "客户已补充"})
        case "transfer":
            department = "card_centre" if holder == AWAY else "personal_finance"
            body = {"department": department, "reason": "属其业务", "done": "已核对", "help_needed": "核查"}
            return on_case(somebody, "transfers", body)
        case "answer_transfer":
            number = len(case["transfers"]) or 1
            to = case["transfers"][-1]["to_department"] if case["transfers"] else "personal_finance"
            user = "handler.legal" if turn % 16 == 15 else f"handler.{to}"
            answer = {"answer": "rejected", "reason": "不属本部门"} if turn % 3 == 2 else {"answer": "accepted"}
            return on_case(user, f"transfers/{number}/answer", answer)
        case "plan":
            departments = ["legal", "it_channels", "card_centre"][: turn % 3 + 1]
            duties = [
                {"department": d, "owner": f"handler.{d}", "task": f"核查{d}", "working_days": (turn + n) % 7 + 1}
                for n, d in enumerate(departments)
            ]
            return on_case("supervisor" if turn % 2 else somebody, "plan", {"duties": duties})
        case "duty" | "change":
            duties = case["plan"]["duties"] if case["plan"] else []
            waiting = [d for d in duties if d["answered_at"] is None and d["cancelled_at"] is None]
            duty = waiting[turn % len(waiting)] if waiting else {"number": 1, "owner": "handler.legal"}
            if act == "duty":
                user = "handler.collections" if turn % 16 == 15 else duty["owner"]
                return on_case(user, f"duties/{duty['number']}/answer", {"answer": "已核查"})
            change: Json = [{"working_days": turn % 9 + 1}, {"cancel": True}, {"working_days": turn % 25 + 1}][turn % 3]
            return on_case("supervisor", f"duties/{duty['number']}/change", change | {"reason": "调整"})
        case "note" | "contact":
            return on_case("agent", "notes", {"text": "补充说明", "contact": act == "contact"})
        case "tell":
            return on_case("agent", "feedback", {"answer": "客户知悉"})
        case "call":
            if turn % 4 == 3:
                return on_case("agent", "callbacks", {"reached": False})
            return on_case("agent", "callbacks", {"reached": True, "satisfaction": [5, 1, 2][turn % 3]})
        case "withdraw":
            return on_case("agent", "withdrawal", {"reason": "客户撤诉"})
        case "reopen":
            return on_case("handler.legal" if turn % 16 == 15 else "agent", "reopening", {"reason": "问题重现"})
        case "acknowledge":
            return on_incident("acknowledgement")
        case "log":
            return on_incident("log", {"text": "已控制"})
        case "task":
            hours = {"hours": turn % 30 + 1} if turn % 2 else {}
            return on_incident("tasks", {"owner": "handler.it_channels", "text": "恢复"} | hours)
        case "done":
            tasks = case["incident"]["tasks"] if case["incident"] else []
            waiting = [t["number"] for t in tasks if t["done_at"] is None] or [1]
            return on_incident(f"tasks/{waiting[turn % len(waiting)]}/done", {"result": "已恢复"})
        case "report":
            return on_incident("report", {"text": "事件报告"})
        case "stand_down":
            return on_incident("standdown", {"reason": "并非重大"})
    raise AssertionError(act)


FORMS: list[Json] = [
    {},
    {},
    {"channel": "counter", "complainant": {"name": "测试客户"}},
    {"channel": "telephone"},
    {"channel": "box", "complainant": None},
    {"matter": "理财产品到期未兑付，涉及金额巨大，要求立即兑付本金。", "product": "wealth",
     "amount": {"value": "800000.00", "currency": "CNY"}},
    {"matter": "？？？", "product": None, "amount": None, "demand": None},
]  # fmt: skip
"""What the complaints of the sequences differ in."""


def until(gap: int, now: datetime, ends: list[datetime], alarm: datetime | None) -> datetime:
    """The moment a gap leads to: minutes to days on, about the end of a clock, or just when the next one is heard."""
    spans = [0, 0, 0, 7, 40, 150, 300, 700, 1440, 2880, 4400, 10000, 21000]
    kind = gap % 20
    if kind < len(spans):
        return now + timedelta(minutes=spans[kind] + gap // 20 % 5 * 13 if spans[kind] else 0)
    coming = sorted(e for e in ends if e > now)
    if kind < 16 and coming:
        return max(now, coming[gap // 20 % len(coming)] + timedelta(seconds=[-60, 0, 60][kind - 13]))
    if kind == 16 and alarm is not None:
        return max(now, alarm)
    return now + timedelta(minutes=1)
