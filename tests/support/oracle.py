"""What the clocks of a case must say, worked out once more from its events alone, in the plainest way there is.

Nothing here uses complaints/clock.py or complaints/sla.py: the rules are read as data, days are walked one by one.
The oracle knows what starts, moves and stops a clock; it believes nothing the case says about its clocks.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from oracle_clocks import INCIDENT, Almanac, Expected, Json, due


class Oracle:
    """Reads the events of one case in order and keeps its clocks."""

    def __init__(self, case: Json, almanac: Almanac, rules: Json) -> None:
        self.almanac, self.rules = almanac, rules
        self.received = _at(case["received_at"])
        self.difficulty = (case["classification"] or {}).get("difficulty")
        self.clocks: dict[str, Expected] = {}
        self.round, self.given, self.declared, self.plans, self.led = 1, 0, 0, 0, False
        self.urgent, self.kinds = False, set[str]()
        self.incident: str | None = None
        self.approval_of: dict[int, int] = {}
        self.last_approval = 0
        self.awaiting: str | None = None
        self.untaken: str | None = None

    def read(self, events: Iterable[Json], now: datetime) -> dict[str, Expected]:
        """The clocks after these events, as of `now`."""
        for event in events:
            self._event(event)
        self._pass_time(now)
        return self.clocks

    def _pass_time(self, now: datetime) -> None:
        for clock in self.clocks.values():
            if clock.open() and clock.paused is None and clock.breached is None and clock.due <= now:
                clock.breached = clock.due

    def _event(self, event: Json) -> None:
        at = _at(event["at"])
        if event["kind"] == "resumed":  # a wait that ended while nobody worked ended then
            self._on_resumed(event["data"], at)
            self._pass_time(at)
            return
        # What is due at the very moment of an act is broken only if it was said so before the act.
        self._pass_time(at - timedelta(microseconds=1))
        act = getattr(self, f"_on_{event['kind']}", None)
        if act is not None:
            act(event["data"], at)

    # -- starting, moving, stopping ----------------------------------------------------------------------------------

    def _start(self, name: str, at: datetime, key: str | None = None, limit: Json | None = None) -> None:
        rule = self.rules[name]
        limit = limit or (rule["urgent"] if self.urgent and "urgent" in rule else rule["limit"])
        key = key or name
        assert key not in self.clocks, f"{key} was started before"
        self.clocks[key] = Expected(key, limit, at, due(limit, 0, at, [], self.almanac))

    def _stop(self, key: str, at: datetime) -> None:
        clock = self.clocks.get(key)
        if clock is None or not clock.open():
            return
        if clock.paused is not None:
            clock.stood.append((clock.paused, at))
            clock.paused = None
        elif clock.breached is None and clock.due < at:
            clock.breached = clock.due
        clock.stopped = at

    def _key(self, name: str, round_: int | None = None) -> str:
        number = round_ or self.round
        return name if number == 1 else f"{name}_{number}"

    def _acceptance(self) -> str:
        return self._key("acceptance", max(self.given, 1))

    # -- what each kind of event means -------------------------------------------------------------------------------

    def _on_received(self, data: Json, at: datetime) -> None:
        for name in ("registration", "first_response", "resolution"):
            self._start(name, self.received)

    def _on_classified(self, data: Json, at: datetime) -> None:
        self.urgent, self.kinds = data["urgency"] == "urgent", set(data["kinds"])
        special = bool({"major", "cross_department"} & self.kinds)
        easy = self.difficulty == 1 and not self.urgent and data["nature"] == "service" and not special
        if easy:
            self._start("common", self.received)
        if self.difficulty == 3:
            self._start("complex", self.received)

    def _on_classification_corrected(self, data: Json, at: datetime) -> None:
        if "major" in self.kinds and "major" not in data["kinds"]:
            self._stop(self._key("major_response", max(self.declared, 1)), at)
        self.urgent, self.kinds = data["urgency"] == "urgent", set(data["kinds"])

    _on_classification_confirmed = _on_classification_corrected

    def _on_breached(self, data: Json, at: datetime) -> None:
        clock = self.clocks[data["clock"]]
        assert not clock.said, f"{data['clock']} is said to be broken twice"
        assert clock.due <= at and clock.open(), f"{data['clock']} is said to be broken, due {clock.due}, at {at}"
        clock.said = True
        clock.breached = clock.breached or clock.due

    def _on_assigned(self, data: Json, at: datetime) -> None:
        self._stop(self._acceptance(), at)
        self.given += 1
        self.untaken = self.awaiting  # who is given it meanwhile takes it up if the resolution comes back
        if not self.awaiting:
            self._start("acceptance", at, self._acceptance())

    def _on_hastened(self, data: Json, at: datetime) -> None:
        """It is urgent now: counted from the assignment, to no moment that is past."""
        clock = self.clocks[data["clock"]]
        assert clock.name == self._acceptance() and clock.open() and clock.breached is None
        clock.limit = self.rules["acceptance"]["urgent"]
        clock.due = max(due(clock.limit, 0, clock.start, clock.stood, self.almanac), at)

    def _on_registered(self, data: Json, at: datetime) -> None:
        self._stop("registration", at)

    def _on_accepted(self, data: Json, at: datetime) -> None:
        for key in (self._acceptance(), "first_response"):
            self._stop(key, at)

    def _on_noted(self, data: Json, at: datetime) -> None:
        if data["contact"]:
            self._stop("complex", at)

    def _on_approval_asked(self, data: Json, at: datetime) -> None:
        self.last_approval = int(data["approval"].rsplit("-A", 1)[1])
        self._start("approval", at, f"approval_{self.last_approval}")
        if data["purpose"] == "resolution":
            self.awaiting = data["approval"]

    def _on_approved(self, data: Json, at: datetime) -> None:
        self._stop(f"approval_{data['approval'].rsplit('-A', 1)[1]}", at)
        if data["approval"] == self.awaiting:
            self.awaiting, self.untaken = None, None

    def _on_rejected(self, data: Json, at: datetime) -> None:
        if data["approval"] == self.awaiting and self.untaken:
            self._start("acceptance", at, self._acceptance())
        self._on_approved(data, at)

    def _on_extension_asked(self, data: Json, at: datetime) -> None:
        self.approval_of[data["extension"]] = self.last_approval

    def _on_extension_lapsed(self, data: Json, at: datetime) -> None:
        """It ended with the clock it was for, however late that was noticed; so did the wait for its approval."""
        clock, key = self.clocks[data["clock"]], f"approval_{self.approval_of[data['extension']]}"
        end = clock.breached or at
        if (approval := self.clocks[key]).open() and not approval.said:
            approval.breached = None
        self._stop(key, end)

    def _on_extended(self, data: Json, at: datetime) -> None:
        clock = self.clocks[data["clock"]]
        assert clock.open() and clock.breached is None and (clock.paused is not None or at < clock.due)
        clock.more += data["amount"]
        clock.due = due(clock.limit, clock.more, clock.start, clock.stood, self.almanac)

    def _on_paused(self, data: Json, at: datetime) -> None:
        for key in data["clocks"]:
            clock = self.clocks[key]
            assert clock.open() and clock.paused is None and clock.breached is None and at < clock.due
            clock.paused = at

    def _on_resumed(self, data: Json, at: datetime) -> None:
        end = _at(data["at"])
        for key in data["due"]:
            clock = self.clocks[key]
            if clock.paused is not None:
                clock.stood.append((clock.paused, end))
                clock.paused = None
                clock.due = due(clock.limit, clock.more, clock.start, clock.stood, self.almanac)

    def _on_transfer_asked(self, data: Json, at: datetime) -> None:
        self._start("transfer", at, f"transfer_{data['transfer']}")

    def _on_transfer_rejected(self, data: Json, at: datetime) -> None:
        self._stop(f"transfer_{data['transfer']}", at)

    _on_transfer_dropped = _on_transfer_rejected

    def _on_transfer_accepted(self, data: Json, at: datetime) -> None:
        for key in (f"transfer_{data['transfer']}", self._acceptance(), "first_response"):
            self._stop(key, at)
        self.given += 1

    def _on_plan_wanted(self, data: Json, at: datetime) -> None:
        self.plans += 1
        number = "" if self.plans == 1 else f"_{self.plans}"
        self._start(
            "cross_department_plan", self.clocks[self._key("resolution")].start, f"cross_department_plan{number}"
        )

    def _on_plan_filed(self, data: Json, at: datetime) -> None:
        for key in self.clocks:
            if key.startswith("cross_department_plan"):
                self._stop(key, at)

    _on_plan_not_needed = _on_plan_filed

    def _on_duty_given(self, data: Json, at: datetime) -> None:
        limit = self.rules["duty"]["limit"] | {"amount": data["working_days"]}
        self._start("duty", at, f"duty_{data['duty']}", limit)

    def _on_duty_changed(self, data: Json, at: datetime) -> None:
        clock = self.clocks[f"duty_{data['duty']}"]
        if data["working_days"] is not None:
            clock.limit = clock.limit | {"amount": data["working_days"]}
            clock.due = due(clock.limit, 0, clock.start, [], self.almanac)

    def _on_duty_answered(self, data: Json, at: datetime) -> None:
        self._stop(f"duty_{data['duty']}", at)

    _on_duty_cancelled = _on_duty_answered

    def _on_major_declared(self, data: Json, at: datetime) -> None:
        """Declared again, it has a clock of its own, unless somebody leads it already."""
        if not self.led:
            self.declared += 1
            self._start("major_response", self.received, self._key("major_response", self.declared))

    def _on_major_acknowledged(self, data: Json, at: datetime) -> None:
        self.led = True
        self._stop(self._key("major_response", self.declared), at)

    def _on_major_stood_down(self, data: Json, at: datetime) -> None:
        for key in self.clocks:
            if key.startswith(INCIDENT):
                self._stop(key, at)

    def _on_major_task_given(self, data: Json, at: datetime) -> None:
        limit = {"amount": data["hours"], "unit": "hours"} if data["hours"] else None
        self._start("incident_task", at, f"incident_task_{data['task']}", limit)

    def _on_major_task_done(self, data: Json, at: datetime) -> None:
        self._stop(f"incident_task_{data['task']}", at)

    def _on_result_told(self, data: Json, at: datetime) -> None:
        for key in (self._key("resolution"), "first_response", "common", "complex"):
            self._stop(key, at)

    def _on_callback_due(self, data: Json, at: datetime) -> None:
        self._start("callback", at, self._key("callback"))

    def _on_round_begun(self, data: Json, at: datetime) -> None:
        self._stop(self._key("callback"), at)  # who was reached need not be called
        self.round = data["round"]
        self._start("resolution", at, self._key("resolution"))

    def _on_closed(self, data: Json, at: datetime) -> None:
        self.awaiting, self.untaken = None, None
        responding = self.clocks_of_a_response_under_way()
        for key in self.clocks:
            if key not in responding:
                self._stop(key, at)

    # -- the response to a major complaint outlives the case ---------------------------------------------------------

    def _on_major_reported(self, data: Json, at: datetime) -> None:
        self.incident = "over"

    def clocks_of_a_response_under_way(self) -> set[str]:
        """The clocks that closing the complaint leaves running."""
        return set() if self.incident == "over" else {k for k in self.clocks if k.startswith(INCIDENT)}


def _at(moment: str | datetime) -> datetime:
    return datetime.fromisoformat(moment) if isinstance(moment, str) else moment


def expected(case: Json, events: list[Json], now: datetime, almanac: Almanac, rules: Json) -> dict[str, Expected]:
    """The clocks of a case as its events say they must be at `now`."""
    return Oracle(case, almanac, rules).read(events, now)


def disagreements(clocks: list[Json], wanted: dict[str, Expected], now: datetime, doubt: timedelta) -> list[str]:
    """Where a case's clocks (as the API shows them) differ; `doubt`: so close to its end a clock may say either."""
    found: list[str] = []
    names = {c["name"] for c in clocks}
    found += [f"{name}: there, not expected" for name in names - set(wanted)]
    found += [f"{name}: expected, not there" for name in set(wanted) - names]
    for clock in clocks:
        if (want := wanted.get(clock["name"])) is None:
            continue
        pairs: list[tuple[str, Any, Any]] = [
            (what, _at(clock[what]) if clock[what] else None, value)
            for what, value in (("started_at", want.start), ("due_at", want.due), ("stopped_at", want.stopped))
        ]
        if not (want.open() and abs(want.due - now) <= doubt):
            pairs.append(("state", clock["state"], want.state))
            if "breached_at" in clock:
                pairs.append(
                    ("breached_at", _at(clock["breached_at"]) if clock["breached_at"] else None, want.breached)
                )
        found += [f"{clock['name']}: {what} is {has}, should be {wants}" for what, has, wants in pairs if has != wants]
    return found
