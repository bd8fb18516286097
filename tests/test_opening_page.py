"""Opening a complaint on its page, on real servers: as it goes, as it is typed wrongly, sent twice, or sent while a part is down."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from at_desk import MATTER, Desk, Fields, at_desk, caller, filled
from browser import HTML, OWN, csrf_of
from contract import different, problem
from office import SECRET, Office, free_port
from sqlalchemy import func, select
from sqlmodel import col
from temporalio.client import Client
from temporalio.service import RetryConfig

from api.app import create_app
from api.parts import Parts
from register.audit_tables import Audit
from register.tables import Intake


@pytest.fixture(scope="module")
def office(office_of_the_file: Office) -> Office:
    return office_of_the_file


@pytest.fixture(scope="module")
async def desk(office: Office) -> AsyncIterator[Desk]:
    async with at_desk(office) as agent:
        yield agent


async def kept(office: Office, agent: str) -> int:
    """How many complaints that agent has had kept."""
    async with office.engine.connect() as db:
        query = select(func.count()).select_from(Intake).where(col(Intake.agent) == agent)
        return int((await db.execute(query)).scalar_one())


async def logged(office: Office, who: str, act: str) -> list[Any]:
    async with office.engine.connect() as db:
        query = select(col(Audit.subject)).where(col(Audit.who) == who, col(Audit.act) == act).order_by(col(Audit.seq))
        return list((await db.execute(query)).scalars())


# -- as it goes ------------------------------------------------------------------------------------------------------


async def test_a_call_is_taken_in_and_leads_to_the_case(office: Office, desk: Desk) -> None:
    form = await desk.form(**caller(), demand="退还年费", product="credit_card", occurred_on="2026-03-01")
    form |= {"amount.value": "1,500.50", "affected_customers": "2", "attachments": "a.pdf\r\n b.jpg \r\n"}
    reference = await desk.opened(form | {"about.department": "信用卡中心", "complainant.age": "40"})
    case = await office.case(reference)
    assert (case["opened_by"], case["channel"], case["language"]) == (desk.username, "telephone", "zh-CN")
    assert case["matter"] == MATTER and case["amount"] == {"value": "1500.50", "currency": "CNY"}
    assert (case["attachments"], case["about"]["department"]) == (["a.pdf", "b.jpg"], "信用卡中心")
    assert case["assignment"] is not None and case["corrections"] == []
    assert await logged(office, desk.username, "POST /desk/complaints") == [reference]


async def test_a_name_is_asked_for_first_and_what_is_usual_is_preset(desk: Desk) -> None:
    page = (await desk.get("/desk/new")).text
    assert re.search(r'name="complainant\.name"[^>]* autofocus', page)
    sent = Fields(page).sent
    assert (sent["channel"], sent["language"], sent["amount.currency"]) == ("telephone", "zh-CN", "CNY")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d", sent["received_at"])
    assert {re.search(rf'accesskey="{key}"', page) is not None for key in "wmphls"} == {True}


async def test_an_anonymous_complaint_is_taken_without_anybody(office: Office, desk: Desk) -> None:
    reference = await desk.opened(await desk.form(matter=MATTER + uuid4().hex, anonymous="true"))
    case = await office.case(reference)
    assert case["complainant"] is None and case["classification"]["kinds"] == ["anonymous"]


async def test_only_agents_open_and_who_is_not_signed_in_is_asked_to(office: Office, desk: Desk) -> None:
    form = await desk.form(**caller())
    async with at_desk(office, "handler", department="card_centre") as handler:
        assert (await handler.get("/desk/new")).status_code == 403
        own = {"csrf_token": csrf_of((await handler.get("/desk/complaints")).text)}
        for path in ("/desk/complaints", "/desk/new/look"):
            assert (await handler.send(form | own, path)).status_code == 403
    assert (
        await desk.http.post("/desk/complaints", data=form | {"csrf_token": "x"}, headers=HTML | OWN)
    ).status_code == 403
    assert (await office.http.get("/desk/new", headers=HTML)).status_code == 303


# -- sent twice ------------------------------------------------------------------------------------------------------


async def test_the_same_form_sent_many_times_opens_one_case_and_corrects_it_once(office: Office) -> None:
    async with at_desk(office) as agent:
        form = filled((await agent.send(await agent.form(**caller()), "/desk/new/look")).text, {})
        form |= {"nature": "violation" if form["nature"] != "violation" else "product"}
        opened = await asyncio.gather(*(agent.opened(form) for _ in range(4)))
        assert {await agent.opened(form), *opened} == {opened[0]} and await kept(office, agent.username) == 1
        assert len((await office.case(opened[0]))["corrections"]) == 1


async def test_other_words_under_the_same_mark_are_shown_again_and_can_then_be_sent(office: Office) -> None:
    async with at_desk(office) as agent:
        form = await agent.form(**caller())
        first = await agent.opened(form)
        refused = await agent.send(form | {"matter": MATTER + "另外一件事"})
        assert refused.status_code == 409 and "sent before with other words" in refused.text
        again = filled(refused.text, {})
        assert again["matter"] == MATTER + "另外一件事" and again["request_id"] != form["request_id"]
        assert await agent.opened(again) != first and await kept(office, agent.username) == 2


# -- typed wrongly ---------------------------------------------------------------------------------------------------

WRONG = [
    ({"matter": ""}, {"matter"}),
    ({"matter": "\u200b "}, {"matter"}),
    ({"matter": "a\x01b"}, {"matter"}),
    ({"complainant__phone": "abc"}, {"complainant.phone"}),
    ({"complainant__phone": ""}, {"complainant.phone"}),
    ({"complainant__name": ""}, {"complainant.name"}),
    ({"complainant__name": "x" * 201}, {"complainant.name"}),
    ({"complainant__email": "not an address"}, {"complainant.email"}),
    ({"complainant__age": "131"}, {"complainant.age"}),
    ({"complainant__age": "many"}, {"complainant.age"}),
    ({"complainant__gender": "x"}, {"complainant.gender"}),
    ({"channel": "letter", "amount__value": "1.234"}, {"amount.value"}),
    ({"channel": "email"}, {"complainant.email"}),
    ({"channel": "pigeon"}, {"channel"}),
    ({"amount__value": "12,5"}, {"amount.value"}),
    ({"amount__value": "-1"}, {"amount.value"}),
    ({"amount__value": "1", "amount__currency": "XXX"}, {"amount.currency"}),
    ({"product": "submarine"}, {"product"}),
    ({"affected_customers": "0"}, {"affected_customers"}),
    ({"occurred_on": "yesterday"}, {"occurred_on"}),
    ({"occurred_on": "2099-01-01"}, {"occurred_on"}),
    ({"occurred_on": "1980-01-01"}, {"occurred_on"}),
    ({"received_at": "2099-01-01T10:00"}, {"received_at"}),
    ({"received_at": "2026-02-30T10:00"}, {"received_at"}),
    ({"received_at": "1980-01-01T10:00"}, {"received_at"}),
    ({"language": "fr"}, {"language"}),
    ({"attachments": "../../etc/passwd"}, {"attachments"}),
    ({"anonymous": "true"}, {"anonymous"}),
    ({"anonymous": "true", "amount__value": "x", "matter": ""}, {"anonymous", "amount.value", "matter"}),
    ({"complainant__name": "", "amount__value": "x", "occurred_on": "2099-01-01"}, {"complainant.name", "amount.value", "occurred_on"}),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "fields"), WRONG)
async def test_what_is_wrong_stands_beside_its_field_and_all_that_was_typed_is_kept(
    office: Office, desk: Desk, typed: dict[str, str], fields: set[str]
) -> None:
    before = await kept(office, desk.username)
    form = await desk.form(**(caller(demand="退还<b>年费</b>") | typed))
    refused = await desk.send(form)
    assert refused.status_code == 422 and await kept(office, desk.username) == before
    again = Fields(refused.text)
    assert again.at_fault == fields
    assert refused.text.count('class="fault"') == len(fields)
    there = {"gender": "complainant.gender"}.values()  # a choice that is no option is not chosen
    same = {
        n: v
        for n, v in form.items()
        if n not in (*there, "channel", "product", "language", "amount.currency", "looked")
    }
    assert {n: v for n, v in same.items() if v and again.sent.get(n) not in (v, [v])} == {}, "what was typed is gone"
    assert again.sent["request_id"] == form["request_id"], "nothing was kept, so the form is still the same one"


@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_faults_are_told_in_the_reader_s_language(office: Office, language: str) -> None:
    async with at_desk(office, language=language) as agent:
        page = (await agent.send(await agent.form(**caller(complainant__phone="x", amount__value="y")))).text
        zh = re.findall(r'class="fault"[^>]*>([^<]*)<', page)
        assert len(zh) == 2 and all(bool(re.search("[\u4e00-\u9fff]", text)) == (language == "zh-CN") for text in zh)


async def test_a_class_that_is_none_opens_nothing(office: Office, desk: Desk) -> None:
    before = await kept(office, desk.username)
    form = await desk.form(**caller()) | {"suggested.nature": "product", "nature": "holy", "kinds": "major"}
    assert (await desk.send(form)).status_code == 422 and await kept(office, desk.username) == before


async def test_what_is_written_is_data(desk: Desk) -> None:
    hostile = '"><script>alert(1)</script>{{7*7}}'
    page = await desk.send(await desk.form(**caller(complainant__name=hostile, amount__value="x", matter=hostile)))
    assert page.status_code == 422 and "<script>alert" not in page.text and "49" not in Fields(page.text).sent["matter"]
    assert Fields(page.text).sent["complainant.name"] == hostile


# -- while a part is down --------------------------------------------------------------------------------------------


async def test_while_temporal_is_away_it_is_kept_and_the_page_says_so(office: Office) -> None:
    away = await Client.connect(
        f"127.0.0.1:{free_port()}",
        lazy=True,
        data_converter=office.env.client.data_converter,
        retry_config=RetryConfig(max_elapsed_time_millis=200),
    )
    async with at_desk(office) as agent:
        down = create_app(Parts(office.engine, away, SECRET, office.queue))
        there, agent.http._transport = agent.http._transport, type(agent.http._transport)(down)
        form = await agent.form(**caller())
        answers = [await agent.send(form) for _ in range(2)]
        found = [re.findall(r"CMP-\d{4}-\d{6,}", answer.text)[0] for answer in answers]
        assert [a.status_code for a in answers] == [202, 202] and found[0] == found[1]
        assert "kept safely" in answers[0].text and "Answer by" in answers[0].text and "编号是" in answers[0].text
        case = await agent.get(f"/desk/complaints/{found[0]}")
        assert case.status_code == 200 and "kept safely" in case.text
        agent.http._transport = there
        assert await agent.opened(form) == found[0], "sent again when it is back, it starts"
        assert (await office.case(found[0]))["stage"] == "assigned"
    assert await logged(office, agent.username, "POST /desk/complaints") == [found[0]] * 3


async def test_a_letter_keyed_in_late_counts_from_its_receipt(office: Office, desk: Desk) -> None:
    form = await desk.form(**caller(), channel="letter", received_at="2026-03-02T09:30")
    case = await office.case(await desk.opened(form | {"complainant.phone": ""}))
    assert case["received_at"].startswith("2026-03-02T09:30") and case["received_at"].endswith("+08:00")


async def test_the_api_s_form_and_the_page_s_are_one(office: Office, desk: Desk) -> None:
    """The JSON route takes no form, the page's no JSON; neither opens anything by mistake."""
    answer = await desk.http.post("/desk/complaints", json=different(), headers=OWN | HTML)
    assert answer.status_code == 403, "JSON carries no mark of the page's sign-in"
    form = await desk.form(**caller())
    problem(await desk.http.post("/complaints", data=form, headers=OWN), "invalid")
