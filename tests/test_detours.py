"""What does not go straight, on real servers with a skipping clock: each way once as it should go, and its refusals."""

from datetime import datetime, timedelta

import pytest
from moves import ASK, HAND_ON, LATER, NOTE
from office import RESOLUTION, Office, OpenOffice
from sqlalchemy import update
from sqlmodel import col
from views import clock, due, in_hand, kinds

from api.absence import away
from complaints.messages import Receipt
from complaints.orders import Reprojection
from register import read_detours
from register.tables import Staff

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
    await office.act("handler.legal", reference, "extension", LATER, expect=404)
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
    await office.act("handler.legal", reference, "transfers/1/answer", {"answer": "accepted"}, expect=404)
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
    await office.forward(reference, timedelta(seconds=1))
    notice = [le for le in await office.letters(reference) if le["kind"] == "transfer_notice"]
    assert len(notice) == 1 and "现转由个人金融部办理" in notice[0]["body"]


async def test_a_transfer_to_another_region_of_the_department_is_told_as_such(office: Office) -> None:
    reference, _ = await in_hand(office)
    body = {"department": "card_centre", "handler": "handler.card_centre", "reason": "就近办理"}
    await office.act("supervisor", reference, "assignment", body)
    await office.act("handler.card_centre", reference, "acceptance")
    body = HAND_ON | {"department": "card_centre", "region": "北京"}
    await office.act("handler.card_centre", reference, "transfers", body)
    await office.act("handler.card_centre.2", reference, "transfers/1/answer", {"answer": "accepted"})
    await office.forward(reference, timedelta(seconds=1))
    notices = [le["body"] for le in await office.letters(reference) if le["kind"] == "transfer_notice"]
    assert len(notices) == 1, "being given to a colleague in the same department is no move"
    assert "原由信用卡中心（上海）承办，现转由信用卡中心（北京）办理" in notices[0]


async def test_a_transfer_nobody_answers_is_told_to_the_supervisor(office: Office) -> None:
    reference, handler = await in_hand(office)
    await office.act(handler, reference, "transfers", HAND_ON)
    await office.forward(reference, timedelta(days=1))
    assert ("breached", "supervisor.card_centre") in await office.told(reference)
    body = {"department": "card_centre", "handler": "handler.card_centre.2", "reason": "收回"}
    case = await office.act("supervisor", reference, "assignment", body)
    assert case["transfers"][0]["answer"] == "dropped"
    await office.act("handler.personal_finance", reference, "transfers/1/answer", {"answer": "accepted"}, expect=404)


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
