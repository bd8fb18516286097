"""Random sequences of what people do, against an oracle that counts every clock again from the events alone.

First on the pure rules, by hypothesis; then on real servers with a skipping clock, drawn from a seed:
`make sequences N=1000 SEED=7`.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any

import pytest
from bench import Bench
from flow import Flow, almanac
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st
from office import OpenOffice
from oracle import disagreements, expected
from oracle_clocks import rules_as_data
from random_moves import Move, attempt, choose, until
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from complaints.form import Complainant, ComplaintForm
from complaints.names import Channel, Kind, Nature, Stage, Urgency
from complaints.records import Classification, Risk
from policies.load import load

POLICY, RULES, CN = load(), rules_as_data(), almanac()
NONE = timedelta(0)
Json = dict[str, Any]

MOVES = st.lists(st.builds(Move, st.integers(0, 99), st.integers(0, 199), st.integers(0, 47)), max_size=25)
STARTS = st.datetimes(datetime(2026, 1, 20), datetime(2026, 10, 30)) | st.sampled_from(
    [datetime(2026, 2, 13, 10), datetime(2026, 9, 18, 16), datetime(2026, 9, 30, 17, 29), datetime(2026, 3, 14, 12)]
)
LATE = st.sampled_from([NONE, NONE, NONE, timedelta(hours=3), timedelta(days=4)])
CLASSES = st.tuples(
    st.sampled_from(list(Nature)), st.sampled_from(list(Urgency)), st.integers(1, 3),
    st.sampled_from([[], [], [], [Kind.major], [Kind.cross_department], [Kind.major, Kind.cross_department]]),
    st.sampled_from([1.0, 1.0, 0.3]),
)  # fmt: skip
PEOPLE = st.sampled_from(
    [(Channel.email, "a@example.com"), (Channel.email, "a@example.com"), (Channel.counter, None), (Channel.box, "-")]
)


def begin(start: datetime, late: timedelta, found: Any, person: Any) -> Flow:
    """A case opened then, received `late` earlier, classified so."""
    opened = datetime.combine(start.date(), start.time(), CN.zone)
    nature, urgency, difficulty, kinds, confidence = found
    channel, email = person
    who = None if email == "-" else Complainant(name="测试", email=email)
    form = ComplaintForm(channel=channel, received_at=opened - late, complainant=who, matter="年费")
    kinds = [*kinds, Kind.anonymous] if who is None else kinds
    classification = Classification(
        nature=nature, urgency=urgency, kinds=kinds, severity=1, difficulty=difficulty,
        risk=Risk(likelihood=1, impact=1, value=1, level="low"), confidence=confidence, reasons=[], policy="x",
    )  # fmt: skip
    return Flow(form, classification, POLICY.for_case(form.received_at.date()), opened)


def check(flow: Flow, before: list[Json], told: int) -> None:
    """What must hold after every move."""
    case, now = flow.case, flow.now
    events = [e.model_dump(mode="json") for e in flow.events]
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
    assert all(a.at <= b.at for a, b in zip(flow.events, flow.events[1:], strict=False))
    wanted = expected(flow.view(), events, now, CN, RULES)
    assert (wrong := disagreements(flow.clocks(), wanted, now, NONE)) == [], wrong
    silent = [c.name for c in wanted.values() if c.breached and not c.said]
    assert silent == [], f"broken, and nobody was told: {silent}"
    new = events[told:]
    for old in before:
        clock = case.clocks[old["name"]]
        assert old["breached_at"] in (None, clock.breached_at), f"a breach of {old['name']} was erased"
        assert old["stopped_at"] in (None, clock.stopped_at), f"{old['name']} runs again"
        moved = [e for e in new if old["name"] in (e["data"].get("clock"), *e["data"].get("due", {}))]
        moved = [e for e in moved if e["kind"] in ("extended", "resumed", "hastened")]
        moved += [e for e in new if e["kind"] == "duty_changed" and old["name"] == f"duty_{e['data']['duty']}"]
        assert clock.due_at == old["due_at"] or moved, f"the end of {old['name']} moved and nothing says so"
        assert clock.changes[: len(old["changes"])] == old["changes"]
    assert (at := case.next_alarm_at()) is None or at > now or case.over
    stuck(flow, wanted)


def stuck(flow: Flow, wanted: Json) -> None:
    """An open case has a clock that counts, and somebody whose turn it is; a closed one keeps nobody waiting."""
    case = flow.case
    running = {name for name, c in wanted.items() if c.open()}
    if case.stage is Stage.closed:
        assert all(n.startswith(("major_response", "incident_task")) for n in running), running
        assert not running or (case.incident and not case.incident.over() and not case.over)
        assert all(e.state in ("in_force", "rejected", "lapsed") for e in case.extensions)
        return
    assert running, f"{case.stage}: no clock runs"
    match case.stage:
        case Stage.received:
            assert case.confirm
        case Stage.awaiting_approval:
            assert case.open_approval
        case Stage.feedback:
            assert case.by_person or any(kind == "result" for kind, _ in flow.post)
        case Stage.callback:
            assert case.clock("callback") is not None and case.key("callback") in running
        case _:
            assert case.assignment and case.key("resolution") in running
    for asked in case.open_approvals:
        assert asked.clock in running, f"{asked.id} waits without a clock"
    for later in case.extensions:
        assert later.state not in ("asked", "approved", "undelivered") or later.clock in running, "nothing to extend"


@settings(
    max_examples=int(os.environ.get("AMENDS_PURE_SEQUENCES", "200")),
    deadline=None,
    phases=[p for p in Phase if p is not Phase.explain],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(STARTS, LATE, CLASSES, PEOPLE, MOVES)
def test_the_clocks_agree_with_the_oracle(
    start: datetime, late: timedelta, found: Any, person: Any, moves: list[Move]
) -> None:
    flow = begin(start, late, found, person)
    flow.forward(flow.now)
    flow.step()
    check(flow, [], 0)
    for number, move in enumerate(moves):
        before, told = flow.clocks(), len(flow.events)
        ends = [c.due_at for c in flow.case.clocks.values() if c.stopped_at is None]
        to = until(move.gap, flow.now, ends, flow.case.next_alarm_at())
        if move.turn % 4:
            flow.forward(to)
        else:  # no worker was there: the act comes before whatever fell due meanwhile
            flow.now = to
        act = choose(move, flow.view())
        if not flow.case.over:
            done = flow.act(attempt(act, move.turn, flow.view()), number)
            event(f"{act} {'done' if done else 'refused'}")
        flow.forward(flow.now)
        if move.turn % 7:
            flow.now += timedelta(seconds=2)
            flow.forward(flow.now)
            flow.deliver(sent=move.turn % 7 != 1)
        flow.step()
        check(flow, before, told)


def test_the_oracle_reads_a_calendar() -> None:
    assert [d for d in range(13, 25) if CN.works(date(2026, 2, d))] == [13, 14, 24]


# -- on real servers -------------------------------------------------------------------------------------------------

COUNT = int(os.environ.get("AMENDS_SEQUENCES", "12"))
LENGTH = 12
SEED = int(os.environ.get("AMENDS_SEED", "1"))
AT_ONCE = int(os.environ.get("AMENDS_AT_ONCE", "12"))
MORNINGS = [
    datetime(2026, 3, 10, 10),  # an ordinary Tuesday
    datetime(2026, 2, 13, 16),  # before a make-up Saturday and the Spring Festival
    datetime(2026, 9, 29, 9),  # two days before National Day
    datetime(2026, 9, 18, 17),  # a Friday before a make-up Sunday
]


async def test_random_sequences_on_real_servers(office_on: OpenOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    # What was about to go to a worker that has stopped is given to the next one after a second instead of ten.
    quick = partial(Worker, sticky_queue_schedule_to_start_timeout=timedelta(seconds=1))
    monkeypatch.setattr("run.worker.Worker", quick)
    # As at work, without the sandbox: each history is replayed at the end, which shows what the sandbox would.
    monkeypatch.setattr("run.worker.SANDBOX", UnsandboxedWorkflowRunner())
    seen, began = Counter[str](), monotonic()
    only = os.environ.get("AMENDS_ONLY")
    print(f"\n{COUNT} sequences from seed {SEED}, {AT_ONCE} at once")
    failed: list[Exception] = []
    mornings, tokens = MORNINGS[: 1 if COUNT < 100 else None], dict[str, str]()
    for place, morning in enumerate(mornings):
        numbers = iter(range(place, COUNT, len(mornings)))
        async with office_on(morning) as office:
            office.tokens = tokens
            bench = Bench(office, seen)

            async def one_after_another(bench: Bench = bench, numbers: Iterator[int] = numbers) -> None:
                for number in numbers:
                    if only and number != int(only):
                        continue
                    try:
                        await bench.run(SEED, number, LENGTH)
                    except Exception as wrong:
                        failed.append(wrong)
                        print(f"sequence {SEED}:{number} failed: {wrong!r}", flush=True)

            try:
                await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))
            finally:
                await bench.worker.shutdown()
    took = monotonic() - began
    print(f"{seen['sequences']} sequences in {took:.0f} s: {seen['events']} events, {seen['clocks']} clocks")
    print(", ".join(f"{what} {number}" for what, number in sorted(seen.items())))
    if failed:
        raise ExceptionGroup("sequences that failed", failed[:10])
    assert seen["sequences"] == (1 if only else COUNT)
