"""The office of a run: complaints of all kinds arrive over its length, and demo staff work them, well and badly."""

import heapq
import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from random_moves import attempt

from benchmarks.chaos.client import Client, Request
from run.seed import words

Json = dict[str, Any]
HANDS = 10
AGENTS = ("agent", "agent.zhou", "agent.lin")
KINDS = {"plain": 34, "major": 8, "anonymous": 8, "incomplete": 8, "hours late": 34, "days late": 8}
LIMITS = {
    "major": (1, 1.5, 2, 3),
    "plain": (18, 24, 36, 48, 54, 72, 96),
}
"""Hours after receipt at which clocks in hours make themselves heard: reminder, breach, escalation."""
FORWARD = {
    "received": "correct", "assigned": "accept", "in_progress": "resolve", "awaiting_approval": "decide",
    "feedback": "tell", "callback": "call",
}  # fmt: skip
BESIDE = {
    "received": ("note",),
    "assigned": ("note", "transfer", "answer_transfer", "extend"),
    "in_progress": (
        *("note", "contact", "pause", "resume", "extend", "decide"),
        *("transfer", "answer_transfer", "plan", "duty"),
    ),
    "awaiting_approval": ("note", "resume"),
    "feedback": ("note",),
    "callback": ("note",),
    "closed": ("note", "reopen", "call"),
}  # fmt: skip


@dataclass(frozen=True)
class Length:
    """How the run is laid out, in seconds from its beginning: complaints arrive until `arrive`, all ends at `end`."""

    arrive: float
    end: float


def form(number: int, seed: int, length: Length, begun: datetime) -> Json:
    """The complaint of that number. Where it came late, it was received so that a limit falls due within the run."""
    dice = Random(f"form {seed} {number}")
    [kind] = dice.choices(list(KINDS), list(KINDS.values()))
    told = words.choose(dice)
    person = words.person(dice.randrange(100_000), told.language)
    gaps = {"day": words.day(begun - timedelta(days=3), told.language), "place": words.place(dice, told.language)}
    matter = told.matter.format(amount=words.money("300", told.language), **gaps)
    major = kind == "major" or (kind == "hours late" and dice.random() < 0.2)
    late = timedelta(days=dice.choice((2, 4, 7, 9))) if kind == "days late" else timedelta(seconds=dice.uniform(0, 60))
    if kind == "hours late":
        hours = dice.choice(LIMITS["major" if major else "plain"])
        due = begun + timedelta(seconds=dice.uniform(0.1, 0.95) * length.end)
        late = max(datetime.now(UTC) - due + timedelta(hours=hours), timedelta(0))
    channel = {"anonymous": "box", "incomplete": dice.choice(("letter", "regulator"))}.get(kind)
    complainant: Json | None = {"name": person.name, "phone": person.phone, "email": person.email}
    if kind == "incomplete":
        complainant = dice.choice(
            [{"name": person.name}, {"email": person.email}, {"name": person.name, "address": "演示路1号"}]
        )
    return {
        "channel": channel or dice.choice(("telephone", "online", "email", "email", "counter", "sms")),
        "language": told.language,
        "received_at": (datetime.now(UTC) - late).isoformat(),
        "complainant": None if kind == "anonymous" else complainant,
        "matter": f"{matter} ({mark(seed, number)})",
        "demand": told.demand,
        "product": told.product,
        "amount": {"value": "900000.00" if major else "300.00", "currency": "CNY"},
    }


def mark(seed: int, number: int) -> str:
    """By what the checker knows this complaint again, whatever key it came under."""
    return f"chaos-{seed}-{number:05d}"


class Office:
    """Opens and works the complaints with several hands until the run ends."""

    def __init__(self, client: Client, seed: int, complaints: int, length: Length) -> None:
        self.client, self.seed, self.complaints, self.length = client, seed, complaints, length
        self.waiting: list[tuple[float, int, int, str]] = []
        self.later: list[tuple[float, int, Request]] = []
        self.order, self.lock = itertools.count(), threading.Lock()
        self.keys = itertools.count(1)
        self.begun_at = datetime.now(UTC)

    def run(self) -> None:
        """Until the end of the run."""
        self.began = time.monotonic()
        dice = Random(f"arrivals {self.seed}")
        for number in range(self.complaints):
            self._put(dice.uniform(0, self.length.arrive), number, "")
        with ThreadPoolExecutor(HANDS) as hands:
            for done in [hands.submit(self._work) for _ in range(HANDS)]:
                done.result()

    @property
    def now(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began

    def _put(self, at: float, number: int, reference: str) -> None:
        with self.lock:
            heapq.heappush(self.waiting, (at, next(self.order), number, reference))

    def _work(self) -> None:
        """One pair of hands: takes what is next, a repeat that comes late or a case."""
        while self.now < self.length.end and not self.client.stopping.is_set():
            with self.lock:
                again = heapq.heappop(self.later)[2] if self.later and self.later[0][0] <= self.now else None
                case = None
                if again is None and self.waiting and self.waiting[0][0] <= self.now:
                    case = heapq.heappop(self.waiting)
            if again is not None:
                self.client.send(again, "late repeat")
            elif case is not None:
                self._next(case[2], case[3])
            else:
                self.client.stopping.wait(0.05)

    def _next(self, number: int, reference: str) -> None:
        dice = Random(f"move {self.seed} {number} {next(self.keys)}")
        if not reference:
            body = form(number, self.seed, self.length, self.begun_at)
            wanted = Request("open", dice.choice(AGENTS), "/complaints", body, f"k{self.seed}-open-{number}", number)
            answer = self._send(wanted, dice)
            if answer is not None and answer.get("reference"):
                self._put(self.now + dice.uniform(0.5, 6), number, str(answer["reference"]))
            return
        case = self.client.get("auditor", f"/complaints/{reference}")
        if case is not None and case.get("assignment", 1) != 1:
            one = attempt(act := choose(case, dice), dice.randrange(48), case)
            user = one.user
            self._send(Request(act, user, one.path, one.body, f"k{self.seed}-{number}-{next(self.keys)}", number), dice)
        rest = 60 if case is not None and case["stage"] == "closed" else 12
        self._put(self.now + dice.uniform(0.5, rest), number, reference)

    def _send(self, request: Request, dice: Random) -> Json | None:
        """Send it until answered; now and then twice at once, and once more later, after others."""
        until = self.began + self.length.end
        twin = dice.random() < 0.08
        if twin:
            other = threading.Thread(target=self.client.send, args=(request, "twin"))
            other.start()
        answer = self.client.insist(request, until)
        if twin:
            other.join()
        if dice.random() < 0.12:
            with self.lock:
                heapq.heappush(
                    self.later, (self.now + dice.uniform(0.2, min(60, self.length.end / 4)), next(self.order), request)
                )
        try:
            return dict(answer.json()) if answer is not None else None
        except ValueError:
            return None


def choose(case: Json, dice: Random) -> str:
    """Mostly what leads on; a major one is taken up first, now and then; else something beside it."""
    if case["incident"] and not case["incident"]["acknowledged_at"] and dice.random() < 0.3:
        return "acknowledge"
    if case["incident"] and dice.random() < 0.15:
        return dice.choice(("log", "task", "done", "report"))
    stage = case["stage"]
    if stage in FORWARD and dice.random() < 0.6:
        return FORWARD[stage]
    if dice.random() < 0.02:
        return "withdraw"
    return dice.choice(BESIDE.get(stage, ("note",)))
