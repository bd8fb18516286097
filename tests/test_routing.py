"""Routing: the department, why, and the routing table as data."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from complaints.form import ComplaintForm
from complaints.policy import Routing
from complaints.routing import route
from policies.load import load

POLICY = load()
ROUTING = POLICY.routing
R27 = [
    "personal_finance",
    "card_centre",
    "wealth_management",
    "risk_management",
    "legal",
    "external_liaison",
    "loans_mortgage",
    "it_channels",
    "branch_operations",
    "collections",
]


def form(matter: str, **fields: Any) -> ComplaintForm:
    given = {
        "channel": "online",
        "complainant": None,
        "received_at": datetime(2026, 3, 2, tzinfo=UTC),
        "matter": matter,
    }
    return ComplaintForm.model_validate(given | fields)


@pytest.mark.parametrize(
    ("matter", "product", "department"),
    [
        # the reference table of R3.4
        ("账户里少了一笔", "account", "personal_finance"),
        ("My account statement is wrong", None, "personal_finance"),
        ("信用卡年费太高", None, "card_centre"),
        ("My credit card annual fee", "credit_card", "card_centre"),
        ("柜台把我的存折打错了", None, "personal_finance"),
        ("买的理财亏了，赎回不了", None, "wealth_management"),
        ("My mutual fund lost value", None, "wealth_management"),
        ("银行卡被盗刷，要求索赔", None, "risk_management"),
        ("收到法院的判决书和律师函", None, "legal"),
        ("电视台记者和消费者协会来函", None, "external_liaison"),
        # the other departments of R2.7
        ("房贷提前还款排队四个月", "mortgage", "loans_mortgage"),
        ("My student loan servicer", None, "loans_mortgage"),
        ("手机银行闪退登录不了", "mobile_banking", "it_channels"),
        ("网点排队两小时，大堂经理态度差", None, "branch_operations"),
        ("催收爆通讯录", None, "collections"),
        ("A debt collector harasses my mother", None, "collections"),
        ("把我的個人信息洩露給中介", None, "risk_management"),
    ],
)
def test_department(matter: str, product: str | None, department: str) -> None:
    assert route(form(matter, product=product), ROUTING).department == department


def test_why_names_the_row_its_words_and_the_product() -> None:
    why = route(form("信用卡年费太高", product="credit_card"), ROUTING).why
    assert "信用卡" in why and "年费" in why and "product credit_card" in why


def test_others_are_the_close_ones_best_first() -> None:
    routed = route(form("信用卡被盗刷，催收打电话给我家人"), ROUTING)
    assert routed.department not in routed.others
    assert {"card_centre", "risk_management", "collections"} & {routed.department, *routed.others}


@pytest.mark.parametrize("named", ["legal", "Legal", " 法律事务部 "])
def test_the_department_on_the_form_is_respected(named: str) -> None:
    routed = route(form("信用卡年费太高", about={"department": named}), ROUTING)
    assert routed.department == "legal"
    assert routed.others == ["card_centre"]


def test_an_unknown_department_on_the_form_is_not() -> None:
    assert route(form("信用卡年费太高", about={"department": "Chess club"}), ROUTING).department == "card_centre"


def test_nothing_met_goes_to_otherwise() -> None:
    routed = route(form("……"), ROUTING)
    assert routed.department == ROUTING.otherwise
    assert routed.others == []


def test_departments_are_those_of_r27() -> None:
    assert [d.code for d in ROUTING.departments] == R27
    assert all(d.zh and d.en for d in ROUTING.departments)


@pytest.mark.parametrize("department", R27)
def test_every_department_can_be_reached_in_both_languages(department: str) -> None:
    rows = [r for r in ROUTING.routes if r.department == department]
    assert any(r.words.zh for r in rows) and any(r.words.en for r in rows), (
        f"add a row for {department} to routing.yaml"
    )
    for language in ("zh", "en"):
        words = " ".join(w for r in rows for w in getattr(r.words, language) if not set("(*.") & set(w))
        assert route(form(words[:18_000]), ROUTING).department == department, language


def test_every_product_but_other_leads_somewhere() -> None:
    known = {p for r in ROUTING.routes for p in r.products}
    assert set(POLICY.intake.products) - known == {"other"}
    assert known <= set(POLICY.intake.products)


def test_row_names_are_unique() -> None:
    names = [r.name for r in ROUTING.routes]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"otherwise": "nowhere"}, "'nowhere' is not in the list"),
        ({"routes": [{"name": "odd", "department": "chess"}]}, "'chess' is not in the list"),
        ({"routes": [{"name": "odd", "department": "legal", "weight": 0}]}, "greater than 0"),
        ({"routes": [{"name": "odd", "department": "legal", "words": {"fr": ["loi"]}}]}, "Extra inputs"),
        ({"surprise": 1}, "Extra inputs"),
    ],
)
def test_bad_routing_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Routing.model_validate(ROUTING.model_dump() | changes)
