"""The classifier: what is said, why, and how it reads words, amounts and numbers of people."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from complaints.classification_rules import ClassificationRules
from complaints.classify import classify
from complaints.form import ComplaintForm
from complaints.names import Kind, Nature, Urgency
from complaints.records import Classification
from policies.load import load

POLICY = load()
RULES = POLICY.classification


def form(matter: str, **fields: Any) -> ComplaintForm:
    chinese = any("\u3400" <= c <= "\u9fff" for c in matter)
    given = {"channel": "online", "language": "zh-CN" if chinese else "en", "complainant": {"name": "张三"}} | fields
    return ComplaintForm.model_validate({"received_at": datetime(2026, 3, 2, tzinfo=UTC), "matter": matter} | given)


def said(matter: str, **fields: Any) -> Classification:
    return classify(form(matter, **fields), RULES, "cn-2026-01-01")


# -- what is said ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("matter", "nature"),
    [
        ("柜员态度恶劣，我排队等了两个小时还把我的证件扔出来", "service"),
        ("櫃員態度惡劣，我排隊等了兩個小時", "service"),
        ("I was kept on hold for an hour and then the agent hung up on me.", "service"),
        ("信用卡年费涨价，权益缩水，不合理", "product"),
        ("The annual fee is too high and the cash back was cut.", "product"),
        ("手机银行转账扣了两次，对方没收到", "operation"),
        ("My card was charged twice and the refund never arrived.", "operation"),
        ("理财经理误导我妈，把保险说成存款，存款变保险", "violation"),
        ("The adviser opened an account in my name without my consent.", "violation"),
    ],
)
def test_nature(matter: str, nature: str) -> None:
    assert said(matter).nature == nature


@pytest.mark.parametrize(
    ("matter", "urgent"),
    [
        ("卡里的钱正在被转走，请马上止付！", True),
        ("父亲等着手术，卡被冻结，医院今晚要交钱", True),
        ("催收的人拿着铁棍堵在我家门口", True),
        ("My account is frozen and I cannot pay rent or buy medicine.", True),
        ("The foreclosure auction is tomorrow morning.", True),
        ("卡被冻结了，家里有积蓄，不着急，查清就行", False),
        ("This is not urgent, but the teller was rude.", False),
        ("年费太高，希望减免", False),
    ],
)
def test_urgency(matter: str, urgent: bool) -> None:
    assert (said(matter).urgency is Urgency.urgent) == urgent


@pytest.mark.parametrize(
    ("matter", "fields", "major"),
    [
        ("理财到期未兑付", {"amount": {"value": "600000", "currency": "CNY"}}, True),
        ("理财到期未兑付", {"amount": {"value": "499999.99", "currency": "CNY"}}, False),
        ("The wire is lost", {"amount": {"value": "50000", "currency": "USD"}}, True),
        ("账户里的60余万元被盗刷", {}, True),
        ("账户里的49万被盗刷", {}, False),
        ("$250K was stolen from my account", {}, True),
        ("They charged me {$35.00} on an account with a credit limit of {$60000.00}", {}, False),
        ("我的额度是80万，收了我10元手续费", {}, False),
        ("App打不开", {"affected_customers": 10}, True),
        ("App打不开", {"affected_customers": 9}, False),
        ("我们十几名客户的理财都没有兑付", {}, True),
        ("前面排队的还有三十多人，只开一个窗口", {}, False),
        ("Hundreds of customers lost access to their accounts", {}, True),
        ("全体业主准备联名上访", {}, True),
        ("电视台记者已经来采访", {}, True),
    ],
)
def test_major(matter: str, fields: dict[str, Any], major: bool) -> None:
    assert (Kind.major in said(matter, **fields).kinds) == major


def test_cross_department() -> None:
    assert Kind.cross_department in said("贷款部说找卡中心，卡中心说找贷款部，两个部门互相推诿").kinds
    assert Kind.cross_department not in said("柜员态度不好").kinds


def test_no_complainant_is_anonymous_and_says_so() -> None:
    found = said("柜员态度恶劣", complainant=None)
    assert found.kinds == [Kind.anonymous]
    assert [r.facts for r in found.reasons if r.label == "anonymous"] == [["no complainant was named"]]


@pytest.mark.parametrize(
    ("matter", "complaint"),
    [
        ("请问周末网点营业吗？办理换卡需要带什么证件？", False),
        ("感谢贵行大堂经理，特地来电表扬", False),
        ("Could you tell me what documents I need to open an account?", False),
        ("请问为什么我的卡被冻结，客服态度还这么差？", True),
        ("你们到底管不管，钱还没到账", True),
    ],
)
def test_a_question_or_praise_is_told_from_a_complaint(matter: str, complaint: bool) -> None:
    assert said(matter).is_complaint == complaint


def test_nothing_known_is_said_with_little_confidence() -> None:
    assert said("……").confidence < RULES.confirm_below
    assert said("hm").confidence < RULES.confirm_below


# -- why ---------------------------------------------------------------------------------------------------------------


def test_every_label_has_its_reason() -> None:
    found = said(
        "理财经理伪造我的签名，把我存的80万转走，现在电视台要来采访，贷款部和理财部互相推诿，我活不下去了",
        complainant=None,
        amount={"value": "800000", "currency": "CNY"},
    )
    labels = {r.label for r in found.reasons}
    assert {found.nature, found.urgency, *found.kinds, "risk"} <= labels
    for scale, value in (("severity", found.severity), ("difficulty", found.difficulty)):
        assert value == 1 or scale in labels
    assert all(r.words or r.facts for r in found.reasons)
    amount = next(r for r in found.reasons if r.label == "major" and r.facts)
    assert amount.facts == ["amount 800000.00 CNY >= 500000"]
    assert "general" not in labels
    assert "general" in {r.label for r in said("年费太高").reasons}


def test_risk_is_likelihood_times_impact_by_the_matrix() -> None:
    for matter in ("年费太高", "催收人员威胁要砍我，多次报警", "全体客户的存款系统又全没了，联名上访"):
        risk = said(matter).risk
        assert risk.value == risk.likelihood * risk.impact
        assert risk.impact == said(matter).severity
        assert risk.level == RULES.matrix[risk.likelihood - 1][risk.impact - 1]


def test_the_reason_field_weighs_more_and_the_demand_less() -> None:
    def weight(**fields: str) -> float:
        reasons = said("请处理", **fields).reasons
        return next(r.weight for r in reasons if "态度恶劣" in r.rule)

    assert weight(reason="态度") > weight(demand="态度")


def test_the_same_form_is_always_classified_the_same_way() -> None:
    text = "手机银行转账扣了两次，柜员态度差，误导我买保险"
    assert said(text) == said(text)


# -- speed -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "piece", ["被盗60万元，", "not ", "1", "一万", "$50,000 ", "500 customers ", "n't ", "(a|b)*", "银行没有说"]
)
def test_a_long_text_takes_linear_time(piece: str) -> None:
    def seconds(letters: int) -> float:
        one = form((piece * letters)[:letters])
        began = time.process_time()
        classify(one, RULES, "v")
        return time.process_time() - began

    seconds(500)
    assert seconds(20_000) < 20 * max(seconds(5_000), 0.02), "four times the text may take four times as long, not more"


# -- the rules as data ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nature", Nature)
def test_every_nature_has_words_in_both_languages(nature: Nature) -> None:
    rules = [r for r in RULES.rules if r.label == nature and r.words and r.weight > 0]
    assert sum(len(r.words.zh) for r in rules if r.words) > 100, (
        f"more Chinese words for {nature} in classification.yaml"
    )
    assert sum(len(r.words.en) for r in rules if r.words) > 100, (
        f"more English words for {nature} in classification.yaml"
    )


@pytest.mark.parametrize(
    "label", ["urgent", "major", "cross_department", "question", "severity", "difficulty", "likelihood"]
)
def test_every_other_label_has_rules(label: str) -> None:
    assert any(r.label == label and r.weight > 0 for r in (*RULES.rules, *RULES.facts)), f"no rule for {label}"


def test_every_currency_of_the_form_has_a_major_threshold() -> None:
    missing = set(POLICY.intake.currencies) - set(RULES.amounts.major)
    assert not missing, f"add {', '.join(sorted(missing))} to amounts.major in classification.yaml"


def test_products_and_departments_of_the_rules_exist() -> None:
    products = {p for r in (*RULES.rules, *RULES.facts) for p in r.products}
    assert products <= set(POLICY.intake.products)
    assert set(RULES.departments) <= {d.code for d in POLICY.routing.departments}


def test_rule_names_are_bilingual_and_words_are_well_formed() -> None:
    for rule in (*RULES.rules, *RULES.facts):
        assert any("\u3400" <= c <= "\u9fff" for c in rule.name) and rule.name[0].isascii(), rule.name
    for rule in RULES.rules:
        for words in filter(None, (rule.words, rule.also, rule.unless)):
            for word in (*words.zh, *words.en):
                assert word.count("(") == word.count(")"), f"{rule.name}: {word}"
                assert "|" not in word or "(" in word, f"{rule.name}: {word}"


def test_word_rules_of_one_label_never_list_a_word_twice() -> None:
    for rule in RULES.rules:
        for words in (rule.words.zh, rule.words.en) if rule.words else ():
            assert len(words) == len(set(words)), rule.name


def _changed(**changes: Any) -> dict[str, Any]:
    return RULES.model_dump() | changes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"surprise": 1}, "Extra inputs"),
        ({"confirm_below": 1.5}, "less than or equal to 1"),
        ({"start": {"service": 0}}, "at least 4 items"),
        ({"matrix": [["low", "low", "low"]]}, "at least 3 items"),
        (
            {"rules": [{"name": "only this", "label": "service", "weight": 1, "words": {"zh": ["差"]}}]},
            "no rule speaks for product",
        ),
        ({"rules": [{"name": "nothing", "label": "service", "weight": 1}]}, "neither words nor products"),
        ({"rules": [{"name": "odd", "label": "rude", "weight": 1, "words": {"zh": ["差"]}}]}, "Input should be"),
        ({"facts": [{"name": "same", "label": "major", "weight": 1, "fact": "amount"}] * 2}, "same name"),
        ({"facts": [{"name": "odd", "label": "major", "weight": 1, "fact": "weather"}]}, "Input should be"),
    ],
)
def test_bad_rules_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ClassificationRules.model_validate(_changed(**changes))
