"""What appears while a complaint is taken in, on real servers: earlier cases, duplicates, the class; and what is made of it."""

import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from at_desk import MATTER, Desk, Fields, at_desk, caller, filled
from contract import different
from office import Office
from sqlalchemy import select
from sqlmodel import col

from register.audit_tables import Audit


@pytest.fixture(scope="module")
def office(office_of_the_file: Office) -> Office:
    return office_of_the_file


@pytest.fixture(scope="module")
async def desk(office: Office) -> AsyncIterator[Desk]:
    async with at_desk(office) as agent:
        yield agent


async def searches(office: Office, who: str) -> list[Any]:
    async with office.engine.connect() as db:
        query = select(col(Audit.act), col(Audit.change)).where(
            col(Audit.who) == who, col(Audit.act).contains("search")
        )
        return [change["found"] for _, change in await db.execute(query)]


def person(**more: str) -> dict[str, Any]:
    """A customer nobody knows yet, as the API takes one."""
    name, number = f"客户{uuid4().hex[:6]}", uuid4().int
    return {"name": name, "phone": f"137{number % 10**8:08}", "email": f"c{number}@example.com"} | more


ODD = [
    {}, {"matter": ""}, {"matter": " \u200b"}, {"matter": "a\x00b"}, {"matter": "x" * 20_001}, {"complainant.phone": "1"},
    {"complainant.phone": "a" * 5000}, {"complainant.email": "@"}, {"complainant.age": "old"}, {"channel": "x"}, {"received_at": "x"},
    {"received_at": "2099-01-01T00:00"}, {"amount.value": "1e9999"}, {"amount.currency": "¥"}, {"language": "tlh"}, {"a.b.c.d": "e"},
    {"complainant": "text"}, {"complainant.name.first": "x"}, {"amount": "5"}, {"attachments": "/\n\\\n"}, {"nature": "x", "suggested.nature": "y"},
    {"kinds": "x"}, {"matter": MATTER, "checked": "perhaps", "suggested.kinds": "x"}, {"looked": "x" * 300}, {"anonymous": "true", "complainant.name": "x"},
    {"matter": "退" * 5000, "complainant.phone": "13800000000"}, {"duties.0.x": "1"}, {"matter.0": "x"}, {"attachments.0": "x"}, {"received_at": "2026-02-30T00:00"},
]  # fmt: skip


@pytest.mark.parametrize("typed", ODD)
async def test_nothing_half_typed_breaks_the_look_or_the_form(desk: Desk, typed: dict[str, str]) -> None:
    token = {name: value for name, value in (await desk.form()).items() if name == "csrf_token"}
    pieces = await desk.look(token | typed)
    assert pieces.status_code == 200 and set(re.findall(r'^<\w+[^>]* id="(\w+)"', pieces.text, re.M)) == {
        "counts", "others", "class", "looked"
    }  # fmt: skip
    assert "<main" not in pieces.text, "the script would put the whole page into itself"
    assert (await desk.send(token | typed, "/desk/new/look")).status_code == 200
    assert (await desk.send(token | typed)).status_code == 422


@pytest.mark.parametrize("way", ["phone", "email", "customer_number"])
async def test_the_customer_s_earlier_cases_appear_masked(office: Office, desk: Desk, way: str) -> None:
    them = person(customer_number=uuid4().hex)
    mine = await office.open(different(complainant=them, matter=f"我叫{them['name']}，电话{them['phone']}，年费多收。"))
    other = await office.open(different(complainant=person()))
    closed = await office.open(different(complainant=them))
    await office.act("agent", closed["reference"], "withdrawal", {"reason": "撤诉"})
    typed = {"complainant__phone": "", "complainant__name": "", "matter": ""} | {f"complainant__{way}": them[way]}
    page = (await desk.look(await desk.form(**typed))).text
    assert mine["reference"] in page and closed["reference"] in page and other["reference"] not in page
    assert "Withdrawn" in page and "left" in page, "an outcome, and the time left"
    assert them["phone"] not in page and them["name"] not in page and "年费多收" in page


async def test_a_customer_looked_for_is_logged_once_and_never_silently(office: Office) -> None:
    async with at_desk(office) as agent, at_desk(office) as other:
        form = await agent.form(**caller())
        for word in ("年费", "年费多收", "年费多收了"):
            page = await agent.look(form | {"matter": word})
            form["looked"] = re.findall(r'name="looked" id="looked" value="(\w+)"', page.text)[0]
        assert await searches(office, agent.username) == [0], "one customer, one line"
        await agent.look(form | {"complainant.phone": "13999999999"})
        assert len(await searches(office, agent.username)) == 2, "another customer is another search"
        await agent.look(form | {"looked": "0" * 64})
        assert len(await searches(office, agent.username)) == 3, "a mark of one's own making is none"
        token = (await other.form())["csrf_token"]
        await other.look(form | {"csrf_token": token})
        assert len(await searches(office, other.username)) == 1, "a mark is good for who got it"
        await agent.look({"csrf_token": form["csrf_token"], "matter": MATTER})
        assert len(await searches(office, agent.username)) == 3, "nobody was looked for"


async def test_a_likely_duplicate_appears_before_a_second_case_is_opened(office: Office, desk: Desk) -> None:
    them = person()
    text = f"信用卡年费被重复扣收三百元，要求退回多收的年费并道歉，流水号{uuid4().hex}。"
    first = await office.open(different(complainant=them, matter=text))
    typed = {"complainant__phone": them["phone"], "complainant__name": them["name"], "product": "credit_card"}
    page = (await desk.look(await desk.form(**typed, matter=text))).text
    likely = page.partition("Likely the same")[2].partition("This customer's cases")[0]
    assert first["reference"] in likely and "same customer" in likely and "same product" in likely
    assert "Likely the same" not in (await desk.look(await desk.form(**typed, matter="年费"))).text, "too short to say"


async def test_without_script_the_button_shows_the_same_and_keeps_what_was_typed(desk: Desk) -> None:
    form = await desk.form(**caller(), demand="退还年费")
    page = await desk.send(form, "/desk/new/look")
    again = filled(page.text, {})
    assert page.status_code == 200 and "Why this class" in page.text and 'aria-invalid="true"' not in page.text
    assert {n: v for n, v in form.items() if v and n != "looked" and again[n] != v} == {}, "and the same mark"
    assert again["nature"] == again["suggested.nature"]


# -- the class -------------------------------------------------------------------------------------------------------


async def test_a_class_left_as_suggested_is_the_process_s_own(office: Office, desk: Desk) -> None:
    form = filled((await desk.send(await desk.form(**caller()), "/desk/new/look")).text, {})
    case = await office.case(await desk.opened(form))
    assert case["corrections"] == [] and case["classification"]["nature"] == form["nature"]


@pytest.mark.parametrize(("language", "reason"), [("zh-CN", "客服专员登记时"), ("en", "The agent's choice")])
async def test_another_class_is_a_correction_with_a_reason(office: Office, language: str, reason: str) -> None:
    async with at_desk(office, language=language) as agent:
        form = filled((await agent.send(await agent.form(**caller()), "/desk/new/look")).text, {})
        other = "violation" if form["nature"] != "violation" else "product"
        changed = form | {"nature": other, "urgency": "urgent", "kinds": ["cross_department"]}
        case = await office.case(await agent.opened(changed))
        found = case["classification"]
        assert (found["nature"], found["urgency"], found["kinds"]) == (other, "urgent", ["cross_department"])
        (correction,) = case["corrections"]
        assert correction["by"] == agent.username and reason in correction["reason"]
        own = await agent.form(**caller()) | {n: v for n, v in changed.items() if n.startswith("suggested")}
        case = await office.case(
            await agent.opened(own | {"nature": other, "urgency": form["urgency"], "class_reason": "客户说明"})
        )
        assert case["classification"]["nature"] == other and case["corrections"][0]["reason"] == "客户说明"


async def test_what_the_agent_chose_stays_while_more_is_typed(desk: Desk) -> None:
    form = filled((await desk.send(await desk.form(**caller()), "/desk/new/look")).text, {})
    other = "violation" if form["nature"] != "violation" else "product"
    typed = form | {"nature": other, "matter": MATTER + "还有，手机银行转账失败，钱没到账，急用交住院费！"}
    again = Fields((await desk.send(typed, "/desk/new/look")).text).sent
    assert again["nature"] == other and again["suggested.nature"] == form["suggested.nature"]
    assert again["urgency"] == again["suggested.urgency"] == "urgent", "what was left follows the rules"


async def test_an_unsure_class_ticked_as_checked_is_confirmed(office: Office, desk: Desk) -> None:
    question = "请问信用卡年费是多少？" + uuid4().hex
    page = (await desk.send(await desk.form(**caller(matter=question)), "/desk/new/look")).text
    assert "This may be a question" in page and "I have checked the class" in page
    left = await office.case(await desk.opened(filled(page, {})))
    assert left["confirm"] is True and left["stage"] == "received", "somebody has to say so"
    form = await desk.form(**caller(matter=question))
    checked = await office.case(
        await desk.opened(filled((await desk.send(form, "/desk/new/look")).text, {"checked": "true"}))
    )
    assert checked["confirm"] is False and checked["stage"] == "assigned" and len(checked["corrections"]) == 1


async def test_an_anonymous_complaint_stays_one_when_its_class_is_corrected(office: Office, desk: Desk) -> None:
    form = await desk.form(matter=MATTER + uuid4().hex, anonymous="true")
    form = filled((await desk.send(form, "/desk/new/look")).text, {})
    assert form["anonymous"] == ["true"] and "suggested.kinds" not in form, "it is no choice"
    case = await office.case(await desk.opened(form | {"kinds": ["cross_department"]}))
    assert set(case["classification"]["kinds"]) == {"anonymous", "cross_department"}
