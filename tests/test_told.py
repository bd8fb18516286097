"""What rules and reasons say is said in the reader's language: the sources of all clocks, and every reason of the rules."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from api.pages.told import rule, source, why_words
from complaints.classify import classify
from complaints.form import ComplaintForm
from complaints.routing import route
from policies.load import load, versions
from policies.names import DEFAULT_JURISDICTION

LABELLED = Path(__file__).parent / "data" / "labelled"
POLICY = load()
CALLED = {d.code: d.zh for d in POLICY.routing.departments}
ENGLISH = re.compile(r"(?<!“)\b[a-z]+[ _][a-z]{2,}\b")
"""Two English words, or a code of two; a quoted word of the complaint may be English."""


def sources() -> set[str]:
    policies = [load(DEFAULT_JURISDICTION, at) for at in versions(DEFAULT_JURISDICTION)]
    return {rules.source for policy in policies for _, rules in policy.clocks if rules is not None}


def forms() -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (LABELLED / "zh.jsonl").read_text().splitlines()]
    return [{"matter": r["matter"], "reason": r.get("reason"), "demand": r.get("demand")} for r in rows]


@pytest.mark.parametrize("text", sorted(sources()))
def test_a_clock_s_source_is_said_in_chinese(text: str) -> None:
    said = source("zh-CN", text)
    assert not re.search(r"[a-z]{3}", said), said
    assert re.findall(r"R\d+\.\d+", said) == re.findall(r"R\d+\.\d+", text)
    assert source("en", text) == text.replace("operating documents", "operating document")


def test_a_clock_s_rule_is_said_in_both_languages() -> None:
    text = "5 working_days, next_day, close_of_business (cn-2026-11-20)"
    assert rule("en", text) == "5 working days, from the next day, to the close of business (cn-2026-11-20)"
    assert rule("zh-CN", text) == "5 个工作日, 自次日起, 至下班时止 (cn-2026-11-20)"


def test_every_reason_of_the_rules_is_said_in_chinese() -> None:
    english, heard = [], 0
    for row in forms():
        form = ComplaintForm(
            channel="telephone",
            received_at="2026-03-10T10:00:00+08:00",
            language="zh-CN",
            complainant=None,
            product="credit_card",
            **row,
        )  # type: ignore[arg-type]
        reasons = [fact for r in classify(form, POLICY.classification, "v").reasons for fact in r.facts]
        reasons.append(f"{route(form, POLICY.routing).why}; holds 3 open cases, skilled in credit_card")
        said = [why_words("zh-CN", reason, CALLED) for reason in reasons]
        english += [s for s in said if ENGLISH.search(s)]
        heard += len(said)
    assert heard > 1000
    assert not english, english[:20]


@pytest.mark.parametrize(
    ("why", "zh", "en"),
    [
        ("redress 8600.00 CNY needs supervisor", "补偿 CNY 8600.00，须由客服主管审批", "CNY 8600.00 needs Supervisor"),
        (
            "4.0: credit card 信用卡 (信用卡, product credit_card); holds 0 open cases",
            "信用卡（信用卡、产品：信用卡），权重 4.0；名下未结 0 件",
            "credit card (信用卡, product: Credit card), weight 4.0; holds 0 open cases",
        ),
        ("speaks of card_centre, legal", "涉及信用卡中心、法律事务部", "speaks of 信用卡中心, 法律事务部"),
        ("the customer asked me; twice", "the customer asked me; twice", "the customer asked me; twice"),
        ("likelihood 1 x impact 1 is low", "可能性 1 × 影响 1：低", "likelihood 1 × impact 1: Low"),
    ],
)
def test_a_reason_in_both_languages(why: str, zh: str, en: str) -> None:
    assert why_words("zh-CN", why, CALLED) == zh
    assert why_words("en", why, CALLED) == en
