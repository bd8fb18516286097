"""Likely duplicates: which two complaints are one, which are not, and what the agent is shown."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from office import PLAIN, Office
from pydantic import ValidationError
from sqlalchemy import text, true
from sqlalchemy.ext.asyncio import AsyncEngine

from api import duplicates as shown
from complaints.duplicates import alike, fingerprint, likeness, pairs
from complaints.form import ComplaintForm
from complaints.policy import DuplicateRule
from policies.load import load
from register.alike import candidates

FOUND = load().duplicates
assert FOUND is not None
RULE: DuplicateRule = FOUND
AT = datetime(2026, 11, 23, 2, tzinfo=UTC)

FILED = (
    "本人于今年三月在贵行网点购买了稳健增利三号理财产品，客户经理口头承诺保本保息，现产品到期后贵行拒绝兑付本金，"
    "严重侵害了我们全体投资人的合法权益，要求立即足额兑付并书面道歉。"
)
FILED_EN = (
    "In March I bought the Steady Growth Three product at your branch. The adviser promised that the principal was safe. "
    "Now that it has matured the bank refuses to pay it out. I demand immediate payment in full and a written apology."
)


def form(matter: str, product: str | None = "wealth", days: float = 0, **person: str) -> ComplaintForm:
    return ComplaintForm.model_validate(
        {
            "channel": "online",
            "received_at": AT + timedelta(days=days),
            "complainant": person or None,
            "matter": matter,
            "product": product,
        }
    )


RETOLD = [
    ("credit_card", "信用卡年费被重复扣收，要求退回多收的300元年费。", "你们多扣了我一次信用卡年费300元，什么时候退？"),
    ("transfer", "手机银行转账5万元一直没有到账，已经三天了，请尽快查明。", "上次投诉的转账5万元到现在还没有到账，手机银行显示成功，请查明。"),
    ("account", "柜台工作人员态度恶劣，不肯为我办理挂失。", "我来网点挂失，柜台工作人员态度恶劣，拒绝办理。"),
    ("mortgage", "房贷提前还款申请被拖了两个月，一直不给办理。", "申请房贷提前还款两个月了，银行一直拖着不办。"),
    ("wealth", "理財產品到期後沒有按時兌付，本金20萬元至今未到賬。", "理财到期未兑付，20万元本金还没到账，要求立即兑付。"),
    ("credit_card", "The annual fee of my credit card was charged twice. Please refund CNY 300.", "You still have not refunded the annual fee of CNY 300 that was charged twice on my credit card."),
    ("debit_card", "The ATM kept my card and took 2,000 from my account without giving cash.", "ATM gave no cash but 2,000 was taken from my account, and the ATM kept my card."),
    ("collections", "The collectors call my family every day and harass us.", "Your collectors harass me and call my family every day. Stop it."),
]  # fmt: skip
"""One matter told twice by the same customer."""

ANOTHER_MATTER = [
    ("credit_card", "信用卡年费被重复扣收，要求退回多收的300元年费。", "信用卡额度被降低，没有任何通知，要求恢复额度。"),
    ("mobile_banking", "手机银行转账5万元一直没有到账，已经三天了，请尽快查明。", "手机银行无法登录，验证码一直收不到，请尽快处理。"),
    ("wealth", "理财产品到期后没有按时兑付，本金20万元至今未到账。", "购买理财产品时客户经理没有说明风险，亏损3万元。"),
    ("mortgage", "房贷提前还款申请被拖了两个月，一直不给办理。", "房贷利率调整后月供没有下降，要求说明计算方法。"),
    ("account", "没有收到回复", "没有收到银行卡"),
    ("credit_card", "The annual fee of my credit card was charged twice. Please refund CNY 300.", "The limit of my credit card was reduced without any notice. Please restore it."),
    ("account", "The clerk at the counter was rude and refused to block my lost card.", "I had to wait two hours at the counter because only one window was open."),
    ("debit_card", "I have not received a reply.", "I have not received my card."),
]  # fmt: skip
"""Two matters of the same customer on the same product."""


@pytest.mark.parametrize(("product", "first", "second"), RETOLD)
def test_the_same_customer_on_the_same_matter(product: str, first: str, second: str) -> None:
    found = likeness(form(first, product, phone="13800000001"), form(second, product, 30, phone="13800000001"), RULE)
    assert found is not None and found.why[:2] == ["same_customer", "same_product"]
    assert found.score > 0.9, "what is known of the customer and the product must count"
    stranger = likeness(form(first, product, phone="13800000001"), form(second, product, phone="13900000002"), RULE)
    assert stranger is None, "in other words, and by somebody else, it is another complaint"


@pytest.mark.parametrize(("product", "first", "second"), ANOTHER_MATTER)
def test_the_same_customer_on_another_matter(product: str, first: str, second: str) -> None:
    assert (
        likeness(form(first, product, customer_number="C1"), form(second, product, customer_number="C1"), RULE) is None
    )


def test_on_another_product_the_words_must_be_nearer() -> None:
    first, second = RETOLD[0][1:]
    card, debit = form(first, "credit_card", email="a@example.com"), form(second, "debit_card", email="a@example.com")
    assert likeness(card, form(second, "credit_card", email="a@example.com"), RULE) is not None
    assert likeness(card, debit, RULE) is None
    again = likeness(card, form(first, None, email="a@example.com"), RULE)
    assert again is not None and again.why == ["same_customer", "text 1.00"]


@pytest.mark.parametrize("words", [FILED, FILED_EN], ids=["zh", "en"])
def test_one_text_by_many_hands_is_a_mass_filing(words: str) -> None:
    other = words.replace("三月", "5月").replace("March", "May") + " 139"
    found = likeness(form(words, customer_number="C1"), form(other, customer_number="C2"), RULE)
    assert found is not None and 0.7 <= found.score < 1
    assert found.why == ["same_product", f"text {found.score:.2f}"]
    assert likeness(form(words), form(other), RULE) is not None, "nor need they say who they are"


@pytest.mark.parametrize("words", ["没有收到回复", "请尽快处理，谢谢！", "服务态度很差，要求道歉。", "I have not received a reply.", "？！……", "XXXX XX/XX/2017"])  # fmt: skip
def test_few_and_common_words_make_no_duplicate_of_strangers(words: str) -> None:
    assert likeness(form(words, customer_number="C1"), form(words, customer_number="C2"), RULE) is None
    assert likeness(form(words), form(words), RULE) is None


def test_what_the_import_writes_where_there_is_no_text_is_nobodys_words() -> None:
    words = "The words of the complainant were not published. Issue: " + FILED_EN
    assert likeness(form(words, customer_number="C1"), form(words, customer_number="C1"), RULE) is None


@pytest.mark.parametrize(("days", "found"), [(0, True), (89.9, True), (90, True), (90.1, False), (4000, False)])
def test_only_within_the_window(days: float, found: bool) -> None:
    first, second = form(FILED, phone="13800000001"), form(FILED, days=days, phone="13800000001")
    assert (likeness(first, second, RULE) is not None) == (likeness(second, first, RULE) is not None) == found


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"customer_number": "c-1"}, {"customer_number": "C-1"}, True),
        ({"customer_number": "C1", "phone": "13800000001"}, {"customer_number": "C2", "phone": "13800000001"}, False),
        ({"customer_number": "C1", "phone": "13800000001"}, {"phone": "+86 138-0000-0001"}, True),
        ({"phone": "+853 6600 0001"}, {"phone": "66000001"}, True),
        ({"phone": "000001"}, {"phone": "000001"}, False),
        ({"email": "A.Customer@example.com"}, {"email": "a.customer@EXAMPLE.com"}, True),
        ({"name": "张伟"}, {"name": "张伟"}, False),
        ({"name": "张伟"}, {}, False),
    ],
)
def test_who_is_the_same_customer(one: dict[str, str], other: dict[str, str], same: bool) -> None:
    first, second = RETOLD[0][1:]
    assert (likeness(form(first, **one), form(second, **other), RULE) is not None) == same


def test_a_short_text_finds_its_words_in_any_long_one_so_it_is_not_held_against_it() -> None:
    short = "柜台工作人员态度恶劣，拒绝办理。"
    long = FILED + "".join(first + second for _, first, second in RETOLD)
    assert likeness(form(short, phone="13800000001"), form(long, phone="13800000001"), RULE) is None


PIECES = st.lists(st.sampled_from([*FILED, *FILED_EN.split(), "没有收到回复", "300", " "]), min_size=1, max_size=80)
PERSON = st.sampled_from([{}, {"phone": "13800000001"}, {"customer_number": "C1"}, {"email": "a@example.com"}])
FORM = st.builds(
    lambda pieces, product, days, person: form("本" + " ".join(pieces), product, days, **person),
    PIECES, st.sampled_from([None, "wealth", "loan"]), st.integers(0, 100), PERSON,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(FORM, FORM)
def test_likeness_is_symmetric_and_between_0_and_1(a: ComplaintForm, b: ComplaintForm) -> None:
    one, other = likeness(a, b, RULE), likeness(b, a, RULE)
    assert one == other
    assert one is None or 0 <= one.score <= 1
    itself = likeness(a, a, RULE)
    assert itself is None or itself.score == 1
    assert len(fingerprint(a, RULE).text.words) < RULE.strangers.words or itself is not None


@settings(max_examples=100, deadline=None)
@given(st.lists(FORM, min_size=2, max_size=8), st.sampled_from([0.3, 0.5, 0.7, 0.9, 1.0]))
def test_pairs_misses_none_that_comparing_all_with_all_finds(forms: list[ComplaintForm], at_least: float) -> None:
    strangers = RULE.strangers.model_copy(update={"at_least": at_least, "words": 5})
    rule = RULE.model_copy(update={"strangers": strangers, "longer_at_most": 1.0})
    forms = [f.model_copy(update={"complainant": None}) for f in [*forms, *forms[:1]]]
    found = [(i, j) for i, j, _ in pairs([fingerprint(f, rule) for f in forms], rule)]
    every = [(i, j) for j in range(len(forms)) for i in range(j) if likeness(forms[i], forms[j], rule)]
    assert sorted(found) == sorted(every)


def test_a_text_belongs_to_a_mass_event_whose_texts_it_shares() -> None:
    known = [FILED.replace("三月", "五月"), RETOLD[0][1]]
    assert alike(FILED, known, RULE)
    assert not alike(FILED, known[1:], RULE) and not alike("没有收到回复", ["没有收到回复"], RULE)


def test_the_rule_is_none_before_it_came_into_force_and_keeps_its_bounds() -> None:
    assert load(at=datetime(2026, 11, 19).date()).duplicates is None
    assert load(at=datetime(2026, 11, 20).date()).duplicates == RULE
    with pytest.raises(ValidationError, match="together at most 1"):
        DuplicateRule.model_validate(RULE.model_dump() | {"raise_same_customer": 0.9})


# -- what the agent is shown ------------------------------------------------------------------------------------------


def of(**more: Any) -> dict[str, Any]:
    """A form of somebody who has never complained before."""
    number = uuid4().hex
    return PLAIN | {"complainant": {"customer_number": number, "email": f"{number}@example.com"}} | more


async def test_a_matter_told_twice_is_offered_at_the_second_opening(office: Office) -> None:
    form = of(matter=RETOLD[0][1])
    first = await office.open(form)
    assert first["duplicates"] == []
    again = await office.open(of(matter=RETOLD[0][2], complainant=form["complainant"]))
    (offered,) = again["duplicates"]
    assert offered["reference"] == first["reference"] and offered["stage"] == "assigned"
    assert offered["received_at"].startswith(first["received_at"][:10])
    assert offered["score"] > 0.9 and offered["why"][:2] == ["same_customer", "same_product"]
    assert set(offered) == {"reference", "score", "why", "stage", "received_at"}, (
        "nothing of the other's person or text"
    )
    other = await office.open(of(matter=ANOTHER_MATTER[0][2], complainant=form["complainant"]))
    assert other["duplicates"] == []

    answer = await office.call("auditor", "GET", f"/complaints/{first['reference']}/duplicates")
    assert [d["reference"] for d in answer.json()["duplicates"]] == [again["reference"]]


async def test_a_mass_filing_is_offered_best_first_and_no_more_than_the_rule_shows(office: Office) -> None:
    word = uuid4().hex
    text = f"{word} {FILED}"
    opened = [await office.open(of(matter=f"{text} {n}", product="wealth")) for n in range(RULE.shown + 1)]
    exact = await office.open(of(matter=f"{text} 0", product="wealth"))
    assert len(exact["duplicates"]) == RULE.shown
    scores = [d["score"] for d in exact["duplicates"]]
    assert scores == sorted(scores, reverse=True) and scores[0] == 1
    assert exact["duplicates"][0]["reference"] == opened[0]["reference"]
    assert all("same_customer" not in d["why"] for d in exact["duplicates"])


@pytest.mark.parametrize("fault", ["slow", "broken", "no rule"])
async def test_the_opening_neither_waits_for_the_search_nor_falls_with_it(
    office: Office, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    async def search(*_: object, **__: object) -> list[object]:
        if fault == "slow":
            await asyncio.sleep(60)  # the slow search under test; it is given up after a second
        raise ValueError("customer@example.com")

    monkeypatch.setattr("register.alike.likely", search)
    if fault == "no rule":
        monkeypatch.setattr(shown, "rule_of_today", lambda: None)
    form = of()
    begun = asyncio.get_running_loop().time()
    case = await office.open(form)
    assert case["stage"] == "assigned" and case["duplicates"] == []
    assert asyncio.get_running_loop().time() - begun < 15
    said = capsys.readouterr().out
    assert ("duplicates.not_looked_for" in said) == (fault != "no rule")
    assert case["reference"] in said or fault == "no rule"
    assert "customer@" not in said and form["complainant"]["email"] not in said


async def test_a_register_that_does_not_answer_holds_nobody_up(register: AsyncEngine) -> None:
    begun = asyncio.get_running_loop().time()
    async with register.begin() as db:
        await db.execute(text("LOCK TABLE complaint IN ACCESS EXCLUSIVE MODE"))
        assert await shown.in_time(register, true(), form(FILED), "CMP-2026-999999999999") == []
    assert RULE.seconds <= asyncio.get_running_loop().time() - begun < RULE.seconds + 3


async def test_nobody_finds_duplicates_of_a_case_that_does_not_exist(office: Office) -> None:
    assert (await office.call("agent", "GET", "/complaints/CMP-2026-999999999999/duplicates")).status_code == 404


async def test_candidates_are_of_the_customer_or_the_product_in_the_time_and_newest_first(office: Office) -> None:
    now = datetime.now(UTC)
    who = {"name": "测试客户", "phone": f"+86 {uuid4().int % 10**11:011d}"}
    by = {"channel": "telephone", "complainant": who}
    old = await office.open(of(**by, product="loan", received_at=(now - timedelta(days=3)).isoformat()))
    new = await office.open(of(**by, product="insurance"))
    form = ComplaintForm(
        channel="online", received_at=now, complainant=who | {"phone": who["phone"][4:]}, matter="-", product="merchant"
    )
    found = await candidates(office.engine, form, now - timedelta(days=4), now + timedelta(days=1), 10)
    assert [row["reference"] for row in found][:2] == [new["reference"], old["reference"]]
    found = await candidates(office.engine, form, now - timedelta(days=2), now + timedelta(days=1), 10)
    assert new["reference"] in (seen := [row["reference"] for row in found]) and old["reference"] not in seen
    stranger = form.model_copy(update={"complainant": None, "product": "loan"})
    found = await candidates(office.engine, stranger, now - timedelta(days=4), now + timedelta(days=1), 500)
    assert old["reference"] in (seen := [row["reference"] for row in found]) and new["reference"] not in seen


@pytest.mark.parametrize(
    ("column", "index"),
    [
        ("customer_number_index", "complaint_customer_number"),
        ("email_index", "complaint_email"),
        ("phone_index", "complaint_phone"),
    ],
)
async def test_each_way_to_a_customer_has_its_index(register: AsyncEngine, column: str, index: str) -> None:
    async with register.begin() as db:
        await db.execute(text("SET LOCAL enable_seqscan = off"))
        plan = (await db.execute(text(f"EXPLAIN SELECT 1 FROM complaint WHERE {column} = 'x'"))).scalars().all()
    assert index in "\n".join(plan)
