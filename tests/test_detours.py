"""What does not go straight, on real servers with a skipping clock: each way once as it should go, and its refusals."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from moves import ANSWER, ASK, HAND_ON, LATER, NOTE, OUTAGE, duty
from office import MAJOR, PLAIN, RESOLUTION, Office, OpenOffice
from sqlalchemy import update
from sqlmodel import col

from complaints.messages import Receipt
from complaints.orders import Reprojection
from register import read_detours
from register.tables import Staff
from run.absence import away


def clock(case: dict[str, Any], name: str) -> dict[str, Any]:
    return next(c for c in case["clocks"] if c["name"] == name)


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [e["kind"] for e in events]


async def in_hand(office: Office, form: dict[str, Any] = PLAIN, **more: Any) -> tuple[str, str]:
    """A case in its handler's hands: the reference and the handler."""
    case = await office.open(form, **more)
    handler = case["assignment"]["handler"]
    await office.act(handler, case["reference"], "acceptance")
    return case["reference"], handler


def due(office: Office, case: dict[str, Any], name: str = "resolution") -> datetime:
    return office.borrowed(clock(case, name)["due_at"])


# -- extension -------------------------------------------------------------------------------------------------------


async def test_an_extension_holds_once_it_is_approved_and_told(office: Office) -> None:
    reference, handler = await in_hand(office)
    case = await office.act(handler, reference, "extension", LATER)
    assert due(office, case) == datetime(2026, 3, 17, 17, 30)
    approval = case["approvals"][-1]
    assert approval["purpose"] == "extension" and clock(case, "approval_1")["state"] == "running"
    await office.post(
        handler, f"/approvals/{approval['id']}/decision", {"decision": "approve", "reason": "是"}, expect=403
    )
    await office.post("supervisor", f"/approvals/{approval['id']}/decision", {"decision": "approve", "reason": "同意"})
    await office.forward(reference, timedelta(seconds=1))
    case = await office.case(reference)
    assert due(office, case) == datetime(2026, 3, 20, 17, 30)
    extension = case["extensions"][0]
    assert extension["state"] == "in_force" and extension["letter"]
    change = clock(case, "resolution")["changes"][0]
    assert change["why"] == "extended" and office.borrowed(change["old_due_at"]) == datetime(2026, 3, 17, 17, 30)
    letter = next(le for le in await office.letters(reference) if le["kind"] == "extension_notice")
    assert letter["state"] == "sent" and "2026" in letter["body"] and LATER["reason"] in letter["body"]
    events = kinds(await office.events(reference))
    assert events.index("approved") < events.index("letter_sent", events.index("approved")) < events.index("extended")
    await office.forward(reference, office.real(datetime(2026, 3, 17, 18)))
    assert clock(await office.case(reference), "resolution")["state"] == "running"
    await office.forward(reference, office.real(datetime(2026, 3, 20, 17, 31)))
    case = await office.case(reference)
    assert clock(case, "resolution")["state"] == "breached"
    reminded = [
        e for e in await office.events(reference) if e["kind"] == "reminded" and e["data"]["clock"] == "resolution"
    ]
    assert [office.borrowed(e["at"]).date().day for e in reminded] == [18, 19]
    late = await office.act(handler, reference, "extension", LATER, expect=409)
    assert late["type"] == "urn:amends:too_late"


async def test_an_extension_beyond_the_cap_or_of_another_clock_is_refused(office: Office) -> None:
    reference, handler = await in_hand(office)
    refused = await office.act(handler, reference, "extension", LATER | {"amount": 6}, expect=422)
    assert refused["errors"][0]["code"] == "beyond_cap"
    refused = await office.act(handler, reference, "extension", LATER | {"clock": "first_response"}, expect=422)
    assert refused["errors"][0]["code"] == "not_extendable"
    await office.act("handler.legal", reference, "extension", LATER, expect=403)
    for days in (5, 5):
        case = await office.act(handler, reference, "extension", LATER | {"amount": days})
        await office.act(handler, reference, "extension", LATER, expect=409)  # one at a time
        path = f"/approvals/{case['approvals'][-1]['id']}/decision"
        await office.post("supervisor", path, {"decision": "approve", "reason": "同意"})
        await office.forward(reference, timedelta(seconds=1))
    refused = await office.act(handler, reference, "extension", LATER | {"amount": 1}, expect=422)
    assert refused["errors"][0]["code"] == "beyond_cap"
    case = await office.case(reference)
    assert due(office, case) == datetime(2026, 3, 31, 17, 30)
    assert len([e for e in case["extensions"] if e["state"] == "in_force"]) == 2


async def test_a_rejected_or_forgotten_extension_leaves_the_deadline(office: Office) -> None:
    reference, handler = await in_hand(office)
    case = await office.act(handler, reference, "extension", LATER)
    path = f"/approvals/{case['approvals'][-1]['id']}/decision"
    await office.post("supervisor", path, {"decision": "reject", "reason": "理由不充分"})
    case = await office.act(handler, reference, "extension", LATER)
    assert case["extensions"][0]["state"] == "rejected"
    await office.forward(reference, office.real(datetime(2026, 3, 17, 17, 31)))
    case = await office.case(reference)
    assert clock(case, "resolution")["state"] == "breached"
    assert case["extensions"][1]["state"] == "lapsed" and case["approvals"][-1]["decision"] == "lapsed"
    refused = await office.post(
        "supervisor",
        f"/approvals/{case['approvals'][-1]['id']}/decision",
        {"decision": "approve", "reason": "迟"},
        expect=409,
    )
    assert refused["type"] == "urn:amends:wrong_stage"


async def test_without_a_way_to_write_a_person_tells_of_the_extension(office: Office) -> None:
    reference, handler = await in_hand(office, complainant={"name": "测试客户"}, channel="counter")
    case = await office.act(handler, reference, "extension", LATER)
    path = f"/approvals/{case['approvals'][-1]['id']}/decision"
    case = await office.post("supervisor", path, {"decision": "approve", "reason": "同意"})
    assert "extension_notice_by_person" in kinds(await office.events(reference))
    assert due(office, case) == datetime(2026, 3, 17, 17, 30)
    case = await office.act("agent", reference, "extension/notice", {"answer": "客户同意"})
    assert due(office, case) == datetime(2026, 3, 20, 17, 30)
    await office.act("agent", reference, "extension/notice", {}, expect=409)


# -- pause -----------------------------------------------------------------------------------------------------------


async def test_a_pause_moves_the_deadline_over_the_calendar(office_on: OpenOffice) -> None:
    async with office_on(datetime(2026, 9, 28, 10)) as office:  # Monday before the National Day holiday
        reference, handler = await in_hand(office)
        before = due(office, await office.case(reference))
        case = await office.act(handler, reference, "pause", ASK)
        assert clock(case, "resolution")["state"] == "paused"
        await office.act(handler, reference, "pause", ASK, expect=409)
        await office.act(handler, reference, "extension", LATER, expect=409)
        await office.forward(reference, office.real(datetime(2026, 10, 9, 15)))
        assert clock(await office.case(reference), "resolution")["state"] == "paused"
        case = await office.act(handler, reference, "resume", {"reason": "客户已补充"})
        await office.act(handler, reference, "resume", {"reason": "再次"}, expect=409)
        stood = [d for d in clock(case, "resolution")["counted"] if "stood still" in d]
        days = [datetime(2026, 9, 28), datetime(2026, 9, 29), datetime(2026, 9, 30), datetime(2026, 10, 8)]
        assert len(stood) == len(days) - 1  # the day of receipt is not counted anyway
        assert due(office, case) > before and due(office, case).time() == before.time()
        letters = [le["kind"] for le in await office.letters(reference)]
        assert letters.count("information_request") >= 1


async def test_a_pause_ends_by_itself_and_reminds(office: Office) -> None:
    reference, handler = await in_hand(office)
    refused = await office.act(handler, reference, "pause", ASK | {"longest": 30}, expect=422)
    assert refused["errors"][0]["code"] == "beyond_cap"
    await office.act(handler, reference, "pause", ASK)
    await office.forward(reference, office.real(datetime(2026, 3, 25, 9)))
    case = await office.case(reference)
    assert clock(case, "resolution")["state"] == "running"
    assert case["pauses"][0]["resumed_by"] == "process"
    assert office.borrowed(case["pauses"][0]["resumed_at"]) == datetime(2026, 3, 24, 17, 30)
    assert due(office, case) == datetime(2026, 3, 31, 17, 30)
    assert "pause_reminded" in kinds(await office.events(reference))


async def test_a_reminder_that_falls_into_a_pause_is_neither_lost_nor_early(office: Office) -> None:
    reference, handler = await in_hand(office)  # reminders on Friday 13th and Monday 16th, 17:30
    await office.forward(reference, office.real(datetime(2026, 3, 13, 17)))
    await office.act(handler, reference, "pause", ASK)
    await office.forward(reference, office.real(datetime(2026, 3, 18, 12)))
    assert "reminded" not in [
        e["kind"] for e in await office.events(reference) if e["data"].get("clock") == "resolution"
    ]
    case = await office.act(handler, reference, "resume", {"reason": "客户已补充"})
    assert due(office, case) == datetime(2026, 3, 20, 17, 30)
    await office.forward(reference, office.real(datetime(2026, 3, 20, 12)))
    reminded = [
        e for e in await office.events(reference) if e["kind"] == "reminded" and e["data"]["clock"] == "resolution"
    ]
    assert [office.borrowed(e["at"]).date().day for e in reminded] == [18, 19]


async def test_the_customers_answer_ends_the_wait(office: Office) -> None:
    reference, handler = await in_hand(office)
    case = await office.act(handler, reference, "pause", ASK)
    await office.act(handler, reference, "resolution", RESOLUTION)
    case = await office.case(reference)
    assert case["pauses"][0]["resumed_why"] == "resolved" and case["stage"] in ("feedback", "callback")


# -- transfer --------------------------------------------------------------------------------------------------------


async def test_a_transfer_stays_with_its_sender_until_it_is_accepted(office: Office) -> None:
    reference, handler = await in_hand(office)
    refused = await office.act(handler, reference, "transfers", HAND_ON | {"department": "card_centre"}, expect=422)
    assert refused["errors"][0]["code"] == "same_place"
    refused = await office.act(handler, reference, "transfers", HAND_ON | {"department": "moon"}, expect=422)
    assert refused["errors"][0]["code"] == "unknown_department"
    case = await office.act(handler, reference, "transfers", HAND_ON)
    assert case["assignment"]["handler"] == handler and clock(case, "transfer_1")["state"] == "running"
    await office.act("handler.legal", reference, "transfers/1/answer", {"answer": "accepted"}, expect=403)
    await office.act("handler.personal_finance", reference, "transfers/1/answer", {"answer": "rejected"}, expect=422)
    case = await office.act("handler.personal_finance", reference, "transfers/1/answer", {"answer": "accepted"})
    assert case["assignment"]["handler"] == "handler.personal_finance" and case["owner"] == handler
    assert clock(case, "transfer_1")["state"] == "met"
    await office.forward(reference, timedelta(seconds=1))
    assert "transfer_notice" in [le["kind"] for le in await office.letters(reference)]
    await office.act(handler, reference, "resolution", RESOLUTION, expect=403)
    before = await read_detours.transfer_counts(office.engine)
    await office.act("handler.personal_finance", reference, "resolution", RESOLUTION)
    after = await read_detours.transfer_counts(office.engine)
    assert after["handled"] == before["handled"] + 1 and after["all"] == before["all"]


async def test_after_too_many_hops_the_supervisor_decides(office: Office) -> None:
    reference, handler = await in_hand(office)
    for number in (1, 2, 3):
        await office.act(handler, reference, "transfers", HAND_ON)
        body = {"answer": "rejected", "reason": "不属本部门"}
        await office.act("handler.personal_finance", reference, f"transfers/{number}/answer", body)
    refused = await office.act(handler, reference, "transfers", HAND_ON, expect=409)
    assert refused["type"] == "urn:amends:cap_reached"
    told = await office.told(reference)
    assert ("transfers_used_up", "supervisor.card_centre") in told
    body = {"department": "personal_finance", "handler": "handler.personal_finance", "reason": "主管指定"}
    case = await office.act("supervisor", reference, "assignment", body)
    await office.act("handler.personal_finance", reference, "acceptance")
    assert clock(case, "acceptance_2")["state"] == "running"


async def test_a_transfer_nobody_answers_is_told_to_the_supervisor(office: Office) -> None:
    reference, handler = await in_hand(office)
    await office.act(handler, reference, "transfers", HAND_ON)
    await office.forward(reference, timedelta(days=1))
    assert ("breached", "supervisor.card_centre") in await office.told(reference)
    body = {"department": "card_centre", "handler": "handler.card_centre.2", "reason": "收回"}
    case = await office.act("supervisor", reference, "assignment", body)
    assert case["transfers"][0]["answer"] == "dropped"
    await office.act("handler.personal_finance", reference, "transfers/1/answer", {"answer": "accepted"}, expect=409)


# -- cross-department plan -------------------------------------------------------------------------------------------


async def cross(office: Office) -> tuple[str, str]:
    case = await office.open()
    body = {"kinds": ["cross_department"], "reason": "涉及多个部门"}
    await office.act("agent", case["reference"], "classification", body)
    handler = case["assignment"]["handler"]
    await office.act(handler, case["reference"], "acceptance")
    return case["reference"], handler


async def test_a_cross_department_case_goes_on_when_every_duty_is_done(office: Office) -> None:
    reference, handler = await cross(office)
    case = await office.case(reference)
    assert due(office, case, "cross_department_plan") == datetime(2026, 3, 13, 17, 30)
    refused = await office.act(handler, reference, "resolution", RESOLUTION, expect=409)
    assert refused["possible"] == ["plan"]
    no_owner = {"department": "legal", "task": "x", "working_days": 1}
    await office.act(handler, reference, "plan", {"duties": [no_owner]}, expect=422)
    refused = await office.act(
        handler, reference, "plan", {"duties": [duty("legal") | {"owner": "nobody"}]}, expect=422
    )
    assert refused["errors"][0]["field"] == "duties.0.owner"
    case = await office.act(handler, reference, "plan", {"duties": [duty("legal"), duty("it_channels", 1)]})
    assert clock(case, "cross_department_plan")["state"] == "met"
    assert due(office, case, "duty_1") == datetime(2026, 3, 12, 17, 30)
    await office.act("handler.legal", reference, "duties/1/answer", {"answer": "已核查"})
    await office.act("handler.legal", reference, "duties/2/answer", {"answer": "不归我"}, expect=403)
    await office.forward(reference, office.real(datetime(2026, 3, 11, 18)))
    case = await office.case(reference)
    assert clock(case, "duty_2")["state"] == "breached" and clock(case, "duty_1")["state"] == "met"
    told = await office.told(reference)
    assert ("breached", "handler.it_channels") in told
    refused = await office.act(handler, reference, "resolution", RESOLUTION, expect=409)
    assert "2" in refused["detail"]
    late = {"working_days": 5, "reason": "需要更多时间"}
    await office.act(handler, reference, "duties/2/change", late, expect=409)
    other = {"department": "it_channels", "owner": "handler.it_channels.2", "reason": "换人"}
    await office.act(handler, reference, "duties/2/change", other)
    case = await office.act(handler, reference, "plan", {"duties": [duty("risk_management")]})
    assert len(case["plan"]["duties"]) == 3
    await office.act(handler, reference, "duties/3/change", {"cancel": True, "reason": "不再需要"})
    await office.act("handler.it_channels.2", reference, "duties/2/answer", {"answer": "已恢复"})
    assert "duties_done" in kinds(await office.events(reference))
    case = await office.act(handler, reference, "resolution", RESOLUTION)
    assert case["stage"] in ("feedback", "callback", "awaiting_approval")


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


# -- links and merging -----------------------------------------------------------------------------------------------


async def test_a_merged_case_is_answered_by_the_older_one(office: Office) -> None:
    older, younger = await office.open(), await office.open(matter="年费又重复扣了，请退还。")
    a, b = older["reference"], younger["reference"]
    merge = {"reference": a, "how": "merged", "reason": "同一事项"}
    refused = await office.act("agent", a, "links", merge, expect=422)
    assert refused["errors"][0]["code"] == "itself"
    refused = await office.act("agent", a, "links", merge | {"reference": b}, expect=422)
    assert refused["errors"][0]["code"] == "younger"
    refused = await office.act("agent", b, "links", merge | {"reference": "CMP-2026-999999"}, expect=422)
    assert refused["errors"][0]["code"] == "unknown_complaint"
    case = await office.act("agent", b, "links", merge)
    assert (case["stage"], case["outcome"], case["merged_into"]) == ("closed", "merged", a)
    survivor = await office.case(a)
    assert [(link["reference"], link["how"]) for link in survivor["links"]] == [(b, "merged")]
    refused = await office.act("agent", a, "links", merge | {"reference": b}, expect=422)
    assert refused["errors"][0]["code"] == "circle"
    noted = await office.act("agent", b, "notes", NOTE)
    assert noted["reference"] == a and noted["notes"][-1]["text"] == NOTE["text"]
    assert (await office.case(b))["stage"] == "closed"
    await office.act("agent", b, "reopening", {"reason": "x"}, expect=409)
    third = (await office.open(matter="第三次投诉年费。"))["reference"]
    refused = await office.act("agent", third, "links", merge | {"reference": b}, expect=422)
    assert refused["errors"][0]["code"] == "closed"
    case = await office.act("agent", third, "links", {"reference": a, "how": "related", "reason": "同类"})
    assert case["links"][0]["reference"] == a


# -- major incidents and mass events ---------------------------------------------------------------------------------


@pytest.fixture
async def busy(office_on: OpenOffice) -> AsyncIterator[Office]:
    """An office in which complaints join major incidents by rule."""
    async with office_on(datetime(2026, 3, 10, 10), mass=True) as here:
        yield here


async def test_one_incident_owns_many_complaints_and_each_is_answered(busy: Office) -> None:
    office = busy
    lead = await office.open(OUTAGE)
    reference, incident = lead["reference"], lead["incident"]["id"]
    other = {"name": "另一客户", "email": "other@example.com"}
    second = OUTAGE | {"matter": "手机银行无法登录，转账失败，系统故障到现在没恢复。", "affected_customers": 1}
    member = await office.open(second, complainant=other)
    await office.open(PLAIN, complainant=other)
    assert member["incident_of"] == reference
    stranger = await office.open(
        PLAIN | {"matter": "客户经理态度冷淡，要求道歉。", "product": "mobile_banking", "amount": None}
    )
    assert stranger["incident_of"] is None
    body = {"incident": incident, "reason": "同一事件"}
    await office.act("agent", stranger["reference"], "incident", body)
    for act, wanted in (("log", {"text": "x"}), ("answer", ANSWER), ("standdown", {"reason": "x"})):
        await office.post("manager", f"/incidents/{incident}/{act}", wanted, expect=409)  # acknowledge it first
    await office.post("manager", f"/incidents/{incident}/acknowledgement", {})
    await office.post("manager", f"/incidents/{incident}/tasks", {"owner": "nobody", "text": "x"}, expect=422)
    await office.post("manager", f"/incidents/{incident}/tasks", {"owner": "handler.it_channels", "text": "恢复登录"})
    await office.post("manager", f"/incidents/{incident}/report", {"text": "报告"}, expect=409)
    await office.post("handler.legal", f"/incidents/{incident}/tasks/1/done", {"result": "x"}, expect=403)
    await office.post("handler.it_channels", f"/incidents/{incident}/tasks/1/done", {"result": "已恢复"})
    await office.post("manager", f"/incidents/{incident}/handover", {"leader": "agent", "reason": "x"}, expect=422)
    await office.post("manager", f"/incidents/{incident}/handover", {"leader": "manager.sun", "reason": "交班"})
    case = await office.post("manager.sun", f"/incidents/{incident}/answer", ANSWER)
    path = f"/approvals/{case['approvals'][-1]['id']}/decision"
    refused = await office.post("manager.sun", path, {"decision": "approve", "reason": "x"}, expect=403)
    assert refused["type"] == "urn:amends:own_work"
    await office.post("head.office", path, {"decision": "approve", "reason": "同意"})
    for ref in (reference, member["reference"], stranger["reference"]):
        await office.forward(ref, timedelta(seconds=2))
        case = await office.case(ref)
        assert case["stage"] == "callback", (ref, case["stage"])
        assert clock(case, "acceptance")["state"] == "met"  # nobody has to take up what is answered
        assert case["resolutions"][-1]["reply"] == ANSWER["reply"]
        await office.act("agent", ref, "callbacks", {"reached": True, "satisfaction": 4})
    shown = (await office.call("manager", "GET", f"/incidents/{incident}")).json()
    assert sorted(shown["members"]) == sorted([member["reference"], stranger["reference"]])
    assert shown["leader"] == "manager.sun"
    await office.post("manager.sun", f"/incidents/{incident}/report", {"text": "事件报告"})
    late = await office.open(second, complainant=other | {"email": "late@example.com"})
    assert late["incident_of"] is None


async def test_a_response_stood_down_lets_its_complaints_go(busy: Office) -> None:
    office = busy
    gold = MAJOR | {"matter": "贵金属延期交易被强行平仓，保证金全部亏光，系统当天根本登不上去。"}
    lead = await office.open(gold)
    incident = lead["incident"]["id"]
    member = await office.open(gold | {"complainant": {"name": "另一客户", "email": "b@example.com"}})
    assert member["incident_of"] == lead["reference"] and member["incident"] is None
    await office.post("manager", f"/incidents/{incident}/acknowledgement", {})
    await office.act("agent", member["reference"], "notes", NOTE)
    assert clock(await office.case(member["reference"]), "major_response")["state"] == "met"
    await office.post("manager", f"/incidents/{incident}/standdown", {"reason": "并非群体事件"})
    await office.act("agent", member["reference"], "notes", NOTE)
    alone = await office.case(member["reference"])
    assert alone["incident_of"] is None and alone["incident"]["acknowledged_at"] is None
    await office.act("agent", member["reference"], "incident", {"incident": incident, "reason": "x"}, expect=422)


# -- absence and other rules -----------------------------------------------------------------------------------------


async def test_nothing_waits_for_somebody_on_leave(office: Office) -> None:
    reference, handler = await in_hand(office)
    of_it = update(Staff).where(col(Staff.username) == handler)
    async with office.engine.begin() as db:
        await db.execute(of_it.values(state="leave"))
    try:
        told = await away(office.env.client, handler, office.queue)
        assert reference in told
        await office.act("agent", reference, "notes", NOTE)
        case = await office.case(reference)
        assert case["assignment"]["handler"] not in (None, handler) and case["stage"] == "assigned"
    finally:
        async with office.engine.begin() as db:
            await db.execute(of_it.values(state="working"))


@pytest.mark.parametrize("version", [None, "cn-2026-01-01"])
async def test_a_case_keeps_its_rules_until_it_is_moved(office: Office, version: str | None) -> None:
    reference, _ = await in_hand(office)
    before = due(office, await office.case(reference))
    order = Reprojection(version=version, why="日历调整", by="ops")
    await office.handle(reference).execute_update("reproject", order, result_type=Receipt)
    case = await office.case(reference)
    assert due(office, case) == before
    assert case["policy_version"] == (version or "cn-2026-11-20")
    assert "reprojected" in kinds(await office.events(reference))


async def test_a_complaint_that_joined_the_wrong_event_leaves_it(busy: Office) -> None:
    office = busy
    lead = await office.open(
        MAJOR | {"matter": "外汇业务系统误计汇率，大批客户结汇损失，群情激愤。", "product": "transfer"}
    )
    incident = lead["incident"]["id"]
    reference = (await office.open())["reference"]
    await office.act("supervisor", reference, "incident/leaving", {"reason": "x"}, expect=409)
    await office.act("agent", reference, "incident", {"incident": incident, "reason": "误并"})
    await office.act("agent", reference, "incident/leaving", {"reason": "并非同一事件"}, expect=403)
    case = await office.act("supervisor", reference, "incident/leaving", {"reason": "并非同一事件"})
    assert case["incident_of"] is None and case["stage"] == "assigned"
    await office.post("manager", f"/incidents/{incident}/acknowledgement")
    shown = (await office.call("manager", "GET", f"/incidents/{incident}")).json()
    assert shown["members"] == []
