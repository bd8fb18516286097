"""The incident room over HTTP as a manager's browser has it: every act, what is refused, who may not, two at once."""

from datetime import timedelta
from typing import Any

import pytest
from browser import OWN, newcomer
from moves import ANSWER
from office import MAJOR, Office
from page_forms import desk, faults, hidden, offers, read, send, signed, text_of

from complaints.names import case_of


@pytest.fixture
def office(office_of_the_file: Office) -> Office:
    return office_of_the_file


async def declared(office: Office) -> str:
    case = await office.open(MAJOR)
    return str(case["incident"]["id"])


async def launched(office: Office) -> tuple[str, str]:
    """A response under way, and the room's address."""
    incident = await declared(office)
    await office.post("manager", f"/incidents/{incident}/acknowledgement")
    return incident, f"incidents/{incident}"


async def test_a_response_is_launched_led_and_closed_in_the_room(office: Office) -> None:
    incident = await declared(office)
    room = f"incidents/{incident}"
    async with desk(office, "manager") as http:
        listed = await text_of(http, "/desk/incidents")
        waiting, _, under_way = listed.partition("Under way</h2>")
        assert incident in waiting and incident not in under_way and " left</span>" in waiting
        page = await text_of(http, f"/desk/{room}")
        assert offers(page, incident) == {"acknowledgement"} and '<svg class="bar"' in page
        done = await send(http, room, f"{room}/acknowledgement", leader=http.headers["x-who"])
        assert done.headers["location"].endswith(f"desk/{room}?done=acknowledgement")
        page = await text_of(http, f"/desk/{room}", done="acknowledgement")
        assert "The response is up to date below" in page and "Launched in time" in page
        assert f"led by <strong>{http.headers['x-who']}</strong>" in page
        assert offers(page, incident) == {"log", "tasks", "answer", "report", "handover", "standdown"}
        listed = await text_of(http, "/desk/incidents")
        assert incident in listed.partition("Under way</h2>")[2]

        await send(http, room, f"{room}/log", kind="action", text="切换至备用机房")
        await send(http, room, f"{room}/log", kind="contact", text="已致电客户")
        await send(http, room, f"{room}/tasks", owner="handler.it_channels", text="恢复登录", hours="3")
        page = await text_of(http, f"/desk/{room}")
        assert "Containment action</strong>" in page and "切换至备用机房" in page and "已致电客户" in page
        assert "handler.it_channels" in page and "3 hours left" in page and "Not done yet" in page
        assert "tasks/1/done" in offers(page, incident) and "report" not in offers(page, incident)
        await send(http, room, f"{room}/tasks/1/done", result="已恢复")
        await send(http, room, f"{room}/answer", **ANSWER)
        page = await text_of(http, f"/desk/{room}")
        assert "已恢复" in page and "Waits for a second manager" in page and "answer" not in offers(page, incident)
        approval = (await office.case(case_of(incident)))["approvals"][-1]["id"]
        await office.post("head.office", f"/approvals/{approval}/decision", {"decision": "approve", "reason": "同意"})
        assert "✓ Approved</span>" in await text_of(http, f"/desk/{room}")
        await send(http, room, f"{room}/handover", leader="manager.sun", reason="交班")
        assert "led by <strong>manager.sun</strong>" in await text_of(http, f"/desk/{room}")
        await send(http, room, f"{room}/report", text="处置报告全文")
        page = await text_of(http, f"/desk/{room}")
        assert offers(page, incident) == set() and "处置报告全文" in page and "✓ Reported" in page
        paper = await text_of(http, f"/desk/{room}/print")
        for said in (
            "切换至备用机房",
            "已致电客户",
            "恢复登录",
            "已恢复",
            ANSWER["reply"],
            "交班",
            "处置报告全文",
            case_of(incident),
        ):
            assert said in paper
        listed = await text_of(http, "/desk/incidents")
        assert incident in listed.partition("Over</h2>")[2]


async def test_a_response_that_was_none_is_stood_down(office: Office) -> None:
    incident, room = await launched(office)
    async with desk(office, "manager") as http:
        answer = await send(http, room, f"{room}/standdown", 422, reason=" ")
        assert list(faults(answer)) == [f"incidents-{incident}-standdown-reason"]
        await send(http, room, f"{room}/standdown", reason="并非群体事件")
        page = await text_of(http, f"/desk/{room}")
        assert "■ Stood down" in page and "并非群体事件" in page and offers(page, incident) == set()


BAD: list[tuple[str, dict[str, Any], str, str]] = [
    ("log", {"kind": "action", "text": ""}, "text", "Please fill this in."),
    ("log", {"kind": "report", "text": "想冒充报告"}, "kind", "Please choose one of the list."),
    ("tasks", {"owner": "nobody", "text": "恢复登录"}, "owner", "There is nobody of that user name in this role"),
    ("tasks", {"owner": "agent", "text": "恢复登录", "hours": "x"}, "hours", "A whole number, please."),
    ("tasks", {"owner": "agent", "text": "恢复登录", "hours": "721"}, "hours", "At most 720, please."),
    ("handover", {"leader": "agent", "reason": "交班"}, "leader", "There is nobody of that user name in this role"),
    ("answer", {"findings": "只有核查情况"}, "reply", "Please fill this in."),
]


@pytest.mark.parametrize(("act", "typed", "field", "wrong"), BAD)
async def test_what_is_wrong_stands_beside_the_field_and_what_was_typed_stays(
    office: Office, act: str, typed: dict[str, str], field: str, wrong: str
) -> None:
    incident, room = await launched(office)
    async with desk(office, "manager") as http:
        answer = await send(http, room, f"{room}/{act}", 422, **typed)
        page = read(answer)
        assert faults(answer)[f"incidents-{incident}-{act}-{field}"].startswith(wrong)
        assert 'role="alert"' in page and 'aria-invalid="true"' in page
        for words in typed.values():
            assert words in page
    case = await office.case(case_of(incident))
    assert not case["incident"]["log"] and not case["incident"]["tasks"] and not case["incident"]["handovers"]


async def test_the_second_to_acknowledge_sees_who_was_first(office: Office) -> None:
    incident = await declared(office)
    room = f"incidents/{incident}"
    async with desk(office, "manager") as first, desk(office, "manager") as second:
        kept = hidden((await second.get(f"/desk/{room}")).text, f"{room}/acknowledgement")
        await send(first, room, f"{room}/acknowledgement", leader=first.headers["x-who"])
        mine = {"leader": second.headers["x-who"]}
        answer = await second.post(f"/desk/{room}/acknowledgement", data=kept | mine, headers=OWN)
        page = read(answer)
        assert answer.status_code == 409 and "Somebody else has acted" in page
        assert f"Major-complaint response launched · {first.headers['x-who']}" in page
        now = hidden(answer.text, f"{room}/acknowledgement")
        again = await second.post(f"/desk/{room}/acknowledgement", data=now | mine, headers=OWN)
        assert again.status_code == 409 and f"{first.headers['x-who']} has acknowledged it already" in read(again)
    case = await office.case(case_of(incident))
    assert case["incident"]["acknowledged_by"] == first.headers["x-who"]


async def test_a_form_sent_twice_is_one_act(office: Office) -> None:
    _, room = await launched(office)
    async with desk(office, "manager") as http:
        kept = hidden((await http.get(f"/desk/{room}")).text, f"{room}/log")
        for _ in range(2):
            sent = kept | {"kind": "action", "text": "只记一次"}
            assert (await http.post(f"/desk/{room}/log", data=sent, headers=OWN)).status_code == 303
        assert (await text_of(http, f"/desk/{room}")).count("只记一次") == 1


async def test_what_was_typed_for_a_response_that_ended_meanwhile_is_not_lost(office: Office) -> None:
    incident, room = await launched(office)
    async with desk(office, "manager") as http:
        kept = hidden((await http.get(f"/desk/{room}")).text, f"{room}/tasks")
        await office.post("manager", f"/incidents/{incident}/standdown", {"reason": "误报"})
        sent = kept | {"owner": "agent", "text": "写了很久的任务"}
        answer = await http.post(f"/desk/{room}/tasks", data=sent, headers=OWN)
        assert answer.status_code == 409 and "写了很久的任务" in read(answer)


async def test_an_auditor_sees_the_room_without_forms_and_others_do_not_see_it(office: Office) -> None:
    incident, room = await launched(office)
    async with desk(office, "auditor") as http:
        page = await text_of(http, f"/desk/{room}")
        assert offers(page, incident) == set() and "Nothing by you" in page
        assert incident in await text_of(http, "/desk/incidents")
        kept = {"csrf_token": hidden(page, "language")["csrf_token"], "text": "审计员不记"}
        assert (await http.post(f"/desk/{room}/log", data=kept, headers=OWN)).status_code == 403
    for role in ("agent", "supervisor", "handler", "ops", "admin"):
        async with desk(office, role) as http:
            for path in ("/desk/incidents", f"/desk/{room}", f"/desk/{room}/print"):
                assert (await http.get(path)).status_code in (403, 404), (role, path)
    async with desk(office, "manager") as http:
        for path in (f"{incident[:-1]}2", "CMP-2020-999999-M1", "nonsense"):
            assert (await http.get(f"/desk/incidents/{path}")).status_code in (404, 422), path
        assert (await http.get(f"/desk/{room}?after=-1")).status_code == 422


async def test_who_was_given_a_task_sees_it_and_finishes_it(office: Office) -> None:
    incident, room = await launched(office)
    owner = await newcomer(office, roles=["handler"], department="legal", language="en")
    await office.post("manager", f"/incidents/{incident}/tasks", {"owner": owner, "text": "核对合同"})
    task = f"{room}/tasks/1"
    async with signed(office, owner) as http:
        page = await text_of(http, f"/desk/{task}")
        assert "核对合同" in page and " left</span>" in page
        assert (await http.get(f"/desk/{room}")).status_code in (403, 404)
        assert (await http.get(f"/desk/{room}/tasks/2")).status_code == 404
        answer = await send(http, task, f"{task}/done", 422, result="")
        assert "Please fill this in." in faults(answer).values() and "核对合同" in read(answer)
        done = await send(http, task, f"{task}/done", result="合同无误")
        assert done.headers["location"].endswith(f"desk/{task}?done=done")
        page = await text_of(http, f"/desk/{task}")
        assert "合同无误" in page and f"desk/{task}/done" not in page
    async with desk(office, "handler", department="legal") as http:
        assert (await http.get(f"/desk/{task}")).status_code == 404


async def test_the_complaints_of_the_event_are_listed_with_stage_and_due(office: Office) -> None:
    incident, room = await launched(office)
    member = (await office.open())["reference"]
    await office.act("agent", member, "incident", {"incident": incident, "reason": "同一事件"})
    await office.forward(case_of(incident), timedelta(seconds=1))
    async with desk(office, "manager") as http:
        page = await text_of(http, f"/desk/{room}")
        table = page[page.index('id="members"') :]
        assert f"desk/complaints/{member}" in table and "Assigned</td>" in table and " left</span>" in table
        assert "Complaints: 2" in page and member in await text_of(http, f"/desk/{room}/print")
        looked = await text_of(http, "/desk/query-log", subject=case_of(incident), who=http.headers["x-who"])
        assert looked.count("Read a major incident") == 2 and "Read a major incident to print it" in looked
