"""The supervisor's pages over HTTP on real servers: deciding one, several, asking somebody else, giving cases away."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape
from typing import Any

import httpx
import pytest
from browser import HTML, OWN, csrf_of, newcomer, page_session, token_pair, web
from contract import signed_in
from moves import LATER
from office import RESOLUTION, Office
from sqlalchemy import text

Json = dict[str, Any]
OURS = "card_centre"
COSTLY = RESOLUTION | {"redress": {"kind": "refund", "amount": {"value": "900.00", "currency": "CNY"}}}


@pytest.fixture(scope="module")
def office(office_of_the_file: Office) -> Office:
    return signed_in(office_of_the_file)


@pytest.fixture
async def desk(office: Office) -> AsyncIterator[httpx.AsyncClient]:
    """The browser of a supervisor of card_centre, in English."""
    name = await newcomer(office, roles=["supervisor"], department=OURS, language="en", name="Supervisor")
    async with web(office) as http:
        await page_session(http, name)
        http.headers["x-name"] = name
        yield http


async def got(http: httpx.AsyncClient, path: str, status: int = 200) -> str:
    answer = await http.get(path, headers=HTML)
    assert answer.status_code == status, answer.text[:2000]
    return unescape(answer.text)


async def sent(http: httpx.AsyncClient, page: str, path: str, form: Json, status: int = 303) -> str:
    """Send a form of that page; gives the page that answers, or where to go on."""
    form = {"csrf_token": csrf_of(page), "request_id": "one"} | form
    answer = await http.post(path, data=form, headers=HTML | OWN)
    assert answer.status_code == status, answer.text[:2000]
    return answer.headers["location"] if status == 303 else unescape(answer.text)


async def taken(office: Office, **more: Any) -> str:
    """A case of card_centre in its handler's hands."""
    case = await office.open(**more)
    holds = {"department": OURS, "handler": f"handler.{OURS}", "reason": "指派"}
    await office.act("supervisor", case["reference"], "assignment", holds)
    await office.act(f"handler.{OURS}", case["reference"], "acceptance")
    reference: str = case["reference"]
    return reference


async def resolved(office: Office) -> str:
    case = await office.act(f"handler.{OURS}", await taken(office), "resolution", COSTLY)
    return str(case["approvals"][0]["id"])


async def to_extend(office: Office, **more: Any) -> str:
    case = await office.act(f"handler.{OURS}", await taken(office, **more), "extension", LATER)
    return str(case["approvals"][0]["id"])


async def approval(office: Office, identifier: str) -> Json:
    case = await office.case(identifier.rsplit("-", 1)[0])
    return next(a for a in case["approvals"] if a["id"] == identifier)


# -- one -------------------------------------------------------------------------------------------------------------


async def test_a_resolution_is_decided_on_one_page(office: Office, desk: httpx.AsyncClient) -> None:
    identifier = await resolved(office)
    assert identifier in await got(desk, "/desk/approvals")
    page = await got(desk, f"/desk/approvals/{identifier}")
    for shown in (RESOLUTION["findings"], RESOLUTION["reply"], "CNY 900.00", "10,000.00", "needed here", "Refund"):
        assert shown in page, shown
    assert "138****0000" not in page and "13800000000" not in page and "测试客户" not in page
    path = f"/desk/approvals/{identifier}/decision"
    refused = await sent(desk, page, path, {"decision": "approve", "reason": " "}, 422)
    assert "Please fill this in." in refused and 'aria-invalid="true"' in refused
    assert (await approval(office, identifier))["decision"] is None
    where = await sent(desk, page, path, {"decision": "approve", "reason": "同意退还"})
    assert where.endswith(f"desk/approvals/{identifier}?done=decision")
    done = await got(desk, f"/desk/approvals/{identifier}?done=decision")
    assert "Approved" in done and "同意退还" in done and path not in done
    assert identifier not in await got(desk, "/desk/approvals")


async def test_of_an_extension_the_very_letter_is_shown_masked(office: Office, desk: httpx.AsyncClient) -> None:
    identifier = await to_extend(office)
    page = await got(desk, f"/desk/approvals/{identifier}")
    reference = identifier.rsplit("-", 1)[0]
    await sent(desk, page, f"/desk/approvals/{identifier}/decision", {"decision": "approve", "reason": "同意"})
    await office.forward(reference, timedelta(seconds=1))
    letter = next(x for x in await office.letters(reference) if x["kind"] == "extension_notice")
    shown = re.search(r"<blockquote[^>]*>(.*?)</blockquote>", page, re.DOTALL)
    assert shown and letter["subject"] in shown[1]
    dated = re.compile(r"\d+月\d+日|http")  # the office of the tests has borrowed another calendar
    lines = [line for line in letter["body"].splitlines() if line.strip() and not dated.search(line)]
    missing = [line for line in lines if line not in shown[1]]
    assert not missing, (missing, shown[1])
    assert LATER["reason"] in shown[1] and "测试客户" not in shown[1]


async def test_who_may_not_decide_reads_why(office: Office) -> None:
    identifier = await resolved(office)
    high = await office.act(
        f"handler.{OURS}", await taken(office), "resolution",
        RESOLUTION | {"redress": {"kind": "refund", "amount": {"value": "20000.00", "currency": "CNY"}}},
    )  # fmt: skip
    own = await newcomer(office, roles=["supervisor", "handler"], department=OURS, language="en")
    async with web(office) as http:
        await page_session(http, own)
        page = await got(http, f"/desk/approvals/{high['approvals'][0]['id']}")
        assert "it needs Manager" in page and "/decision" not in page and "/delegation" in page
        case = await office.open()
        await office.act(
            "supervisor", case["reference"], "assignment", {"department": OURS, "handler": own, "reason": "指派"}
        )
        office.tokens[own] = (await token_pair(http, own))["access_token"]
        await office.act(own, case["reference"], "acceptance")
        mine = await office.act(own, case["reference"], "resolution", COSTLY)
        page = await got(http, f"/desk/approvals/{mine['approvals'][0]['id']}")
        assert "handled it in this round" in page and "<textarea" not in page
    auditor = await newcomer(office, language="en")
    async with web(office) as http:
        await page_session(http, auditor)
        page = await got(http, f"/desk/approvals/{identifier}")
        assert "your role reads" in page and "<textarea" not in page
    elsewhere = await newcomer(office, roles=["supervisor"], department="legal", language="en")
    async with web(office) as http:
        await page_session(http, elsewhere)
        await got(http, f"/desk/approvals/{identifier}", 404)
        assert identifier not in await got(http, "/desk/approvals")


async def test_a_decision_somebody_else_took_meanwhile_is_shown(office: Office, desk: httpx.AsyncClient) -> None:
    identifier = await resolved(office)
    page = await got(desk, f"/desk/approvals/{identifier}")
    seen = re.search(r'name="seen" value="(\d+)"', page)
    assert seen
    await office.post("manager", f"/approvals/{identifier}/decision", {"decision": "reject", "reason": "依据不足"})
    form = {"decision": "approve", "reason": "我同意", "seen": seen[1]}
    late = await sent(desk, page, f"/desk/approvals/{identifier}/decision", form, 409)
    assert "Somebody else has acted" in late and "manager" in late and "依据不足" in late
    assert (await approval(office, identifier))["decided_by"] == "manager"


async def test_somebody_else_is_asked_by_name_and_finds_it_marked(office: Office, desk: httpx.AsyncClient) -> None:
    identifier = await resolved(office)
    other = await newcomer(office, roles=["supervisor"], department=OURS, language="en")
    page = await got(desk, f"/desk/approvals/{identifier}")
    assert f'value="{other}"' in page and 'value="supervisor.loans_mortgage"' not in page
    path = f"/desk/approvals/{identifier}/delegation"
    wrong = await sent(desk, page, path, {"to": "supervisor.loans_mortgage", "reason": "请其审批"}, 422)
    assert "That person may not decide this one." in wrong and "请其审批" in wrong
    await sent(desk, page, path, {"to": other, "reason": "请其审批", "request_id": "two"})
    assert (await approval(office, identifier))["delegated_to"] == other
    async with web(office) as http:
        await page_session(http, other)
        assert "asked of you" in await got(http, "/desk/approvals")


# -- several ---------------------------------------------------------------------------------------------------------


def ticks(page: str) -> dict[str, str]:
    """What can be ticked, by its identifier."""
    return {
        v.partition(":")[0]: v for v in re.findall(r'type="checkbox" name="(?:approval|case)" value="([^"]+)"', page)
    }


async def test_several_are_approved_each_for_itself(office: Office, desk: httpx.AsyncClient) -> None:
    easy, taken_over, costly = await to_extend(office), await to_extend(office), await resolved(office)
    elsewhere = await to_extend(office)
    away = {"department": "legal", "reason": "改派"}
    await office.act("supervisor", elsewhere.rsplit("-", 1)[0], "assignment", away)
    page = await got(desk, "/desk/approvals")
    can = ticks(page)
    assert {easy, taken_over} <= set(can) and not {costly, elsewhere} & set(can)
    await office.post("manager", f"/approvals/{taken_over}/decision", {"decision": "reject", "reason": "不同意"})
    chosen = [can[easy], can[taken_over], costly, elsewhere, "CMP-2026-999999999999-A1:1", "x"]
    form: Json = {"approval": chosen, "reason": "均属调阅单据"}
    for _ in range(2):  # sent twice, it is done once
        answer = await sent(desk, page, "/desk/approvals/decisions", form, 200)
        assert "1 of 6 approved" in answer
        assert "This one is to be looked at by itself." in answer and answer.count("There is no such complaint.") == 2
    assert "manager" in answer
    assert (await approval(office, easy))["decision"] == "approve"
    assert [(await approval(office, a))["decision"] for a in (taken_over, costly, elsewhere)] == ["reject", None, None]
    kinds = [e["kind"] for e in await office.events(easy.rsplit("-", 1)[0])]
    assert kinds.count("approved") == 1


async def test_without_a_tick_or_a_reason_nothing_is_approved(office: Office, desk: httpx.AsyncClient) -> None:
    first, second = await to_extend(office), await to_extend(office)
    page = await got(desk, "/desk/approvals")
    can, path = ticks(page), "/desk/approvals/decisions"
    none = await sent(desk, page, path, {"reason": "同意", "purpose": "extension"}, 422)
    assert "Tick at least one." in none and "同意" in none
    form = {"approval": [can[first], can[second]], "reason": "", "purpose": "extension"}
    silent = await sent(desk, page, path, form, 422)
    assert "Please fill this in." in silent and silent.count(" checked>") == 2
    crowd = {"approval": [f"x{n}" for n in range(21)], "reason": "x", "purpose": "extension"}
    assert "At most 20 at once." in await sent(desk, page, path, crowd, 422)
    assert (await approval(office, first))["decision"] is None


async def test_what_broke_its_limit_stands_among_the_escalations(office: Office, desk: httpx.AsyncClient) -> None:
    reference = await taken(office)
    async with office.engine.begin() as db:
        broken = "UPDATE slaclock SET breached_at = now(), level = 1 WHERE reference = :r AND name = 'resolution'"
        await db.execute(text(broken), {"r": reference})
    page = await got(desk, "/desk/approvals")
    part = page[page.index('id="escalations"') :]
    assert reference in part and f"#complaints-{reference}-assignment" in part


# -- the team --------------------------------------------------------------------------------------------------------


async def test_cases_are_given_to_somebody_else_and_the_result_is_told_for_each(
    office: Office, desk: httpx.AsyncClient
) -> None:
    mine, changed = await taken(office), await taken(office)
    elsewhere = await taken(office)
    await office.act("supervisor", elsewhere, "assignment", {"department": "legal", "reason": "改派"})
    receiver = await newcomer(office, roles=["handler"], department=OURS)
    page = await got(desk, f"/desk/team?of=handler.{OURS}")
    can = ticks(page)
    assert {mine, changed} <= set(can) and elsewhere not in can and f'value="{OURS}/{receiver}"' in page
    await office.act("agent", changed, "notes", {"text": "客户来电", "contact": True})
    form: Json = {"case": [can[mine], can[changed], elsewhere], "of": f"handler.{OURS}", "reason": "均衡工作量"}
    path = "/desk/team/assignments"
    unclear = await sent(desk, page, path, form | {"to": ""}, 422)
    assert "Choose who is to have them." in unclear and unclear.count(" checked>") == 2 and "均衡工作量" in unclear
    answer = await sent(desk, page, path, form | {"to": f"{OURS}/{receiver}"}, 200)
    assert "1 of 3 given to somebody else" in answer and "Somebody else has acted" in answer
    assert "There is no such complaint." in answer
    assert (await office.case(mine))["assignment"]["handler"] == receiver
    assert (await office.case(changed))["assignment"]["handler"] == f"handler.{OURS}"
    assert (await office.case(elsewhere))["assignment"]["department"] == "legal"


async def test_somebody_goes_on_leave_their_cases_go_on_and_it_is_in_the_audit_log(
    office: Office, desk: httpx.AsyncClient
) -> None:
    name = await newcomer(office, roles=["handler"], department=OURS, skills=["credit_card"])
    reference = await taken(office)
    holds = {"department": OURS, "handler": name, "reason": "指派"}
    await office.act("supervisor", reference, "assignment", holds)
    page = await got(desk, "/desk/team")
    assert name in page and "At work" in page and "handler.legal" not in page
    path = f"/desk/team/{name}/absence"
    assert "Please fill this in." in await sent(desk, page, path, {"state": "leave", "reason": ""}, 422)
    where = await sent(desk, page, path, {"state": "leave", "reason": "年假"})
    assert where.endswith("desk/team?done=absence&told=1")
    assert "Cases told: 1" in await got(desk, "/desk/team?done=absence&told=1")
    await office.act("agent", reference, "notes", {"text": "请更新"})
    assert (await office.case(reference))["assignment"]["handler"] not in (None, name)
    await sent(desk, page, path, {"state": "working", "reason": "返岗"})
    async with office.engine.connect() as db:
        query = text("SELECT who, change FROM audit WHERE subject = :n AND act = 'staff_changed' ORDER BY seq")
        lines = [tuple(row) for row in await db.execute(query, {"n": name})]
    by = desk.headers["x-name"]
    assert lines == [(by, {"state": ["working", "leave"]}), (by, {"state": ["leave", "working"]})]


@pytest.mark.parametrize("name", ["handler.legal", "auditor", "nobody"])
async def test_whoever_is_of_another_team_is_unknown(office: Office, desk: httpx.AsyncClient, name: str) -> None:
    page = await got(desk, "/desk/team")
    form = {"state": "leave", "reason": "x"}
    await sent(desk, page, f"/desk/team/{name}/absence", form, 404)
    await sent(desk, page, f"/desk/team/{name}/absence", {"state": "disabled", "reason": "x"}, 404)
    async with office.engine.connect() as db:
        state = await db.scalar(text("SELECT state FROM staff WHERE username = :n"), {"n": name})
    assert state in (None, "working")


async def test_only_who_leads_sees_the_team(office: Office) -> None:
    handler = await newcomer(office, roles=["handler"], department=OURS)
    manager = await newcomer(office, roles=["manager"], language="zh-CN")
    async with web(office) as http:
        await page_session(http, handler)
        for path in ("/desk/team", "/desk/approvals"):
            await got(http, path, 403)
    async with web(office) as http:
        await page_session(http, manager)
        page = await got(http, "/desk/team?of=queue:legal")
        assert "handler.legal" in page and "改派给" not in page  # to assign is the supervisor's
