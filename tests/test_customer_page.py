"""The customer's page, on real servers: what it shows, and what can be done by it, as a form and as JSON."""

import asyncio
from datetime import datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from customer import (
    ADDRESS,
    PAGE,
    Page,
    asked,
    done_to,
    give_link,
    linked,
    look,
    page,
    problem,
    say,
    send_form,
    the_case,
)
from office import RESOLUTION, Office

from api.customer_form import MOST_FACTS

PUBLIC = ADDRESS


@pytest.fixture(scope="module")
def office(office_of_the_file: Office) -> Office:
    return office_of_the_file


# -- what it shows ---------------------------------------------------------------------------------------------------


async def test_the_json_says_where_it_stands_and_nothing_of_the_inside(office: Office) -> None:
    case, token = await linked(office)
    answer = await look(office, token)
    said = answer.json()
    assert (said["reference"], said["status"], said["language"]) == (case["reference"], "in_progress", "zh-CN")
    assert said["possible"] == ["facts", "withdrawal"]
    due = next(c["due_at"] for c in case["clocks"] if c["name"] == "resolution")
    assert datetime.fromisoformat(said["expected_by"]) == datetime.fromisoformat(due)
    assert datetime.fromisoformat(said["received_at"]) == datetime.fromisoformat(case["received_at"])
    assert set(said) == {
        "reference", "language", "status", "status_text", "received_at", "expected_by", "overdue", "possible",
        "contact", "link_expires_at", "question",
    }  # fmt: skip
    inside = {case["assignment"]["handler"], case["assignment"]["department"], "测试客户", "300.00", "信用卡"}
    for shown in (answer.text, (await office.http.get(f"/c/{token}", headers=PAGE)).text):
        assert not any(word in shown for word in inside)


@pytest.mark.parametrize(
    ("language", "words", "expected"),
    [
        ("zh-CN", {"您的投诉", "责任部门正在核查处理", "预计答复时间", "客户服务热线 95000"}, "年"),
        ("en", {"Your complaint", "The responsible department is looking into it", "Answer expected by"}, "20"),
    ],
)
async def test_the_page_is_in_the_language_of_the_case(
    office: Office, language: str, words: set[str], expected: str
) -> None:
    case, token = await linked(office, language=language)
    shown = await page(office, token)
    assert shown.lang == language
    assert case["reference"] in shown.title
    assert case["reference"] in shown.words
    assert all(word in shown.words for word in words), shown.words
    assert expected in shown.words
    assert set(shown.forms) == {"facts", "withdrawal"}
    assert shown.fors <= shown.ids, "a label without its field"
    assert "script" not in shown.tags and "img" not in shown.tags and "link" not in shown.tags


async def test_the_stages_in_a_customers_words(office: Office) -> None:
    case, token = await linked(office)
    handler = case["assignment"]["handler"]

    async def now() -> tuple[str, list[str], bool]:
        said = (await look(office, token)).json()
        return said["status"], said["possible"], said["expected_by"] is None

    await office.act(handler, case["reference"], "acceptance")
    assert await now() == ("in_progress", ["facts", "withdrawal"], False)
    await office.act(handler, case["reference"], "resolution", RESOLUTION)
    await office.forward(case["reference"], timedelta(seconds=1))
    assert await now() == ("answered", ["rating", "facts", "withdrawal"], True)
    await office.act("agent", case["reference"], "callbacks", {"reached": True, "satisfaction": 5})
    assert await now() == ("closed", [], True)
    shown = await page(office, token)
    assert shown.forms == {} and "您的投诉已办结" in shown.words


async def test_an_answer_that_is_late_says_so(office: Office) -> None:
    long_ago = office.real(datetime(2026, 2, 2, 9)).isoformat()
    _, token = await linked(office, received_at=long_ago)
    assert (await look(office, token)).json()["overdue"] is True
    assert "非常抱歉" in (await page(office, token)).words


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, "text/html"),
        ("*/*", "text/html"),
        ("text/html", "text/html"),
        ("application/json", "application/json"),
        ("application/json, */*;q=0.1", "application/json"),
        ("text/html, application/json;q=0.9", "text/html"),
        ("text/html;q=0.5, application/json", "application/json"),
        ("application/json;q=nonsense", "text/html"),
        (";;;,,,=", "text/html"),
    ],
)
async def test_json_is_for_those_who_ask(office: Office, accept: str | None, kind: str) -> None:
    _, token = await the_case(office)
    answer = await office.http.get(f"/c/{token}", headers={"Accept": accept} if accept else {})
    assert answer.headers["content-type"].startswith(kind)
    assert answer.headers["vary"] == "Accept"


# -- what can be done by it ------------------------------------------------------------------------------------------


async def test_a_fact_as_json_counts_once_under_its_key(office: Office) -> None:
    case, token = await linked(office)
    key = str(uuid4())
    for _ in range(2):
        answers = await asyncio.gather(*(say(office, token, "facts", {"text": "另有一笔"}, key) for _ in range(3)))
        assert {a.status_code for a in answers} == {200}, answers[0].text
    assert answers[0].json() == (await look(office, token)).json()
    notes = (await office.case(case["reference"]))["notes"]
    assert [(n["by"], n["text"]) for n in notes] == [("customer", "另有一笔")]
    said = problem(await say(office, token, "facts", {"text": "别的话"}, key), 409, "key_reused")
    assert said["possible"] == ["facts", "withdrawal"]
    assert len((await office.case(case["reference"]))["notes"]) == 1


async def test_keys_of_staff_and_of_other_links_are_other_keys(office: Office) -> None:
    case, token = await linked(office)
    other, key = await give_link(office, case["reference"]), str(uuid4())
    for one in (token, other):
        assert (await say(office, one, "facts", {"text": "同"}, key)).status_code == 200
    path = f"/complaints/{case['reference']}/notes"
    await office.call("agent", "POST", path, {"text": "同"}, **{"Idempotency-Key": key})
    assert len((await office.case(case["reference"]))["notes"]) == 3


async def test_a_fact_by_the_form_counts_once_however_often_it_is_sent(office: Office) -> None:
    case, token = await linked(office)
    fields = (await page(office, token)).forms["facts"] | {"text": "一行\r\n两行"}
    answers = await asyncio.gather(*(send_form(office, token, "facts", fields) for _ in range(2)))
    answers.append(await send_form(office, token, "facts", fields))
    assert {a.status_code for a in answers} == {303}, answers[0].text
    assert str(httpx.URL(f"http://test/c/{token}/facts").join(answers[0].headers["location"])) == (
        f"http://test/c/{token}?done=facts"
    )
    assert [n["text"] for n in (await office.case(case["reference"]))["notes"]] == ["一行\n两行"]
    thanks = await page(office, token, "?done=facts")
    assert "谢谢，已收到您补充的情况。" in thanks.words
    assert thanks.forms["facts"]["request_id"] != fields["request_id"], "a new page, a new form"
    again = await send_form(office, token, "facts", fields | {"text": "改了"})
    assert again.status_code == 409 and "已用别的内容提交过" in Page(again).words
    assert f'href="../{token}"' in again.text


async def test_a_withdrawal_wants_a_second_step_on_the_page(office: Office) -> None:
    case, token = await linked(office)
    fields = {k: v for k, v in (await page(office, token)).forms["withdrawal"].items() if k != "confirm"}
    before = await done_to(office, case["reference"])
    answer = await send_form(office, token, "withdrawal", fields)
    assert answer.status_code == 422 and "确认撤回" in Page(answer).words
    assert await done_to(office, case["reference"]) == before
    for _ in range(2):
        answer = await send_form(office, token, "withdrawal", fields | {"confirm": "yes", "reason": "已自行解决"})
        assert (answer.status_code, answer.headers["location"]) == (303, f"../{token}?done=withdrawal")
    closed = await office.case(case["reference"])
    assert (closed["outcome"], closed["withdrawal"]["text"]) == ("withdrawn", "已自行解决")
    assert "已按您的意愿撤回" in (await page(office, token, "?done=withdrawal")).words
    new = {"request_id": uuid4().hex, "confirm": "yes"}
    again = await send_form(office, token, "withdrawal", new)
    assert again.status_code == 409 and "已经撤回" in Page(again).words


async def test_a_withdrawal_as_json_needs_no_reason(office: Office) -> None:
    case, token = await linked(office, language="en")
    answer = await say(office, token, "withdrawal", {})
    assert (answer.status_code, answer.json()["status"], answer.json()["possible"]) == (200, "withdrawn", [])
    closed = await office.case(case["reference"])
    assert closed["withdrawal"]["by"] == "customer" and closed["withdrawal"]["text"]
    problem(await say(office, token, "withdrawal", {}), 409, "already_withdrawn")
    problem(await say(office, token, "facts", {"text": "x"}), 409, "already_withdrawn")


async def test_a_rating_counts_as_the_callback_and_is_given_once(office: Office) -> None:
    case, token = await asked(office)
    body = {"satisfaction": 5, "nps": 9, "words": "很快"}
    key = str(uuid4())
    answer = await say(office, token, "rating", body, key)
    assert (answer.status_code, answer.json()["status"]) == (200, "closed"), answer.text
    closed = await office.case(case["reference"])
    assert (closed["outcome"], len(closed["callbacks"])) == ("satisfied", 1)
    told = closed["callbacks"][0]
    assert (told["by"], told["reached"], told["satisfaction"], told["nps"], told["words"]) == (
        "customer", True, 5, 9, "很快",
    )  # fmt: skip
    assert (await say(office, token, "rating", body, key)).status_code == 200, "the same request again"
    problem(await say(office, token, "rating", body), 409, "already_rated")
    problem(await say(office, token, "rating", body | {"satisfaction": 1}, str(uuid4())), 409, "already_rated")
    problem(await say(office, token, "facts", {"text": "x"}), 409, "case_closed")
    problem(await say(office, token, "withdrawal", {}), 409, "case_closed")
    assert len((await office.case(case["reference"]))["callbacks"]) == 1


async def test_of_ratings_sent_at_once_one_counts(office: Office) -> None:
    for _ in range(4):
        case, token = await asked(office)
        sent = (say(office, token, "rating", {"satisfaction": 3 + n % 3}, str(uuid4())) for n in range(8))
        answers = await asyncio.gather(*sent)
        assert sorted(a.status_code for a in answers) == [200] + [409] * 7
        assert {a.json()["type"] for a in answers if a.status_code == 409} == {"urn:amends:already_rated"}
        assert len((await office.case(case["reference"]))["callbacks"]) == 1


async def test_a_rating_by_the_form(office: Office) -> None:
    case, token = await asked(office, language="en")
    fields = (await page(office, token)).forms["rating"]
    assert set(fields) == {"request_id", "satisfaction", "nps", "words"}
    missing = await send_form(office, token, "rating", {"request_id": fields["request_id"]})
    assert missing.status_code == 422 and "the satisfaction (1 to 5)" in Page(missing).words
    for _ in range(2):
        answer = await send_form(office, token, "rating", fields | {"satisfaction": "4", "nps": "", "words": ""})
        assert (answer.status_code, answer.headers["location"]) == (303, f"../{token}?done=rating"), answer.text
    (told,) = (await office.case(case["reference"]))["callbacks"]
    assert (told["satisfaction"], told["nps"]) == (4, None)
    assert "Thank you, we have your answers." in (await page(office, token, "?done=rating")).words
    again = await send_form(office, token, "rating", {"request_id": uuid4().hex, "satisfaction": "1"})
    assert again.status_code == 409 and "You have rated before" in Page(again).words


async def test_the_questions_come_with_the_result(office: Office) -> None:
    case, token = await the_case(office)
    before = await done_to(office, case["reference"])
    said = problem(await say(office, token, "rating", {"satisfaction": 5}), 409, "not_asked_yet")
    assert "result" in said["detail"]
    answer = await send_form(office, token, "rating", {"request_id": uuid4().hex, "satisfaction": "5"})
    assert answer.status_code == 409 and "处理结果出来后才能评价" in Page(answer).words
    assert await done_to(office, case["reference"]) == before


async def test_facts_have_an_end(office: Office) -> None:
    case, token = await linked(office)
    for start in range(0, MOST_FACTS, 10):
        answers = await asyncio.gather(*(say(office, token, "facts", {"text": str(start + n)}) for n in range(10)))
        assert {a.status_code for a in answers} == {200}
    problem(await say(office, token, "facts", {"text": "x"}), 429, "too_many")
    assert len((await office.case(case["reference"]))["notes"]) == MOST_FACTS


async def test_what_the_bank_waits_for_is_asked_and_the_answer_ends_the_wait(office: Office) -> None:
    case, token = await linked(office)
    reference, handler = case["reference"], case["assignment"]["handler"]
    await office.act(handler, reference, "acceptance")
    question = "请提供<扣款>短信截图。"
    await office.act(handler, reference, "pause", {"question": question, "reason": "核对"})
    view = (await look(office, token)).json()
    assert (view["status"], view["question"], view["expected_by"]) == ("waiting", question, None)
    assert question in (await page(office, token)).words
    assert (await say(office, token, "facts", {"text": "截图已寄出"})).status_code == 200
    case = await office.case(reference)
    assert case["pauses"][0]["resumed_by"] == "customer"
    assert (await look(office, token)).json()["status"] == "in_progress"


async def test_a_fact_for_a_merged_complaint_reaches_the_one_that_goes_on(office: Office) -> None:
    older = (await office.open())["reference"]
    case, token = await linked(office)
    merge = {"reference": older, "how": "merged", "reason": "同一事项"}
    await office.act("agent", case["reference"], "links", merge)
    assert (await look(office, token)).json()["status"] == "merged"
    assert (await say(office, token, "facts", {"text": "另有补充"})).json()["status"] == "merged"
    assert (await office.case(older))["notes"][-1]["text"] == "另有补充"
    assert (await office.case(case["reference"]))["stage"] == "closed"
