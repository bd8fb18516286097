"""`amends run --demo`: a living office. Complaints arrive and demo staff work them, over HTTP as every user does."""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import httpx
import structlog

from run.seed import command, words
from run.settings import Settings

Json = dict[str, Any]
MOST_IN_HAND, LATE_EVERY, MOVES = 60, 6, 3
"""Cases worked at once (who is forgotten waits, and is told of); one in so many is keyed in days late; moves a case."""
LATE = (
    *(timedelta(hours=h) for h in (1, 1.55, 47.9)),
    *(timedelta(days=d) for d in (3, 5, 8, 12)),
)
PATIENCE = 30.0
SEEDED_AT_FIRST = 400
"""Complaints of the last months, so that a living office does not begin on an empty board."""
log = structlog.get_logger()


class Desk:
    """Everybody's hands: signs in by name when it has to."""

    def __init__(self, base: str, password: str) -> None:
        self.http, self.password, self.tokens = (
            httpx.Client(base_url=base, timeout=PATIENCE),
            password,
            dict[str, str](),
        )

    def call(self, user: str, method: str, path: str, body: Json | None = None) -> httpx.Response:
        """One request in that person's name."""
        for _ in range(2):
            if user not in self.tokens:
                sent = self.http.post("/auth/token", data={"username": user, "password": self.password})
                sent.raise_for_status()
                self.tokens[user] = sent.json()["access_token"]
            answer = self.http.request(
                method, path, json=body, headers={"Authorization": f"Bearer {self.tokens[user]}"}
            )
            if answer.status_code != 401:
                break
            del self.tokens[user]
        return answer


class Living:
    """The office at work: what it has in hand, and what comes next. Its memory is bounded by MOST_IN_HAND."""

    def __init__(self, desk: Desk, dice: Random) -> None:
        self.desk, self.dice, self.opened, self.refused = desk, dice, 0, 0
        self.in_hand: OrderedDict[str, words.Told] = OrderedDict()

    def turn(self) -> None:
        """One complaint arrives, and some of those in hand are moved on."""
        self.arrive()
        self.forget()
        for reference in self.dice.sample(list(self.in_hand), min(MOVES, len(self.in_hand))):
            self.move(reference)

    def forget(self) -> None:
        """Who came first and is still not done stays as it is, as in any office with too much to do."""
        while len(self.in_hand) > MOST_IN_HAND:
            self.in_hand.popitem(last=False)

    def arrive(self) -> None:
        """Somebody complains; now and then of long ago, so that reminders, breaches and escalations show at once."""
        self.opened += 1
        kind = {3: "cross_department", 7: "major"}.get(self.opened % 25)
        told, dice, now = words.choose(self.dice, kind), self.dice, datetime.now(UTC)
        person = words.person(dice.randrange(2000), told.language)
        channel = dice.choice(["telephone", "telephone", "online", "email", "counter", "sms", "box"])
        known = {"name": person.name, "phone": person.phone, "email": person.email}
        amount = str(dice.choice([60, 180, 320, 450, 900, 2400, 8000]))
        gaps = {"day": words.day(now - timedelta(days=3), told.language), "place": words.place(dice, told.language)}
        late = dice.choice(LATE) if self.opened % LATE_EVERY == 0 else timedelta(0)
        form = {
            "channel": channel,
            "language": told.language,
            "received_at": (now - late).isoformat(),
            "complainant": None if channel == "box" else known | {"customer_number": person.customer_number},
            "matter": told.matter.format(amount=words.money(amount, told.language), **gaps),
            "demand": told.demand,
            "product": told.product,
        }
        answer = self.desk.call(dice.choice(["agent", "agent.zhou", "agent.lin"]), "POST", "/complaints", form)
        if answer.status_code in (201, 202) and (late < timedelta(days=1) or dice.random() < 0.3):
            self.in_hand[answer.json()["reference"]] = told
        elif answer.status_code not in (201, 202):
            self._note_refusal("open", answer)

    def move(self, reference: str) -> None:
        """Whoever is to act on that case does; one that is closed is out of hand."""
        case = self.desk.call("auditor", "GET", f"/complaints/{reference}").json()
        if case["stage"] == "closed":
            del self.in_hand[reference]
            return
        acts: dict[str, Callable[[str, Json], httpx.Response | None]] = {
            "received": self._confirm,
            "assigned": self._accept,
            "in_progress": self._work,
            "awaiting_approval": self._decide,
            "feedback": self._tell,
            "callback": self._call_back,
        }
        if case["incident"] and not case["incident"]["acknowledged_at"] and self.dice.random() < 0.7:
            path = f"/incidents/{case['incident']['id']}/acknowledgement"
            self._note_refusal("acknowledge", self.desk.call("manager", "POST", path, {}))
        elif (act := acts.get(case["stage"])) is not None and (answer := act(reference, case)) is not None:
            self._note_refusal(case["stage"], answer)

    def _note_refusal(self, act: str, answer: httpx.Response) -> None:
        if answer.is_error:
            self.refused += 1
            log.info("living.refused", act=act, status=answer.status_code)

    def _post(self, user: str, reference: str, act: str, body: Json) -> httpx.Response:
        return self.desk.call(user, "POST", f"/complaints/{reference}/{act}", body)

    def _confirm(self, reference: str, case: Json) -> httpx.Response:
        return self._post("agent", reference, "classification", {"reason": "演示：核实后确认"})

    def _accept(self, reference: str, case: Json) -> httpx.Response:
        held = case["assignment"]
        return self._post(held["handler"] or f"handler.{held['department']}", reference, "acceptance", {})

    def _work(self, reference: str, case: Json) -> httpx.Response | None:
        """The result mostly; else a note, a transfer and its answer, a later deadline, a plan."""
        held, what = case["assignment"], self.dice.random()
        handler, asked = held["handler"], [a for a in case["approvals"] if a["decision"] is None]
        if "cross_department" in case["classification"]["kinds"] and (plan := self._plan(reference, case)) is not None:
            return plan
        if asked:
            return self._decide(reference, case)
        if case["transfers"] and case["transfers"][-1]["answer"] is None:
            to = case["transfers"][-1]["to_department"]
            path = f"transfers/{case['transfers'][-1]['number']}/answer"
            return self._post(f"handler.{to}", reference, path, {"answer": "accepted"})
        if what < 0.2:
            return self._post(handler, reference, "notes", {"text": "演示：已联系客户核实。", "contact": True})
        if what < 0.25 and not case["transfers"]:
            to = "legal" if held["department"] != "legal" else "card_centre"
            why = {"reason": "演示：属该部门业务", "done": "已核对", "help_needed": "核查"}
            return self._post(handler, reference, "transfers", {"department": to} | why)
        if what < 0.3 and case["complainant"] and not case["extensions"]:
            return self._post(handler, reference, "extension", {"amount": 3, "reason": "演示：需调阅单据"})
        return self._resolve(handler, reference)

    def _plan(self, reference: str, case: Json) -> httpx.Response | None:
        handler, plan = case["assignment"]["handler"], case["plan"]
        if plan is None:
            other = "it_channels" if case["assignment"]["department"] != "it_channels" else "legal"
            duty = {"department": other, "owner": f"handler.{other}", "task": "演示：核查本部门环节", "working_days": 2}
            return self._post(handler, reference, "plan", {"duties": [duty]})
        for duty in plan["duties"]:
            if duty["answered_at"] is None and duty["cancelled_at"] is None:
                path = f"duties/{duty['number']}/answer"
                return self._post(duty["owner"], reference, path, {"answer": "演示：已核查。"})
        return None

    def _resolve(self, handler: str, reference: str) -> httpx.Response:
        findings, responsibility, measures, reply = words.answers(self.in_hand[reference])
        amount = self.dice.choice([None, "120.00", "300.00", "900.00", "20000.00"])
        paid = {"kind": "refund", "amount": {"value": amount, "currency": "CNY"}} if amount else {"kind": "apology"}
        body = {"findings": findings, "responsibility": responsibility, "measures": measures, "reply": reply}
        return self._post(
            handler, reference, "resolution", body | {"root_cause": self.in_hand[reference].cause, "redress": paid}
        )

    def _decide(self, reference: str, case: Json) -> httpx.Response | None:
        asked = [a for a in case["approvals"] if a["decision"] is None]
        if not asked or self.dice.random() < 0.3:  # now and then nobody has time
            return None
        user = {"manager": "manager", "head_office": "head.office"}.get(asked[0]["asked"], "supervisor")
        decision = "approve" if self.dice.random() < 0.9 else "reject"
        body = {"decision": decision, "reason": "演示：审核意见"}
        return self.desk.call(user, "POST", f"/approvals/{asked[0]['id']}/decision", body)

    def _tell(self, reference: str, case: Json) -> httpx.Response | None:
        if not case["by_person"]:
            return None  # the letter is on its way
        return self._post("agent", reference, "feedback", {"answer": "演示：客户知悉"})

    def _call_back(self, reference: str, case: Json) -> httpx.Response | None:
        tried = [c for c in case["callbacks"] if c["round"] == case["round"]]
        if not tried and self.dice.random() < 0.15:
            return self._post("agent", reference, "callbacks", {"reached": False})
        satisfaction = self.dice.choice([1, 2, 3, 4, 4, 5, 5])
        body = {"reached": True, "satisfaction": satisfaction, "nps": min(10, satisfaction * 2)}
        return self._post("agent", reference, "callbacks", body)


def begin(settings: Settings, base: str, password: str, pace: float) -> Callable[[], None]:
    """Let it live beside what was started, with a history at its first start; gives what ends it."""
    asyncio.run(command.seed_once(settings, SEEDED_AT_FIRST, days=90))
    stop = threading.Event()
    office = threading.Thread(target=live, args=(Living(Desk(base, password), Random()), pace, stop), daemon=True)  # nosec B311
    office.start()

    def end() -> None:
        stop.set()
        office.join(PATIENCE)

    return end


def live(office: Living, pace: float, stop: threading.Event) -> None:
    """Work until told to stop, so many complaints a minute; a part that is away for a while is waited for."""
    while not stop.wait(60 / pace):  # the pace asked for; nothing is waited for
        try:
            office.turn()
        except (httpx.HTTPError, KeyError) as error:
            log.warning("living.missed", error=type(error).__name__)
