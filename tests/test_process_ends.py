"""How the process ends and begins again, and that it outlives workers and long histories; on real servers."""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from office import PLAIN, RESOLUTION, Office
from temporalio.service import RPCError
from views import clock, kinds

ANONYMOUS = PLAIN | {
    "complainant": None,
    "channel": "box",
    "matter": "网点柜员态度恶劣，辱骂客户，希望银行严肃处理并加强培训。",
    "product": None,
    "amount": None,
}


async def test_not_reached_three_times(office: Office) -> None:
    case = await office.open()
    reference = case["reference"]
    await office.to_callback(case)
    await office.forward(reference, timedelta(seconds=1))
    missed = {"reached": False}
    await office.act("agent", reference, "callbacks", missed)
    refused = await office.act("agent", reference, "callbacks", missed, expect=409)
    assert refused["type"].endswith("too_soon") and "next from" in refused["detail"]
    await office.forward(reference, timedelta(hours=5))
    await office.act("agent", reference, "callbacks", missed)
    await office.forward(reference, timedelta(hours=19))
    case = await office.act("agent", reference, "callbacks", missed)
    assert (case["stage"], case["outcome"]) == ("closed", "not_reached")
    assert [c["reached"] for c in case["callbacks"]] == [False] * 3


async def test_dissatisfied_is_recorded(office: Office) -> None:
    case = await office.open()
    reference = case["reference"]
    await office.to_callback(case)
    await office.forward(reference, timedelta(seconds=1))
    await office.act("agent", reference, "callbacks", {"reached": True}, expect=422)
    await office.act("agent", reference, "callbacks", {"reached": False, "satisfaction": 3}, expect=422)
    case = await office.act(
        "agent", reference, "callbacks", {"reached": True, "satisfaction": 1, "nps": 0, "words": "不满意"}
    )
    assert (case["stage"], case["round"], case["outcome"]) == ("assigned", 2, None)
    assert case["callbacks"][0]["words"] == "不满意"


async def test_an_anonymous_complaint_is_published_and_nobody_is_written_to(office: Office) -> None:
    case = await office.open(ANONYMOUS)
    reference = case["reference"]
    if case["confirm"]:
        case = await office.act("agent", reference, "classification", {"nature": "service", "reason": "确认"})
    assert case["classification"]["kinds"] == ["anonymous"]
    handler = case["assignment"]["handler"]
    await office.act(handler, reference, "acceptance")
    case = await office.act(handler, reference, "resolution", RESOLUTION | {"redress": {"kind": "none"}})
    assert (case["stage"], case["outcome"]) == ("closed", "anonymous_published")
    assert await office.letters(reference) == []
    board = (await office.call("auditor", "GET", "/notices")).json()["notices"]
    notice = next(n for n in board if n["reference"] == reference)
    assert RESOLUTION["measures"] in notice["body"]
    assert handler not in notice["body"]


async def test_a_spoken_complaint_is_told_by_a_person(office: Office) -> None:
    case = await office.open(PLAIN | {"channel": "telephone"})
    reference = case["reference"]
    case = await office.to_callback(case)
    assert case["stage"] == "feedback"
    assert "feedback_by_person" in kinds(await office.events(reference))
    case = await office.act("agent", reference, "feedback", {"answer": "客户表示接受"})
    assert case["stage"] == "callback"
    assert case["feedbacks"][0]["by"] == "agent" and case["feedbacks"][0]["answer"] == "客户表示接受"
    assert clock(case, "resolution")["state"] == "met"


WITHDRAWALS = ["received", "assigned", "in_progress", "awaiting_approval", "feedback", "callback"]


@pytest.mark.parametrize("stage", WITHDRAWALS)
async def test_withdrawn_in_every_stage(office: Office, stage: str) -> None:
    form = PLAIN | {"channel": "telephone"}
    if stage == "received":
        form = form | {"matter": "？？？", "product": None, "amount": None, "demand": None}
    case = await office.open(form)
    reference = case["reference"]
    if stage not in ("received", "assigned"):
        handler = case["assignment"]["handler"]
        await office.act(handler, reference, "acceptance")
        if stage != "in_progress":
            amount = {"value": "5000.00" if stage == "awaiting_approval" else "100.00", "currency": "CNY"}
            redress = {"kind": "refund", "amount": amount}
            case = await office.act(handler, reference, "resolution", RESOLUTION | {"redress": redress})
        if stage == "callback":
            case = await office.act("agent", reference, "feedback", {})
    assert (await office.case(reference))["stage"] == stage
    case = await office.act("agent", reference, "withdrawal", {"reason": "客户主动撤诉"})
    assert (case["stage"], case["outcome"]) == ("closed", "withdrawn")
    assert case["withdrawal"]["text"] == "客户主动撤诉"
    assert all(c["stopped_at"] for c in case["clocks"])
    gone = await office.act("agent", reference, "notes", {"text": "x"}, expect=409)
    assert gone["stage"] == "closed"
    waiting = (await office.call("supervisor", "GET", "/approvals")).json()["items"]
    assert reference not in [a["reference"] for a in waiting]


async def test_a_doubtful_classification_is_confirmed_by_a_person(office: Office) -> None:
    case = await office.open(PLAIN | {"matter": "？？？", "product": None, "amount": None, "demand": None})
    assert case["stage"] == "received" and case["confirm"]
    assert clock(case, "registration")["state"] == "running"
    assert case["letters"][0]["kind"] == "acknowledgement"
    body = {"nature": "service", "kinds": ["anonymous"], "reason": "x"}
    await office.act("agent", case["reference"], "classification", body, expect=422)
    case = await office.act("agent", case["reference"], "classification", {"nature": "service", "reason": "电话核实"})
    assert case["stage"] == "assigned"
    assert case["classification"]["confidence"] == 1
    assert clock(case, "registration")["state"] == "met"


async def test_a_letter_keyed_in_late_is_kept_and_marked_late(office: Office) -> None:
    received = office.real(datetime(2026, 3, 5, 9))  # Thursday; it is Tuesday now
    case = await office.open(
        PLAIN | {"channel": "letter", "complainant": {"name": "李四"}, "received_at": received.isoformat()}
    )
    registration = clock(case, "registration")
    assert registration["state"] == "breached" and registration["lateness_seconds"] > 0
    assert case["incomplete"] == ["complainant.contact"]
    assert office.borrowed(clock(case, "resolution")["due_at"]) == datetime(2026, 3, 12, 17, 30)


async def test_what_fell_due_while_no_worker_ran_is_broken_even_when_the_act_comes_first(office: Office) -> None:
    case = await office.open()
    reference, handler = case["reference"], case["assignment"]["handler"]
    await office.forward(reference, timedelta(hours=3, minutes=30))  # past the reminder
    await office.worker.shutdown()
    running_on = asyncio.create_task(office.env.fast_forward(office.handle(reference), timedelta(days=1)))
    accepting = asyncio.create_task(office.act(handler, reference, "acceptance"))
    pending = await office.pending_workflow_task(reference)
    assert pending, "the timer has fired and nobody has looked at it"
    async with office.build():
        case = await accepting
        await running_on
        assert case["stage"] == "in_progress"
        acceptance = clock(case, "acceptance")
        assert acceptance["state"] == "breached" and acceptance["stopped_at"]
        order = kinds(await office.events(reference))
        assert order.index("breached") < order.index("accepted")


async def test_an_open_case_goes_on_under_another_worker(office: Office) -> None:
    case = await office.open()
    await office.worker.shutdown()
    async with office.build():
        case = await office.act(case["assignment"]["handler"], case["reference"], "acceptance")
        assert case["stage"] == "in_progress"


async def test_a_long_lived_case_continues_as_new_and_forgets_nothing(office: Office) -> None:
    """The test server suggests a new run after 150 events; a repeated request stays one act across runs."""
    case = await office.open()
    reference, handler = case["reference"], case["assignment"]["handler"]
    first_run = (await office.handle(reference).describe()).run_id
    await office.act(handler, reference, "acceptance")
    for number in range(30):
        answer = await office.call(
            "agent",
            "POST",
            f"/complaints/{reference}/notes",
            {"text": f"第{number}次备注"},
            **{"Idempotency-Key": f"note-{number}"},
        )
        assert answer.status_code == 200, answer.text
    assert (await office.handle(reference).describe()).run_id != first_run
    again = {"Idempotency-Key": "note-0"}
    answer = await office.call("agent", "POST", f"/complaints/{reference}/notes", {"text": "第0次备注"}, **again)
    assert answer.status_code == 200
    case = answer.json()
    assert [n["text"] for n in case["notes"]] == [f"第{n}次备注" for n in range(30)]
    assert case["clocks"] and clock(case, "resolution")["state"] == "running"
    case = await office.act(handler, reference, "resolution", RESOLUTION)
    await office.forward(reference, timedelta(seconds=1))
    case = await office.act("agent", reference, "callbacks", {"reached": True, "satisfaction": 5})
    assert case["outcome"] == "satisfied"
    events = await office.events(reference)
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))


async def test_nobody_free_goes_to_the_queue_and_the_supervisor_is_told(office: Office) -> None:
    async with office.nobody_at_work("card_centre"):
        case = await office.open()
    assert case["assignment"]["handler"] is None
    assert case["assignment"]["department"] == "card_centre"
    told = await office.told(case["reference"])
    assert ("assigned", "supervisor.card_centre") in told
    await office.act("handler.legal", case["reference"], "acceptance", expect=404)  # not the queue of their department
    case = await office.act(
        "supervisor",
        case["reference"],
        "assignment",
        {"department": "card_centre", "handler": "handler.card_centre.2", "reason": "指派"},
    )
    assert case["assignment"]["handler"] == "handler.card_centre.2"
    await office.act("handler.card_centre", case["reference"], "acceptance", expect=403)
    await office.act("handler.card_centre.2", case["reference"], "acceptance")


async def test_an_urgent_complaint_is_accepted_within_the_hour_and_the_supervisor_hears_of_it(office: Office) -> None:
    case = await office.open()
    reference = case["reference"]
    body = {"urgency": "urgent", "reason": "影响客户用药"}
    await office.act("agent", reference, "classification", body)
    body = {"department": "card_centre", "handler": "handler.card_centre", "reason": "加急"}
    case = await office.act("supervisor", reference, "assignment", body)
    acceptance = clock(case, "acceptance_2")
    span = datetime.fromisoformat(acceptance["due_at"]) - datetime.fromisoformat(acceptance["started_at"])
    assert span == timedelta(hours=1)
    assert ("assigned", "supervisor.card_centre") in await office.told(reference)


async def test_a_burst_of_notices_becomes_one_digest(office: Office, mailbox: Any) -> None:
    user = "handler.collections"
    digest = office.env.client.get_workflow_handle(f"digest-{user}")
    with suppress(RPCError):  # what another office began stands still for ever, and would take these notices
        await digest.terminate()

    def told() -> tuple[int, int]:
        mails = [m for m in mailbox.messages() if m["kind"] == "eml" and m["to"] == f"{user}@staff.demo.example"]
        posts = [m for m in mailbox.messages() if m["kind"] == "staff" and "投诉处理提醒" in m["subject"]]
        return len(mails), len(posts)

    before = told()
    for number in range(4):
        case = await office.open(
            PLAIN | {"about": {"department": "collections"}, "matter": f"{PLAIN['matter']}（{number}）"}
        )
        assert case["assignment"]["department"] == "collections"
    await office.env.fast_forward(digest, timedelta(minutes=2))
    after = told()
    assert after[0] - before[0] == 1
    assert after[1] > before[1]


# -- rounds and reopening --------------------------------------------------------------------------------------------


async def test_dissatisfied_customers_are_heard_again_one_level_higher_until_the_rounds_are_used_up(
    office: Office,
) -> None:
    case = await office.open()
    reference, handlers = case["reference"], []
    for number in (1, 2, 3):
        case = await office.case(reference)
        assert case["round"] == number
        if number > 1:  # who was called back in one round is not waited for in the next
            assert clock(case, {2: "callback", 3: "callback_2"}[number])["state"] == "met"
        handler = case["assignment"]["handler"]
        handlers.append(handler)
        case = await office.to_callback(case)
        if number > 1:
            approval = case["approvals"][-1]
            assert approval["needs"] == {2: "supervisor", 3: "manager"}[number]
            by = {2: "supervisor", 3: "manager"}[number]
            await office.post(by, f"/approvals/{approval['id']}/decision", {"decision": "approve", "reason": "同意"})
        await office.forward(reference, timedelta(seconds=1))
        case = await office.act("agent", reference, "callbacks", {"reached": True, "satisfaction": 1})
    assert (case["stage"], case["outcome"]) == ("closed", "dissatisfied_exhausted")
    assert handlers[0] != handlers[1]
    names = {c["name"]: c["state"] for c in case["clocks"]}
    assert names["resolution"] == names["resolution_2"] == names["resolution_3"] == "met"
    letters = [le["kind"] for le in await office.letters(reference)]
    assert letters.count("second_round") == 2 and letters.count("result") == 3
    refused = await office.act("agent", reference, "reopening", {"reason": "仍不满意"}, expect=409)
    assert "dissatisfied_exhausted" in refused["detail"]


async def test_a_closed_case_is_opened_again_within_its_window(office: Office) -> None:
    case = await office.open()
    reference = case["reference"]
    await office.to_callback(case)
    await office.forward(reference, timedelta(seconds=1))
    await office.act("agent", reference, "callbacks", {"reached": True, "satisfaction": 5})
    await office.forward(reference, timedelta(days=10))
    await office.act("handler", reference, "reopening", {"reason": "问题重现"}, expect=403)
    case = await office.act("agent", reference, "reopening", {"reason": "问题重现"})
    assert (case["round"], case["outcome"], case["closed_at"]) == (2, None, None)
    assert case["closings"][0]["outcome"] == "satisfied"
    assert clock(case, "resolution_2")["state"] == "running" and clock(case, "resolution")["state"] == "met"
    await office.act("agent", reference, "reopening", {"reason": "再次"}, expect=409)
    case = await office.act("agent", reference, "withdrawal", {"reason": "已解决"})
    case = await office.case(reference)
    assert (case["stage"], case["outcome"]) == ("closed", "withdrawn")
    assert await office.ended(reference) == "withdrawn"
    refused = await office.act("agent", reference, "reopening", {"reason": "太晚"}, expect=409)
    assert refused["type"] == "urn:amends:wrong_stage"
