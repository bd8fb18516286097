"""The knowledge library: sound, found by a case and by words, offered in the right language, and quick."""

from datetime import date
from html import unescape
from time import perf_counter

import pytest
from browser import HTML, newcomer, page_session, web
from office import Office
from pydantic import ValidationError

from complaints.knowledge import Facts, Knowledge, find
from policies.knowledge import knowledge
from policies.load import load

TODAY = date(2026, 11, 22)


@pytest.fixture
def office(office_of_the_file: Office) -> Office:
    return office_of_the_file


def ids(facts: Facts | None, q: str = "") -> list[str]:
    return [entry.id for entry in find(knowledge().at(TODAY), facts, q)]


FITTING = [
    (Facts(product="credit_card", text="年费没有通知就扣了"), "credit_card_fee"),
    (Facts(product="credit_card", text="I was charged an annual fee nobody told me of"), "credit_card_fee"),
    (Facts(product="debit_card", text="卡里的钱被盗刷了三千"), "unauthorised_transaction"),
    (Facts(product="transfer", nature="operation", text="昨天转账今天还没到账"), "transfer_not_arrived"),
    (Facts(nature="service", department="branch_operations", text="大厅排队两小时，窗口态度差"), "queue_attitude"),
    (Facts(product="wealth", text="经理承诺收益，说保本"), "mis_selling"),
    (Facts(product="collections", text="天天打电话给我单位和通讯录里的人"), "collection_harassment"),
    (Facts(nature="violation", text="我的个人信息被泄露"), "privacy_leak"),
    (Facts(product="mortgage", text="重定价之后利率没有下调"), "loan_rate"),
    (Facts(product="mortgage", text="预约提前还款三个月没有回音"), "early_repayment"),
    (Facts(product="account", text="我的账户被冻结，没有任何通知"), "frozen_account"),
    (Facts(product="mobile_banking", text="the app crashes, I cannot log in"), "app_failure"),
    (Facts(product="debit_card", text="取款机没有吐钞却扣了款"), "atm_cash"),
    (Facts(product="insurance", text="存单变保单，要求退保"), "insurance"),
    (Facts(product="merchant", text="POS 交易三天未结算"), "merchant_acquiring"),
    (Facts(product="loan", text="征信上有一条错误的逾期记录"), "credit_report"),
]


@pytest.mark.parametrize(("facts", "expected"), FITTING)
def test_a_case_is_offered_what_fits_it_first(facts: Facts, expected: str) -> None:
    found = ids(facts)
    assert found[0] == expected
    assert len(found) <= 4


def test_a_case_that_nothing_fits_is_offered_nothing() -> None:
    assert ids(Facts(product="other", text="纪念币的盒子有划痕")) == []


@pytest.mark.parametrize(
    ("q", "first"),
    [("年费", "credit_card_fee"), ("ATM cash", "atm_cash"), ("吞卡", "atm_cash"), ("anual fee", "credit_card_fee"),
     ("提前还款 违约金", "early_repayment"), ("harrassment", "collection_harassment")],
)  # fmt: skip
def test_words_find_an_entry_even_when_mistyped(q: str, first: str) -> None:
    assert ids(None, q)[0] == first


def test_every_word_of_a_search_must_fit() -> None:
    assert ids(None, "年费 zzzzzz") == []
    assert len(ids(None, "年费")) < len(knowledge().entries)


def test_the_library_is_whole() -> None:
    policy, library = load(), knowledge()
    assert len(library.entries) >= 14
    departments = {d.code for d in policy.routing.departments}
    for entry in library.entries:
        assert set(entry.products) <= set(policy.intake.products), entry.id
        assert set(entry.departments) <= departments, entry.id
        assert len(entry.steps.zh) == len(entry.steps.en) >= 3, entry.id
        assert len(entry.blanks("zh-CN")) == len(entry.blanks("en")), entry.id
        assert all(library.meaning(blank, "en") for blank in entry.blanks("en"))
        assert all(library.meaning(blank, "zh-CN") for blank in entry.blanks("zh-CN"))


def changed(**more: object) -> dict[str, object]:
    return knowledge().model_dump(mode="json") | more


def test_the_latest_text_in_force_is_used_and_none_is_edited() -> None:
    first = knowledge().entries[0].model_dump(mode="json")
    later = first | {"since": "2027-01-01", "title": {"zh": "新", "en": "New"}}
    library = Knowledge.model_validate(changed(entries=[later, first]))
    assert [e.title.en for e in library.at(date(2026, 12, 31))] == [first["title"]["en"]]
    assert [e.title.en for e in library.at(date(2027, 1, 1))] == ["New"]
    assert library.at(date(2025, 12, 31)) == []
    with pytest.raises(ValidationError, match="two entries of one id and day"):
        Knowledge.model_validate(changed(entries=[first, first]))


def test_a_placeholder_nobody_explains_is_refused() -> None:
    first = knowledge().entries[0].model_dump(mode="json")
    first["reply"] = {"zh": "您好【谁】", "en": "Hello [whoever]"}
    with pytest.raises(ValidationError, match=r"whoever.*谁"):
        Knowledge.model_validate(changed(entries=[first]))


async def test_the_page_searches_in_the_reader_s_language_and_is_quick(office: Office) -> None:
    for language, title, hint in (
        ("zh-CN", "自助设备未吐钞", "需填写的内容"),
        ("en", "ATM: no cash", "What to fill in"),
    ):
        name = await newcomer(office, roles=["handler"], department="card_centre", language=language)
        async with web(office) as http:
            await page_session(http, name)
            began = perf_counter()
            page = await http.get("/desk/knowledge?q=吐钞", headers=HTML)
            assert perf_counter() - began < 2
            assert page.status_code == 200 and title in page.text and hint in page.text
            assert "信用卡年费" not in page.text and "Credit card annual fee" not in page.text
            odd = await http.get("/desk/knowledge", params={"q": '<b>"{{ 1 }}'}, headers=HTML)
            assert odd.status_code == 200 and "<b>" not in odd.text and '<b>"{{ 1 }}' in unescape(odd.text)
            assert len((await http.get("/desk/knowledge", headers=HTML)).content) < 150_000
            assert (await http.get("/desk/knowledge", params={"q": "x" * 201}, headers=HTML)).status_code == 422
