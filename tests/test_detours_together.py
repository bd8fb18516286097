"""Where several have to work together, on real servers: plans, merged complaints, incidents and mass events."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from browser import HTML, newcomer, token_pair, web
from moves import ANSWER, NOTE, OUTAGE, duty
from office import MAJOR, PLAIN, RESOLUTION, Office, OpenOffice
from views import clock, due, kinds

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


async def test_a_supervisor_sees_to_duties_of_their_own_department_only(office: Office) -> None:
    reference, handler = await cross(office)
    await office.act(handler, reference, "plan", {"duties": [duty("legal"), duty("it_channels", 1)]})
    legal, there = [await newcomer(office, roles=["supervisor"], department=d) for d in ("legal", "it_channels")]
    take = {"department": "legal", "owner": "handler.legal", "reason": "x"}
    async with web(office) as http:
        for who, status in ((legal, 403), (there, 200)):
            bearer = {"Authorization": f"Bearer {(await token_pair(http, who))['access_token']}"}
            page = await http.get(f"/desk/complaints/{reference}", headers=bearer | HTML)
            assert ("duties/2/answer" in page.text) == (status == 200) or page.is_redirect
            for act, body in (("change", {"working_days": 2, "reason": "x"}), ("change", take)):
                answer = await http.post(f"/complaints/{reference}/duties/2/{act}", json=body, headers=bearer)
                assert answer.status_code == status, answer.text
            if who == legal:
                own = await http.post(f"/complaints/{reference}/duties/1/answer", json={"answer": "x"}, headers=bearer)
                assert own.status_code == 200, own.text


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


async def test_nobody_is_merged_into_a_case_that_cannot_answer_them(office: Office) -> None:
    stranger, nobody = (
        {"complainant": {"name": "他人", "email": "b@example.com"}},
        {"channel": "box", "complainant": None},
    )
    names = [None, {}, nobody, stranger, {}, nobody]
    told, open_, unnamed, strange, again, also_unnamed = [
        (await office.open(**more or {}))["reference"] for more in names
    ]
    await office.to_callback(await office.case(told))
    await office.forward(told, timedelta(seconds=1))
    assert (await office.case(told))["stage"] == "callback"
    merge = {"how": "merged", "reason": "同一事项"}
    for younger, older, code in (
        (again, told, "answered"),
        (strange, open_, "other_customer"),
        (again, unnamed, "other_customer"),
        (also_unnamed, open_, "other_customer"),
    ):
        refused = await office.act("agent", younger, "links", merge | {"reference": older}, expect=422)
        assert [(e["field"], e["code"]) for e in refused["errors"]] == [("reference", code)]
        case = await office.act("agent", younger, "links", merge | {"reference": older, "how": "related"})
        assert (case["merged_into"], case["links"][-1]["how"]) == (None, "related")
    assert (await office.act("agent", also_unnamed, "links", merge | {"reference": unnamed}))["merged_into"] == unnamed


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
    await office.post("handler.legal", f"/incidents/{incident}/tasks/1/done", {"result": "x"}, expect=404)
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


async def test_a_complaint_that_joined_the_wrong_event_leaves_it(busy: Office) -> None:
    office = busy
    lead = await office.open(
        MAJOR | {"matter": "外汇业务系统误计汇率，大批客户结汇损失，群情激愤。", "product": "transfer"}
    )
    incident = lead["incident"]["id"]
    other = PLAIN | {"matter": "柜台排队两个小时无人办理，要求改进服务态度。", "product": "account"}
    reference = (await office.open(other))["reference"]
    await office.act("supervisor", reference, "incident/leaving", {"reason": "x"}, expect=409)
    await office.act("agent", reference, "incident", {"incident": incident, "reason": "误并"})
    await office.act("agent", reference, "incident/leaving", {"reason": "并非同一事件"}, expect=403)
    case = await office.act("supervisor", reference, "incident/leaving", {"reason": "并非同一事件"})
    assert case["incident_of"] is None and case["stage"] == "assigned"
    await office.post("manager", f"/incidents/{incident}/acknowledgement")
    shown = (await office.call("manager", "GET", f"/incidents/{incident}")).json()
    assert shown["members"] == []
