"""The whole process on real servers with a skipping clock: what happens, in what order, and exactly when."""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from moves import SKIPPING_EVENTS
from office import MAJOR, PLAIN, RESOLUTION, Office, OpenOffice
from temporalio.service import RPCError

OVERSHOOT = timedelta(seconds=3)
"""Temporal's skipping clock lands up to about a second behind its target."""

ANONYMOUS = PLAIN | {
    "complainant": None,
    "channel": "box",
    "matter": "网点柜员态度恶劣，辱骂客户，希望银行严肃处理并加强培训。",
    "product": None,
    "amount": None,
}


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [e["kind"] for e in events]


def clock(case: dict[str, Any], name: str) -> dict[str, Any]:
    return next(c for c in case["clocks"] if c["name"] == name)


def at(office: Office, moment: str, what: str, *told: str) -> tuple[datetime, str, tuple[str, ...]]:
    return office.real(datetime.fromisoformat(moment)), what, told


def alarms(events: list[dict[str, Any]], name: str) -> list[tuple[datetime, str, tuple[str, ...]]]:
    return [
        (datetime.fromisoformat(e["at"]), e["kind"], tuple(e["data"]["told"]))
        for e in events
        if e["data"].get("clock") == name
    ]


def same_times(found: list[Any], expected: list[Any]) -> None:
    assert [f[1:] for f in found] == [e[1:] for e in expected], found
    for (when, *_), (due, *_) in zip(found, expected, strict=True):
        assert timedelta(0) <= when - due <= OVERSHOOT, (when, due)


async def test_a_plain_complaint_from_opening_to_closing(office: Office) -> None:
    case = await office.open()
    reference = case["reference"]
    assert case["stage"] == "assigned"
    assert case["assignment"]["department"] == "card_centre"
    assert clock(case, "registration")["state"] == "met"
    assert office.borrowed(clock(case, "resolution")["due_at"]) == datetime(2026, 3, 17, 17, 30)

    handler = case["assignment"]["handler"]
    case = await office.act(handler, reference, "acceptance")
    assert case["stage"] == "in_progress"
    case = await office.act(handler, reference, "resolution", RESOLUTION)
    assert case["stage"] in ("feedback", "callback")
    await office.forward(reference, timedelta(seconds=1))  # the clock waits for the letters to be out
    case = await office.case(reference)
    assert case["stage"] == "callback"
    assert clock(case, "resolution")["state"] == "met"
    case = await office.act("agent", reference, "callbacks", {"reached": True, "satisfaction": 5, "nps": 9})
    assert (case["stage"], case["outcome"]) == ("closed", "satisfied")
    assert await office.ended(reference) == "satisfied"

    told = kinds(await office.events(reference))
    assert told.count("letter_sent") == 3  # they go out beside the procedure
    assert [k for k in told if k != "letter_sent"] == [
        "received", "classified", "assigned", "registered", "accepted", "resolved", "result_ready", "result_told",
        "callback_due", "called_back", "closed",
    ]  # fmt: skip
    letters = await office.letters(reference)
    assert [(x["kind"], x["way"], x["state"]) for x in letters] == [
        ("acknowledgement", "email", "sent"),
        ("result", "email", "sent"),
        ("satisfaction_request", "email", "sent"),
    ]
    assert {c["state"] for c in (await office.case(reference))["clocks"]} == {"met"}
    shown = {pair.key.name: pair.value for pair in (await office.handle(reference).describe()).typed_search_attributes}
    assert (shown["AmendsStage"], shown["AmendsBreached"]) == ("closed", False)
    assert "AmendsDueAt" not in shown, "nothing is due any more"

    history = await office.handle(reference).fetch_history()
    own = [e for e in history.events if e.event_type not in SKIPPING_EVENTS]
    size = sum(len(e.SerializeToString()) for e in own)
    print(f"plain complaint: {len(own)} events, {size} bytes")
    assert len(own) <= 70
    assert size <= 40 * 1024


async def test_left_alone_over_spring_festival_and_a_make_up_saturday(office_on: OpenOffice) -> None:
    async with office_on(datetime(2026, 2, 13, 10)) as office:  # Friday; off from the 15th to the 23rd
        reference = (await office.open())["reference"]
        await office.forward(reference, office.real(datetime(2026, 3, 12)))
        case, events = await office.case(reference), await office.events(reference)
        assert office.borrowed(clock(case, "resolution")["due_at"]) == datetime(2026, 2, 27, 17, 30)
        same_times(
            alarms(events, "resolution"),
            [
                at(office, "2026-02-25T17:30", "reminded", "handler"),
                at(office, "2026-02-26T17:30", "reminded", "handler", "supervisor"),
                at(office, "2026-02-27T17:30", "breached", "supervisor"),
                at(office, "2026-02-28T17:30", "escalated", "manager"),  # a make-up Saturday
                at(office, "2026-03-03T17:30", "escalated", "head_office"),
            ],
        )
        letters = [x["kind"] for x in await office.letters(reference)]
        assert letters == ["acknowledgement", "progress", "apology"]

        # Acting late stops the clock; it never erases the breach.
        await office.to_callback(case)
        await office.forward(reference, timedelta(seconds=1))
        late = clock(await office.case(reference), "resolution")
        assert late["state"] == "breached"
        due, stopped = (datetime.fromisoformat(late[k]) for k in ("due_at", "stopped_at"))
        assert late["lateness_seconds"] == int((stopped - due).total_seconds()) > 12 * 86400
        await office.act("agent", reference, "callbacks", {"reached": True, "satisfaction": 4})


async def test_a_major_complaint_on_saturday_night_climbs_at_two_hours(office_on: OpenOffice) -> None:
    async with office_on(datetime(2026, 3, 14, 22)) as office:
        case = await office.open(MAJOR)
        reference, received = case["reference"], datetime.fromisoformat(case["received_at"])
        assert "major" in case["classification"]["kinds"]
        incident = case["incident"]["id"]
        listed = await office.call("manager", "GET", "/incidents")
        assert incident in [i["id"] for i in listed.json()["items"]]

        await office.forward(reference, timedelta(hours=3, minutes=30))
        minutes = timedelta(minutes=1)
        same_times(
            alarms(await office.events(reference), "major_response"),
            [
                (received + 60 * minutes, "reminded", ("manager",)),
                (received + 90 * minutes, "reminded", ("manager",)),
                (received + 120 * minutes, "breached", ("head_office",)),
                (received + 180 * minutes, "escalated", ("head_office",)),
            ],
        )
        await office.post("supervisor", f"/incidents/{incident}/acknowledgement", expect=403)
        await office.post("manager", f"/incidents/{incident}/log", {"text": "先行联系客户"}, expect=409)
        case = await office.post("head.office", f"/incidents/{incident}/acknowledgement", {"leader": "总行值班行长"})
        assert case["incident"]["leader"] == "总行值班行长"
        assert case["incident"]["acknowledged_by"] == "head.office"
        response = clock(case, "major_response")
        assert response["state"] == "breached" and response["stopped_at"]
        assert clock(case, "resolution")["state"] == "running"  # R5.4: the five-day clock keeps running
        await office.post("manager", f"/incidents/{incident}/log", {"text": "先行联系客户", "kind": "contact"})
        case = await office.post("manager", f"/incidents/{incident}/report", {"text": "已处置完毕"})
        assert case["incident"]["report"]["text"] == "已处置完毕"
        await office.act("agent", reference, "withdrawal", {"reason": "结束测试"})


async def test_a_major_acknowledged_in_time_is_met(office: Office) -> None:
    case = await office.open(MAJOR)
    await office.forward(case["reference"], timedelta(minutes=70))
    case = await office.post("manager", f"/incidents/{case['incident']['id']}/acknowledgement")
    assert clock(case, "major_response")["state"] == "met"
    assert case["incident"]["leader"] == "manager"


async def test_an_approval_is_rejected_resubmitted_and_approved(office: Office) -> None:
    case = await office.open()
    reference, handler = case["reference"], case["assignment"]["handler"]
    await office.act(handler, reference, "acceptance")
    costly = RESOLUTION | {"redress": {"kind": "compensation", "amount": {"value": "800.00", "currency": "CNY"}}}
    case = await office.act(handler, reference, "resolution", costly)
    assert case["stage"] == "awaiting_approval"
    approval = case["approvals"][-1]
    assert approval["needs"] == "supervisor" and "800" in approval["why"][0]
    queue = (await office.call("supervisor", "GET", "/approvals")).json()["items"]
    assert approval["id"] in [a["id"] for a in queue]

    wrong = await office.act(handler, reference, "resolution", costly, expect=409)
    assert wrong["stage"] == "awaiting_approval" and "decision" in wrong["possible"]
    await office.post(
        handler, f"/approvals/{approval['id']}/decision", {"decision": "approve", "reason": "-"}, expect=403
    )
    case = await office.post(
        "supervisor", f"/approvals/{approval['id']}/decision", {"decision": "reject", "reason": "补充证据"}
    )
    assert case["stage"] == "in_progress"
    again = await office.post(
        "supervisor", f"/approvals/{approval['id']}/decision", {"decision": "approve", "reason": "x"}, expect=409
    )
    assert "already decided" in again["detail"]

    case = await office.act(handler, reference, "resolution", costly)
    second = case["approvals"][-1]["id"]
    assert second != approval["id"]
    await office.post("supervisor", f"/approvals/{second}/decision", {"decision": "approve", "reason": "同意"})
    await office.forward(reference, timedelta(seconds=1))
    case = await office.case(reference)
    assert case["stage"] == "callback"
    assert [a["decision"] for a in case["approvals"]] == ["reject", "approve"]


async def test_an_approval_nobody_gives_climbs_to_the_next_level(office: Office) -> None:
    case = await office.open()
    reference, handler = case["reference"], case["assignment"]["handler"]
    await office.act(handler, reference, "acceptance")
    costly = RESOLUTION | {"redress": {"kind": "compensation", "amount": {"value": "9000.00", "currency": "CNY"}}}
    case = await office.act(handler, reference, "resolution", costly)
    await office.forward(reference, timedelta(hours=6))  # four working hours from about ten
    case = await office.case(reference)
    assert (case["approvals"][-1]["needs"], case["approvals"][-1]["asked"]) == ("supervisor", "manager")
    assert clock(case, "approval_1")["state"] == "breached"
    case = await office.post(
        "manager", f"/approvals/{case['approvals'][-1]['id']}/decision", {"decision": "approve", "reason": "同意"}
    )
    assert clock(case, "approval_1")["state"] == "breached"


@pytest.mark.parametrize(
    ("value", "currency", "approver", "too_low"),
    [
        ("20000.00", "CNY", "manager", "supervisor"),
        ("300000.00", "CNY", "head.office", "manager"),
        ("1.00", "JPY", "head.office", "manager"),  # no limit named for that currency
    ],
)
async def test_redress_needs_the_level_its_amount_asks_for(
    office: Office, value: str, currency: str, approver: str, too_low: str
) -> None:
    case = await office.open()
    reference, handler = case["reference"], case["assignment"]["handler"]
    await office.act(handler, reference, "acceptance")
    money = {"kind": "compensation", "amount": {"value": value, "currency": currency}}
    case = await office.act(handler, reference, "resolution", RESOLUTION | {"redress": money})
    path = f"/approvals/{case['approvals'][-1]['id']}/decision"
    refused = await office.post(too_low, path, {"decision": "approve", "reason": "x"}, expect=403)
    assert "needs" in refused["detail"]
    await office.post(approver, path, {"decision": "approve", "reason": "同意"})


async def test_every_violation_and_every_major_case_needs_approval(office: Office) -> None:
    case = await office.open()
    reference, handler = case["reference"], case["assignment"]["handler"]
    body = {"nature": "violation", "kinds": ["major"], "reason": "核实为违规销售"}
    case = await office.act("supervisor", reference, "classification", body)
    assert case["corrections"][0]["before"]["nature"] != "violation"
    assert case["incident"] is not None
    await office.act(handler, reference, "acceptance")
    plain = RESOLUTION | {"redress": {"kind": "apology"}}
    case = await office.act(handler, reference, "resolution", plain)
    assert case["stage"] == "awaiting_approval"
    assert case["approvals"][-1]["needs"] == "manager"
    assert len(case["approvals"][-1]["why"]) == 2


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
    outsider = await office.act("handler.legal", case["reference"], "acceptance", expect=403)
    assert "queue" in outsider["detail"]
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
