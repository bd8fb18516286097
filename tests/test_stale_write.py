"""A step of a case may be run twice at once: by a worker that stood still, and by the one that did its task again."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from flow import Flow
from random_moves import Try
from sqlalchemy.ext.asyncio import AsyncEngine

from complaints.classify import classify
from complaints.form import ComplaintForm
from policies.load import in_force
from register import read, write

OPENED = datetime(2026, 3, 10, 2, tzinfo=UTC)
LATER = timedelta(seconds=10)


def run(reference: str, begun: datetime) -> Flow:
    """The first step of that case, as the run that began then does it."""
    policy = in_force("cn", OPENED)
    form = ComplaintForm.model_validate(
        {
            "channel": "telephone",
            "received_at": OPENED,
            "complainant": {"name": "测试客户", "phone": "13900000000"},
            "matter": "信用卡年费被重复扣收，要求退回多收的300元年费。",
            "product": "credit_card",
        }
    )
    found = classify(form, policy.classification, policy.version)
    flow = Flow(form, found, policy.for_case(OPENED.date()), begun)
    flow.case.reference = reference
    return flow


async def times(register: AsyncEngine, reference: str) -> list[datetime]:
    return [event["at"] for event in await read.events(register, reference)]


async def test_a_worker_that_stood_still_does_not_write_over_the_last_word(register: AsyncEngine) -> None:
    still, again = run("CMP-2026-771000001", OPENED), run("CMP-2026-771000001", OPENED + LATER)
    await write.record(register, again.case, again.events)
    await write.record(register, still.case, still.events)
    assert set(await times(register, "CMP-2026-771000001")) == {OPENED + LATER}
    state = await read.case_state(register, "CMP-2026-771000001")
    assert state is not None
    assert datetime.fromisoformat(state["assignments"][0]["at"]) == OPENED + LATER


async def test_the_last_word_is_written_over_what_a_lost_task_wrote(register: AsyncEngine) -> None:
    still, again = run("CMP-2026-771000002", OPENED), run("CMP-2026-771000002", OPENED + LATER)
    await write.record(register, still.case, still.events)
    await write.record(register, again.case, again.events)
    assert set(await times(register, "CMP-2026-771000002")) == {OPENED + LATER}


@pytest.mark.parametrize("turn", range(4))
async def test_both_at_once_leave_the_last_word(register: AsyncEngine, turn: int) -> None:
    reference = f"CMP-2026-77100001{turn}"
    still, again = run(reference, OPENED), run(reference, OPENED + LATER)
    await asyncio.gather(
        *(write.record(register, flow.case, flow.events) for flow in ([still, again] if turn % 2 else [again, still]))
    )
    assert set(await times(register, reference)) == {OPENED + LATER}


async def test_a_clock_that_was_set_back_loses_no_step(register: AsyncEngine) -> None:
    """A new step is one whose number nobody has written, whatever the time."""
    flow = run("CMP-2026-771000003", OPENED + LATER)
    await write.record(register, flow.case, flow.events)
    written = len(flow.events)
    flow.now = OPENED
    handler = flow.case.assignment.handler if flow.case.assignment else ""
    assert flow.act(Try("accept", handler or "", "/complaints/x/acceptance", {}), 1)
    await write.record(register, flow.case, flow.events[written:])
    assert (await read.events(register, "CMP-2026-771000003"))[-1]["kind"] == "accepted"


@pytest.mark.parametrize("with_events", [True, False])
async def test_the_repeat_of_a_write_that_others_have_followed_takes_nothing_away(
    register: AsyncEngine, with_events: bool
) -> None:
    reference = f"CMP-2026-77100002{int(with_events)}"
    flow = run(reference, OPENED)
    early, events = flow.case.model_copy(deep=True), list(flow.events)
    await write.record(register, flow.case, events, OPENED)
    flow.now = OPENED + LATER
    handler = flow.case.assignment.handler if flow.case.assignment else ""
    assert flow.act(Try("accept", handler or "", "/complaints/x/acceptance", {}), 1)
    await write.record(register, flow.case, flow.events[len(events) :], flow.now)
    await write.record(register, early, events if with_events else [], OPENED)
    assert (await read.events(register, reference))[-1]["kind"] == "accepted"
    state = await read.case_state(register, reference)
    assert state is not None and state["stage"] == "in_progress"
    assert await write.record(register, early, [], flow.now + LATER) == []
    assert (await read.events(register, reference))[-1]["kind"] != "accepted", "the process's word of now stands"
