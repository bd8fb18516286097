"""The queue of calls, on real servers: what is in it and what is not, whose it is, and the form each call leads to."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from at_desk import Desk, at_desk
from contract import different
from office import RESOLUTION, Office

from register import calls

Json = dict[str, Any]


@pytest.fixture(scope="module")
def office(office_of_the_file: Office) -> Office:
    return office_of_the_file


@pytest.fixture(scope="module")
async def desk(office: Office) -> AsyncIterator[Desk]:
    async with at_desk(office) as agent:
        yield agent


async def row(desk: Desk, reference: str, query: str = "") -> str:
    """The line of that case in the queue; empty when it has none."""
    page = await desk.get(f"/desk/calls{query}")
    assert page.status_code == 200, page.text
    lines = re.findall(r"<tr>.*?</tr>", page.text, re.S)
    found = [line for line in lines if f"complaints/{reference}#" in line]
    assert len(found) <= 1
    return found[0] if found else ""


async def leads_to_a_form(desk: Desk, line: str) -> bool:
    """Whether the line's link ends at a form that is on the case's page."""
    (path, form) = re.findall(r'href="\.\./(desk/complaints/[^"#]+)#([^"]+)"', line)[0]
    page = (await desk.get(f"/{path}")).text
    return f'<details class="act" open id="{form}">' in page or f'<details class="act" id="{form}">' in page


async def to_tell(office: Office, **more: Any) -> Json:
    """A case by telephone whose result is there: a person has to say it."""
    case = await office.open(different(channel="telephone", **more))
    await office.to_callback(case)
    return case


async def test_a_result_to_be_spoken_then_its_callback_and_then_nothing(office: Office, desk: Desk) -> None:
    case = await to_tell(office)
    reference = case["reference"]
    line = await row(desk, reference)
    assert "Tell the result" in line and "left" in line and await leads_to_a_form(desk, line)
    assert case["complainant"]["name"] not in line and "138" not in line, "contact data is on the case's page, masked"
    await office.act("agent", reference, "feedback", {"way": "spoken"})
    line = await row(desk, reference)
    assert "Callback" in line and "0 of 3" in line and await leads_to_a_form(desk, line)
    await office.act("agent", reference, "callbacks", {"reached": True, "satisfaction": 5})
    assert await row(desk, reference) == ""


async def test_a_queue_longer_than_is_shown_says_so(
    office: Office, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        await to_tell(office)
    assert "are shown, the most pressing" not in (await desk.get("/desk/calls")).text
    monkeypatch.setattr(calls, "AT_MOST", 1)
    page = (await desk.get("/desk/calls")).text
    assert "At most 1 of each kind are shown, the most pressing." in page
    assert sum("Tell the result" in line for line in re.findall(r"<tr>.*?</tr>", page, re.S)) == 1


async def test_who_was_not_reached_waits_below_those_that_can_be_called(office: Office, desk: Desk) -> None:
    tried, fresh = await to_tell(office), await to_tell(office)
    for case in (tried, fresh):
        await office.act("agent", case["reference"], "feedback", {"way": "spoken"})
    await office.act("agent", tried["reference"], "callbacks", {"reached": False})
    line = await row(desk, tried["reference"])
    assert "1 of 3" in line and re.search(r"not before \d\d-\d\d \d\d:\d\d", line)
    page = (await desk.get("/desk/calls")).text
    assert page.index(fresh["reference"]) < page.index(tried["reference"])


async def test_a_result_that_goes_by_letter_is_no_call(office: Office, desk: Desk) -> None:
    case = await office.open(different(channel="email"))
    handler = case["assignment"]["handler"]
    assert await row(desk, case["reference"]) == ""
    await office.act(handler, case["reference"], "acceptance")
    await office.act(handler, case["reference"], "resolution", RESOLUTION)
    assert "Tell the result" not in await row(desk, case["reference"])


async def test_a_result_told_in_the_first_round_does_not_count_in_the_second(office: Office, desk: Desk) -> None:
    case = await to_tell(office)
    reference = case["reference"]
    await office.act("agent", reference, "feedback", {"way": "spoken"})
    await office.act("agent", reference, "callbacks", {"reached": True, "satisfaction": 1})
    assert await row(desk, reference) == "", "it is handled again"
    again = await office.case(reference)
    assert again["round"] == 2
    done = await office.to_callback(again)
    for asked in done["approvals"]:
        body = {"decision": "approve", "reason": "同意"}
        await office.post("manager", f"/approvals/{asked['id']}/decision", body)
    line = await row(desk, reference)
    assert "Tell the result" in line and "round 2" in line
    await office.act("agent", reference, "feedback", {"way": "spoken"})
    assert "0 of 3" in await row(desk, reference), "attempts are counted in each round"


async def test_an_extension_no_letter_can_tell_is_a_call_until_it_is_told(office: Office, desk: Desk) -> None:
    nobody = {"name": "测试客户", "customer_number": "C-1"}
    case = await office.open(different(channel="counter", complainant=nobody))
    reference, handler = case["reference"], case["assignment"]["handler"]
    await office.act(handler, reference, "acceptance")
    asked = await office.act(handler, reference, "extension", {"amount": 2, "reason": "需要外部核实"})
    assert await row(desk, reference) == "", "nobody has approved it"
    approval = asked["extensions"][0]["approval"]
    await office.post("supervisor", f"/approvals/{approval}/decision", {"decision": "approve", "reason": "同意"})
    line = await row(desk, reference)
    assert "Tell of the extension" in line and await leads_to_a_form(desk, line)
    await office.post("agent", f"/complaints/{reference}/extension/notice", {})
    assert await row(desk, reference) == ""


async def test_whose_calls_they_are(office: Office, desk: Desk) -> None:
    case = await to_tell(office)
    reference, department = case["reference"], case["assignment"]["department"]
    assert await row(desk, reference, "?mine=true") == "", "somebody else has opened it"
    async with at_desk(office, "handler", department=department) as of_it:
        assert await row(of_it, reference)
    async with at_desk(office, "handler", department="legal") as elsewhere:
        assert await row(elsewhere, reference) == ""
    async with at_desk(office, "auditor") as auditor:
        assert (await auditor.get("/desk/calls")).status_code == 403


async def test_what_one_has_opened_oneself_can_be_seen_alone(office: Office) -> None:
    async with at_desk(office) as agent:
        office.tokens[agent.username] = (
            await office.http.post("/auth/token", data={"username": agent.username, "password": office.password})
        ).json()["access_token"]
        case = await office.open(different(channel="telephone"), user=agent.username)
        await office.to_callback(case)
        assert "Tell the result" in await row(agent, case["reference"], "?mine=true")


async def test_an_empty_queue_says_so_in_both_languages(office: Office) -> None:
    for language, said in (("en", "No call waits."), ("zh-CN", "没有待拨的电话。")):
        async with at_desk(office, language=language) as agent:
            assert said in (await agent.get("/desk/calls?mine=true")).text
