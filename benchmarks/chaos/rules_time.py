"""Each limit is counted from the true receipt, broken when it is over, and heard in time once nothing is in the way."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from flow import almanac
from oracle import Oracle, disagreements
from oracle_clocks import rules_as_data

from benchmarks.chaos.seen import Case, Fault, Finding, Json, Seen, moment

RECOVERY = timedelta(seconds=60)
"""How soon after the last fault everything that is due must have been heard."""
DOUBT = timedelta(seconds=2)
ALARMS = ("reminded", "breached", "escalated")
MAKES_DUE = ("classification_corrected", "major_declared", "resumed", "round_begun", "reopened", "duty_changed")
"""Events from which on a limit may count that is over already."""


class Clocks(Oracle):
    """The oracle of the tests, which also reads what complaints of one mass event do to each other."""

    member = False
    left: datetime | None = None

    def _on_incident_joined(self, data: Json, at: datetime) -> None:
        self.member = True

    def _on_incident_left(self, data: Json, at: datetime) -> None:
        self.member, self.left = False, at

    def _on_classified(self, data: Json, at: datetime) -> None:
        super()._on_classified(data, at)
        self._may_respond(data)

    def _on_classification_corrected(self, data: Json, at: datetime) -> None:
        before = set(self.kinds)
        super()._on_classification_corrected(data, at)
        if "major" not in before:
            self._may_respond(data)

    _on_classification_confirmed = _on_classification_corrected

    def _may_respond(self, data: Json) -> None:
        """One of another's incident is not declared, and counts all the same until the response is under way."""
        if self.member and "major" in data["kinds"]:
            self._respond(self.received)

    def _on_major_declared(self, data: Json, at: datetime) -> None:
        if not self.led:
            self._respond(at if self.left == at else self.received)

    def _respond(self, since: datetime) -> None:
        last = self.clocks.get(self._key("major_response", max(self.declared, 1)))
        if last is None or not last.open():
            self.declared += 1
            self._start("major_response", since, self._key("major_response", self.declared))

    def _on_incident_responds(self, data: Json, at: datetime) -> None:
        self._stop(self._key("major_response", max(self.declared, 1)), at)

    def clocks_of_a_response_under_way(self) -> set[str]:
        """One that belongs to another's incident has no response of its own that could outlive it."""
        return set() if self.member else super().clocks_of_a_response_under_way()


def clocks(seen: Seen) -> Iterator[Finding]:
    """Each clock starts, ends, stands and is broken as the events of its case say, by a second way of counting."""
    days, rules = almanac(), rules_as_data()
    for case in seen.cases.values():
        shown = {"received_at": case.state["form"]["received_at"], "classification": case.state["classification"]}
        try:
            oracle = Clocks(shown, days, rules)
            wanted = oracle.read([e | {"at": moment(e["at"])} for e in case.events], seen.now)
        except (AssertionError, KeyError) as wrong:
            yield Finding("wrong", "a history that cannot be", case.reference, f"{type(wrong).__name__}: {wrong}")
            continue
        for said in disagreements([_shown(n, c) for n, c in case.state["clocks"].items()], wanted, seen.now, RECOVERY):
            yield Finding("wrong", "a clock that is not as its events say", case.reference, said)
        for clock in wanted.values():
            if clock.breached and not clock.said and (clock.stopped or seen.now - clock.due > RECOVERY):
                yield Finding("missed", "a limit was broken, and nobody said so", case.reference, clock.name)


def _shown(name: str, clock: Json) -> Json:
    """A clock of the case as the API names its parts, its state worked out from them."""
    state = "breached" if clock["breached_at"] else "met" if clock["stopped_at"] else "running"
    state = "paused" if state == "running" and clock["paused_at"] else state
    return {"name": name, "state": state} | {
        k: clock[k] for k in ("started_at", "due_at", "stopped_at", "breached_at", "paused_at")
    }


def next_alarms(seen: Seen) -> Iterator[Finding]:
    """No clock that counts has an alarm behind it that was not heard."""
    for case in seen.cases.values():
        for name, clock in case.state["clocks"].items():
            left = clock["alarms"][clock["fired"] :]
            if clock["stopped_at"] or clock["paused_at"] or not left:
                continue
            if (over := seen.now - moment(left[0]["at"])) > RECOVERY:
                yield Finding("missed", "an alarm was not heard", case.reference, f"{name} {left[0]['what']}, {over}")


def heard(seen: Seen) -> Iterator[tuple[Case, Json, datetime, datetime]]:
    """Each alarm in the histories: its case, its event, since when it could be heard, and when it was.

    None can be heard before the process has begun; how long that took is asked in `begun`.
    """
    for case in seen.cases.values():
        since = moment(case.events[0]["at"]) if case.events else seen.began
        for event in case.events:
            at = moment(event["at"])
            if event["kind"] in MAKES_DUE:
                since = at
            if event["kind"] in ALARMS:
                due = at - timedelta(seconds=event["data"]["late_by_seconds"])
                yield case, event, max(due, since), at


def hindered(due: datetime, at: datetime, faults: list[Fault]) -> datetime:
    """From when on nothing was in the way: `due`, or the end of the last fault between it and `at`."""
    return max([due, *(min(f.end, at) for f in faults if f.begin <= at and f.end > due)])


def late(seen: Seen) -> Iterator[Finding]:
    """Each alarm was heard soon after nothing was in the way any more."""
    for case, event, due, at in heard(seen):
        if (over := at - hindered(due, at, seen.faults)) > RECOVERY:
            what = f"{event['data']['clock']} {event['kind']}, due {due:%H:%M:%S}, heard {at:%H:%M:%S}, {over} too late"
            yield Finding("late", "an alarm came late", case.reference, what)


def begun(seen: Seen) -> Iterator[Finding]:
    """What was kept was started soon after nothing was in the way any more."""
    for kept in seen.kept:
        if kept.set_aside:
            yield Finding("wrong", "set aside", kept.reference, kept.set_aside)
        elif kept.started_at is None:
            yield Finding("late", "kept, and never started", kept.reference, f"since {kept.recorded_at}")
        elif kept.started_at - hindered(kept.recorded_at, kept.started_at, seen.faults) > RECOVERY:
            yield Finding("late", "kept, and started late", kept.reference, f"{kept.started_at - kept.recorded_at}")


def figures(seen: Seen) -> dict[str, Any]:
    """How late alarms were heard: as they were due, and since nothing was in the way."""
    gross, net = [], []
    for _, _, due, at in heard(seen):
        gross.append((at - due).total_seconds())
        net.append((at - hindered(due, at, seen.faults)).total_seconds())
    return {"alarms": len(gross), "seconds after due": spread(gross), "seconds after the faults": spread(net)}


def spread(values: list[float]) -> str:
    """Median, 99th percentile and the worst."""
    if not values:
        return "none"
    ordered = sorted(max(v, 0.0) for v in values)
    p50, p99 = (ordered[min(int(len(ordered) * q), len(ordered) - 1)] for q in (0.5, 0.99))
    return f"p50 {p50:.1f}, p99 {p99:.1f}, worst {ordered[-1]:.1f}"
